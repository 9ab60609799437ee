package deploy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// reserve is what is kept of the time that `go test -timeout` leaves: a step that is still running
// then is ended, and what it had started with it. The time-out itself would leave all of it running.
const reserve = 30 * time.Second

// untilDeadline is the context of everything that a test runs.
func untilDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx := setup.context
	if deadline, limited := t.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		t.Cleanup(cancel)
	}
	return ctx
}

// command is a program to run to its end, within a time.
type command struct {
	path        string
	arguments   []string
	folder      string
	environment []string
	within      time.Duration
	log         string // the file that receives all that it prints
}

// run runs the program. When its time is over, or the tests are interrupted, it is ended together
// with everything that it started.
func (c command) run(ctx context.Context) error {
	log, err := os.Create(c.log)
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, c.within, fmt.Errorf("did not end within %s", c.within))
	defer cancel()
	program := exec.CommandContext(ctx, c.path, c.arguments...)
	program.Dir, program.Env = c.folder, c.environment
	program.Stdout, program.Stderr = log, log
	// A group of its own, so that a Ctrl-C does not reach it a second time.
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var family []int
	program.Cancel = func() error {
		// cdktf runs Terraform in a session of its own, which only its ancestry tells.
		family = descendants(program.Process.Pid)
		return syscall.Kill(-program.Process.Pid, syscall.SIGINT)
	}
	// Nothing that a killed Terraform leaves is used again: the emulator goes too.
	program.WaitDelay = 5 * time.Second
	err = program.Run()
	for _, pid := range family {
		_ = syscall.Kill(pid, syscall.SIGKILL) // most have ended by themselves
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// descendants are the process and everything below it.
func descendants(root int) []int {
	table, err := exec.Command("ps", "-axo", "pid=,ppid=").Output()
	if err != nil {
		return []int{root}
	}
	children := map[int][]int{}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) == 2 {
			pid, pidErr := strconv.Atoi(fields[0])
			parent, parentErr := strconv.Atoi(fields[1])
			if pidErr == nil && parentErr == nil {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	family := []int{root}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i]]...)
	}
	return family
}

// tail returns the last lines of a text, for a failure.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
