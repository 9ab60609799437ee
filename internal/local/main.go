// Command local deploys the environment dev to an AWS emulator on this machine and takes it down again, without an
// AWS account. Everything that it makes is below .local, the state and Terraform's folder included, so that they
// cannot be taken for those of AWS. `make local` checks and installs what it needs first.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"tap/internal/provider"
	"tap/internal/repository"
)

const usage = `usage: local COMMAND

  up                 start the emulator and deploy tap-dev to it, or deploy what has changed
  status             say what runs and what it contains
  exec PROGRAM ...   run a program (aws, terraform) that then talks to the emulator
  destroy            destroy tap-dev and stop the emulator
  stop               stop the emulator without destroying anything first
  provider [-check]  say where Terraform gets the AWS provider from, and how to deploy to AWS with that
  provider PROGRAM ...
                     run a program (a test) in which Terraform gets it from there`

func main() {
	// A Ctrl-C reaches Terraform as well, which then ends in order: this process waits for it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := repository.Root()
	if err == nil {
		err = os.Chdir(root)
	}
	if err == nil {
		err = run(ctx, os.Args[1:])
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

func run(ctx context.Context, arguments []string) error {
	switch {
	case len(arguments) > 1 && arguments[0] == "exec":
		return execute(arguments[1:])
	case len(arguments) > 0 && arguments[0] == "provider":
		return showProvider(ctx, arguments[1:])
	case len(arguments) != 1:
	case arguments[0] == "up":
		return exclusively(func() error { return up(ctx) })
	case arguments[0] == "status":
		return status(ctx)
	case arguments[0] == "destroy":
		return exclusively(func() error { return destroy(ctx) })
	case arguments[0] == "stop":
		return exclusively(stop)
	}
	return errors.New(usage)
}

// findProvider decides where Terraform gets the AWS provider from.
func findProvider(ctx context.Context) (provider.Source, error) {
	options, err := provider.Machine(ctx, repository.Terraform(), ".")
	if err != nil {
		return provider.Source{}, err
	}
	return provider.Find(ctx, options)
}

// showProvider says where the provider comes from, and with what commands a stack is deployed to AWS. With -check it
// only says whether it can be had; with a program it runs that so that Terraform gets the provider from there.
func showProvider(ctx context.Context, arguments []string) error {
	source, err := findProvider(ctx)
	if err != nil {
		return err
	}
	if len(arguments) > 0 {
		fmt.Println(source)
	}
	switch {
	case len(arguments) == 0:
		file, err := source.Write(".local")
		if err == nil {
			fmt.Print(source.Instructions("tap-"+suffix, file))
		}
		return err
	case arguments[0] == "-check":
		return nil
	}
	variables, err := source.Environment(os.Environ(), ".local")
	if err != nil {
		return err
	}
	return inForeground(arguments, variables)
}
