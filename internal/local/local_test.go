package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tap/internal/emulator"
	"tap/internal/repository"
	"tap/tests/must"
)

func TestTwoCommandsAtOnceAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	second := func() error { return exclusively(func() error { return nil }) }
	err := exclusively(second)
	if want := fmt.Sprintf("process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want %s, which holds the lock", err, want)
	}
	must.Do(t, second())
}

func TestLostDeploymentIsForgotten(t *testing.T) {
	must.HaveTools(t)
	root := must.Get(repository.Root())(t)
	t.Chdir(t.TempDir())
	for _, name := range []string{"cdktf.json", "internal", ".local/venv"} {
		must.Do(t, os.MkdirAll(".local", 0o755), os.Symlink(filepath.Join(root, name), name))
	}
	t.Cleanup(func() { must.Do(t, stop()) })
	start := func(after string, wantNew bool) {
		t.Helper()
		must.Write(t, state, `{"resources": [{}]}`) // as Terraform does
		_, isNew, err := startEmulator(t.Context())
		must.Do(t, err)
		if _, err := os.Stat(state); isNew != wantNew || os.IsNotExist(err) != wantNew {
			t.Errorf("after %s: another emulator: %v, the state: %v, want new: %v", after, isNew, err, wantNew)
		}
	}
	start("a restart of the machine", true)
	start("nothing", false)
	// Of which version the running emulator is, its log says.
	log := must.Get(os.ReadFile(emulatorLog))(t)
	must.Write(t, emulatorLog, strings.Replace(string(log), `"version": "`, `"version": "older`, 1))
	start("a change of the emulator's version", true)
	must.Do(t, status(t.Context())) // as long as the first deployment has not begun to apply
}

// Whatever a program makes of a Ctrl-C: Terraform ends an init as if there had been none.
func TestInterruptEndsTheDeployment(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	must.Do(t, os.MkdirAll(stackFolder, 0o755))
	for name, script := range map[string]string{
		"cdktf.json": "", ".tfrc": "provider_installation {\n}\n", "go": "#!/bin/sh\n",
		"terraform": "#!/bin/sh\necho $1 >>" + folder + "/said\n[ $1 = version ] || { kill -INT $PPID; sleep 0.5; }\n",
	} {
		must.Write(t, name, script)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	t.Setenv("TF_CLI_CONFIG_FILE", folder+"/.tfrc")
	t.Setenv("TERRAFORM_BINARY_NAME", "")
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	err := deploy(ctx, &emulator.Emulator{Port: 4566})
	said := must.Get(os.ReadFile("said"))(t)
	if fmt.Sprint(err) != "interrupted" || string(said) != "version\ninit\n" {
		t.Errorf("after an interrupt of init: %v, and Terraform ran %q", err, said)
	}
}

func TestProgramsSeeNothingOfOtherRuns(t *testing.T) {
	for name, test := range map[string]struct{ before, want string }{
		"AWS_PROFILE":           {"work", ""},
		"AWS_ENDPOINT_URL":      {"https://aws.test", "http://127.0.0.1:4566"},
		"TF_WORKSPACE":          {"other", ""},
		"TF_CLI_CONFIG_FILE":    {"/nonexistent", ""},
		"TERRAFORM_BINARY_NAME": {"tofu", "tofu"},
		"ENVIRONMENT_SUFFIX":    {"other", "dev"},
		"CDKTF_OUTDIR":          {"cdktf.out", ".local/cdktf.out"},
		"CDKTF_CONTEXT_JSON":    {"{}", ""},
	} {
		t.Setenv(name, test.before)
		got := ""
		for _, entry := range environment(&emulator.Emulator{Port: 4566}) {
			if value, found := strings.CutPrefix(entry, name+"="); found {
				got = value // the last one counts
			}
		}
		if got != test.want {
			t.Errorf("%s is %q, want %q", name, got, test.want)
		}
	}
}

func TestLongLocalDeployment(t *testing.T) {
	must.HaveTools(t)
	root := must.Get(repository.Root())(t)
	clone := filepath.Join(t.TempDir(), "tap")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	run := func(target string) string {
		t.Helper()
		command := exec.CommandContext(ctx, "make", target)
		command.Dir = clone
		// Each of these would make the deployment fail, or deploy something else.
		command.Env = append(os.Environ(), "TF_CLI_ARGS_apply=-unknown", "TF_WORKSPACE=other", "AWS_PROFILE=unknown",
			"AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "ENVIRONMENT_SUFFIX=other", "MAKEFLAGS=")
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, said[max(0, len(said)-5000):])
		}
		return string(said)
	}

	must.Get(exec.Command("git", "clone", "--quiet", root, clone).Output())(t)
	t.Cleanup(func() {
		ctx = context.Background()
		run("clean")
	})
	for _, step := range [][]string{ // what make makes, and what that says
		{"local", "Installing the AWS emulator", "0 changed, 0 destroyed.", "Try next:"},
		{"local", "No changes.", "LoadBalancerDNS = "},
		{"local-status", "LoadBalancerDNS = "},
		{"local-destroy", "Destroy complete!", "Nothing is left in the emulator."},
		{"local-status", "The emulator does not run"},
	} {
		said := run(step[0])
		for _, want := range step[1:] {
			if !strings.Contains(said, want) {
				t.Errorf("make %s says:\n%s\nwant %q", step[0], said, want)
			}
		}
	}
	status := exec.Command("git", "-C", clone, "status", "--porcelain", "--ignored")
	if left := must.Get(status.Output())(t); string(left) != "!! .local/\n" {
		t.Errorf("git status = %q, want .local alone", left)
	}
}

// Each line of the message is about one thing that is missing. The program that go builds finds no provider.
func TestPrerequisites(t *testing.T) {
	const oldGo, oldNode = "go: echo go version go1.23.9 linux/amd64", "node: echo v20.8.1"
	const goTool = "go: [ $1 = version ] && echo go version go1.24 darwin/arm64 || { echo no provider >&2; exit 1; }"
	const node, npm, python = "node: echo v20.9.0", "npm: echo 7.0.0", "python3: echo Python 3.10.0rc1"
	const terraform = "terraform: echo Warning: no file v0; test $TF_CLI_ARGS || echo Terraform v1.11.0"
	for _, test := range []struct{ checks, tools, wants []string }{
		{nil, []string{oldGo, oldNode}, []string{
			"Go 1.24 or newer: `go version` gives 1.23.9; see https://",
			"Node.js 20.9 or newer: `node --version` gives 20.8.1;", "npm 7 or newer: `npm --version` gives no version;",
			"Terraform 1.11 or newer: `terraform version` gives no version;",
			"Python 3.10 or newer: `python3 --version` gives no version;",
		}},
		{[]string{"go", "node", "terraform", "python"}, []string{goTool, node, npm, terraform, python}, nil},
		{[]string{"go", "terraform"}, []string{goTool, "terraform: echo OpenTofu v1.10.6"},
			[]string{"`terraform version` gives 1.10.6;"}},
		{[]string{"go", "node", "provider"}, []string{goTool, node}, []string{"npm 7 or newer", "\n  no provider\n"}},
	} {
		folder := t.TempDir()
		for _, name := range []string{"sed", "awk", "dirname"} {
			must.Do(t, os.Symlink(must.Get(exec.LookPath(name))(t), filepath.Join(folder, name)))
		}
		for _, tool := range test.tools {
			name, script, _ := strings.Cut(tool, ": ")
			must.Write(t, filepath.Join(folder, name), "#!/bin/sh\n"+script+"\n")
		}
		command := exec.Command("/bin/sh", append([]string{"prerequisites.sh"}, test.checks...)...)
		command.Env = []string{"PATH=" + folder, "TF_CLI_ARGS=-input=false"}
		output, err := command.CombinedOutput()
		got := string(output)
		if (err == nil) != (got == "") || strings.Count(got, "\n  ") != len(test.wants) {
			t.Errorf("ended with %v and said %s\nwant %q", err, got, test.wants)
		}
		for _, want := range test.wants {
			if !strings.Contains(got, want) {
				t.Errorf("said %s\nwant %q", got, want)
			}
		}
	}
}
