package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tap/internal/repository"
)

// A state can name a provider that no configuration names, and a mirror can have another under the same version. With
// the hashes of make lock neither runs, which would be with the credentials of whoever plans.
func TestLockRefusesOtherProviders(t *testing.T) {
	repository.NeedTools(t)
	program := build(t)
	cdktf, err := filepath.Abs(repository.CDKTF(".."))
	noError(t, err)
	terraform, platform := repository.Terraform(), runtime.GOOS+"_"+runtime.GOARCH
	plan := [][]string{{terraform, "init"}, {terraform, "plan"}}
	deploy := [][]string{{cdktf, "deploy", "tap-dev", "--auto-approve"}}
	for _, test := range []struct {
		name             string
		locked, poisoned bool // poisoned: the state names another provider; else the mirror has another one
		commands         [][]string
		says             string
	}{
		{"both, unlocked", false, true, plan, "Installed attacker/leak"},
		{"the state names another", true, true, plan, "lock file"},
		{"the state names another, cdktf", true, true, deploy, "lock file"},
		{"the mirror has another", true, false, plan, "checksums"},
		{"the mirror has another, cdktf", true, false, deploy, "checksums"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			stack := filepath.Join(folder, "cdktf.out", "stacks", "tap-dev")
			trace, mirror := filepath.Join(folder, "trace"), filepath.Join(folder, "mirror")
			install := func(source, script string) {
				for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
					path := filepath.Join(mirror, host, source, "5.100.0", platform, "terraform-provider-"+filepath.Base(source))
					write(t, path, "#!/bin/sh\n"+script+"\n")
					noError(t, os.Chmod(path, 0o755))
				}
			}
			run := func(where string, words ...string) (string, error) {
				command := exec.Command(words[0], words[1:]...)
				command.Dir = where
				command.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(folder, "terraform.tfrc"),
					"CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=-no-color")
				if test.locked {
					command.Env = append(command.Env, "TF_CLI_ARGS_init=-lockfile=readonly")
				}
				output, err := command.CombinedOutput()
				return string(output), err
			}
			must := func(where string, words ...string) {
				if output, err := run(where, words...); err != nil {
					t.Fatalf("%v: %v\n%s", words, err, output)
				}
			}
			write(t, filepath.Join(folder, "environments", "dev.yaml"), minimalDevelopment)
			write(t, filepath.Join(folder, "cdktf.json"), `{"language": "go", "app": "`+program+`"}`)
			write(t, filepath.Join(folder, "terraform.tfrc"),
				`provider_installation { filesystem_mirror { path = "`+mirror+`" } }`)
			install("hashicorp/aws", "exit 1")
			if test.locked {
				must(folder, program)
				must(stack, terraform, "providers", "lock", "-fs-mirror="+mirror, "-platform="+platform)
				noError(t, os.Rename(stack+"/.terraform.lock.hcl", folder+"/terraform.lock.hcl"))
				must(folder, program, "-unlocked") // as the local deployment does
				if _, err := os.Stat(stack + "/.terraform.lock.hcl"); err == nil {
					t.Error("the local deployment is locked")
				}
				must(folder, program)
				must(stack, terraform, "init")
				noError(t, os.RemoveAll(stack+"/.terraform"))
			}
			if test.poisoned {
				install("attacker/leak", "touch "+trace)
				write(t, filepath.Join(folder, "terraform.tap-dev.tfstate"), `{"version": 4, "serial": 1, "lineage": "l",
					"terraform_version": "1.11.0", "outputs": {}, "resources": [{"mode": "managed", "type": "leak_all",
					"name": "x", "provider": "provider[\"registry.terraform.io/attacker/leak\"]",
					"instances": [{"schema_version": 0, "attributes": {}}]}]}`)
			}
			if !test.locked || !test.poisoned {
				install("hashicorp/aws", "touch "+trace)
			}
			must(folder, program)
			said := ""
			for _, words := range test.commands {
				where := stack
				if words[0] == cdktf {
					where = folder
				}
				output, err := run(where, words...)
				said += output
				if err != nil {
					break
				}
			}
			_, err := os.Stat(trace)
			if ran := err == nil; ran == test.locked || !strings.Contains(said, test.says) {
				t.Errorf("another provider ran: %v\n%s", ran, said)
			}
		})
	}
}
