package tests

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secretName matches the names of attributes and variables that hold secrets.
var secretName = regexp.MustCompile(`(?i)(password|passphrase|secret_(string|binary|key)|private_key|auth_token|access_key|api_key|credential)`)

// harmlessNames match secretName and hold no secret.
var harmlessNames = []string{
	"aws_secretsmanager_random_password", // the kind of an ephemeral resource,
	"database_password",                  // its name
	"password_length",                    // and its argument
}

func TestNoAttributeWouldPutASecretIntoAPlanOrAState(t *testing.T) {
	eachStack(t, func(t *testing.T, s stack) {
		walk(s.root, nil, func(path []string, _ any) {
			if len(path) == 0 {
				return
			}
			name := path[len(path)-1]
			if secretName.MatchString(name) && !strings.HasSuffix(name, "_wo") && !slices.Contains(harmlessNames, name) && !strings.HasSuffix(name, "_wo_version") {
				t.Errorf("%s is an attribute that Terraform keeps", strings.Join(path, "."))
			}
		})
		for _, kind := range []string{"random_password", "random_string", "tls_private_key", "aws_iam_access_key"} {
			if len(s.resources(kind)) > 0 {
				t.Errorf("%s keeps its result in the state", kind)
			}
		}
		for _, kind := range []string{"aws_secretsmanager_random_password", "aws_secretsmanager_secret_version", "aws_ssm_parameter", "aws_kms_secrets"} {
			data, _ := s.root["data"].(map[string]any)
			if data[kind] != nil {
				t.Errorf("the data source %s keeps its result in the state; there is an ephemeral resource for it", kind)
			}
		}
	})
}

// Terraform refuses this as well, but only when somebody plans.
func TestAnEphemeralValueReachesWriteOnlyArgumentsOnly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		uses := map[string]bool{}
		walk(s.root, nil, func(path []string, value any) {
			if text, isText := value.(string); isText && strings.Contains(text, "ephemeral.") {
				uses[path[1]+"."+path[len(path)-1]] = true
				if !strings.HasSuffix(path[len(path)-1], "_wo") {
					t.Errorf("%s is given an ephemeral value", strings.Join(path, "."))
				}
			}
		})
		if !uses["aws_secretsmanager_secret_version.secret_string_wo"] || !uses["aws_rds_cluster.master_password_wo"] || len(uses) != 2 {
			t.Errorf("ephemeral values are used by %v, expected the secret and the cluster", uses)
		}
	})
}

// An apply that stops between secret and cluster draws another random password when it is repeated. The
// cluster is therefore given what is stored, and never the random password itself.
func TestTheClusterGetsThePasswordThatIsStored(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		secret, version, cluster := s.only(t, "aws_secretsmanager_secret"), s.only(t, "aws_secretsmanager_secret_version"), s.only(t, "aws_rds_cluster")

		random := s.ephemeral(t, "aws_secretsmanager_random_password")
		random.want(t, 32, "password_length")
		random.want(t, true, "exclude_punctuation")

		var stored map[string]any
		if err := json.Unmarshal([]byte(version.at("secret_string_wo").(string)), &stored); err != nil {
			t.Fatalf("the secret is no JSON: %v", err)
		}
		content := resource{version.kind, version.name, stored}
		content.want(t, "${ephemeral."+random.address()+".random_password}", "password")
		content.want(t, s.environment.Database.MasterUsername, "username")
		content.want(t, "postgres", "engine")
		content.want(t, 5432, "port")
		content.want(t, cluster.at("cluster_identifier"), "dbClusterIdentifier")
		if len(stored) != 5 {
			t.Errorf("the secret holds %v", stored)
		}
		if s.follow(t, version.at("secret_id")).address() != secret.address() {
			t.Errorf("%s belongs to %v", version.address(), version.at("secret_id"))
		}

		back := s.ephemeral(t, "aws_secretsmanager_secret_version")
		back.want(t, "${"+secret.address()+".id}", "secret_id")
		// Of this version, and so after it is stored.
		back.want(t, "${"+version.address()+".version_id}", "version_id")
		cluster.want(t, "${jsondecode(ephemeral."+back.address()+`.secret_string)["password"]}`, "master_password_wo")
		cluster.want(t, nil, "master_password")
		cluster.want(t, nil, "manage_master_user_password")
		cluster.want(t, s.environment.Database.MasterUsername, "master_username")
	})
}

func TestOneNumberRotatesThePasswordOfSecretClusterAndTasks(t *testing.T) {
	versions := map[int]bool{}
	eachEnvironment(t, func(t *testing.T, s stack) {
		number := s.environment.Database.PasswordVersion
		versions[number] = true
		version := s.only(t, "aws_secretsmanager_secret_version")
		version.want(t, number, "secret_string_wo_version")
		s.only(t, "aws_rds_cluster").want(t, number, "master_password_wo_version")

		// Another version has another id, hence another task definition: tasks are replaced, and until then
		// read the version that they were started with, which is destroyed last.
		arn, id := "${"+s.only(t, "aws_secretsmanager_secret").address()+".arn}", "${"+version.address()+".version_id}"
		secrets := named(t, s.container(t).at("secrets"), "valueFrom")
		for variable, key := range map[string]string{"DB_PASSWORD": "password", "DB_USERNAME": "username"} {
			if expected := fmt.Sprintf("%s:%s::%s", arn, key, id); secrets[variable] != expected {
				t.Errorf("%s comes from %s, expected %s", variable, secrets[variable], expected)
			}
		}
		version.want(t, true, "lifecycle", "create_before_destroy")
	})
	if len(versions) < 2 {
		t.Errorf("all environments have the password version %v: the test shows nothing", versions)
	}
}

func TestTheEnvironmentOfAContainerHoldsNoSecret(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		variables := named(t, s.container(t).at("environment"), "value")
		expected := map[string]string{"DB_HOST": "${" + s.only(t, "aws_rds_cluster").address() + ".endpoint}", "DB_PORT": "5432"}
		for name, value := range s.environment.Service.Environment {
			expected[name] = value
		}
		if got, want := encoded(t, variables), encoded(t, expected); got != want {
			t.Errorf("the environment is %s, expected %s", got, want)
		}
		for name, value := range variables {
			if secretName.MatchString(name) || strings.Contains(value, "secretsmanager") || strings.Contains(value, "ephemeral.") {
				t.Errorf("%s = %s looks like a secret", name, value)
			}
		}
		for name, from := range named(t, s.container(t).at("secrets"), "valueFrom") {
			given, isGiven := s.environment.Service.Secrets[name]
			if isGiven && from != given || !isGiven && name != "DB_PASSWORD" && name != "DB_USERNAME" {
				t.Errorf("%s comes from %s", name, from)
			}
		}
		if len(s.environment.Service.Secrets)+2 != len(named(t, s.container(t).at("secrets"), "valueFrom")) {
			t.Error("a secret of the environment file does not reach the container")
		}
	})
}

// ephemeral returns the one ephemeral resource of a kind.
func (s stack) ephemeral(t *testing.T, kind string) resource {
	t.Helper()
	kinds, _ := s.root["ephemeral"].(map[string]any)
	all, _ := kinds[kind].(map[string]any)
	if len(all) != 1 {
		t.Fatalf("%s has %d ephemeral resources of kind %s, expected one", s.name, len(all), kind)
	}
	for name, attributes := range all {
		return resource{kind, name, attributes.(map[string]any)}
	}
	panic("unreachable")
}
