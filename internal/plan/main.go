// Command plan says in plain words what a change does to a deployed stack, and applies what was reviewed:
//
//	plan [-destroy] [-result FOLDER] STACK   saves a plan; shows Terraform's own text, then what it does, worst first
//	plan apply [-destroy] STACK              applies exactly the saved plan; where there is none, plans and asks
//	plan comment [-title TEXT] [-commit SHA] [-run URL] [-limit BYTES] RESULT...
//	                                         writes one text in Markdown of several results, the files of -result
//
// The first two need a synthesis in cdktf.out. The exit status of the first is 0 if nothing changes, 10 if only what is
// harmless does, 11 if somebody has to read it, and 12 if it loses data, interrupts traffic or weakens protection.
// Every other status is an error.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"

	"tap/internal/repository"
)

const usage = `usage: plan [-destroy] [-result FOLDER] STACK
       plan comment [-title TEXT] [-commit SHA] [-run URL] [-limit BYTES] RESULT...
       plan apply [-destroy] STACK`

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		status = 1
	}
	os.Exit(status)
}

// run carries out a command and returns its exit status.
func run(arguments []string) (status int, err error) {
	command := "plan"
	if len(arguments) > 0 && (arguments[0] == "apply" || arguments[0] == "comment") {
		command, arguments = arguments[0], arguments[1:]
	}
	var c comment
	var destroy bool
	var folder string
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	switch command {
	case "comment":
		flags.StringVar(&c.title, "title", "", "")
		flags.StringVar(&c.commit, "commit", "", "")
		flags.StringVar(&c.run, "run", "", "")
		flags.IntVar(&c.limit, "limit", 65536, "") // GitHub takes as many characters
	case "plan":
		flags.StringVar(&folder, "result", "", "")
		fallthrough
	default:
		flags.BoolVar(&destroy, "destroy", false, "")
	}
	if err := flags.Parse(arguments); err != nil || flags.NArg() == 0 || flags.NArg() > 1 && command != "comment" {
		return 1, errors.Join(err, errors.New(usage))
	}
	if command == "comment" {
		text, err := c.of(flags.Args())
		if err == nil {
			_, err = fmt.Print(text)
		}
		return 0, err
	}
	stack := flags.Arg(0)
	if err := repository.CheckStack(stack); err != nil {
		return 1, err
	}
	if command == "apply" {
		return 0, apply(stack, destroy)
	}
	return plan(stack, destroy, folder)
}

// verb is the target of make that applies a plan, by whether that destroys the stack.
var verb = map[bool]string{false: "deploy", true: "destroy"}

// plan saves a plan and says what it does. With a folder it writes the result there, also where planning has failed.
func plan(stack string, destroy bool, folder string) (status int, err error) {
	var r result
	file, err := filepath.Abs(filepath.Join(folder, stack+".json"))
	if err = errors.Join(err, enter(stack)); err == nil {
		r, err = newPlan(stack, destroy, true)
	}
	local := map[string]string{"1": " LOCAL=1"}[os.Getenv("LOCAL")] // as make hands it on
	if err != nil {
		r = failed(stack, err)
	} else {
		fmt.Printf("\nThis plan is saved: `make %s%s STACK=%s` applies exactly it.\n", verb[destroy], local, stack)
	}
	if folder != "" {
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), write(file, r))
	}
	return r.Status, err
}

// apply applies the saved plan. Where there is none, it plans and asks.
func apply(stack string, destroy bool) error {
	if err := enter(stack); err != nil {
		return err
	}
	r, s, ask := result{}, saved{}, false
	err := read(recordFile, &s)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.Destroy != destroy {
		r, err = newPlan(stack, destroy, false)
		ask = r.Status > 0
	} else if err == nil {
		r, err = s.reopen(stack)
		ask = r.Status > 10 && isatty.IsTerminal(os.Stdin.Fd())
	}
	if err != nil {
		return err
	}
	if ask {
		fmt.Printf("\nOnly yes lets Terraform %s %s: ", verb[destroy], stack)
		answer := ""
		if _, err := fmt.Scanln(&answer); err != nil || answer != "yes" {
			return fmt.Errorf("the answer was not yes: %s stays as it is", stack)
		}
	}
	if err := terraform(os.Stdout, "apply", "-input=false", "-no-color", planFile); err != nil {
		return fmt.Errorf("%w\nIf the plan is stale, %s", err, again)
	}
	return forget()
}

// enter makes the folder of a synthesized stack the working folder, and prepares Terraform there.
func enter(stack string) error {
	stacks := cmp.Or(os.Getenv("CDKTF_OUTDIR"), "cdktf.out") + "/stacks/"
	if err := os.Chdir(stacks + stack); err != nil {
		others, _ := filepath.Glob(stacks + "*")
		return fmt.Errorf("%s has not been synthesized; there are: %s", stack,
			strings.ReplaceAll(strings.Join(others, " "), stacks, ""))
	}
	if err := checkVariables(); err != nil {
		return err
	}
	err := terraform(os.Stderr, "init", "-input=false", "-no-color")
	if err != nil {
		err = fmt.Errorf("%w\nIf it does not get the AWS provider: make provider says where this machine has one", err)
	}
	return err
}

// terraform runs Terraform in the stack's folder. An error has what Terraform has said of it.
func terraform(stdout io.Writer, arguments ...string) error {
	// Ctrl-C reaches Terraform too, which ends in order. This program must not end before.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	var said bytes.Buffer
	command := exec.Command(repository.Terraform(), arguments...)
	// A fifth less time for twice the memory, under 1 GiB for each of its processes; no advice to call it directly.
	command.Env = slices.Concat([]string{"GOGC=400"}, os.Environ(), []string{"TF_IN_AUTOMATION=1"})
	command.Stdout, command.Stderr = stdout, &said
	err := command.Run()
	if len(interrupts) > 0 { // Terraform ends an init as if there had been none
		err = errors.New("interrupted")
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", repository.Terraform(), arguments[0], err, said.String())
	}
	_, err = os.Stderr.Write(said.Bytes())
	return err
}
