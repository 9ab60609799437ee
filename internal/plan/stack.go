package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"regexp"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

// All are in the folder of the stack. The record is the configuration that the saved plan is of; it is written last,
// so a plan without it is not complete.
const (
	configurationFile = "cdk.tf.json"
	planFile          = "saved.tfplan"
	recordFile        = "saved.json"
)

// stack is a synthesized stack.
type stack struct {
	name, folder   string
	text           []byte // of its configuration
	configuration  any
	stdout, stderr io.Writer
}

// open reads a stack that was synthesized into a folder.
func open(output, name string, stdout, stderr io.Writer) (s stack, err error) {
	s = stack{name: name, folder: filepath.Join(output, "stacks", name), stdout: stdout, stderr: stderr}
	if s.text, s.configuration, err = s.read(configurationFile); errors.Is(err, fs.ErrNotExist) {
		found, _ := filepath.Glob(filepath.Join(output, "stacks", "*"))
		return s, fmt.Errorf("no stack %q has been synthesized: %w; there are %q", name, err, found)
	}
	return s, err
}

func (s stack) path(file string) string { return filepath.Join(s.folder, file) }

func (s stack) read(file string) (text []byte, configuration any, err error) {
	if text, err = os.ReadFile(s.path(file)); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(text, &configuration); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.path(file), err)
	}
	return text, configuration, nil
}

// terraform runs Terraform in the stack's folder.
func (s stack) terraform(stdout io.Writer, arguments ...string) error {
	// Ctrl-C reaches Terraform too, which ends in order. This program must not end before.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	command := exec.Command(repository.Terraform(), arguments...)
	command.Dir, command.Env = s.folder, append(os.Environ(), "TF_IN_AUTOMATION=1") // no advice to call it directly
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, stdout, s.stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", repository.Terraform(), arguments[0], err)
	}
	return nil
}

// progress is a line in which Terraform says what it reads.
var progress = regexp.MustCompile(
	`(?m)^\S+: (Refreshing|Reading|Still reading|Read complete|Opening|Closing|Configuration unknown).*\n`)

// plan saves a plan and says what it does. An older one is removed first: it must not be applied when this fails.
func (s stack) plan(markdown bool) (status int, err error) {
	if err := s.forget(); err != nil {
		return 0, err
	}
	fmt.Fprintf(s.stderr, "Planning %s, which can take minutes\n", s.name)
	if err := s.terraform(s.stderr, "init", "-input=false", "-no-color"); err != nil {
		return 0, err
	}
	var text, shown bytes.Buffer
	if err := s.terraform(&text, "plan", "-input=false", "-no-color", "-out="+planFile); err != nil {
		return 0, err // Terraform has said why; the part of a plan would hide it
	}
	if err := s.terraform(&shown, "show", "-json", planFile); err != nil {
		return 0, err
	}
	var plan tfjson.Plan
	if err := json.Unmarshal(shown.Bytes(), &plan); err != nil {
		return 0, fmt.Errorf("%s show -json: %w: use another release of it, or one of github.com/hashicorp/terraform-json",
			repository.Terraform(), err)
	}
	findings := judge(&plan, s.configuration)
	said := summarize(s.name, findings, findMoves(plan.ResourceChanges))
	own := progress.ReplaceAllString(text.String(), "")
	if markdown {
		said = comment(said, own)
	} else {
		said += own
	}
	if _, err := io.WriteString(s.stdout, said); err != nil {
		return 0, err
	}
	return statusOf(findings), os.WriteFile(s.path(recordFile), s.text, 0o644)
}

// apply applies the saved plan. Where there is none Terraform plans and asks.
func (s stack) apply() error {
	arguments := []string{"apply"}
	if _, err := os.Stat(s.path(planFile)); !errors.Is(err, fs.ErrNotExist) {
		if err := s.check(); err != nil {
			return fmt.Errorf("%w\nPlan %s again, or remove %s", err, s.name, s.path(planFile))
		}
		arguments = append(arguments, planFile)
	}
	if err := s.terraform(s.stderr, "init", "-input=false", "-no-color"); err != nil {
		return err
	}
	err := s.terraform(s.stdout, arguments...)
	switch {
	case err == nil:
		return s.forget()
	case len(arguments) > 1: // with the saved plan
		return fmt.Errorf("%w\nPlan %s again if the saved plan is stale now", err, s.name)
	}
	return err
}

// check returns an error that says in what the saved plan is not one of the stack as it is now. Terraform refuses one
// by itself whose state has changed.
func (s stack) check() error {
	text, planned, err := s.read(recordFile)
	if err != nil {
		return fmt.Errorf("the saved plan is not complete: %w", err)
	}
	for _, path := range []string{"//.metadata.stackName", "provider.aws.allowed_account_ids"} {
		if was, is := at(planned, path), at(s.configuration, path); !reflect.DeepEqual(was, is) {
			err = errors.Join(err, fmt.Errorf("the saved plan is of a stack with %s %v, expected %v", path, was, is))
		}
	}
	if err == nil && !bytes.Equal(text, s.text) {
		err = errors.New("the saved plan is of another configuration than the stack has now")
	}
	return err
}

// forget removes the saved plan.
func (s stack) forget() error {
	return errors.Join(os.RemoveAll(s.path(recordFile)), os.RemoveAll(s.path(planFile)))
}
