package tests

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// secretName matches the names of attributes and variables that contain secrets.
var secretName = regexp.MustCompile(
	`(?i)(password|passphrase|secret_(string|binary|key)|private_key|auth_token|access_key|api_key|credential)`)

// harmlessNames match secretName and contain no secret: the kind of an ephemeral resource, its name and an argument.
var harmlessNames = []string{"aws_secretsmanager_random_password", "database_password", "password_length"}

func TestNoAttributeKeepsSecrets(t *testing.T) {
	eachStack(t, func(s stack) {
		walk(s.root, nil, func(path []string, _ any) {
			if len(path) == 0 {
				return
			}
			name := path[len(path)-1]
			if secretName.MatchString(name) && !strings.HasSuffix(name, "_wo") && !strings.HasSuffix(name, "_wo_version") &&
				!slices.Contains(harmlessNames, name) {
				s.Errorf("%s is an attribute that Terraform keeps", strings.Join(path, "."))
			}
		})
		for _, kind := range []string{"random_password", "random_string", "tls_private_key", "aws_iam_access_key"} {
			if len(s.each(kind)) > 0 {
				s.Errorf("%s keeps its result in the state", kind)
			}
		}
		for _, kind := range []string{"aws_secretsmanager_random_password", "aws_secretsmanager_secret_version",
			"aws_ssm_parameter", "aws_kms_secrets"} {
			if len(s.section("data", kind)) > 0 {
				s.Errorf("the data source %s keeps its result in the state; there is an ephemeral one", kind)
			}
		}
	})
}

// Terraform refuses this as well, but only when somebody plans.
func TestEphemeralValuesAreOnlyWritten(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		var uses []string
		walk(s.root, nil, func(path []string, value any) {
			if text, _ := value.(string); strings.Contains(text, "ephemeral.") {
				uses = append(uses, path[1]+"."+path[len(path)-1])
			}
		})
		same(s, "the uses of ephemeral values", uses, []string{
			"aws_rds_cluster.master_password_wo", "aws_secretsmanager_secret_version.secret_string_wo",
		})
	})
}

// An apply that stops between secret and cluster draws another random password when it is repeated. The cluster is
// therefore given what is stored, and never the random password itself.
func TestClusterGetsTheStoredPassword(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		version, cluster := s.only("aws_secretsmanager_secret_version"), s.only("aws_rds_cluster")
		ephemeral := func(kind string) resource { return s.one(kind, s.section("ephemeral", kind)) }

		random := ephemeral("aws_secretsmanager_random_password")
		random.want("password_length", 32)
		random.want("exclude_punctuation", true)
		stored := resource{s, version.kind, version.name, map[string]any{
			"secret": object(s.T, version.text("secret_string_wo")),
		}}
		stored.want("secret", map[string]any{
			"username":            cluster.at("master_username"),
			"password":            "${ephemeral." + random.address() + ".random_password}",
			"engine":              "postgres",
			"port":                5432,
			"dbClusterIdentifier": cluster.at("cluster_identifier"),
		})

		back := ephemeral("aws_secretsmanager_secret_version")
		// Unknown until the apply, so that no plan reads the password.
		back.want("secret_id", `${timestamp() == "" ? "" : `+s.only("aws_secretsmanager_secret").address()+".id}")
		back.want("version_id", version.ref("version_id")) // and so after it is stored
		cluster.want("master_password_wo", `${jsondecode(ephemeral.`+back.address()+`.secret_string)["password"]}`)
		cluster.want("manage_master_user_password", nil)
	})
}

// Raising one number rotates the password of secret and cluster (SecretsManager.1). Where the API logs in with it,
// the new version of the secret makes another task definition: tasks are replaced, and until then read the one that
// they were started with, which is destroyed last. With a token, and for the migration, no running task needs to
// know.
func TestRotationReplacesTasks(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		version, master := s.only("aws_secretsmanager_secret_version"), s.environment.Database.Login == config.LoginMaster
		version.want("secret_string_wo_version", s.only("aws_rds_cluster").at("master_password_wo_version"))
		version.want("lifecycle.create_before_destroy", true)
		s.only("aws_rds_cluster").want("apply_immediately", true)
		for name, container := range s.containers() {
			secrets := container.named("secrets", "valueFrom")
			for variable, key := range map[string]string{"DB_PASSWORD": "password", "DB_USERNAME": "username"} {
				expected := s.only("aws_secretsmanager_secret").ref("arn") + ":" + key + "::"
				if name == "PaymentContainer" && master {
					expected += version.ref("version_id")
				} else if name == "PaymentContainer" {
					expected = ""
				}
				if secrets[variable] != expected {
					s.Errorf("%s: %s comes from %q, expected %q", name, variable, secrets[variable], expected)
				}
			}
		}
		definitions := s.only("aws_ecs_task_definition").text("container_definitions")
		if strings.Contains(definitions, version.address()) != master {
			s.Errorf("with login %s the task definition is %s", s.environment.Database.Login, definitions)
		}
	})
}

// So a deployed environment goes from one login to the other by replacing tasks; the migration stays as it is.
func TestLoginChangesTasksAndRightsOnly(t *testing.T) {
	migrates := strings.Replace(image, "}", ", migration: [migrate]}", 1)
	all := synthesize(t, parse(t, "zq90", minimalDevelopment+migrates), parse(t, "zq91", minimalDevelopment+migrates+iam))
	before, after := all["zq90"].in(t), all["zq91"].in(t)
	same(t, "the changes by another login", after.changesFrom(before), []string{
		"aws_ecs_task_definition.container_definitions", "aws_iam_role_policy.policy",
	})
	old := before.containers()["PaymentMigration"].attributes
	renamed := strings.ReplaceAll(encoded(after.containers()["PaymentMigration"].attributes), "zq91", "zq90")
	if renamed != encoded(old) {
		t.Errorf("the migration is %s, was %s", renamed, encoded(old))
	}
}

// Credentials reach a container as secrets (ECS.8), and each container has those that it needs and no others.
func TestContainerVariablesHoldNoSecret(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		service, database, cluster := s.environment.Service, s.environment.Database, s.only("aws_rds_cluster")
		for name, container := range s.containers() {
			variables := map[string]string{
				"DB_HOST": cluster.ref("endpoint"), "DB_PORT": "5432", "DB_NAME": database.Name, "DB_SSLMODE": "verify-full",
			}
			maps.Copy(variables, service.Environment)
			if database.Readers > 0 {
				variables["DB_READER_HOST"] = cluster.ref("reader_endpoint")
			}
			secrets := slices.Collect(maps.Keys(service.Secrets))
			if name == "PaymentContainer" && database.Login == config.LoginIAM {
				variables["DB_USERNAME"] = "payment_api"
			} else {
				secrets = append(secrets, "DB_PASSWORD", "DB_USERNAME")
			}
			got := container.named("environment", "value")
			if !maps.Equal(got, variables) {
				s.Errorf("%s: the variables are %v, expected %v", name, got, variables)
			}
			for variable, value := range got {
				if secretName.MatchString(variable) || strings.Contains(value, "secretsmanager") {
					s.Errorf("%s = %s looks like a secret", variable, value)
				}
			}
			sources := container.named("secrets", "valueFrom")
			same(s, name+": the secrets", slices.Collect(maps.Keys(sources)), secrets)
			for variable, source := range service.Secrets {
				if sources[variable] != source {
					s.Errorf("%s comes from %q, expected %s", variable, sources[variable], source)
				}
			}
		}
	})
}
