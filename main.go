// Command tap synthesizes the payment API's infrastructure: one Terraform stack for each environment in the folder
// environments, and one for each account in accounts.yaml, below the output folder that the cdktf command asks for
// (cdktf.out).
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
)

// unlocked is for the local deployment, which takes the provider from wherever this machine has one.
var unlocked = flag.Bool("unlocked", false, "give the stacks no hashes of providers")

func main() {
	flag.Parse()
	err := fmt.Errorf("unknown arguments: %q", flag.Args())
	if flag.NArg() == 0 {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads every environment before it starts anything: a wrong file leaves the last synthesis as it was.
func run() error {
	kernel.Accelerate()
	defer kernel.Close()
	requested, err := config.FindRequestedSuffix(os.Getenv)
	if err != nil {
		return err
	}
	environments, accounts, err := config.Load("environments", requested)
	if err != nil {
		return err
	}
	warnings := config.Warnings(environments)
	for _, environment := range environments {
		if accounts != nil && environment.StatesBucket == "" {
			warnings = append(warnings, "tap-"+environment.Suffix+": account: none of accounts.yaml, so that the state is a "+
				"file on this machine")
		}
	}
	for _, warning := range warnings {
		fmt.Fprintln(os.Stderr, "warning: "+warning)
	}
	output := cmp.Or(os.Getenv("CDKTF_OUTDIR"), "cdktf.out")
	if err := constructs.Synthesize(environments, accounts, output); err != nil {
		return err
	}
	return lockProviders(output)
}

// lockProviders gives every stack the hashes of the providers that may run, where make lock has written them.
func lockProviders(output string) error {
	hashes, err := os.ReadFile("terraform.lock.hcl")
	if errors.Is(err, fs.ErrNotExist) || *unlocked {
		return nil
	}
	stacks, globErr := filepath.Glob(filepath.Join(output, "stacks", "*"))
	err = errors.Join(err, globErr)
	for _, stack := range stacks {
		err = errors.Join(err, os.WriteFile(filepath.Join(stack, ".terraform.lock.hcl"), hashes, 0o644))
	}
	return err
}
