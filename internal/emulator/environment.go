package emulator

import (
	"os"
	"slices"
	"strings"
)

// terraformVariables are the variables of the user's that a Terraform run against the emulator still needs: where
// providers come from, and how much is logged. All others are left out: TF_VAR_* and TF_CLI_ARGS* change what is
// deployed, TF_WORKSPACE and TF_DATA_DIR change which state that is, TF_REATTACH_PROVIDERS names a provider process
// with an environment of its own.
var terraformVariables = []string{
	"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE",
	"TF_REGISTRY_CLIENT_TIMEOUT", "TF_REGISTRY_DISCOVERY_RETRY", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER",
	"TF_LOG_PATH", "TF_ACC_LOG_PATH",
}

// Environment returns the environment in which a program (Terraform, cdktf, the AWS command line) talks to the
// emulator and cannot reach an AWS account: the given one without any variable that carries AWS credentials, names an
// AWS endpoint or changes what Terraform deploys, and with the emulator's endpoint, dummy credentials and no file of
// the user's that could hold real ones. The Region is not set: the configuration that is deployed names it.
func (e *Emulator) Environment(base []string) []string {
	environment := slices.DeleteFunc(slices.Clone(base), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return leaks(name)
	})
	return append(environment,
		"AWS_ENDPOINT_URL="+e.URL(),
		"AWS_ACCESS_KEY_ID=emulator",
		"AWS_SECRET_ACCESS_KEY=emulator",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		// A method that the emulator lacks fails in seconds; the provider's own default is 25 attempts.
		"AWS_MAX_ATTEMPTS=3",
		"TF_INPUT=0",
		"NO_PROXY="+withoutProxy(base, "NO_PROXY"),
		"no_proxy="+withoutProxy(base, "no_proxy"),
	)
}

// leaks reports whether a variable of the user's must not reach a run against the emulator.
func leaks(name string) bool {
	upper := strings.ToUpper(name)
	switch prefix, _, _ := strings.Cut(upper, "_"); prefix {
	case "AWS", "AMAZON", "BOTO":
		return true
	case "TF": // a token is for a private registry; Terraform sends it to no other host
		return !slices.Contains(terraformVariables, name) && !strings.HasPrefix(upper, "TF_TOKEN_")
	}
	return upper == "NO_PROXY" // set anew
}

// withoutProxy returns the hosts of the user's variable and the emulator's.
func withoutProxy(base []string, name string) string {
	hosts := []string{"127.0.0.1"}
	for _, entry := range base {
		if value, found := strings.CutPrefix(entry, name+"="); found && value != "" {
			hosts = append(hosts, value)
		}
	}
	return strings.Join(hosts, ",")
}

// serverEnvironment is what the emulator itself gets to see of an environment: it must not depend on anything of the
// user's, and has no use for their credentials.
func serverEnvironment(base []string) []string {
	kept := []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE"}
	return slices.DeleteFunc(slices.Clone(base), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(kept, name)
	})
}
