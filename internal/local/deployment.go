package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tap/config"
	"tap/internal/emulator"
	"tap/internal/repository"
)

// What is deployed, and where that is kept, seen from the checkout.
const (
	suffix      = "dev"
	synthesized = ".local/cdktf.out"
	stackFolder = synthesized + "/stacks/tap-" + suffix
	state       = ".local/terraform.tap-" + suffix + ".tfstate" // the stack says ../../../terraform.tap-dev.tfstate
	emulatorLog = ".local/emulator.log"
)

// exclusively carries out a command while no other that changes the deployment runs.
func exclusively(command func() error) error {
	if err := os.MkdirAll(".local", 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(".local/lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close() // gives the lock back; so does the end of the process, however it ends
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(file)
		return fmt.Errorf("the local deployment of this checkout is being changed by process %s: "+
			"wait for it, or interrupt it", strings.TrimSpace(string(holder)))
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(file, os.Getpid()); err != nil {
		return err
	}
	return command()
}

// up deploys the environment as the checkout describes it.
func up(ctx context.Context) error {
	e, started, err := startEmulator(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("The emulator runs at %s (process %d, log: %s)\n", e.URL(), e.PID, emulatorLog)
	switch err := deploy(ctx, e); {
	case err != nil && started: // a failed first deployment leaves no process behind
		return errors.Join(err, stop(), errors.New("mend that and run `make local` again: it starts anew"))
	case err != nil:
		return fmt.Errorf("%w\nThe emulator still runs: `make local` continues, `make local-destroy` takes all down", err)
	}
	if err := showCalls(ctx, e); err != nil {
		return err
	}
	fmt.Printf(`
Try next:
  %s/moto-api/ in a browser: everything the emulator has been asked to make
  go run ./internal/local exec %s -chdir=%s state list
  go run ./internal/local exec aws ecs list-clusters --region us-east-1
    (or any other program: it talks to the emulator instead of AWS)
Change environments/%s.yaml or a construct and run make local again; make local-destroy takes everything down.
`, e.URL(), repository.Terraform(), stackFolder, suffix)
	return nil
}

// showCalls says which calls AWS would have refused.
func showCalls(ctx context.Context, e *emulator.Emulator) error {
	calls, err := e.Calls(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d calls of %d operations were held against AWS's models of them: %d violations\n",
		calls.Count, len(calls.Operations), len(calls.Violations))
	for _, violation := range calls.Violations {
		fmt.Println("  AWS would refuse", violation)
	}
	return nil
}

func deploy(ctx context.Context, e *emulator.Emulator) error {
	source, err := findProvider(ctx)
	if err != nil {
		return err
	}
	fmt.Println(source)
	variables, err := source.Environment(environment(e), ".local")
	if err != nil {
		return err
	}
	if err := runProgram(ctx, variables, ".", "go", "run", ".", "-unlocked"); err != nil {
		return err
	}
	_, unlocked := os.Stat(stackFolder + "/.terraform.lock.hcl")
	err = terraform(ctx, variables, "init")
	if err != nil && unlocked == nil {
		// The provider that is locked may be of another version than the mirror has now, or the stack asks for.
		err = terraform(ctx, variables, "init", "-upgrade")
	}
	if err != nil {
		return err
	}
	return terraform(ctx, variables, "apply", "-auto-approve")
}

// startEmulator returns the running emulator that has the deployment, or starts a new, empty one.
func startEmulator(ctx context.Context) (e *emulator.Emulator, started bool, err error) {
	version, err := emulator.Version()
	if err != nil {
		return nil, false, err
	}
	var lost string
	e, err = emulator.Attach(emulatorLog)
	if errors.Is(err, emulator.ErrGone) {
		lost = "it does not run any more"
	} else if err != nil {
		return nil, false, err
	} else if e.Version != version {
		lost = "its version has changed"
	} else if emptied, err := isEmptied(ctx, e); err != nil {
		return nil, false, err
	} else if emptied {
		lost = "it has been reset"
	} else {
		return e, false, nil
	}

	if os.Rename(state, state+".forgotten") == nil {
		fmt.Printf("The emulator lost what was deployed (%s): deploying anew; the old state is now %s.forgotten\n",
			lost, state)
	}
	if err := stop(); err != nil {
		return nil, false, err
	}
	e, err = emulator.Start(ctx, emulator.Options{Log: emulatorLog, Detached: true})
	return e, true, err
}

// isEmptied reports whether the emulator contains nothing although the state lists what was deployed to it.
func isEmptied(ctx context.Context, e *emulator.Emulator) (bool, error) {
	content, err := os.ReadFile(state)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var deployed struct{ Resources []any }
	if err := errors.Join(err, json.Unmarshal(content, &deployed)); err != nil {
		return false, fmt.Errorf("read %s: %w\nForget it with: go run ./internal/local stop", state, err)
	}
	resources, err := e.Inventory(ctx)
	return len(resources) == 0 && len(deployed.Resources) > 0, err
}

// destroy destroys what was deployed last, even while the environment files are broken, and stops the emulator.
func destroy(ctx context.Context) error {
	e, err := attach()
	if err != nil {
		return err
	} else if e == nil {
		return stop()
	}
	if _, err := os.Stat(state); err == nil {
		if err := terraform(ctx, environment(e), "destroy", "-auto-approve"); err != nil {
			return fmt.Errorf("%w\nThe emulator still runs: run `make local-destroy` again, or stop it, which forgets "+
				"everything: go run ./internal/local stop", err)
		}
	}
	left, err := e.Inventory(ctx)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		fmt.Println("\nNothing is left in the emulator.")
	} else {
		fmt.Println("\nLeft in the emulator, by hand or by mistake, and gone with it:")
	}
	for _, resource := range left {
		fmt.Println(" ", resource)
	}
	return stop()
}

// stop stops the emulator and forgets what was deployed to it, but not which provider was taken.
func stop() error {
	e, err := emulator.Attach(emulatorLog)
	if err == nil {
		err = e.Stop()
		fmt.Println("The emulator is stopped.")
	}
	if err != nil && !errors.Is(err, emulator.ErrGone) {
		return err
	}
	return errors.Join(os.RemoveAll(state), os.RemoveAll(state+".backup"),
		os.RemoveAll(filepath.Join(".local", "."+filepath.Base(state)+".lock.info")))
}

// status says what runs and what it contains.
func status(ctx context.Context) error {
	e, err := attach()
	if e == nil {
		return err
	}
	resources, err := e.Inventory(ctx)
	if err != nil {
		return err
	}
	perService := map[string]int{}
	for _, resource := range resources {
		perService[resource.Service]++
	}
	fmt.Printf("The emulator runs at %s (process %d, log: %s) and contains:\n", e.URL(), e.PID, emulatorLog)
	for _, service := range slices.Sorted(maps.Keys(perService)) {
		fmt.Printf("  %-24s %d\n", service, perService[service])
	}
	if _, err := os.Stat(state); err != nil {
		fmt.Println("Nothing is deployed to it: run `make local`.")
		return nil
	}
	return terraform(ctx, environment(e), "output")
}

// execute runs a program that talks to the emulator.
func execute(arguments []string) error {
	e, err := attach()
	if e == nil {
		return errors.Join(err, errors.New("there is nothing to talk to"))
	}
	return inForeground(arguments, environment(e))
}

// inForeground runs a program with this one's input and output. An interrupt reaches it too, and it decides what that
// means.
func inForeground(program, variables []string) error {
	command := exec.Command(program[0], program[1:]...)
	command.Stdin, command.Stdout, command.Stderr, command.Env = os.Stdin, os.Stdout, os.Stderr, variables
	return command.Run()
}

// attach returns the running emulator, or none after it has said that none runs.
func attach() (*emulator.Emulator, error) {
	e, err := emulator.Attach(emulatorLog)
	if errors.Is(err, emulator.ErrGone) {
		fmt.Println("The emulator does not run, and nothing is deployed locally: `make local` starts it.")
		return nil, nil
	}
	return e, err
}

// environment is that of every program: without anything of the user's AWS account, of another run of cdktf or of
// another environment.
func environment(e *emulator.Emulator) []string {
	variables := slices.DeleteFunc(e.Environment(), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		if name == "TF_CLI_CONFIG_FILE" { // Terraform warns of a file that does not exist
			_, err := os.Stat(value)
			return err != nil
		}
		return strings.HasPrefix(name, "CDKTF_")
	})
	return append(variables,
		"CDKTF_OUTDIR="+synthesized,
		config.SuffixVariable+"="+suffix, // tap-dev is made even where no file describes it
		"CHECKPOINT_DISABLE=1",           // Terraform does not ask whether it is the newest
		"TF_IN_AUTOMATION=1",             // nor does it say what to type next
	)
}

func terraform(ctx context.Context, variables []string, arguments ...string) error {
	return runProgram(ctx, variables, stackFolder, repository.Terraform(), arguments...)
}

// runProgram runs a program that prints to the terminal. An interrupt in the terminal reaches the program by itself,
// which then ends in order: it is in the same process group.
func runProgram(ctx context.Context, variables []string, folder, name string, arguments ...string) error {
	command := exec.Command(name, arguments...)
	command.Dir, command.Env = folder, variables
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err := command.Run()
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", name, arguments[0], err)
	}
	return nil
}
