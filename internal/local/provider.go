package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"tap/internal/provider"
	"tap/internal/repository"
)

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
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if command.Env, err = source.Environment(os.Environ(), ".local"); err != nil {
		return err
	}
	return command.Run()
}
