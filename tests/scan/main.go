// Command scan checks the stack of every environment with checkov. It fails on each finding that waivers.yaml does
// not accept, and on each waiver that nothing needs:
//
//	make scan                       # install checkov into .local/scan, then check
//	go run ./tests/scan -waivers    # only write generated/waivers.md
//
// It checks the environments of the repository and those of the tests, the accounts of both, and the stack in the
// folder broken, which is never deployed. Since every waiver has to be needed, the waiver of that stack fails the
// scan when checkov no longer reads the policies of roles: no other stack has a waiver for them. Nothing is sent
// anywhere.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
	"tap/internal/repository"
)

//go:generate go run . -waivers

func main() {
	kernel.Accelerate()
	onlyTable := flag.Bool("waivers", false, "only write "+tableFile)
	flag.Parse()
	log.SetFlags(0)
	if err := run(*onlyTable); err != nil {
		log.Fatal(err)
	}
}

func run(onlyTable bool) error {
	root, err := repository.Root()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	waivers, err := readWaivers(waiversFile)
	if err != nil {
		return err
	}
	if onlyTable {
		return os.WriteFile(tableFile, table(waivers), 0o644)
	}
	python := filepath.Join(root, ".local", "scan", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return fmt.Errorf("checkov is not installed: %w; delete .local/scan if it exists, then run make scan", err)
	}
	synthesized := filepath.Join(root, ".local", "scanned")
	stacks, err := synthesize(synthesized)
	if err != nil {
		return err
	}
	if err := check(python, filepath.Join(synthesized, "stacks"), stacks); err != nil {
		return err
	}
	needless := apply(waivers, stacks)
	return errors.Join(report(os.Stdout, stacks), needless)
}

// synthesize writes the stacks of all environments and the broken one to folder/stacks, readable for checkov.
func synthesize(folder string) (stacks []*stack, err error) {
	classes := map[string]string{"broken": "broken"}
	var environments []config.Environment
	var accounts []config.Account
	for _, source := range []string{"environments", "tests/environments"} {
		loaded, shared, err := config.Load(source, config.RequestedSuffix{})
		if err != nil {
			return nil, err
		}
		for _, environment := range loaded {
			classes["tap-"+environment.Suffix] = string(environment.Class)
		}
		environments, accounts = append(environments, loaded...), append(accounts, shared...)
	}
	defer kernel.Close()
	if err := errors.Join(os.RemoveAll(folder), constructs.Synthesize(environments, accounts, folder)); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "stacks", "*", "cdk.tf.json"))
	for _, file := range append(files, "tests/scan/broken/cdk.tf.json") {
		name := filepath.Base(filepath.Dir(file))
		s, problem := prepare(file, filepath.Join(folder, "stacks"), cmp.Or(classes[name], "account"))
		stacks, err = append(stacks, s), errors.Join(err, problem)
	}
	return stacks, err
}

// report prints a line for each stack and below it the findings that no waiver accepts. These make the error.
func report(output io.Writer, stacks []*stack) error {
	const row = "%-20v %-12v %9v %7v %6v %6v %6v\n"
	fmt.Fprintf(output, row, "STACK", "CLASS", "RESOURCES", "CHECKED", "PASSED", "WAIVED", "FAILED")
	failed := 0
	for _, s := range stacks {
		fmt.Fprintf(output, row, s.name, s.class, len(s.resources), len(s.checked), s.passed, s.waived, len(s.findings))
		failed += len(s.findings)
		for _, f := range s.findings {
			fmt.Fprintf(output, "  fails %s at %s (%s)\n    %s %s\n    looked at: %v\n",
				f.Control, f.path, f.kind, f.Name, f.Guideline, f.Result.Attributes)
		}
	}
	if failed > 0 {
		return fmt.Errorf("failed checks without a waiver: %d; mend them, or accept them in %s", failed, waiversFile)
	}
	return nil
}
