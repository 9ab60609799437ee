package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tap/internal/emulator"
	"tap/internal/processes"
)

// The tests run with the real emulator and stand-ins for cdktf, terraform and npm: links of these
// names to this test binary.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "cdktf":
		os.Exit(standInForCDKTF())
	case "terraform":
		os.Exit(standInForTerraform())
	case "npm":
		os.Exit(standInForNPM())
	}
	folder, err := emulator.Folder()
	if err == nil {
		emulatorFolder = folder
		_, err = emulator.Install(context.Background(), folder, io.Discard)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var emulatorFolder string

// The stand-ins are told what to do by files in the checkout.
const (
	callsFile         = "calls"         // written: one line for each call of cdktf
	environmentFile   = "environment"   // written: the environment of cdktf
	configurationFile = "configuration" // the configuration that cdktf synthesizes
	planFile          = "plan.json"     // what `terraform show -json` prints
	failureFile       = "failure"       // what cdktf prints before it fails; it fails if the file exists
	hangFile          = "hang"          // cdktf runs a terraform that never ends if the file exists
	stoppedFile       = "stopped"       // written: by a terraform that was interrupted and ended in order
)

func standInForCDKTF() int {
	must := func(err error) {
		if err != nil {
			fmt.Println("Error: stand-in for cdktf:", err)
			os.Exit(3)
		}
	}
	calls, err := os.OpenFile(callsFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(err)
	_, err = fmt.Fprintln(calls, strings.Join(os.Args[1:], " "))
	must(err)
	must(os.WriteFile(environmentFile, []byte(strings.Join(os.Environ(), "\n")), 0o644))
	if said, err := os.ReadFile(failureFile); err == nil {
		fmt.Println(string(said))
		return 1
	}
	if _, err := os.Stat(hangFile); err == nil {
		command := exec.Command("terraform", "apply")
		command.Stdout = os.Stdout
		// The real one runs it in a terminal, and so in a session, of its own.
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := command.Run(); err != nil {
			fmt.Println("Invoking Terraform CLI failed with exit code 1")
			return 1
		}
	}

	option := func(name string) string { return os.Args[slices.Index(os.Args, name)+1] }
	stackFolder := filepath.Join(option("--output"), "stacks", "tap-dev")
	state := filepath.Join(stackFolder, "../../../terraform.tap-dev.tfstate")
	group := func(action string) {
		body := strings.NewReader(`{"logGroupName":"made-by-cdktf"}`)
		request, err := http.NewRequest(http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), body)
		must(err)
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", "Logs_20140328."+action)
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=emulator/20260101/us-east-1/logs/aws4_request")
		response, err := http.DefaultClient.Do(request)
		must(err)
		must(response.Body.Close())
	}
	if !slices.Contains(os.Args, "--skip-synth") {
		configuration, err := os.ReadFile(configurationFile)
		must(err)
		must(os.MkdirAll(stackFolder, 0o755))
		must(os.WriteFile(filepath.Join(stackFolder, "cdk.tf.json"), configuration, 0o644))
	}
	switch os.Args[1] {
	case "deploy":
		fmt.Println("tap-dev  Initializing the backend...")
		fmt.Println("         Plan: 1 to add, 0 to change, 0 to destroy.")
		fmt.Println("tap-dev  aws_cloudwatch_log_group.logs_12345678 (service/logs): Creating...")
		group("CreateLogGroup")
		fmt.Println("         aws_cloudwatch_log_group.logs_12345678 (service/logs): Creation complete after 2s [id=x]")
		fmt.Println("tap-dev  Apply complete! Resources: 1 added, 0 changed, 0 destroyed.")
		must(os.WriteFile(state, []byte(`{"resources":[{}]}`), 0o644))
		must(os.WriteFile(option("--outputs-file"), []byte(`{"tap-dev":{"VPCId":"vpc-1","WebACLArn":"arn:1","Another":"last"}}`), 0o644))
	case "destroy":
		group("DeleteLogGroup")
		fmt.Println("tap-dev  Destroy complete! Resources: 1 destroyed.")
		must(os.WriteFile(state, []byte(`{"resources":[]}`), 0o644))
	}
	return 0
}

func standInForTerraform() int {
	if os.Args[1] == "show" {
		plan, err := os.ReadFile("../../../../" + planFile)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(string(plan))
		return 0
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	fmt.Println("terraform hangs")
	<-interrupts
	if err := os.WriteFile(stoppedFile, nil, 0o644); err != nil {
		return 2
	}
	return 1
}

func standInForNPM() int {
	if err := os.WriteFile(callsFile, []byte("npm "+strings.Join(os.Args[1:], " ")), 0o644); err != nil {
		return 1
	}
	fmt.Println("npm says something")
	if _, err := os.Stat(failureFile); err == nil {
		return 1
	}
	return 0
}

// noChanges is a plan that changes nothing but what the emulator forgets.
const noChanges = `{"format_version":"1.2","resource_changes":[{"address":"aws_ecs_service.x","mode":"managed","type":"aws_ecs_service",
	"change":{"actions":["update"],"before":{"health_check_grace_period_seconds":0},"after":{"health_check_grace_period_seconds":60}}}]}`

// lock is a package-lock.json with one package.
const lockFile = `{"packages":{"":{"name":"tap"},"node_modules/cdktf-cli":{"version":"0.21.0","integrity":"sha512-x"}}}`

// checkout is a checkout with stand-ins for the programs, and what the commands said.
type checkout struct {
	*deployment
	t    *testing.T
	said *bytes.Buffer
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	root := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	programs := filepath.Join(root, "programs")
	for _, folder := range []string{programs, filepath.Join(root, "node_modules", ".bin"), filepath.Join(root, ".local")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{
		filepath.Join(root, "node_modules", ".bin", "cdktf"), filepath.Join(programs, "terraform"), filepath.Join(programs, "npm"),
	} {
		if err := os.Symlink(binary, link); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("TERRAFORM_BINARY_NAME", "")
	said := &bytes.Buffer{}
	c := &checkout{&deployment{root: root, emulatorFolder: emulatorFolder, output: said}, t, said}
	c.write("package-lock.json", lockFile)
	c.write("node_modules/.package-lock.json", lockFile)
	c.write(configurationFile, "{}")
	c.write(planFile, noChanges)
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *checkout) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.root, name), []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *checkout) exists(name string) bool {
	_, err := os.Stat(filepath.Join(c.root, name))
	return err == nil
}

// calls returns the first words of the calls of cdktf since the last time, and forgets them.
func (c *checkout) calls() []string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.root, callsFile))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	var commands []string
	for line := range strings.Lines(string(content)) {
		command, _, _ := strings.Cut(line, " ")
		commands = append(commands, command)
	}
	if err := os.RemoveAll(filepath.Join(c.root, callsFile)); err != nil {
		c.t.Fatal(err)
	}
	return commands
}

func (c *checkout) wantCalls(want ...string) {
	c.t.Helper()
	if got := c.calls(); !slices.Equal(got, want) {
		c.t.Errorf("calls of cdktf = %q, want %q", got, want)
	}
}

func (c *checkout) wantSaid(wants ...string) {
	c.t.Helper()
	for _, want := range wants {
		if !strings.Contains(c.said.String(), want) {
			c.t.Errorf("said:\n%s\nwant it to say %q", c.said, want)
		}
	}
	c.said.Reset()
}

// deployed deploys for the first time.
func (c *checkout) deployed() emulator.Instance {
	c.t.Helper()
	if err := c.up(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.wantCalls("deploy")
	recorded, _ := c.read()
	c.said.Reset()
	return recorded.Emulator
}

func (c *checkout) running(instance emulator.Instance) bool {
	_, err := emulator.Attach(c.t.Context(), instance)
	return err == nil
}

// wantNoProcess fails the test if a process has something of the checkout in its command line.
func (c *checkout) wantNoProcess() {
	c.t.Helper()
	table, err := processes.Read()
	if err != nil {
		c.t.Fatal(err)
	}
	for pid, process := range table {
		if strings.Contains(process.Command, c.root) {
			c.t.Errorf("process %d is left: %s", pid, process.Command)
		}
	}
}

func TestAFirstDeploymentShowsItsProgressAndOutputs(t *testing.T) {
	c := newCheckout(t)
	if err := c.up(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantSaid("[1/1] created aws_cloudwatch_log_group service/logs (2s)", "tap-dev is deployed: 1 added, 0 changed, 0 destroyed",
		"VPCId                vpc-1\n  WebACLArn            arn:1\n  Another              last\n", "Try next:")
	if !c.exists(".local/terraform.tap-dev.tfstate") || c.exists("cdktf.out") {
		t.Error("the state and the output folder are not in .local alone")
	}
}

func TestNothingOfTheUsersReachesTheDeployment(t *testing.T) {
	c := newCheckout(t)
	for _, name := range []string{"AWS_PROFILE", "AWS_ENDPOINT_URL_STS", "TF_VAR_x", "TF_WORKSPACE", "ENVIRONMENT_SUFFIX", "CDKTF_OUTPUT"} {
		t.Setenv(name, "the-users-own")
	}
	c.deployed()
	environment, err := os.ReadFile(filepath.Join(c.root, environmentFile))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(environment), "the-users-own") {
		t.Errorf("cdktf got a variable of the user's:\n%s", environment)
	}
	for _, want := range []string{"AWS_ENDPOINT_URL=http://127.0.0.1:", "CHECKPOINT_DISABLE=1", "CI=true"} {
		if !strings.Contains(string(environment), want) {
			t.Errorf("the environment of cdktf lacks %s", want)
		}
	}
}

func TestASecondDeploymentWithoutAChangeDeploysNothing(t *testing.T) {
	c := newCheckout(t)
	instance := c.deployed()
	if err := c.up(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantCalls("plan")
	c.wantSaid("No changes", "vpc-1")
	if recorded, _ := c.read(); recorded.Emulator != instance {
		t.Errorf("the emulator became %+v, want %+v still", recorded.Emulator, instance)
	}
}

func TestAChangeIsDeployedToTheRunningEmulator(t *testing.T) {
	for name, change := range map[string]func(*checkout){
		"of the configuration": func(c *checkout) { c.write(configurationFile, `{"changed":true}`) },
		"by hand in the emulator": func(c *checkout) {
			c.write(planFile, `{"format_version":"1.2","resource_changes":[{"address":"aws_vpc.x","mode":"managed","type":"aws_vpc",
				"change":{"actions":["create"],"before":null,"after":{}}}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t)
			instance := c.deployed()
			change(c)
			if err := c.up(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.wantCalls("plan", "deploy")
			c.wantSaid("tap-dev is deployed")
			if !c.running(instance) {
				t.Error("the emulator was replaced")
			}
		})
	}
}

func TestAnEmulatorThatForgotEverythingIsNoticed(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, instance emulator.Instance){
		"because the machine was restarted": func(t *testing.T, instance emulator.Instance) {
			if err := syscall.Kill(-instance.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
		"because it was reset": func(t *testing.T, instance emulator.Instance) {
			e, err := emulator.Attach(t.Context(), instance)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t)
			instance := c.deployed()
			lose(t, instance)
			if err := c.up(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.wantCalls("deploy")
			c.wantSaid("has forgotten what was deployed", "tap-dev is deployed")
			if !c.exists(".local/terraform.tap-dev.tfstate.forgotten") {
				t.Error("the old state was not set aside")
			}
			if recorded, _ := c.read(); recorded.Emulator.Name == instance.Name || !c.running(recorded.Emulator) {
				t.Errorf("the recorded emulator is %+v, want a new one that runs", recorded.Emulator)
			}
		})
	}
}

func TestAnEmulatorOfAnotherVersionIsReplaced(t *testing.T) {
	c := newCheckout(t)
	old := c.deployed()
	recorded, _ := c.read()
	recorded.Emulator.Build = "older"
	if err := c.deployment.write(recorded); err != nil {
		t.Fatal(err)
	}
	if err := c.up(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantSaid("its version has changed")
	if c.running(old) {
		t.Error("the old emulator still runs")
	}
}

func TestAFailedFirstDeploymentLeavesNoProcessAndSaysWhatToDo(t *testing.T) {
	c := newCheckout(t)
	c.write(failureFile, "tap-dev  Error: creating ECS Cluster: no such thing\n\n           with aws_ecs_cluster.x,\n\n0 Stacks deploying     1 Stack done")
	err := c.up(t.Context())
	if err == nil {
		t.Fatal("the deployment succeeded")
	}
	want := "Failed while deploying tap-dev:\n  tap-dev  Error: creating ECS Cluster: no such thing\n\n  with aws_ecs_cluster.x,"
	if got := strings.ReplaceAll(err.Error(), "  \n", "\n"); !strings.HasPrefix(got, want) ||
		!strings.Contains(got, ".local/deploy.log") || !strings.Contains(got, "The emulator has been stopped") {
		t.Errorf("error =\n%s\nwant it to begin with\n%s\nand to name the log and the way out", got, want)
	}
	c.wantNoProcess()
}

func TestAFailedLaterDeploymentKeepsWhatWasDeployed(t *testing.T) {
	c := newCheckout(t)
	instance := c.deployed()
	c.write(failureFile, "ERROR: cdktf encountered an error while synthesizing\n\nSynth command: go run .\n"+
		"Error:         non-zero exit code 1\n\nCommand output on stderr:\n\n"+
		"    environments/dev.yaml:3: desired: 99\n    exit status 1\n\n\n⠋  Synthesizing")
	err := c.up(t.Context())
	const want = "Failed while comparing with what is deployed:\n  environments/dev.yaml:3: desired: 99\n  (cdktf plan: exit status 1)\n"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "make local-destroy") {
		t.Errorf("error =\n%v\nwant it to begin with\n%s\nand to name the way out", err, want)
	}
	if !c.running(instance) || !c.exists(".local/terraform.tap-dev.tfstate") {
		t.Error("what was deployed before is lost")
	}
}

func TestAnInterruptedDeploymentEndsInOrder(t *testing.T) {
	c := newCheckout(t)
	c.write(hangFile, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			log, _ := os.ReadFile(filepath.Join(c.root, ".local", "deploy.log"))
			if strings.Contains(string(log), "terraform hangs") {
				cancel(errInterrupted)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	err := c.up(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "Interrupted while deploying tap-dev.") {
		t.Errorf("error = %v, want one that says that the deployment was interrupted", err)
	}
	if !c.exists(stoppedFile) {
		t.Error("terraform was not given the time to end in order")
	}
	c.wantNoProcess()
}

func TestASecondInterruptEndsEverythingAtOnce(t *testing.T) {
	folder := t.TempDir()
	hurry := make(chan struct{})
	close(hurry)
	ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), hurryKey{}, hurry))
	reader, writer := io.Pipe()
	go func() {
		_, _ = reader.Read(make([]byte, 1)) // the program has begun to ignore interrupts
		cancel(errInterrupted)
		_, _ = io.Copy(io.Discard, reader)
	}()
	err := program{
		path: "sh", arguments: []string{"-c", `trap "" INT; echo ready; while :; do sleep 1; done`, folder},
		folder: folder, output: writer,
	}.run(ctx)
	if err != errInterrupted {
		t.Errorf("run = %v, want %v", err, errInterrupted)
	}
	for tries := 0; ; tries++ {
		table, err := processes.Read()
		if err != nil {
			t.Fatal(err)
		}
		left := slices.DeleteFunc(slices.Collect(commands(table)), func(command string) bool { return !strings.Contains(command, folder) })
		if len(left) == 0 {
			return
		}
		if tries == 200 {
			t.Fatalf("processes are left: %v", left)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func commands(table processes.Table) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, process := range table {
			if !yield(process.Command) {
				return
			}
		}
	}
}

func TestTwoCommandsAtOnceAreRefused(t *testing.T) {
	c := newCheckout(t)
	err := c.exclusively(func() error {
		return c.exclusively(func() error {
			t.Error("the second command ran during the first")
			return nil
		})
	})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("error = %v, want one that names the process that holds the lock", err)
	}
	if err := c.exclusively(func() error { return nil }); err != nil {
		t.Errorf("the lock was not given back: %v", err)
	}
}

func TestADestroyLeavesNothing(t *testing.T) {
	c := newCheckout(t)
	c.deployed()
	c.write(configurationFile, "broken since") // a destroy does not synthesize
	if err := c.destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantCalls("destroy")
	c.wantSaid("tap-dev is destroyed: 1 destroyed", "Nothing is left in the emulator", "The emulator is stopped")
	for _, name := range []string{"terraform.tap-dev.tfstate", "cdktf.out", "deployment.json", "outputs.json"} {
		if c.exists(".local/" + name) {
			t.Errorf(".local/%s is left", name)
		}
	}
	c.wantNoProcess()
}

func TestADestroyListsWhatTerraformDoesNotKnow(t *testing.T) {
	c := newCheckout(t)
	instance := c.deployed()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut,
		fmt.Sprintf("http://127.0.0.1:%d/made-by-hand", instance.Port), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantSaid("made-by-hand")
}

func TestADestroyWorksWithoutTheEmulator(t *testing.T) {
	c := newCheckout(t)
	instance := c.deployed()
	if err := emulator.StopInstance(instance); err != nil {
		t.Fatal(err)
	}
	if err := c.destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantCalls()
	c.wantSaid("The emulator is gone")
	if c.exists(".local/terraform.tap-dev.tfstate") {
		t.Error("the state is left")
	}
	if err := c.destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantSaid("Nothing is deployed locally")
}

func TestAFailedDestroyKeepsTheEmulatorAndSaysWhatToDo(t *testing.T) {
	c := newCheckout(t)
	instance := c.deployed()
	c.write(failureFile, "Error: in use")
	err := c.destroy(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Error: in use") || !strings.Contains(err.Error(), "go run ./internal/local stop") {
		t.Errorf("error = %v, want one with the cause and the way out", err)
	}
	if !c.running(instance) {
		t.Error("the emulator is gone although something is left in it")
	}
}

func TestStatusTellsWhatTheEmulatorHolds(t *testing.T) {
	c := newCheckout(t)
	if err := c.status(t.Context()); err == nil || !strings.Contains(err.Error(), "make local") {
		t.Errorf("status without an emulator = %v, want an error that says how to start it", err)
	}
	c.deployed()
	if err := c.status(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.wantSaid("  logs                     1\n", "vpc-1")
}

func TestAProgramTalksToTheEmulator(t *testing.T) {
	c := newCheckout(t)
	instance := c.deployed()
	t.Setenv("AWS_PROFILE", "work")
	if err := c.exec(t.Context(), []string{"sh", "-c", "echo $AWS_ENDPOINT_URL $AWS_PROFILE."}, io.Discard); err != nil {
		t.Fatal(err)
	}
	c.wantSaid(fmt.Sprintf("http://127.0.0.1:%d .\n", instance.Port))
	err := c.exec(t.Context(), []string{"sh", "-c", "exit 7"}, io.Discard)
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 {
		t.Errorf("exec = %v, want the program's exit status 7", err)
	}
}

func TestTheCommandLineIsInstalledWhenItIsNotWhatTheLockFilePins(t *testing.T) {
	for name, test := range map[string]struct {
		pinned, installed string
		want              bool
	}{
		"as pinned":           {lockFile, lockFile, true},
		"another version":     {lockFile, strings.ReplaceAll(lockFile, "0.21.0", "0.20.0"), false},
		"another content":     {lockFile, strings.ReplaceAll(lockFile, "sha512-x", "sha512-y"), false},
		"a package missing":   {lockFile, `{"packages":{}}`, false},
		"not JSON":            {lockFile, `{`, false},
		"an optional missing": {`{"packages":{"node_modules/x":{"version":"1","optional":true}}}`, `{"packages":{}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t)
			c.write("package-lock.json", test.pinned)
			c.write("node_modules/.package-lock.json", test.installed)
			if got := commandLineInstalled(c.root); got != test.want {
				t.Errorf("installed = %v, want %v", got, test.want)
			}
			if err := c.installCommandLine(t.Context()); err != nil {
				t.Fatal(err)
			}
			if called := slices.Equal(c.calls(), []string{"npm"}); called == test.want {
				t.Errorf("npm called: %v, want %v", called, !test.want)
			}
		})
	}
}

func TestAFailedInstallationNamesItsLog(t *testing.T) {
	c := newCheckout(t)
	c.write("node_modules/.package-lock.json", "{}")
	c.write(failureFile, "")
	err := c.installCommandLine(t.Context())
	if err == nil || !strings.Contains(err.Error(), "npm ci") || !strings.Contains(err.Error(), ".local/npm.log") {
		t.Errorf("error = %v, want one that names npm ci and its log", err)
	}
}

func TestAWrongCommandShowsTheUsage(t *testing.T) {
	for _, arguments := range [][]string{{}, {"nonsense"}, {"up", "too", "many"}, {"exec"}} {
		var output bytes.Buffer
		if status := run(arguments, io.Discard, &output); status != 2 || !strings.Contains(output.String(), "usage: local COMMAND") {
			t.Errorf("run(%q) = %d, said %q; want 2 and the usage", arguments, status, output.String())
		}
	}
}

func TestProgressReadsPiecesOfAnySize(t *testing.T) {
	const said = "tap-dev  Initializing the backend...\n" +
		"         Plan: 1 to import, 10 to add, 1 to change, 1 to destroy.\n" +
		"tap-dev  aws_vpc.network_1 (network/vpc): Creating...\n" +
		"         aws_vpc.network_1 (network/vpc): Creation complete after 1m2s [id=vpc-1]\n" +
		"tap-dev  aws_lb.x: Modifications complete after 0s [id=y]\n" +
		"         aws_lb.x (deposed object 12345678): Destruction complete after 3s\n" +
		"tap-dev  Apply complete! Resources: 10 added, 1 changed, 1 destroyed.\n"
	const want = "  initializing Terraform; the first time, it downloads the AWS provider (some 100 MB)\n" +
		"  plan: 1 to import, 10 to add, 1 to change, 1 to destroy\n" +
		"  [ 1/12] created aws_vpc network/vpc (1m2s)\n" +
		"  [ 2/12] changed aws_lb.x (0s)\n" +
		"  [ 3/12] destroyed aws_lb.x (deposed object 12345678) (3s)\n"
	for _, size := range []int{1, 7, len(said)} {
		var output bytes.Buffer
		p := newProgress(&output, "tap-dev")
		for piece := range slices.Chunk([]byte(said), size) {
			if _, err := p.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
		if output.String() != want {
			t.Errorf("in pieces of %d bytes, said:\n%s\nwant:\n%s", size, output.String(), want)
		}
		if got, want := p.result(), "10 added, 1 changed, 1 destroyed"; got != want {
			t.Errorf("result = %q, want %q", got, want)
		}
	}
}

func TestALongSilenceIsBrokenByWhatIsWaitedFor(t *testing.T) {
	var output bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &progress{output: &output, stack: "tap-dev", waiting: map[string]time.Time{}, now: func() time.Time { return now }, lastSaid: now}
	p.read("tap-dev  aws_lb.x (load-balancer): Creating...")
	now = now.Add(silence - time.Second)
	p.breakSilence()
	if output.Len() > 0 {
		t.Errorf("said %q too soon", output.String())
	}
	now = now.Add(time.Second)
	p.breakSilence()
	if want := "  waiting for aws_lb load-balancer (15s)\n"; output.String() != want {
		t.Errorf("said %q, want %q", output.String(), want)
	}
}
