package tests

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// The rest of the key's policy is in attributes.yaml.
func TestKeyIsUsedThroughServices(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		host := "." + s.environment.Region + ".amazonaws.com"
		services := []string{"rds" + host, "secretsmanager" + host}
		if len(s.each("aws_sqs_queue")) > 0 {
			services = append(services, "sqs"+host)
		}
		if region, _ := s.environment.Database.BackupCopy.Place(); region != "" {
			services = append(services, "rds."+region+".amazonaws.com") // that of another Region, from which copies come back
		}
		s.want("aws_kms_key.policy.Statement.1.Condition", map[string]any{"StringEquals": map[string]any{
			"kms:CallerAccount": "${data.aws_caller_identity.account_id}", "kms:ViaService": services}})
	})
}

// copyCalls are calls of a copy, of a database in eu-west-1 into a vault of another account in eu-central-1 (+), and
// what has to be refused (-), with the account that calls.
const copyCalls = `
+ 123456789012 kms:CreateGrant VIA=backup.eu-west-1
+ 123456789012 kms:RetireGrant VIA=backup.eu-west-1
+ 123456789012 kms:GenerateDataKey VIA=backup.eu-west-1
+ 123456789012 kms:CreateGrant VIA=rds.eu-west-1 FORAWS=true
+ 123456789012 kms:CreateGrant VIA=rds.eu-central-1 FORAWS=true
+ 210987654321 kms:DescribeKey WHO=SERVICE
+ 210987654321 kms:CreateGrant WHO=SERVICE VIA=rds.eu-west-1 FORAWS=true
+ 210987654321 kms:CreateGrant WHO=SERVICE VIA=rds.eu-central-1 FORAWS=true
+ 210987654321 kms:ReEncryptFrom WHO=SERVICE VIA=rds.eu-west-1
- 210987654321 kms:CreateGrant WHO=SERVICE VIA=rds.eu-west-1 FORAWS=false
- 210987654321 kms:CreateGrant WHO=SERVICE FORAWS=true
- 210987654321 kms:CreateGrant WHO=SERVICE VIA=ec2.eu-west-1 FORAWS=true
- 210987654321 kms:CreateGrant WHO=role/admin VIA=rds.eu-west-1 FORAWS=true
- 210987654321 kms:DescribeKey WHO=role/admin
- 210987654321 kms:Decrypt WHO=SERVICE VIA=rds.eu-west-1
- 210987654321 kms:PutKeyPolicy WHO=SERVICE
- 210987654321 kms:ScheduleKeyDeletion WHO=role/admin
- 111111111111 kms:CreateGrant WHO=SERVICE VIA=rds.eu-west-1 FORAWS=true
- 123456789012 kms:Decrypt VIA=s3.eu-west-1`

func TestKeyAdmitsCopies(t *testing.T) {
	s := stacks(t)["options"].in(t)
	written := strings.NewReplacer("VIA=", "kms:ViaService=", "FORAWS", "kms:GrantIsForAWSResource",
		"-1 ", "-1.amazonaws.com ", "SERVICE", "role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup")
	for line := range strings.Lines(strings.TrimSpace(copyCalls) + " ") {
		words := strings.Fields(written.Replace(strings.TrimSpace(line) + " "))
		may, who := []statement(nil), "arn:aws:iam::"+words[1]+":"
		for _, statement := range s.only("aws_kms_key").session("options") {
			if slices.Contains(statement.Principal["AWS"], who+"root") {
				may = append(may, statement)
			}
		}
		call := words[2] + " key kms:CallerAccount=" + words[1] + " " + strings.Join(words[3:], " ")
		call = strings.ReplaceAll(call, "WHO=", "aws:PrincipalArn="+who)
		if got := allowed(may, call); got != (words[0] == "+") {
			s.Errorf("%s: allowed: %v", line, got)
		}
	}
}

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
		// These keep their result in the state; of the data sources there are ephemeral ones.
		s.none("random_password", "random_string", "tls_private_key", "aws_iam_access_key",
			"data.aws_secretsmanager_random_password", "data.aws_secretsmanager_secret_version", "data.aws_ssm_parameter",
			"data.aws_kms_secrets")
	})
}

// Terraform refuses this as well, but only when somebody plans.
func TestEphemeralValuesAreOnlyWritten(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		var uses []string
		walk(map[string]any(s.root), nil, func(path []string, value any) {
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
		random, cluster := s.only("ephemeral.aws_secretsmanager_random_password"), s.only("aws_rds_cluster")
		s.want("aws_secretsmanager_secret_version.secret_string_wo", encoded(map[string]any{
			"username":            cluster.At("master_username"),
			"password":            random.Ref("random_password"),
			"engine":              "postgres",
			"port":                5432,
			"dbClusterIdentifier": cluster.At("cluster_identifier"),
		}))
		back := s.only("ephemeral.aws_secretsmanager_secret_version")
		// Unknown until the apply, so that no plan reads the password.
		back.want("secret_id", `${timestamp() == "" ? "" : `+s.only("aws_secretsmanager_secret").Address()+".id}")
		back.want("version_id", "${aws_secretsmanager_secret_version.version_id}") // and so after it is stored
		cluster.want("master_password_wo", `${jsondecode(`+back.Address()+`.secret_string)["password"]}`)
	})
}

// Raising one number rotates the password of secret and cluster . Where the API logs in with it,
// the new version of the secret makes another task definition: tasks are replaced, and until then read the one that
// they were started with, which is destroyed last. With a token, and for the migration, no running task needs to
// know: a deployed environment goes from one login to the other by replacing tasks, and its migration stays as it is.
func TestRotationReplacesTasks(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		version, master := s.only("aws_secretsmanager_secret_version"), s.environment.Database.Login == config.LoginMaster
		version.want("secret_string_wo_version", s.only("aws_rds_cluster").At("master_password_wo_version"))
		definitions := s.service().follow("task_definition").Text("container_definitions")
		if strings.Contains(definitions, version.Address()) != master {
			s.Errorf("SecretsManager.1: with login %s the definition is %s", s.environment.Database.Login, definitions)
		}
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
			for worker := range s.environment.Workers {
				queue := s.find("aws_sqs_queue", "name", config.ID("Worker", worker)+"Queue-"+s.suffix)
				variables[config.SenderVariable(worker)] = queue.Ref("url")
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
