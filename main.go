// Command tap synthesizes the payment API's infrastructure: one Terraform stack for each environment in the folder
// environments, and one for each account in accounts.yaml, below the output folder that the cdktf command asks for
// (cdktf.out).
package main

import (
	"fmt"
	"os"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads every environment before it starts anything: a wrong file leaves the output of the last
// synthesis as it was.
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
	return constructs.Synthesize(environments, accounts, "")
}
