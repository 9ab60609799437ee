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
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

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
	if err := flags.Parse(arguments); err != nil {
		return 1, fmt.Errorf("%w\n%s", err, usage)
	}
	stack := flags.Arg(0)
	switch {
	case flags.NArg() == 0 || flags.NArg() > 1 && command != "comment":
		return 1, errors.New(usage)
	case command == "comment":
		return 0, c.write(os.Stdout, flags.Args())
	}
	if err := repository.CheckStack(stack); err != nil {
		return 1, err
	}
	if command == "apply" {
		return 0, apply(stack, destroy)
	}
	return plan(stack, destroy, folder)
}

// enter makes the folder of a synthesized stack the working folder, and prepares Terraform there.
func enter(stack string) error {
	stacks := cmp.Or(os.Getenv("CDKTF_OUTDIR"), "cdktf.out") + "/stacks/"
	if _, err := os.Stat(stacks + stack + "/" + configurationFile); err != nil {
		others, _ := filepath.Glob(stacks + "*")
		return fmt.Errorf("%s has not been synthesized; there are: %s", stack,
			strings.ReplaceAll(strings.Join(others, " "), stacks, ""))
	}
	err := os.Chdir(stacks + stack)
	if err == nil {
		err = checkVariables()
	}
	if err == nil {
		err = terraform(os.Stderr, "init", "-input=false", "-no-color")
	}
	return err
}

// failure is a run of Terraform that has failed, and what it has said of that.
type failure struct {
	error
	said string
}

// terraform runs Terraform in the stack's folder.
func terraform(stdout io.Writer, arguments ...string) error {
	// Ctrl-C reaches Terraform too, which ends in order. This program must not end before.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	var said bytes.Buffer
	command := exec.Command(repository.Terraform(), arguments...)
	// A fifth less time for twice the memory, under 1 GiB for each of its processes.
	command.Env = append([]string{"GOGC=400"}, os.Environ()...)
	command.Env = append(command.Env, "TF_IN_AUTOMATION=1") // no advice to call it directly
	command.Stdout, command.Stderr = stdout, io.MultiWriter(os.Stderr, &said)
	err := command.Run()
	switch {
	case len(interrupts) > 0: // Terraform ends an init as if there had been none
		return errors.New("interrupted")
	case err != nil:
		err = fmt.Errorf("%s %s: %w", repository.Terraform(), arguments[0], err)
		if arguments[0] == "init" {
			err = fmt.Errorf("%w\nIf it does not get the AWS provider: make provider says where this machine has one", err)
		}
		return failure{err, said.String()}
	}
	return nil
}

// plan saves a plan and says what it does. With a folder it writes the result there, also where planning has failed.
func plan(stack string, destroy bool, folder string) (status int, err error) {
	file, err := filepath.Abs(filepath.Join(folder, stack+".json"))
	if err == nil {
		err = enter(stack)
	}
	var r record
	if err == nil {
		r, err = newPlan(stack, destroy)
	}
	if err == nil {
		err = r.write(recordFile)
	}
	if err != nil {
		r = failed(stack, err)
	} else {
		target := verb[destroy]
		if os.Getenv("LOCAL") == "1" { // as make hands it on
			target += " LOCAL=1"
		}
		fmt.Printf("\nThis plan is saved: `make %s STACK=%s` applies exactly it.\n", target, stack)
	}
	if folder != "" {
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), r.write(file))
	}
	return r.Status, err
}

// verb is the target of make that applies a plan, by whether that destroys the stack.
var verb = map[bool]string{false: "deploy", true: "destroy"}

// progress is a line in which Terraform says what it reads.
var progress = regexp.MustCompile(
	`(?m)^\S+: (Refreshing|Reading|Still reading|Read complete|Opening|Closing|Configuration unknown).*\n`)

// newPlan makes a plan and says what it does. An older one is removed first: it must not be applied when this fails.
func newPlan(stack string, destroy bool) (r record, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("this is a fault of the program, please report it: %v", crash)
		}
	}()
	if err := forget(); err != nil {
		return r, err
	}
	r = record{Stack: stack, Destroy: destroy, Time: time.Now().UTC(), Files: digests()}
	fmt.Fprintf(os.Stderr, "Planning %s, which can take minutes\n", stack)
	arguments := []string{"plan", "-input=false", "-no-color", "-out=" + planFile}
	if destroy {
		arguments = append(arguments, "-destroy")
	}
	var text, shown bytes.Buffer
	if err := terraform(&text, arguments...); err != nil {
		return r, err // Terraform has said why; the part of a plan would hide it
	}
	if err := terraform(&shown, "show", "-no-color", "-json", planFile); err != nil {
		return r, err
	}
	var plan tfjson.Plan
	if err := json.Unmarshal(shown.Bytes(), &plan); err != nil {
		return r, fmt.Errorf("%s show -json: %w: use another release of it, or one of github.com/hashicorp/terraform-json",
			repository.Terraform(), err)
	}
	if at(decode(shown.Bytes()), "errored") == true { // which terraform-json does not know
		return r, errors.New("the plan is not complete: mend what it has said and " + again)
	}
	configuration, err := os.ReadFile(configurationFile)
	refreshed := !strings.Contains(os.Getenv("TF_CLI_ARGS")+os.Getenv("TF_CLI_ARGS_plan"), "-refresh=false")
	findings := judge(&plan, decode(configuration), refreshed)
	r.Status, r.Summary = statusOf(findings), summarize(stack, &plan, findings)
	r.Summary += map[bool]string{false: "\nWithout a refresh, nobody has looked at what AWS has now.\n"}[refreshed]
	r.Text = progress.ReplaceAllString(text.String(), "")
	r.Files[planFile] = digests()[planFile]
	r.Accounts = accounts(&plan)
	fmt.Printf("%s\n%s", r.Text, r.Summary)
	return r, err
}

// decode returns what a JSON text contains, and nil if it is none, which Terraform says better.
func decode(text []byte) (value any) {
	_ = json.Unmarshal(text, &value)
	return value
}
