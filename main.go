// Command tap synthesizes the payment API's infrastructure: one Terraform stack for each environment in the folder
// environments, and one for each account in accounts.yaml, below the folder that the cdktf command asks for, or
// cdktf.out. With the name of a stack it checks all files and builds that one alone.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads every environment before it starts anything: a wrong file leaves the last synthesis as it was.
func run(arguments []string) error {
	const variable = "CDKTF_CONTEXT_JSON" // in which the cdktf command hands the context over
	var project struct{ Context json.RawMessage }
	content, _ := os.ReadFile("cdktf.json") // which only that command needs
	if json.Unmarshal(content, &project) == nil && os.Getenv(variable) == "" {
		os.Setenv(variable, string(project.Context))
	}
	kernel.Accelerate()
	defer kernel.Close()
	var requested struct {
		Suffix string `json:"environment_suffix"`
	}
	if err := json.Unmarshal([]byte(cmp.Or(os.Getenv(variable), "{}")), &requested); err != nil {
		return fmt.Errorf("%s: is not JSON with text as environment_suffix: %w", variable, err)
	}
	stack := strings.Join(arguments, " ")
	environments, accounts, err := config.Load("environments",
		cmp.Or(requested.Suffix, os.Getenv(config.SuffixVariable)))
	if err != nil {
		return err
	}
	var described []string
	isOther := func(name string) bool {
		described = append(described, name)
		return stack != "" && name != stack
	}
	environments = slices.DeleteFunc(environments, func(e config.Environment) bool { return isOther(e.Stack()) })
	accounts = slices.DeleteFunc(accounts, func(a config.Account) bool { return isOther(a.Stack()) })
	if len(environments)+len(accounts) == 0 {
		return fmt.Errorf("no file describes a stack %q; there are %s", stack, strings.Join(described, ", "))
	}
	for _, warning := range config.Warnings(environments, accounts != nil, time.Now()) {
		fmt.Fprintln(os.Stderr, "warning: "+warning)
	}
	output := cmp.Or(os.Getenv("CDKTF_OUTDIR"), "cdktf.out")
	if err := constructs.Synthesize(environments, accounts, output); err != nil {
		return err
	}
	return finish(output, described)
}

// finish removes the folders of stacks that no file describes, which the cdktf command does itself and fails where it
// is done. The others get the hashes of the providers that may run, where make lock has written them.
func finish(output string, described []string) error {
	hashes, err := os.ReadFile("terraform.lock.hcl")
	locked := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	folders, globErr := filepath.Glob(filepath.Join(output, "stacks", "*"))
	err = errors.Join(err, globErr)
	for _, folder := range folders {
		switch known := slices.Contains(described, filepath.Base(folder)); {
		case known && locked:
			err = errors.Join(err, os.WriteFile(filepath.Join(folder, ".terraform.lock.hcl"), hashes, 0o644))
		case !known && os.Getenv("CDKTF_OUTDIR") == "":
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}
	return err
}
