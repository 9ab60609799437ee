package emulator

import (
	"slices"
	"strings"
	"testing"
)

func TestNothingOfTheUsersAccountReachesTheEmulator(t *testing.T) {
	base := []string{"PATH=/bin"}
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE",
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_REGION", "AWS_MAX_ATTEMPTS",
		"BOTO_CONFIG", "AMAZON_ACCESS_KEY_ID", "aws_access_key_id", "TF_VAR_region", "TF_CLI_ARGS", "TF_CLI_ARGS_apply",
		"TF_WORKSPACE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS", "TF_ENCRYPTION", "TF_AWS_DEFAULT_TAGS_Owner",
		"TF_HTTP_ADDRESS", "TF_CLOUD_ORGANIZATION", "TF_INPUT",
	} {
		base = append(base, name+"=the-users-own")
	}
	before := slices.Clone(base)
	e := &Emulator{Port: 4566}
	for _, entry := range append(e.Environment(base), serverEnvironment(base)...) {
		if strings.HasSuffix(entry, "=the-users-own") {
			t.Errorf("%s is kept", entry)
		}
	}
	if !slices.Equal(base, before) {
		t.Errorf("the given environment became %v, want %v", base, before)
	}
}

func TestTerraformKeepsWhatItNeeds(t *testing.T) {
	needed := []string{
		"PATH=/usr/bin", "HOME=/home/somebody", "TF_CLI_CONFIG_FILE=/etc/terraform.rc", "TF_PLUGIN_CACHE_DIR=/cache",
		"TF_LOG=info", "TF_TOKEN_registry_example_com=token", "HTTPS_PROXY=http://proxy.example.com:3128",
		"NODE_EXTRA_CA_CERTS=/etc/certificates.pem", "TERRAFORM_BINARY_NAME=tofu",
	}
	e := &Emulator{Port: 4566}
	once := e.Environment(append(slices.Clone(needed), "NO_PROXY=intranet.example.com"))
	for _, entry := range append(needed,
		"AWS_ENDPOINT_URL=http://127.0.0.1:4566",
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,intranet.example.com",
	) {
		if !slices.Contains(once, entry) {
			t.Errorf("the environment lacks %s", entry)
		}
	}
	if twice := e.Environment(once); len(twice) != len(once) {
		t.Errorf("a run within a run has %v, want the variables of %v", twice, once)
	}
}
