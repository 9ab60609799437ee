package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tap/tests/must"
)

// checkTools runs the check on a machine that has only the tools given, each with what it prints.
func checkTools(t *testing.T, tools map[string]string, checks ...string) (message string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"sed", "awk", "dirname"} {
		must.Do(t, os.Symlink(must.Get(exec.LookPath(name))(t), filepath.Join(folder, name)))
	}
	for name, says := range tools {
		must.Write(t, filepath.Join(folder, name), "#!/bin/sh\n"+says+"\n")
	}
	command := exec.Command("/bin/sh", append([]string{"prerequisites.sh"}, checks...)...)
	command.Env = []string{"PATH=" + folder}
	output, err := command.CombinedOutput()
	if (err == nil) != (len(output) == 0) {
		t.Fatalf("ended with %v and said %q", err, output)
	}
	return string(output)
}

func TestPrerequisitesNameAllThatIsMissingAtOnce(t *testing.T) {
	got := checkTools(t, map[string]string{"go": "echo go version go1.23.9 linux/amd64", "node": "echo v20.8.1"})
	for _, want := range []string{
		"Go 1.24 or newer: `go version` gives 1.23.9; see https://",
		"Node.js 20.9 or newer: `node --version` gives 20.8.1;", "npm 7 or newer: `npm --version` gives no version;",
		"Terraform 1.11 or newer: `terraform version` gives no version;",
		"Python 3.10 or newer: `python3 --version` gives no version;", "Python's venv: its check waits for Python\n",
		"the AWS provider: its check waits for Go\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("said:\n%s\nwant %q", got, want)
		}
	}
}

func TestPrerequisitesAcceptTheOldestVersions(t *testing.T) {
	tools := map[string]string{
		"go": "echo go version go1.24 darwin/arm64", "node": "echo v20.9.0", "npm": "echo 7.0.0",
		"terraform": "echo Warning: no file v0; echo Terraform v1.11.0; echo on linux_amd64",
		"python3":   "echo Python 3.10.0rc1",
	}
	if got := checkTools(t, tools, "go", "node", "terraform", "python"); got != "" {
		t.Errorf("said:\n%s", got)
	}
	tools["terraform"] = "echo OpenTofu v1.10.6"
	got := checkTools(t, tools, "go", "terraform")
	if strings.Contains(got, "Go") || !strings.Contains(got, "`terraform version` gives 1.10.6;") {
		t.Errorf("said:\n%s\nwant Terraform alone", got)
	}
}

func TestPrerequisitesContainWhatTheProviderCheckSays(t *testing.T) {
	// The program that go builds is one that finds nothing.
	build := "[ \"$1\" = version ] && echo go version go1.24 || { echo nothing is found >&2; exit 1; }"
	got := checkTools(t, map[string]string{"go": build}, "go", "node", "provider")
	if !strings.Contains(got, "npm 7 or newer") || !strings.Contains(got, "\n  nothing is found\n") {
		t.Errorf("said:\n%s", got)
	}
}
