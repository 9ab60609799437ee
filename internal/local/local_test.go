package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tap/internal/emulator"
	"tap/internal/repository"
	"tap/tests/must"
)

func TestTwoCommandsAtOnceAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	must.Do(t, os.Mkdir(".local", 0o755), lock())
	if err := lock(); err == nil || !strings.HasPrefix(err.Error(), "another command changes") {
		t.Errorf("error = %v, want that another command goes on", err)
	}
}

func TestLostDeploymentIsForgotten(t *testing.T) {
	must.HaveTools(t)
	root := must.Get(repository.Root())(t)
	t.Chdir(t.TempDir())
	t.Setenv("TERRAFORM_BINARY_NAME", os.Getenv("TERRAFORM_BINARY_NAME")) // what is set here ends with the test
	for _, name := range []string{"cdktf.json", "internal", ".local/venv"} {
		must.Do(t, os.MkdirAll(".local", 0o755), os.Symlink(filepath.Join(root, name), name))
	}
	t.Cleanup(func() { must.Do(t, stop()) })
	kept := []string{local + "/terraform.tap-x.tfstate", file("tap-x", "saved.json"), file("tap-x", deployed)}
	expect := func(after string, wantNew bool) {
		t.Helper()
		for _, name := range kept {
			must.Write(t, name, "{}")
		}
		must.Do(t, os.RemoveAll(".local/lock")) // which this process keeps
		must.Do(t, start(t.Context()))
		for _, name := range kept {
			if _, err := os.Stat(name); os.IsNotExist(err) != wantNew {
				t.Errorf("after %s, %s is forgotten: %v, want %v", after, name, !wantNew, wantNew)
			}
		}
	}
	expect("a restart of the machine", true)
	expect("nothing", false)
	// Of which version the running emulator is, its log says.
	log := must.Get(os.ReadFile(emulatorLog))(t)
	must.Write(t, emulatorLog, strings.Replace(string(log), `"version": "`, `"version": "older`, 1))
	expect("a change of the emulator's version", true)

	must.Write(t, "aws", "#!/bin/sh\necho $*\n")
	if err := execute(t.Context(), []string{"./aws"}); !strings.Contains(fmt.Sprint(err), "is not deployed here") {
		t.Errorf("for a stack that is not there: %v", err)
	}
	t.Setenv("STACK", "tap-x")
	must.Write(t, file("tap-x", configuration), "{}")
	asked := said(t, func() { must.Do(t, execute(t.Context(), []string{"./aws", "sqs", "list-queues"})) })
	if !regexp.MustCompile(`^--endpoint-url http://127\.0\.0\.1:\d+ sqs list-queues\n$`).MatchString(asked) {
		t.Errorf("aws is asked for %q", asked)
	}

	must.Write(t, engineFile, "/opt/tofu")
	t.Setenv("TERRAFORM_BINARY_NAME", "")
	if _, err := attach(); err != nil || repository.Terraform() != "/opt/tofu" {
		t.Errorf("%v, the program is %s, want the one that has deployed", err, repository.Terraform())
	}
	t.Setenv("TERRAFORM_BINARY_NAME", "terraform")
	_, err := attach()
	if err == nil || !strings.HasPrefix(err.Error(), "/opt/tofu has deployed to the emulator") {
		t.Errorf("%v, want a refusal that names the program that has deployed", err)
	}
}

// Whatever a program makes of a Ctrl-C: Terraform ends an init as if there had been none.
func TestInterruptEndsTheDeployment(t *testing.T) {
	t.Chdir(t.TempDir())
	must.Write(t, "program", "#!/bin/sh\nkill -INT $PPID\nsleep 0.5\n")
	must.Do(t, os.Mkdir(".local", 0o755))
	for name, run := range map[string]runner{"run": run, "quietly": quietly} {
		ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
		if err := run(ctx, os.Environ(), "./program"); fmt.Sprint(err) != "interrupted" {
			t.Errorf("%s: after an interrupt: %v", name, err)
		}
		stop()
	}
}

// said returns what a function prints.
func said(t *testing.T, function func()) string {
	t.Helper()
	before, file := os.Stdout, must.Get(os.Create(filepath.Join(t.TempDir(), "said")))(t)
	os.Stdout = file
	function()
	os.Stdout = before
	must.Do(t, file.Close())
	return string(must.Get(os.ReadFile(file.Name()))(t))
}

func TestWhatTerraformSaysIsInAFile(t *testing.T) {
	read := func(name string) string { return string(must.Get(os.ReadFile(name))(t)) }
	tests := map[string]struct{ prints, shown string }{
		"true": {read("testdata/terraform.log"), read("testdata/shown.txt")},
		"false": {"Plan: 1 to add\nError: VpcLimitExceeded\n\n  with aws_vpc.x,\nplan: exit status 1\n",
			"Error: VpcLimitExceeded\n\n  with aws_vpc.x,\nplan: exit status 1\n"},
	}
	t.Chdir(t.TempDir())
	must.Do(t, os.Mkdir(".local", 0o755))
	for name, test := range tests {
		between = 0
		must.Write(t, "prints", test.prints)
		must.Write(t, "program", "#!/bin/sh\nread answer\ncat prints >&2\n"+
			"[ $answer,$TF_CLI_ARGS = yes,-no-color ] && "+name+"\n")
		var err error
		shown := said(t, func() { err = quietly(t.Context(), os.Environ(), "./program") })
		if (err == nil) != (name == "true") || read(terraformLog) != test.prints || shown != test.shown {
			t.Errorf("%v, the file is %q and %q is shown, want %q", err, read(terraformLog), shown, test.shown)
		}
	}
}

func TestProgramsSeeNothingOfOtherRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	must.Write(t, file("tap-qa", configuration), `{"provider": {"aws": [{"region": "eu-west-1",
		"allowed_account_ids": ["210987654321"]}, {"alias": "outside", "region": "us-east-1"}]}}`)
	for name, test := range map[string]struct{ before, want string }{
		"AWS_ENDPOINT_URL":      {"https://aws.test", "http://127.0.0.1:4566"},
		"AWS_ACCESS_KEY_ID":     {"AKIA", "EMULATOR210987654321"},
		"AWS_REGION":            {"us-east-2", "eu-west-1"},
		"TF_CLI_CONFIG_FILE":    {"/nonexistent", ""},
		"TERRAFORM_BINARY_NAME": {"tofu", "tofu"},
		"ENVIRONMENT_SUFFIX":    {"my-branch", "my-branch"},
		"CDKTF_OUTDIR":          {"cdktf.out", output},
		"CDKTF_CONTEXT_JSON":    {"{}", ""},
	} {
		t.Setenv(name, test.before)
		got := ""
		for _, entry := range environment(&emulator.Emulator{Port: 4566}, "tap-qa") {
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
	run := func(arguments ...string) string {
		t.Helper()
		command := exec.CommandContext(ctx, "make", arguments...)
		command.Dir = clone
		// Each of these would make the deployment fail, or deploy something else.
		command.Env = append(os.Environ(), "TF_CLI_ARGS_apply=-unknown", "TF_WORKSPACE=other", "AWS_PROFILE=unknown",
			"AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "ENVIRONMENT_SUFFIX=other", "MAKEFLAGS=")
		command.Stdin = strings.NewReader("yes\n")
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, said[max(0, len(said)-5000):])
		}
		return string(said)
	}

	must.Get(exec.Command("git", "clone", "--quiet", root, clone).Output())(t)
	// All that the documentation tells a team to write.
	must.Get(exec.Command("cp", "-R", "testdata/team/.", clone).Output())(t)
	t.Cleanup(func() {
		ctx = context.Background()
		run("clean")
	})
	expect := func(command string, wants ...string) {
		t.Helper()
		said := run(strings.Fields(command)...)
		for _, want := range wants {
			if !strings.Contains(said, want) {
				t.Errorf("make %s says:\n%s\nwant %q", command, said, want)
			}
		}
		tooMuch := strings.HasPrefix(command, "local") && strings.Count(said, "\n") > 60
		if tooMuch || strings.Contains(said, "\033[") || strings.Contains(said, "your version control") {
			t.Errorf("make %s says more than 60 lines, colours, or what is wrong for .local:\n%s", command, said)
		}
	}
	expect("destroy LOCAL=1 STACK=tap-dev", "Installing the AWS emulator", "The emulator does not run")
	expect("local", "hosted zone Z0123456789EXAMPLE9", "0 changed, 0 destroyed.",
		" resources, as the checkout describes it:", "Try next:",
		`AlarmTopicArn = "arn:aws:sns:eu-west-1:210987654321:`)
	expect("plan LOCAL=1 STACK=tap-dev", "No changes.")
	dev := filepath.Join(clone, "environments/dev.yaml")
	must.Write(t, dev, string(must.Get(os.ReadFile(dev))(t))+"tags: {CostCenter: payments}\n")
	expect("local-status", " resources, but the checkout describes it otherwise: make plan LOCAL=1 STACK=tap-dev")
	expect("destroy LOCAL=1 STACK=tap-dev", "0 added, 0 changed, ")
	expect("deploy LOCAL=1 STACK=tap-account-210987654321", "states' bucket tap-states-210987654321-eu-west-1")
	expect("local-status", "tap-account-210987654321 is deployed with ")
	expect("local-destroy", "The emulator is stopped.")
	expect("local-status", "The emulator does not run")
	must.Get(exec.Command("git", "-C", clone, "stash", "--quiet", "--include-untracked").Output())(t)
	status := exec.Command("git", "-C", clone, "status", "--porcelain", "--ignored")
	if left := must.Get(status.Output())(t); string(left) != "!! .local/\n" {
		t.Errorf("git status = %q, want .local alone", left)
	}
}

// BenchmarkCommands measures pairs of commands in turn, so that what else the machine does meets both alike: medians of
// the seconds and of the resident memory of the largest process, and the ratio of the seconds. The goals are 0.45 for
// synth, 1 for a plan without changes of what make local has deployed, 1.4 for the synthesis of one of forty stacks
// beside that of one alone, and 0.25 for the fast kernel beside the stock one.
func BenchmarkCommands(b *testing.B) {
	root := must.Get(repository.Root())(b)
	one, forty, synthesis := b.TempDir(), b.TempDir(), " && "+root+"/.local/bin/tap tap-e7"
	for i := range 40 {
		must.Write(b, fmt.Sprintf("%s/environments/e%d.yaml", forty, i), "class: development\n")
	}
	must.Write(b, one+"/environments/e7.yaml", "class: development\n")
	pairs := map[string][2]string{
		"synth": {"make synth", "CI=1 npx cdktf synth"},
		"plan": {"make plan STACK=tap-dev LOCAL=1", "CI=1 go run ./internal/local exec npx cdktf diff tap-dev " +
			"--skip-provider-lock --output " + output},
		"forty":  {"cd " + forty + synthesis, "cd " + one + synthesis},
		"kernel": {"cd " + one + synthesis, "cd " + one + " && export TAP_STOCK_KERNEL=1" + synthesis},
	}
	measured := map[string][]float64{}
	for b.Loop() {
		for name, pair := range pairs {
			for i, suffix := range []string{"", "-other"} {
				command := exec.Command("sh", "-c", pair[i])
				command.Dir = root
				began := time.Now()
				if output, err := command.CombinedOutput(); err != nil {
					b.Fatalf("%s: %v\n%s", pair[i], err, output)
				}
				seconds, peak := name+suffix+"-s", name+suffix+"-MB"
				measured[seconds] = append(measured[seconds], time.Since(began).Seconds())
				memory := float64(command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
				if runtime.GOOS == "linux" {
					memory *= 1024 // KiB there, bytes on macOS
				}
				measured[peak] = append(measured[peak], memory/1e6)
			}
		}
	}
	median := func(of string) float64 { return slices.Sorted(slices.Values(measured[of]))[len(measured[of])/2] }
	for of := range measured {
		b.ReportMetric(median(of), of)
	}
	for name := range pairs {
		b.ReportMetric(median(name+"-s")/median(name+"-other-s"), name+"-ratio")
	}
	b.ReportMetric(0, "ns/op") // of all together
}

// Each line of the message is about one thing that is missing. The program that go builds finds no provider.
func TestPrerequisites(t *testing.T) {
	var tests []struct {
		Checks, Says []string
		Tools        map[string]string
	}
	must.Do(t, yaml.Unmarshal(must.Get(os.ReadFile("testdata/prerequisites.yaml"))(t), &tests))
	for _, test := range tests {
		folder := t.TempDir()
		for _, name := range []string{"sed", "awk", "dirname"} {
			must.Do(t, os.Symlink(must.Get(exec.LookPath(name))(t), filepath.Join(folder, name)))
		}
		for name, script := range test.Tools {
			must.Write(t, filepath.Join(folder, name), "#!/bin/sh\n"+script+"\n")
		}
		command := exec.Command("/bin/sh", append([]string{"prerequisites.sh"}, test.Checks...)...)
		command.Env = []string{"PATH=" + folder, "TF_CLI_ARGS=-input=false"}
		output, err := command.CombinedOutput()
		got := string(output)
		if (err == nil) != (got == "") || strings.Count(got, "\n  ") != len(test.Says) {
			t.Errorf("ended with %v and said %s\nwant %q", err, got, test.Says)
		}
		for _, want := range test.Says {
			if !strings.Contains(got, want) {
				t.Errorf("said %s\nwant %q", got, want)
			}
		}
	}
}
