// Command local deploys the environment dev to an AWS emulator on this machine and takes it down
// again, without an AWS account:
//
//	local up             starts the emulator and deploys tap-dev to it, or deploys what has changed
//	local status         says what runs and what it holds
//	local exec PROGRAM…  runs a program (aws, terraform) that then talks to the emulator
//	local destroy        destroys tap-dev and stops the emulator
//	local stop           stops the emulator without destroying anything first
//	local prepare        installs what the other commands and the tests need
//
// Everything that it makes lies in the folder .local, the emulator's state and output folder
// included, so that they cannot be taken for those of AWS. `make local` and `make local-destroy`
// check the prerequisites first.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"tap/internal/emulator"
)

const usage = `usage: local COMMAND

  up                 start the emulator and deploy tap-dev to it, or deploy what has changed
  status             say what runs and what it holds
  exec PROGRAM ...   run a program (aws, terraform) that then talks to the emulator
  destroy            destroy tap-dev and stop the emulator
  stop               stop the emulator without destroying anything first
  prepare            install what the other commands and the tests need
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out one command and returns its exit status.
func run(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) == 0 || (len(arguments) > 1 && arguments[0] != "exec") || (len(arguments) == 1 && arguments[0] == "exec") {
		fmt.Fprint(stderr, usage)
		return 2
	}
	folder, err := emulator.Folder()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	d := &deployment{root: filepath.Dir(filepath.Dir(folder)), emulatorFolder: folder, output: stdout}

	ctx, stop := interruptible()
	defer stop()
	switch arguments[0] {
	case "up":
		err = d.exclusively(func() error { return d.up(ctx) })
	case "destroy":
		err = d.exclusively(func() error { return d.destroy(ctx) })
	case "stop":
		err = d.exclusively(d.stop)
	case "prepare":
		err = d.exclusively(func() error { return d.prepare(ctx) })
	case "status":
		err = d.status(ctx)
	case "exec":
		err = d.exec(ctx, arguments[1:], stderr)
	default:
		fmt.Fprintf(stderr, "unknown command %q\n%s", arguments[0], usage)
		return 2
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case arguments[0] == "exec" && errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintf(stderr, "\n%v\n", err)
	if ctx.Err() != nil {
		return 128 + int(syscall.SIGINT)
	}
	return 1
}

// interruptible returns a context that ends with the first Ctrl-C, SIGTERM or closed terminal,
// so that what runs is ended in order. The second ends what still runs at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	hurry := make(chan struct{})
	go func() {
		<-signals
		cancel(errInterrupted)
		<-signals
		close(hurry)
	}()
	return context.WithValue(ctx, hurryKey{}, hurry), func() { signal.Stop(signals) }
}

// hurryKey is the key of the channel that is closed when the user interrupts a second time.
type hurryKey struct{}

func hurried(ctx context.Context) <-chan struct{} {
	hurry, _ := ctx.Value(hurryKey{}).(chan struct{})
	return hurry // nil, which never is ready, outside of main
}
