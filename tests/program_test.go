package tests

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tap/config"
	"tap/constructs"
)

// result is what a run of the program left.
type result struct {
	status         int
	output, errors string
	files          map[string]string // below cdktf.out, by path
}

// run runs the program in a folder, with nothing of the test's own variables but what finds node, and the packages that
// it has unpacked before.
func run(t *testing.T, program, folder string, variables ...string) result {
	t.Helper()
	cache, err := os.UserCacheDir()
	noError(t, err)
	temporary := t.TempDir()
	command := exec.Command(program)
	command.Dir = folder
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + temporary,
		"JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + filepath.Join(cache, "aws", "jsii", "package-cache"),
	}, variables...)
	var output, errors bytes.Buffer
	command.Stdout, command.Stderr = &output, &errors
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the program left %v in its temporary folder: %v", left, err)
	}
	return result{command.ProcessState.ExitCode(), output.String(), errors.String(), files(t, folder+"/cdktf.out")}
}

// files returns the content of every file below a folder; none when there is no folder.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && entry.IsDir() {
			return nil
		} else if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		all[name] = string(content)
		return err
	})
	noError(t, err)
	return all
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
			write(t, filepath.Join(folder, name), content)
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
		write(t, filepath.Join(folder, "environments", "qa.yaml"), minimalDevelopment)
		got := run(t, program, folder, `CDKTF_CONTEXT_JSON={"environment_suffix":"pr-7"}`, "ENVIRONMENT_SUFFIX=pr-8")
		var stacks []string
		for file := range got.files {
			if filepath.Base(file) == "cdk.tf.json" {
				stacks = append(stacks, filepath.Base(filepath.Dir(file)))
			}
		}
		same(t, "the stacks after "+got.errors, stacks, []string{"tap-pr-7", "tap-qa"})
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
		accounts, err := os.ReadFile("accounts.yaml")
		err = errors.Join(err, os.CopyFS(filepath.Join(folder, "environments"), os.DirFS("environments")))
		noError(t, err)
		write(t, filepath.Join(folder, "accounts.yaml"), string(accounts))
		got := run(t, program, folder, "TZ=Pacific/Auckland", "LC_ALL=tr_TR.UTF-8", "USER=other", "AWS_PROFILE=other",
			"AWS_REGION=eu-central-1", "CI=1")
		checkout, err := filepath.Abs("..")
		noError(t, err)
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
			[]string{"stack tap-dev: monitoring/alarm.go:", "email-a@example.com"}},
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
	synthesize(t, environment) // the next one works
}
