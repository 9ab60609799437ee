package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"tap/internal/processes"
)

// How long an interrupted Terraform may take to stop what it is doing and save its state.
const interruptDeadline = time.Minute

// program is a program to run to its end.
type program struct {
	path        string
	arguments   []string
	folder      string
	environment []string
	output      io.Writer // gets standard output and standard error
	// politely names the descendant (terraform) that an interrupt goes to; the program itself is
	// expected to end by itself once that has. Empty, or none such running: the program itself.
	politely string
}

// run runs the program. When the context ends first, the program is interrupted, and run returns
// only when neither it nor any of its descendants is left.
//
// cdktf runs Terraform in a terminal of its own and closes it when it is interrupted itself,
// which would kill Terraform before it has saved its state.
func (p program) run(ctx context.Context) error {
	command := exec.Command(p.path, p.arguments...)
	command.Dir, command.Env = p.folder, p.environment
	command.Stdout, command.Stderr = p.output, p.output
	// A process group of its own: a Ctrl-C in the terminal reaches this process alone.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Do not wait for ever for the output of a descendant that survived the program.
	command.WaitDelay = 5 * time.Second
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}

	family := processesOf(command.Process.Pid)
	var addressees []int
	if p.politely != "" {
		addressees = family.Running(p.politely)
	}
	if len(addressees) == 0 {
		addressees = []int{-command.Process.Pid}
	}
	for _, pid := range addressees {
		_ = syscall.Kill(pid, syscall.SIGINT) // it may just have ended
	}
	deadline := time.NewTimer(interruptDeadline)
	defer deadline.Stop()
	select {
	case <-ended:
	case <-deadline.C:
	case <-hurried(ctx):
	}
	// The survivors of this family only: their command lines are compared, since process numbers
	// are used again.
	now, err := processes.Read()
	for pid, was := range family {
		if err == nil && now[pid].Command == was.Command {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	return context.Cause(ctx)
}

// processesOf returns the process and its descendants; none if the process table cannot be read.
func processesOf(pid int) processes.Table {
	table, err := processes.Read()
	if err != nil {
		return nil
	}
	return table.Family(pid)
}

// errInterrupted is the cause of every context that ends because the user wants so.
var errInterrupted = errors.New("interrupted")

// stepError is a step that failed, with what the user needs to go on.
type stepError struct {
	step   string // what was being done
	cause  error
	log    string // where the whole output is; empty if there is none
	wayOut string // what to do about it
}

func (e *stepError) Unwrap() error { return e.cause }

func (e *stepError) Error() string {
	var text strings.Builder
	if errors.Is(e.cause, errInterrupted) || errors.Is(e.cause, context.Canceled) {
		fmt.Fprintf(&text, "Interrupted while %s.\n%s", e.step, e.wayOut)
		return text.String()
	}
	fmt.Fprintf(&text, "Failed while %s:\n", e.step)
	for line := range strings.Lines(e.cause.Error()) {
		fmt.Fprintf(&text, "  %s\n", strings.TrimRight(line, "\n"))
	}
	if e.log != "" {
		fmt.Fprintf(&text, "The whole output is in %s.\n", e.log)
	}
	text.WriteString(e.wayOut)
	return text.String()
}
