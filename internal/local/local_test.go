package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tap/internal/emulator"
	"tap/internal/repository"
	"tap/tests/must"
)

// inCheckout makes the working folder a checkout that has nothing deployed, with the emulator of this one.
func inCheckout(t *testing.T) {
	t.Helper()
	root := must.Get(repository.Root())(t)
	t.Chdir(t.TempDir())
	must.Do(t, os.Mkdir(".local", 0o755))
	for _, name := range []string{"cdktf.json", "internal", ".local/venv"} {
		must.Do(t, os.Symlink(filepath.Join(root, name), name))
	}
}

func TestTwoCommandsAtOnceAreRefused(t *testing.T) {
	inCheckout(t)
	err := exclusively(func() error {
		return exclusively(func() error {
			t.Error("the second command ran during the first")
			return nil
		})
	})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("error = %v, want one that names the process that holds the lock", err)
	}
	if err := exclusively(func() error { return nil }); err != nil {
		t.Errorf("the lock was not given back: %v", err)
	}
}

func TestLostDeploymentIsNoticed(t *testing.T) {
	repository.NeedTools(t)
	inCheckout(t)
	t.Cleanup(func() { must.Do(t, stop()) })
	leave := func() { must.Write(t, state, `{"resources": [{}]}`) } // as Terraform does
	start := func(after string, wantNew bool) *emulator.Emulator {
		t.Helper()
		e, isNew, err := startEmulator(t.Context())
		must.Do(t, err)
		if aside := os.Remove(state+".forgotten") == nil; isNew != wantNew || aside != wantNew {
			t.Errorf("after %s: another emulator: %v, the state put aside: %v, want %v", after, isNew, aside, wantNew)
		}
		leave()
		return e
	}
	leave()
	e := start("a restart of the machine", true)
	bucket := must.Get(http.NewRequest(http.MethodPut, e.URL()+"/made", nil))(t)
	if response, err := http.DefaultClient.Do(bucket); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("create a bucket: %v (%v)", response, err)
	}
	start("nothing", false)

	// Of which version the running emulator is, its log says.
	log := must.Get(os.ReadFile(emulatorLog))(t)
	must.Write(t, emulatorLog, strings.Replace(string(log), `"version": "`, `"version": "older`, 1))
	start("a change of the emulator's version", true)
	start("a reset, after which the emulator contains nothing either,", true)
}

func TestProgramsSeeNothingOfOtherRuns(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_PROFILE": "work", "TF_WORKSPACE": "other", "ENVIRONMENT_SUFFIX": "other", "CDKTF_OUTDIR": "cdktf.out",
		"CDKTF_CONTEXT_JSON": "{}", "TF_CLI_CONFIG_FILE": "/nonexistent", "TERRAFORM_BINARY_NAME": "tofu",
	} {
		t.Setenv(name, value)
	}
	values := map[string]string{}
	for _, entry := range environment(&emulator.Emulator{Port: 4566}) {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value // the last one counts
	}
	for name, want := range map[string]string{
		"AWS_PROFILE": "", "TF_WORKSPACE": "", "CDKTF_CONTEXT_JSON": "", "TF_CLI_CONFIG_FILE": "",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "ENVIRONMENT_SUFFIX": "dev", "CDKTF_OUTDIR": ".local/cdktf.out",
		"TERRAFORM_BINARY_NAME": "tofu",
	} {
		if values[name] != want {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
}

func TestLongLocalDeployment(t *testing.T) {
	repository.NeedTools(t)
	root := must.Get(repository.Root())(t)
	clone := filepath.Join(t.TempDir(), "tap")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	run := func(program string, arguments ...string) string {
		t.Helper()
		command := exec.CommandContext(ctx, program, arguments...)
		if program == "make" {
			command.Dir = clone
			// Each of these would make the deployment fail, or deploy something else.
			command.Env = append(os.Environ(), "TF_CLI_ARGS_apply=-unknown", "TF_WORKSPACE=other",
				"AWS_PROFILE=unknown", "AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "ENVIRONMENT_SUFFIX=other", "MAKEFLAGS=")
		}
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
		began := time.Now()
		said, err := command.CombinedOutput()
		t.Logf("%s: %s", command, time.Since(began).Round(time.Second))
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, said[max(0, len(said)-5000):])
		}
		return string(said)
	}
	expect := func(said string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(said, want) {
				t.Errorf("want it to say %q:\n%s", want, said)
			}
		}
	}

	run("git", "clone", "--quiet", root, clone)
	t.Cleanup(func() {
		ctx = context.Background()
		run("make", "clean")
	})
	expect(run("make", "local"), "Installing the AWS emulator", "0 changed, 0 destroyed.", "Try next:")
	expect(run("make", "local"), "No changes.", "LoadBalancerDNS = ")
	expect(run("make", "local-status"), "LoadBalancerDNS = ")
	expect(run("make", "local-destroy"), "Destroy complete!", "Nothing is left in the emulator.")
	expect(run("make", "local-status"), "The emulator does not run")
	if got, want := run("git", "-C", clone, "status", "--porcelain", "--ignored"), "!! .local/\n"; got != want {
		t.Errorf("git status = %q, want %q", got, want)
	}
}
