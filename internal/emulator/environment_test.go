package emulator

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestNothingOfTheUsersAWSAccountReachesARunAgainstTheEmulator(t *testing.T) {
	const secret = "the-users-own"
	hostile := []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE",
		"AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_SDK_LOAD_CONFIG",
		"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_STS_REGIONAL_ENDPOINTS",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
		"AWS_S3_ENDPOINT", "AWS_STS_ENDPOINT", "AWS_DYNAMODB_ENDPOINT", "AWS_IAM_ENDPOINT",
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE",
		"AWS_ACCOUNT_ID", "AWS_SSO_SESSION", "BOTO_CONFIG", "AMAZON_ACCESS_KEY_ID", "aws_access_key_id",
		"TF_VAR_region", "TF_CLI_ARGS", "TF_CLI_ARGS_apply", "TF_WORKSPACE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS",
		"TF_ENCRYPTION", "TF_AWS_DEFAULT_TAGS_Owner", "TF_HTTP_ADDRESS", "TF_CLOUD_ORGANIZATION", "TF_INPUT",
		"TF_PLUGIN_MAGIC_COOKIE",
	}
	base := []string{"PATH=/bin"}
	for _, name := range hostile {
		base = append(base, name+"="+secret)
	}
	e := &Emulator{Instance: Instance{Port: 4566}}
	for _, entry := range e.Environment(base) {
		if strings.HasSuffix(entry, "="+secret) {
			t.Errorf("%s reaches a run against the emulator", entry)
		}
	}
	for _, entry := range serverEnvironment(base) {
		if strings.HasSuffix(entry, "="+secret) {
			t.Errorf("%s reaches the emulator itself", entry)
		}
	}
}

func TestARunAgainstTheEmulatorKeepsWhatItNeedsOfTheUsersEnvironment(t *testing.T) {
	needed := []string{
		"PATH=/usr/bin", "HOME=/home/somebody", "TF_CLI_CONFIG_FILE=/etc/terraform.rc", "TF_PLUGIN_CACHE_DIR=/cache",
		"TF_LOG=info", "TF_TOKEN_registry_example_com=token", "HTTPS_PROXY=http://proxy.example.com:3128",
		"NODE_EXTRA_CA_CERTS=/etc/certificates.pem", "TERRAFORM_BINARY_NAME=tofu",
	}
	e := &Emulator{Instance: Instance{Port: 4566}}
	environment := e.Environment(append(slices.Clone(needed), "NO_PROXY=intranet.example.com"))
	for _, entry := range append(needed,
		"AWS_ENDPOINT_URL=http://127.0.0.1:4566",
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,intranet.example.com",
	) {
		if !slices.Contains(environment, entry) {
			t.Errorf("the environment lacks %s", entry)
		}
	}
}

func TestNoVariableOfARunAgainstTheEmulatorIsSetTwice(t *testing.T) {
	e := &Emulator{Instance: Instance{Port: 4566}}
	// A run within a run: what the first one set is taken out before it is set again.
	environment := e.Environment(e.Environment([]string{"NO_PROXY=a", "no_proxy=b"}))
	seen := map[string]bool{}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if seen[name] {
			t.Errorf("%s is set twice in %v", name, environment)
		}
		seen[name] = true
	}
}

func TestTheUsersOwnEnvironmentIsLeftAlone(t *testing.T) {
	base := []string{"AWS_PROFILE=work", "PATH=/bin"}
	before := slices.Clone(base)
	e := &Emulator{Instance: Instance{Port: 4566}}
	_ = e.Environment(base)
	_ = serverEnvironment(base)
	if !slices.Equal(base, before) {
		t.Errorf("the given environment became %v, want %v", base, before)
	}
	if os.Getenv("AWS_ENDPOINT_URL") == e.URL() {
		t.Error("AWS_ENDPOINT_URL of this process names the emulator")
	}
}

func TestTheAWSSDKFindsTheEmulatorAndNoAccountOfTheUsers(t *testing.T) {
	e := started(t, Options{Account: "210987654321"})
	// boto3, which comes with moto, is one of the SDKs that read these variables.
	const program = `
import boto3
print(boto3.client("sts", region_name="eu-west-1").get_caller_identity()["Account"])`
	command := exec.Command(python, "-I", "-c", program)
	command.Env = e.Environment(append(os.Environ(),
		"AWS_PROFILE=work", "AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "AWS_CONFIG_FILE=/nonexistent",
		"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1"))
	output, err := command.CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) != "210987654321" {
		t.Errorf("account = %s (%v), want the emulator's", output, err)
	}
}
