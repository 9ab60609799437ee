// Command tap synthesizes the payment API's infrastructure: one Terraform stack for each environment
// in the folder environments, below the output folder that the cdktf command asks for (cdktf.out).
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
	environments, err := config.Load("environments", requested)
	if err != nil {
		return err
	}
	for _, environment := range environments {
		for _, warning := range environment.Warnings() {
			fmt.Fprintf(os.Stderr, "warning: tap-%s: %s\n", environment.Suffix, warning)
		}
	}
	return constructs.Synthesize(environments, nil, "")
}
