// Command local runs the programs that deploy stacks to AWS against an AWS emulator on this machine, without an AWS
// account. All that it makes is below .local, states and Terraform's folders included, so that it cannot be taken for
// what belongs to AWS. Make checks and installs what it needs first.
package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"tap/config"
	"tap/internal/emulator"
	"tap/internal/provider"
	"tap/internal/repository"
)

const (
	emulatorLog = ".local/emulator.log"
	local       = ".local/deployed" // what belongs to the running emulator: states, saved plans, Terraform's folders
	engineFile  = local + "/engine" // names the program that deploys: Terraform or OpenTofu
	output      = local + "/cdktf.out"

	configuration = "cdk.tf.json"    // of a stack, as it was synthesized last,
	deployed      = ".deployed.json" // and as it was deployed last
)

// first is the stack that is meant where none is named.
var first = config.Environment{Suffix: "dev"}.Stack()

// What is said about the commands, after a deployment, and of how other programs take the provider.
var (
	//go:embed usage.txt
	usage string
	//go:embed next.txt
	next string
	//go:embed provider.txt
	providerTaken string
)

func main() {
	// A Ctrl-C reaches Terraform as well, which then ends in order: this process waits for it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := repository.Root()
	if err = cmp.Or(err, os.Chdir(root)); err == nil {
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
	case command == "plan" && len(program) > 0:
		return plan(ctx, run, program...)
	case command == "exec" && len(program) > 0:
		return execute(ctx, program)
	case command == "provider":
		return showProvider(ctx, program)
	case len(program) > 0:
	case command == "up":
		return up(ctx)
	case command == "status":
		return status(ctx)
	case command == "stop":
		return errors.Join(lock(), stop())
	}
	return errors.New(usage)
}

// lock keeps other commands that change what is deployed out until this process ends.
func lock() error {
	file, err := syscall.Open(".local/lock", syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err == nil {
		err = syscall.Flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return fmt.Errorf("another command changes what is deployed locally: wait for it, or interrupt it (%w)", err)
	}
	return nil
}

// showProvider runs a program in which Terraform takes the provider that is found. Without a program it says where that
// is from, and how other programs take it.
func showProvider(ctx context.Context, program []string) error {
	aws, err := provider.Find(ctx)
	if err != nil {
		return err
	}
	fmt.Println(aws)
	if len(program) > 0 {
		return run(ctx, append(os.Environ(), aws.Variable()), program...)
	}
	fmt.Printf(providerTaken, strings.Replace(aws.Variable(), "=", "='", 1))
	return nil
}

// plan synthesizes a stack, the last argument, makes in the emulator what that names and does not make, and runs the
// program plan.
func plan(ctx context.Context, runPlan runner, arguments ...string) error {
	stack := arguments[len(arguments)-1]
	if !slices.Contains(arguments, "-destroy") {
		if err := start(ctx); err != nil {
			return err
		}
	}
	e, err := attach()
	if e == nil {
		return err
	}
	aws, err := provider.Find(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s\nThe emulator runs at %s (process %d, log: %s)\n", aws, e.URL(), e.PID, emulatorLog)
	if err := run(ctx, environment(e, stack), ".local/bin/tap", stack); err != nil {
		return err
	}
	declared, err := os.ReadFile(file(stack, configuration))
	if err != nil {
		return err
	}
	made, err := e.Give(ctx, declared)
	if err != nil {
		return err
	}
	if len(made) > 0 {
		fmt.Printf("Made in the emulator first, since %s names it: %s\n", stack, strings.Join(made, ", "))
	}
	// Whatever hashes a terraform.lock.hcl has, and without Terraform's advice to write some.
	hashes, err := os.ReadFile(aws.Lock())
	err = errors.Join(err, os.WriteFile(file(stack, ".terraform.lock.hcl"), hashes, 0o644))
	if !bytes.Contains(declared, []byte(`"account/terraform.tfstate"`)) { // which is in the bucket that has been made
		backend := fmt.Sprintf(`{"terraform": {"backend": {"local": {"path": %q}}}}`, config.LocalState(stack))
		err = errors.Join(err, os.WriteFile(file(stack, "backend_override.tf.json"), []byte(backend), 0o644))
	}
	if err != nil {
		return err
	}
	err = runPlan(ctx, append(environment(e, stack), aws.Variable()), append([]string{".local/bin/plan"}, arguments...)...)
	if err == nil && arguments[0] == "apply" {
		err = os.WriteFile(file(stack, deployed), declared, 0o644)
	}
	return err
}

// up deploys the first stack.
func up(ctx context.Context) error {
	err := os.RemoveAll(file(first, "saved.json")) // an earlier plan
	if err == nil {
		err = plan(ctx, quietly, "apply", first)
	}
	if err != nil {
		return fmt.Errorf("%w\n`make local` goes on; `make local-destroy` takes everything down", err)
	}
	return status(ctx)
}

// status says what is deployed, and whether the checkout differs from that.
func status(ctx context.Context) error {
	e, err := attach()
	if e == nil {
		return err
	}
	const checkout = ".local/checkout.out"
	defer os.RemoveAll(checkout)
	synthesis := command(ctx, append(environment(e, first), "CDKTF_OUTDIR="+checkout), ".local/bin/tap")
	if said, err := synthesis.CombinedOutput(); err != nil {
		fmt.Printf("%s", said) // what is wrong with a file
	}
	synthesized, _ := filepath.Glob(file("*", configuration))
	for _, path := range synthesized {
		stack := filepath.Base(filepath.Dir(path))
		terraform := []string{repository.Terraform(), "-chdir=" + filepath.Dir(path)}
		listed, _ := command(ctx, environment(e, stack), append(terraform, "state", "list")...).Output()
		perArea, all := map[string]int{}, resource.FindAllSubmatch(listed, -1)
		if len(all) == 0 {
			continue
		}
		for _, found := range all {
			perArea[string(found[1])]++
		}
		was, _ := os.ReadFile(file(stack, deployed))
		is, _ := os.ReadFile(filepath.Join(checkout, "stacks", stack, configuration))
		difference := "as the checkout describes it"
		if !bytes.Equal(was, is) {
			difference = "but the checkout describes it otherwise: make plan LOCAL=1 STACK=" + stack
		}
		fmt.Printf("\n%s is deployed with %d resources, %s:\n", stack, len(all), difference)
		for areas := range slices.Chunk(slices.Sorted(maps.Keys(perArea)), 4) {
			for _, area := range areas {
				fmt.Printf("  %-16s %3d", area, perArea[area])
			}
			fmt.Println()
		}
		fmt.Println()
		if err := run(ctx, environment(e, stack), append(terraform, "output", "-no-color")...); err != nil {
			return err
		}
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
	fmt.Printf(next, first, e.URL()+"/moto-api/")
	return nil
}

// start starts a new, empty emulator unless the one runs that has what is deployed.
func start(ctx context.Context) error {
	if err := lock(); err != nil {
		return err
	}
	version, err := emulator.Version()
	if err != nil {
		return err
	}
	if e, err := emulator.Attach(emulatorLog); err == nil && e.Version == version {
		return nil
	}
	if _, err := os.Stat(local); err == nil {
		fmt.Println("The emulator lost what was deployed (it has ended, or is of another version): deploying anew")
	}
	if err := errors.Join(stop(), os.Mkdir(local, 0o755)); err != nil {
		return err
	}
	_, err = emulator.Start(ctx, emulatorLog, true)
	return errors.Join(err, os.WriteFile(engineFile, []byte(repository.Terraform()), 0o644))
}

// attach returns the running emulator, or none after it has said that none runs. The program that has deployed first
// goes on: a state of Terraform is none of OpenTofu.
func attach() (*emulator.Emulator, error) {
	e, err := emulator.Attach(emulatorLog)
	if errors.Is(err, emulator.ErrGone) {
		fmt.Println("The emulator does not run, and nothing is deployed locally: `make local` starts it.")
		return nil, nil
	}
	const variable = "TERRAFORM_BINARY_NAME"
	kept, readErr := os.ReadFile(engineFile)
	if err := errors.Join(err, readErr); err != nil {
		return nil, err
	}
	if named := os.Getenv(variable); named != "" && named != string(kept) {
		return nil, fmt.Errorf("%s has deployed to the emulator, and %s is %s: unset it, or run make local-destroy",
			kept, variable, named)
	}
	return e, os.Setenv(variable, string(kept))
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
	return os.RemoveAll(local)
}

// execute runs a program that talks to the emulator, as the account and in the Region of the stack that STACK names.
func execute(ctx context.Context, program []string) error {
	e, err := attach()
	if e == nil {
		return cmp.Or(err, errors.New("there is nothing to talk to"))
	}
	stack := cmp.Or(os.Getenv("STACK"), first)
	if _, err := os.Stat(file(stack, configuration)); err != nil {
		return fmt.Errorf("%s is not deployed here: set STACK to one that make local-status shows", stack)
	}
	variables := environment(e, stack)
	if aws, err := provider.Find(ctx); err == nil { // few programs need it
		variables = append(variables, aws.Variable())
	}
	if filepath.Base(program[0]) == "aws" { // version 1 asks AWS itself for RDS and SQS, whatever the variables say
		program = slices.Insert(program, 1, "--endpoint-url", e.URL())
	}
	return run(ctx, variables, program...)
}

// environment is that of every program, with the Region and the account of a synthesized stack.
func environment(e *emulator.Emulator, stack string) []string {
	variables := e.Environment()
	if _, err := os.Stat(os.Getenv("TF_CLI_CONFIG_FILE")); err != nil { // Terraform warns of a file that does not exist
		variables = append(variables, "TF_CLI_CONFIG_FILE=")
	}
	var declared struct {
		Provider struct {
			AWS [1]struct { // a second one is of another Region
				Region   string
				Accounts [1]string `json:"allowed_account_ids"`
			}
		}
	}
	content, _ := os.ReadFile(file(stack, configuration))
	_ = json.Unmarshal(content, &declared) // nothing is declared before the first synthesis
	aws := declared.Provider.AWS[0]
	suffix := cmp.Or(os.Getenv(config.SuffixVariable), "dev") // which no file may describe
	return append(variables, "AWS_REGION="+aws.Region, "AWS_DEFAULT_REGION="+aws.Region,
		"AWS_ACCESS_KEY_ID=EMULATOR"+aws.Accounts[0], "CDKTF_OUTDIR="+output, config.SuffixVariable+"="+suffix,
		"CHECKPOINT_DISABLE=1", // Terraform does not ask whether it is the newest
		"TF_IN_AUTOMATION=1")   // nor does it say what to type next
}

// resource is one in a list of what a state contains, and its area.
var resource = regexp.MustCompile(`(?m)^\w+\.([A-Za-z0-9-]+)[\w-]*$`)

// file is one in the folder of a stack.
func file(stack, name string) string { return filepath.Join(output, "stacks", stack, name) }

// runner runs a program. An interrupt in the terminal reaches that by itself, as it is in the same process group, and
// it decides what that means.
type runner func(ctx context.Context, variables []string, program ...string) error

// run runs a program with this one's input and output.
func run(ctx context.Context, variables []string, program ...string) error {
	c := command(ctx, variables, program...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return ended(ctx, c, c.Run())
}

func command(ctx context.Context, variables []string, program ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program[0], program[1:]...) // the next program is not started
	c.Cancel, c.Env = func() error { return nil }, variables
	return c
}

// ended returns why a program has failed.
func ended(ctx context.Context, c *exec.Cmd, err error) error {
	switch {
	case ctx.Err() != nil: // Terraform ends an init as if there had been no interrupt
		return errors.New("interrupted")
	case err != nil:
		return fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return nil
}
