package tests

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tap/config"
	"tap/constructs"
	"tap/internal/repository"
	"tap/tests/must"
)

// result is what a run of the program left.
type result struct {
	status         int
	output, errors string
	files          map[string]string // below cdktf.out, by path
}

// run runs a command in a folder, with nothing of the test's own variables but what finds node, and the packages that
// it has unpacked before.
func run(t *testing.T, program, folder string, variables ...string) result {
	t.Helper()
	cache, temporary := must.Get(os.UserCacheDir())(t), t.TempDir()
	words := strings.Fields(program) // the program and its arguments
	command := exec.Command(words[0], words[1:]...)
	command.Dir = folder
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + temporary,
		"JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + filepath.Join(cache, "aws", "jsii", "package-cache"),
	}, variables...)
	var output, errors bytes.Buffer
	command.Stdout, command.Stderr = &output, &errors
	if err := command.Run(); command.ProcessState == nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the program left %v in its temporary folder: %v", left, err)
	}
	files, below := map[string]string{}, os.DirFS(folder+"/cdktf.out")
	must.Do(t, fs.WalkDir(below, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // there may be no folder
		}
		content, err := fs.ReadFile(below, name)
		files[name] = string(content)
		return err
	}))
	return result{command.ProcessState.ExitCode(), output.String(), errors.String(), files}
}

func TestProgram(t *testing.T) {
	program := build(t)

	t.Run("bad files leave the output as it was", func(t *testing.T) {
		folder := t.TempDir()
		for name, content := range map[string]string{
			"environments/dev.yaml": "class: development\nservce: {}\nservice: {port: 70000}",
			"environments/qa.yaml":  "class: development\nnetwork: {cidr: 8.8.8.0/24}",
			"environments/Bad.yaml": "class: development",
			"cdktf.out/earlier":     "synthesized",
		} {
			must.Write(t, filepath.Join(folder, name), content)
		}
		got := run(t, program, folder)
		if got.status != 1 || got.output != "" || !maps.Equal(got.files, map[string]string{"earlier": "synthesized"}) {
			t.Errorf("exit status %d, standard output %q, files %v", got.status, got.output, got.files)
		}
		for _, part := range []string{"environments/dev.yaml:2", "environments/dev.yaml:3", "environments/qa.yaml:2",
			"environments/Bad.yaml", "servce", "70000", "8.8.8.0/24"} {
			if strings.Count(got.errors, part) != 1 {
				t.Errorf("standard error names %s %d times:\n%s", part, strings.Count(got.errors, part), got.errors)
			}
		}
	})

	t.Run("the context goes before the variable", func(t *testing.T) {
		folder := t.TempDir()
		must.Write(t, filepath.Join(folder, "environments", "qa.yaml"), minimalDevelopment)
		must.Write(t, filepath.Join(folder, "accounts.yaml"), "'123456789012': {region: us-east-1}")
		got := run(t, program, folder, `CDKTF_CONTEXT_JSON={"environment_suffix":"pr-7"}`, "ENVIRONMENT_SUFFIX=pr-8")
		var stacks []string
		for file := range got.files {
			if filepath.Base(file) == "cdk.tf.json" {
				stacks = append(stacks, filepath.Base(filepath.Dir(file)))
			}
		}
		same(t, "the stacks after "+got.errors, stacks, []string{"tap-pr-7", "tap-qa", "tap-account-123456789012"})
		if warning := "warning: tap-pr-7: account: none of accounts.yaml, so that the state is a file"; !strings.Contains(
			got.errors, warning) {
			t.Errorf("standard error does not contain %q: %s", warning, got.errors)
		}
		for _, context := range []string{`{`, `{"environment_suffix": 7}`} {
			refused := run(t, program, folder, "CDKTF_CONTEXT_JSON="+context)
			if !strings.HasPrefix(refused.errors, "CDKTF_CONTEXT_JSON: is not JSON with text as environment_suffix: ") {
				t.Errorf("of %s standard error says %s", context, refused.errors)
			}
		}
	})

	t.Run("a misspelled flag is refused", func(t *testing.T) {
		output, err := exec.Command(program, "-unloked").CombinedOutput()
		if err == nil || !strings.Contains(string(output), "-unloked") {
			t.Errorf("%v\n%s", err, output)
		}
	})

	t.Run("one stack is built alone", func(t *testing.T) {
		folder := t.TempDir()
		for name, content := range map[string]string{
			"environments/dev.yaml":           minimalDevelopment,
			"environments/qa.yaml":            minimalDevelopment,
			"cdktf.json":                      `{"context": {"environment_suffix": "pr-7"}}`,
			"terraform.lock.hcl":              "hashes",
			"cdktf.out/stacks/tap-dev/kept":   "",
			"cdktf.out/stacks/tap-gone/state": "",
		} {
			must.Write(t, filepath.Join(folder, name), content)
		}
		got := run(t, program+" tap-pr-7", folder)
		same(t, "the files after "+got.errors, slices.Collect(maps.Keys(got.files)), strings.Fields(`manifest.json
			stacks/tap-dev/kept stacks/tap-dev/.terraform.lock.hcl stacks/tap-pr-7/cdk.tf.json
			stacks/tap-pr-7/.terraform.lock.hcl`))
		for argument, want := range map[string]string{
			"tap-prod":   `no file describes a stack "tap-prod"; there are tap-dev, tap-pr-7, tap-qa`,
			"-unlokced":  `no file describes a stack "-unlokced"`,
			"tap-dev qa": `no file describes a stack "tap-dev qa"`,
		} {
			if refused := run(t, program+" "+argument, folder); refused.status == 0 ||
				!strings.Contains(refused.errors, want) || !maps.Equal(refused.files, got.files) {
				t.Errorf("%s ends with %d and %s, want %s", argument, refused.status, refused.errors, want)
			}
		}
		elsewhere := run(t, program+" tap-qa", folder, "CDKTF_OUTDIR=elsewhere")
		if elsewhere.status != 0 || !maps.Equal(elsewhere.files, got.files) {
			t.Errorf("another output folder: %s, and cdktf.out contains %v", elsewhere.errors, elsewhere.files)
		}
		must.Write(t, folder+"/environments/qa.yaml", "class: other")
		if refused := run(t, program+" tap-pr-7", folder); refused.status != 1 {
			t.Error("a mistake in another environment's file is not refused")
		}
	})

	// cdktf.json names the program, so that people can go on typing what CDKTF's documentation says.
	t.Run("the cdktf command writes the same and removes the same", func(t *testing.T) {
		must.HaveTools(t)
		folder := t.TempDir()
		must.Write(t, folder+"/environments/dev.yaml", minimalDevelopment)
		must.Write(t, folder+"/cdktf.json", `{"language": "go", "app": "`+program+`", "sendCrashReports": "false"}`)
		want := run(t, program, folder)
		must.Write(t, folder+"/cdktf.out/stacks/tap-gone/cdk.tf.json", "{}")
		cdktf := must.Get(filepath.Abs("../node_modules/.bin/cdktf"))(t)
		got := run(t, cdktf+" synth", folder, "CI=true", "CHECKPOINT_DISABLE=1")
		if got.status != 0 || len(want.files) != 2 || !maps.Equal(got.files, want.files) {
			t.Errorf("cdktf synth ends with %d, has written %v and said %s", got.status, got.files, got.errors)
		}
	})

	t.Run("a missing node is an error of one line", func(t *testing.T) {
		got := run(t, program, t.TempDir(), "PATH="+t.TempDir())
		if got.status != 1 || got.output != "" || len(got.files) > 0 || strings.Count(got.errors, "\n") != 1 ||
			!strings.Contains(got.errors, "node") || strings.Contains(got.errors, "goroutine") {
			t.Errorf("exit status %d, standard output %q, error %q", got.status, got.output, got.errors)
		}
	})

	// The output is reviewed, compared and kept: it depends on the environment files and on nothing else, as in this
	// process, which has other folders and variables.
	t.Run("the output is the same everywhere", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "a folder with spaces")
		must.Do(t, os.CopyFS(filepath.Join(folder, "environments"), os.DirFS("environments")))
		must.Write(t, filepath.Join(folder, "accounts.yaml"), read(t, "accounts.yaml"))
		got := run(t, program, folder, "TZ=Pacific/Auckland", "LC_ALL=tr_TR.UTF-8", "USER=other", "AWS_PROFILE=other",
			"AWS_REGION=eu-central-1", "CI=1")
		checkout := must.Get(filepath.Abs(".."))(t)
		moment := regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:|\b1[789][0-9]{8}\b`)
		seen := 0
		for name, content := range got.files {
			if strings.Contains(content, folder) || strings.Contains(content, checkout) || moment.MatchString(content) {
				t.Errorf("%s contains a path or a time", name)
			}
			suffix, isStack := strings.CutPrefix(filepath.Base(filepath.Dir(name)), "tap-")
			if !isStack || filepath.Base(name) != "cdk.tf.json" {
				continue
			}
			if seen++; content != stacks(t)[suffix].json {
				t.Errorf("%s differs: %s", name, firstDifference(content, stacks(t)[suffix].json))
			}
		}
		if warning := "warning: tap-existing: network.existing: "; !strings.Contains(got.errors, warning) {
			t.Errorf("standard error does not contain %q: %s", warning, got.errors)
		}
		if seen < 3 {
			t.Errorf("%d stacks were written: %s", seen, got.errors)
		}
	})
}

// CDKTF panics; nobody should have to read a stack trace of Go and JavaScript.
func TestPanicIsAnErrorOfOneLine(t *testing.T) {
	environment := parse(t, "dev", minimalDevelopment)
	refused := environment
	refused.Monitoring.Emails = []string{"a@example.com", "a@example.com"} // Load refuses them as well
	output := filepath.Join(t.TempDir(), "out")
	for _, test := range []struct {
		name, output string
		environments []config.Environment
		parts        []string
	}{
		{"two stacks of one name", output, []config.Environment{environment, environment},
			[]string{"stack tap-dev: tapstack.go:", "There is already a Construct with name 'tap-dev'"}},
		{"an output folder without parent", output + "/missing/out", []config.Environment{environment},
			[]string{"app: ", "ENOENT"}},
		{"a construct of one name twice", output, []config.Environment{refused},
			[]string{"stack tap-dev: monitoring/monitoring.go:", "email-a@example.com"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := constructs.Synthesize(test.environments, nil, test.output)
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("the error is %v, expected one line", err)
			}
			for _, part := range test.parts {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q does not contain %q", err, part)
				}
			}
		})
	}
	synthesize(t, []config.Environment{environment}, nil) // the next one works
}

// A state can name a provider that no configuration names, and a mirror can have another under the same version. With
// the hashes of make lock neither runs, which would be with the credentials of whoever plans.
func TestLockRefusesOtherProviders(t *testing.T) {
	must.HaveTools(t)
	program, platform := build(t), runtime.GOOS+"_"+runtime.GOARCH
	cdktf := must.Get(filepath.Abs("../node_modules/.bin/cdktf"))(t)
	const plan, deploy = "cd $STACK; $TERRAFORM init; $TERRAFORM plan", "$CDKTF deploy tap-dev --auto-approve"
	for _, test := range []struct {
		name             string
		locked, poisoned bool // poisoned: the state names another provider; else the mirror has another one
		script, says     string
	}{
		{"both, unlocked", false, true, plan, "Installed attacker/leak"},
		{"the state names another", true, true, plan, "lock file"},
		{"the state names another, cdktf", true, true, deploy, "lock file"},
		{"the mirror has another", true, false, plan, "checksums"},
		{"the mirror has another, cdktf", true, false, deploy, "checksums"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			trace, mirror := filepath.Join(folder, "trace"), filepath.Join(folder, "mirror")
			install := func(source, script string) {
				for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
					name := "terraform-provider-" + filepath.Base(source)
					must.Write(t, filepath.Join(mirror, host, source, "5.100.0", platform, name), "#!/bin/sh\n"+script+"\n")
				}
			}
			for name, value := range map[string]string{
				"TAP": program, "CDKTF": cdktf, "TERRAFORM": repository.Terraform(), "STACK": "cdktf.out/stacks/tap-dev",
				"TF_CLI_CONFIG_FILE": folder + "/terraform.tfrc", "TF_CLI_ARGS": "-no-color", "CHECKPOINT_DISABLE": "1",
			} {
				t.Setenv(name, value)
			}
			shell := func(script string) (string, error) {
				command := exec.Command("sh", "-ec", script)
				command.Dir = folder
				output, err := command.CombinedOutput()
				return string(output), err
			}
			succeed := func(script string) {
				if output, err := shell(script); err != nil {
					t.Fatalf("%s: %v\n%s", script, err, output)
				}
			}
			must.Write(t, folder+"/environments/dev.yaml", minimalDevelopment)
			must.Write(t, folder+"/cdktf.json", `{"language": "go", "app": "`+program+`"}`)
			must.Write(t, folder+"/terraform.tfrc", `provider_installation { filesystem_mirror { path = "`+mirror+`" } }`)
			install("hashicorp/aws", "exit 1")
			if test.locked {
				t.Setenv("TF_CLI_ARGS_init", "-lockfile=readonly")
				succeed("$TAP; cd $STACK; $TERRAFORM providers lock -fs-mirror=" + mirror + " -platform=" + platform)
				succeed("mv $STACK/.terraform.lock.hcl terraform.lock.hcl")
				succeed("$TAP; cd $STACK; $TERRAFORM init; rm -r .terraform")
			}
			if test.poisoned {
				install("attacker/leak", "touch "+trace)
				must.Write(t, folder+"/terraform.tap-dev.tfstate", `{"version": 4, "serial": 1, "lineage": "l",
					"terraform_version": "1.11.0", "outputs": {}, "resources": [{"mode": "managed", "type": "leak_all",
					"name": "x", "provider": "provider[\"registry.terraform.io/attacker/leak\"]",
					"instances": [{"schema_version": 0, "attributes": {}}]}]}`)
			}
			if !test.locked || !test.poisoned {
				install("hashicorp/aws", "touch "+trace)
			}
			succeed("$TAP")
			said, _ := shell(test.script)
			_, err := os.Stat(trace)
			if ran := err == nil; ran == test.locked || !strings.Contains(said, test.says) {
				t.Errorf("another provider ran: %v\n%s", ran, said)
			}
		})
	}
}
