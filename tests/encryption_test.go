package tests

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"tap/config"
)

// secretName matches the names of attributes and variables that contain secrets.
var secretName = regexp.MustCompile(
	`(?i)(password|passphrase|secret_(string|binary|key)|private_key|auth_token|access_key|api_key|credential)`)

// harmlessName matches those that contain none: what is only written, the kind of an ephemeral resource, its name and
// an argument.
var harmlessName = regexp.MustCompile(
	`_wo(_version)?$|^(aws_secretsmanager_random_password|database_secret_password_[0-9A-F]{8}|password_length)$`)

func TestNoAttributeKeepsSecrets(t *testing.T) {
	eachStack(t, func(s stack) {
		walk(map[string]any(s.root), []string{s.suffix}, func(path []string, _ any) {
			if name := path[len(path)-1]; secretName.MatchString(name) && !harmlessName.MatchString(name) {
				s.Errorf("%s is an attribute that Terraform keeps", strings.Join(path, "."))
			}
		})
	})
}

// Credentials reach a container as secrets, and each container has those that it needs and no others.
func TestContainerVariablesHoldNoSecret(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		service, database, cluster := s.environment.Service, s.environment.Database, s.only("aws_rds_cluster")
		for name, container := range s.containers() {
			if strings.HasSuffix(name, "Sidecar") {
				continue // TestSidecarIsBesideEveryProgram
			}
			variables := map[string]string{
				"DB_HOST": cluster.Ref("endpoint"), "DB_PORT": "5432", "DB_NAME": database.Name, "DB_SSLMODE": "verify-full",
			}
			maps.Copy(variables, service.Environment)
			for name, worker := range s.environment.Workers {
				if worker.Queue {
					queue := s.find("aws_sqs_queue", "name", config.ID("Worker", name)+"Queue-"+s.suffix)
					variables[config.SenderVariable(name)] = queue.Ref("url")
				}
			}
			if database.Readers > 0 {
				variables["DB_READER_HOST"] = cluster.Ref("reader_endpoint")
			}
			secrets, version := map[string]string{}, "" // any
			maps.Copy(secrets, service.Secrets)
			if name == "PaymentContainer" {
				version = s.only("aws_secretsmanager_secret_version").Ref("version_id")
			}
			if version != "" && database.Login == config.LoginIAM {
				variables["DB_USERNAME"] = "payment_api"
			} else {
				secret := s.only("aws_secretsmanager_secret").Ref("arn")
				secrets["DB_USERNAME"] = secret + ":username::" + version
				secrets["DB_PASSWORD"] = secret + ":password::" + version
			}
			got := container.named("environment", "value")
			for variable, value := range got {
				if secretName.MatchString(variable) || strings.Contains(value, "secretsmanager") {
					s.Errorf("%s = %s looks like a secret (ECS.8)", variable, value)
				}
			}
			if sources := container.named("secrets", "valueFrom"); !maps.Equal(got, variables) || !maps.Equal(sources, secrets) {
				s.Errorf("%s has %v and %v, expected %v and %v", name, got, sources, variables, secrets)
			}
		}
	})
}
