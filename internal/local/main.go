// Command local deploys the environment dev to an AWS emulator on this machine and takes it down again, without an
// AWS account. Everything that it makes is below .local, the state and Terraform's folder included, so that they
// cannot be taken for those of AWS. `make local` checks and installs what it needs first.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"tap/config"
	"tap/internal/emulator"
	"tap/internal/provider"
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

const usage = `usage: local COMMAND

  up                      start the emulator and deploy tap-dev to it, or deploy what has changed
  status                  say what runs and what it contains
  exec PROGRAM ...        run a program (aws, terraform) that then talks to the emulator
  destroy                 destroy tap-dev and stop the emulator
  stop                    stop the emulator without destroying anything first
  provider [PROGRAM ...]  run a program (a test) in which Terraform gets the AWS provider from the source that is found,
                          or say which source that is, and how to deploy to AWS with it`

func main() {
	// A Ctrl-C reaches Terraform as well, which then ends in order: this process waits for it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := repository.Root()
	if err == nil {
		err = os.Chdir(root)
	}
	if err == nil {
		err = carryOut(ctx, os.Args[1:])
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit) && len(os.Args) > 2: // of a program that was run
		os.Exit(exit.ExitCode())
	default:
		fmt.Fprintf(os.Stderr, "\n%v\n", err)
		os.Exit(1)
	}
}

func carryOut(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errors.New(usage)
	}
	switch command, program := arguments[0], arguments[1:]; {
	case command == "exec" && len(program) > 0:
		return execute(ctx, program)
	case command == "provider":
		return showProvider(ctx, program)
	case len(program) > 0:
	case command == "up":
		return exclusively(func() error { return up(ctx) })
	case command == "status":
		return status(ctx)
	case command == "destroy":
		return exclusively(func() error { return destroy(ctx) })
	case command == "stop":
		return exclusively(stop)
	}
	return errors.New(usage)
}

// exclusively carries out a command while no other that changes the deployment runs.
func exclusively(command func() error) error {
	const name = ".local/lock"
	if err := os.MkdirAll(".local", 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close() // gives the lock back; so does the end of the process, however it ends
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(name)
		return fmt.Errorf("the local deployment of this checkout is being changed by process %s: "+
			"wait for it, or interrupt it", holder)
	}
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return err
	}
	return command()
}

// showProvider runs a program in which Terraform gets the provider from the source that is found. Without a program it
// says which source that is, and with what commands a stack is deployed to AWS.
func showProvider(ctx context.Context, program []string) error {
	source, err := provider.Find(ctx)
	if err != nil {
		return err
	}
	variables, err := source.Environment(os.Environ())
	if err != nil {
		return err
	}
	if len(program) == 0 {
		fmt.Print(source.Instructions())
		return nil
	}
	fmt.Println(source)
	return run(ctx, variables, ".", program...)
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
		return errors.Join(err, stop(), errors.New("`make local` starts anew"))
	case err != nil:
		return fmt.Errorf("%w\nThe emulator still runs: `make local` continues, `make local-destroy` takes all down", err)
	}
	calls, err := e.Calls(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d calls of %d operations were held against AWS's models of them: %d violations\n",
		calls.Count, len(calls.Operations), len(calls.Violations))
	for _, violation := range calls.Violations {
		fmt.Println("  AWS would refuse", violation)
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

func deploy(ctx context.Context, e *emulator.Emulator) error {
	source, err := provider.Find(ctx)
	if err != nil {
		return err
	}
	fmt.Println(source)
	variables, err := source.Environment(environment(e))
	if err != nil {
		return err
	}
	if err := run(ctx, variables, ".", "go", "run", ".", "-unlocked"); err != nil {
		return err
	}
	if terraform(ctx, variables, "init") != nil {
		// The provider that is locked may be of another version than the mirror has now, or the stack asks for.
		if err := terraform(ctx, variables, "init", "-upgrade"); err != nil {
			return err
		}
	}
	return terraform(ctx, variables, "apply", "-auto-approve")
}

// startEmulator returns the running emulator that has the deployment, or starts a new, empty one.
func startEmulator(ctx context.Context) (e *emulator.Emulator, started bool, err error) {
	version, err := emulator.Version()
	if err != nil {
		return nil, false, err
	}
	e, err = emulator.Attach(emulatorLog)
	if err == nil && e.Version == version {
		return e, false, nil
	}
	if _, missing := os.Stat(state); missing == nil {
		fmt.Println("The emulator lost what was deployed (it has ended, or is of another version): deploying anew")
	}
	if err := stop(); err != nil {
		return nil, false, err
	}
	e, err = emulator.Start(ctx, emulator.Options{Log: emulatorLog, Detached: true})
	return e, true, err
}

// destroy destroys what was deployed last, even while the environment files are broken, and stops the emulator.
func destroy(ctx context.Context) error {
	e, err := attach()
	if e == nil {
		return cmp.Or(err, stop())
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
func execute(ctx context.Context, program []string) error {
	e, err := attach()
	if e == nil {
		return cmp.Or(err, errors.New("there is nothing to talk to"))
	}
	return run(ctx, environment(e), ".", program...)
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
		return strings.HasPrefix(entry, "CDKTF_")
	})
	if _, err := os.Stat(os.Getenv("TF_CLI_CONFIG_FILE")); err != nil { // Terraform warns of a file that does not exist
		variables = append(variables, "TF_CLI_CONFIG_FILE=")
	}
	return append(variables,
		"CDKTF_OUTDIR="+synthesized,
		config.SuffixVariable+"="+suffix, // tap-dev is made even where no file describes it
		"CHECKPOINT_DISABLE=1",           // Terraform does not ask whether it is the newest
		"TF_IN_AUTOMATION=1",             // nor does it say what to type next
	)
}

func terraform(ctx context.Context, variables []string, arguments ...string) error {
	return run(ctx, variables, stackFolder, append([]string{repository.Terraform()}, arguments...)...)
}

// run runs a program with this one's input and output. An interrupt in the terminal reaches it by itself, as it is in
// the same process group, and it decides what that means.
func run(ctx context.Context, variables []string, folder string, program ...string) error {
	command := exec.CommandContext(ctx, program[0], program[1:]...) // the next program is not started
	command.Cancel = func() error { return nil }
	command.Dir, command.Env = folder, variables
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	switch {
	case ctx.Err() != nil: // Terraform ends an init as if there had been no interrupt
		return errors.New("interrupted")
	case err != nil:
		return fmt.Errorf("%s: %w", strings.Join(program, " "), err)
	}
	return nil
}
