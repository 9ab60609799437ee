// Command plan says in plain words what a change does to a deployed stack, and applies what was reviewed:
//
//	plan [-markdown] STACK   saves a plan, says what it does, worst first, and shows Terraform's own text
//	plan apply STACK         applies exactly the saved plan; where there is none Terraform plans and asks
//
// Both need a synthesis in cdktf.out. The exit status of the first is 0 without changes, 2 with harmless ones only, 3
// with any that loses data, interrupts traffic or weakens protection, and 1 after an error.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

func main() {
	status, err := 1, errors.New("usage: plan [-markdown] STACK\n       plan apply STACK")
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1:
		status, err = plan(arguments[0], false)
	case len(arguments) == 2 && slices.Contains([]string{"-markdown", "--markdown"}, arguments[0]):
		status, err = plan(arguments[1], true)
	case len(arguments) == 2 && arguments[0] == "apply":
		status, err = 0, apply(arguments[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		status = 1
	}
	os.Exit(status)
}

// All are in the folder of the stack. The record is the configuration that the saved plan is of; it is written last,
// so a plan without it is not complete.
const (
	configurationFile = "cdk.tf.json"
	planFile          = "saved.tfplan"
	recordFile        = "saved.json"
)

// enter makes the folder of a synthesized stack the working folder, and returns the stack's configuration.
func enter(stack string) ([]byte, error) {
	stacks, _ := filepath.Glob("cdktf.out/stacks/*")
	folder := "cdktf.out/stacks/" + stack
	if !slices.Contains(stacks, folder) {
		return nil, fmt.Errorf("no stack %q has been synthesized; there are %q", stack, stacks)
	}
	if err := os.Chdir(folder); err != nil {
		return nil, err
	}
	return os.ReadFile(configurationFile)
}

// terraform runs Terraform in the stack's folder.
func terraform(stdout io.Writer, arguments ...string) error {
	// Ctrl-C reaches Terraform too, which ends in order. This program must not end before.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	command := exec.Command(repository.Terraform(), arguments...)
	command.Env = append(os.Environ(), "TF_IN_AUTOMATION=1") // no advice to call it directly
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, stdout, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", repository.Terraform(), arguments[0], err)
	}
	return nil
}

// progress is a line in which Terraform says what it reads.
var progress = regexp.MustCompile(
	`(?m)^\S+: (Refreshing|Reading|Still reading|Read complete|Opening|Closing|Configuration unknown).*\n`)

// plan saves a plan and says what it does. An older one is removed first: it must not be applied when this fails.
func plan(stack string, markdown bool) (status int, err error) {
	configuration, err := enter(stack)
	if err == nil {
		err = forget()
	}
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "Planning %s, which can take minutes\n", stack)
	if err := terraform(os.Stderr, "init", "-input=false", "-no-color"); err != nil {
		return 0, err
	}
	var text, shown bytes.Buffer
	if err := terraform(&text, "plan", "-input=false", "-no-color", "-out="+planFile); err != nil {
		return 0, err // Terraform has said why; the part of a plan would hide it
	}
	if err := terraform(&shown, "show", "-json", planFile); err != nil {
		return 0, err
	}
	var plan tfjson.Plan
	if err := json.Unmarshal(shown.Bytes(), &plan); err != nil {
		return 0, fmt.Errorf("%s show -json: %w: use another release of it, or one of github.com/hashicorp/terraform-json",
			repository.Terraform(), err)
	}
	findings := judge(&plan, decode(configuration), true)
	said := summarize(stack, &plan, findings)
	own := progress.ReplaceAllString(text.String(), "")
	if markdown {
		said = comment(said, own)
	} else {
		said += own
	}
	if _, err := fmt.Print(said); err != nil {
		return 0, err
	}
	return statusOf(findings), os.WriteFile(recordFile, configuration, 0o644)
}

// apply applies the saved plan. Where there is none Terraform plans and asks.
func apply(stack string) error {
	configuration, err := enter(stack)
	if err != nil {
		return err
	}
	arguments := []string{"apply"}
	if _, err := os.Stat(planFile); err == nil {
		if err := check(configuration); err != nil {
			return fmt.Errorf("%w\nPlan %s again, or remove cdktf.out/stacks/%[2]s/%s", err, stack, planFile)
		}
		arguments = append(arguments, planFile)
	}
	if err := terraform(os.Stderr, "init", "-input=false", "-no-color"); err != nil {
		return err
	}
	err = terraform(os.Stdout, arguments...)
	switch {
	case err == nil:
		return forget()
	case len(arguments) > 1: // with the saved plan
		return fmt.Errorf("%w\nPlan %s again if the saved plan is stale now", err, stack)
	}
	return err
}

// check returns an error that says in what the saved plan is not one of the configuration as it is now. Terraform
// refuses one by itself whose state has changed.
func check(configuration []byte) error {
	planned, err := os.ReadFile(recordFile)
	if err != nil {
		return fmt.Errorf("the saved plan is not complete: %w", err)
	}
	for _, path := range []string{"//.metadata.stackName", "provider.aws.allowed_account_ids"} {
		if was, is := at(decode(planned), path), at(decode(configuration), path); !reflect.DeepEqual(was, is) {
			err = errors.Join(err, fmt.Errorf("the saved plan is of a stack with %s %v, expected %v", path, was, is))
		}
	}
	if err == nil && !bytes.Equal(planned, configuration) {
		err = errors.New("the saved plan is of another configuration than the stack has now")
	}
	return err
}

// decode returns what a JSON text contains, and nil if it is none, which Terraform says better.
func decode(text []byte) (value any) {
	_ = json.Unmarshal(text, &value)
	return value
}

// forget removes the saved plan.
func forget() error { return errors.Join(os.RemoveAll(recordFile), os.RemoveAll(planFile)) }

// comment returns the summary with Terraform's own text folded below it, in as many bytes as GitHub takes characters.
func comment(summary, plan string) string {
	const limit = 65536
	const fence = "``````" // longer than any in a plan; it also ends a shorter one of the summary
	const end = "\n" + fence + "\n\n</details>\n"
	const note = "(cut here: GitHub takes no more)\n"
	text := summary + "\n<details><summary>Terraform's own text</summary>\n\n" + fence + "\n" + plan
	if len(text) > limit-len(end) {
		text = text[:limit-len(end)-len(note)]
		text = text[:strings.LastIndexByte(text, '\n')+1] + note
	}
	return text + end
}
