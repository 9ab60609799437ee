// Command scan asks checkov what is wrong with every environment's stack, and fails when anything is
// that waivers.yaml does not explain:
//
//	go run ./tests/scan           # scan
//	go run ./tests/scan -readme   # only write the waivers and their reasons into README.md
//
// It scans the environments of the project and those of the tests, among them a second production with
// every option on, and tap-state. checkov is installed into the virtual environment of the AWS emulator;
// the scan itself needs no network.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"tap/config"
	"tap/constructs"
	"tap/internal/emulator"
	"tap/internal/kernel"
)

//go:generate go run . -readme

// stateName is the stack of the bucket of the states.
const stateName = "tap-state"

// brokenOriginal is the stack that is broken on purpose in a copy: of the tests, so that it does not
// change with a user's environments.
const brokenOriginal = "tap-options"

func main() {
	kernel.Accelerate()
	onlyReadme := flag.Bool("readme", false, "only write the waivers into README.md")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *onlyReadme)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, output io.Writer, onlyReadme bool) (err error) {
	folder, err := emulator.Folder()
	if err != nil {
		return err
	}
	root := filepath.Dir(filepath.Dir(folder))
	waivers, err := readWaivers(filepath.Join(root, "tests", "scan", "waivers.yaml"))
	if err != nil {
		return err
	}
	waivers.file = "tests/scan/waivers.yaml"
	if onlyReadme {
		return updateReadme(root, waivers)
	}

	temporary, err := os.MkdirTemp("", "tap-scan-")
	if err != nil {
		return fmt.Errorf("make a folder for the stacks: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	stacks, err := synthesize(root, filepath.Join(temporary, "cdktf.out"))
	if err != nil {
		return err
	}
	original := slices.IndexFunc(stacks, func(s stack) bool { return s.name == brokenOriginal })
	if original < 0 {
		return fmt.Errorf("there is no stack %s to break on purpose", brokenOriginal)
	}
	broken, err := breakStack(stacks[original])
	if err != nil {
		return err
	}

	python, err := emulator.InstallAddition(ctx, folder, "scan", requirements, output)
	if err != nil {
		return err
	}
	readable := filepath.Join(temporary, "scanned")
	if err := os.Mkdir(readable, 0o755); err != nil {
		return fmt.Errorf("make a folder for the stacks: %w", err)
	}
	results, err := scan(ctx, python, readable, append(stacks, broken))
	if err != nil {
		return err
	}
	last := len(results) - 1
	if err := checkBroken(results[original], results[last]); err != nil {
		return err
	}
	verdicts, stale := waivers.judge(results[:last])
	return errors.Join(printVerdicts(output, verdicts), stale)
}

// synthesize returns the stacks of all environments, sorted by name.
func synthesize(root, output string) ([]stack, error) {
	classOf := map[string]string{stateName: classState}
	var environments []config.Environment
	for _, folder := range []string{"environments", filepath.Join("tests", "environments")} {
		loaded, err := config.Load(filepath.Join(root, folder), config.RequestedSuffix{})
		if err != nil {
			return nil, err
		}
		for _, environment := range loaded {
			classOf["tap-"+environment.Suffix] = string(environment.Class)
		}
		environments = append(environments, loaded...)
	}
	defer kernel.Close()
	if err := constructs.Synthesize(environments, output); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(output, "stacks"))
	if err != nil {
		return nil, fmt.Errorf("list the stacks: %w", err)
	}
	var stacks []stack
	for _, entry := range entries {
		class, known := classOf[entry.Name()]
		if !known {
			return nil, fmt.Errorf("stack %s belongs to no environment, so that it is not known which waivers count for it", entry.Name())
		}
		s, err := readStack(output, entry.Name(), class)
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, s)
	}
	return stacks, nil
}

// printVerdicts writes a line for each stack, and each finding that no waiver explains. These make the error.
func printVerdicts(output io.Writer, verdicts []verdict) error {
	table := tabwriter.NewWriter(output, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STACK\tCLASS\tRESOURCES\tCHECKED\tPASSED\tWAIVED\tFAILED")
	failed := 0
	for _, v := range verdicts {
		failed += len(v.unexplained)
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", v.result.stack.name, v.result.stack.class,
			len(v.result.stack.resources()), v.result.checked, v.result.passed, v.waived, len(v.unexplained))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	for _, v := range verdicts {
		for _, f := range v.unexplained {
			fmt.Fprintf(output, "\n%s fails %s at %s (%s)\n  %s\n", v.result.stack.name, f.control, f.resource.path, f.resource.kind, f.name)
			if len(f.attributes) > 0 {
				fmt.Fprintf(output, "  looked at: %s\n", strings.Join(f.attributes, ", "))
			}
			if f.guideline != "" {
				fmt.Fprintf(output, "  %s\n", f.guideline)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("failed checks that no waiver explains: %d; mend what they are about, or say in tests/scan/waivers.yaml why it need not be", failed)
	}
	return nil
}
