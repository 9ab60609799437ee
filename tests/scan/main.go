// Command scan checks the stack of every environment with checkov. It fails on each finding that waivers.yaml does
// not accept, and on each waiver that nothing needs:
//
//	make scan                       # install checkov into .local/scan, then check
//	go run ./tests/scan -waivers .  # only write generated/waivers.md, below a folder
//
// It checks the environments of the repository and those of the tests, the accounts of both, and the stack in the
// folder broken, which is never deployed. Since every waiver has to be needed, the waiver of that stack fails the
// scan when checkov no longer reads the policies of roles: no other stack has a waiver for them. Nothing is sent
// anywhere.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
	"tap/internal/repository"
)

// Paths from the root of the repository.
const waiversFile, tableFile = "tests/scan/waivers.yaml", "generated/waivers.md"

func main() {
	kernel.Accelerate()
	tableIn := flag.String("waivers", "", "only write "+tableFile+", below this folder")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*tableIn); err != nil {
		log.Fatal(err)
	}
}

func run(tableIn string) error {
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
	if tableIn != "" {
		return os.WriteFile(filepath.Join(tableIn, tableFile), table(waivers), 0o644)
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
		loaded, shared, err := config.Load(source, "")
		if err != nil {
			return nil, err
		}
		for _, environment := range loaded {
			classes[environment.Stack()] = string(environment.Class)
		}
		environments, accounts = append(environments, loaded...), append(accounts, shared...)
	}
	defer kernel.Close()
	if err := errors.Join(os.RemoveAll(folder), constructs.Synthesize(environments, accounts, folder)); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "stacks", "*", "cdk.tf.json"))
	for _, file := range append(files, "tests/scan/broken/cdk.tf.json") {
		s, problem := prepare(file, filepath.Join(folder, "stacks"))
		s.class = cmp.Or(classes[s.name], "account")
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

// waiver accepts that some constructs in the stacks of a class fail a control.
type waiver struct {
	Class      string   // of environments, or account, or broken: the stack that is broken on purpose
	Control    string   // of checkov, for example CKV_AWS_96
	Constructs []string // paths below their stack, as of path.Match, for example database/cluster or job-*/logs
	Reason     string   // for an auditor; keys of environment files are between backticks
}

// String names the waiver for a message.
func (w waiver) String() string { return waiversFile + ": " + w.Class + " " + w.Control }

// reason is the reason in one line.
func (w waiver) reason() string { return strings.Join(strings.Fields(w.Reason), " ") }

// readWaivers returns the waivers of a file, or an error that names every mistake in it.
func readWaivers(file string) (all []waiver, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w\nexpected a list of waivers with class, control, constructs and reason", file, err)
	}
	var problems []error
	for i, w := range all {
		if len(w.Constructs) == 0 || w.reason() == "" {
			problems = append(problems, fmt.Errorf("%s has no constructs or no reason", w))
		}
		if before := all[max(i-1, 0)]; i > 0 && before.String() >= w.String() {
			problems = append(problems, fmt.Errorf("%s is after %s %s, expected each once and sorted as text",
				w, before.Class, before.Control))
		}
	}
	return all, errors.Join(problems...)
}

// apply takes what is waived out of the findings of the stacks. The error names each construct of each waiver that
// no stack needs.
func apply(all []waiver, stacks []*stack) error {
	var problems []error
	for _, w := range all {
		for _, pattern := range w.Constructs {
			accepted := func(f record) bool {
				matches, _ := path.Match(pattern, f.path)
				return matches && f.Control == w.Control
			}
			covered := 0
			for _, s := range stacks {
				if s.class == w.Class {
					left := slices.DeleteFunc(slices.Clone(s.findings), accepted)
					covered += len(s.findings) - len(left)
					s.waived += len(s.findings) - len(left)
					s.findings = left
				}
			}
			if covered == 0 {
				problems = append(problems,
					fmt.Errorf("%s is needless: no stack of that class fails it at %s: %s", w, pattern, w.reason()))
			}
		}
	}
	return errors.Join(problems...)
}

const tableHead = `# Accepted findings

What checkov reports and why it is accepted, by class of environment. The class account is that of the stacks of
accounts, the class broken that of a stack that proves that checkov sees what it should. "make scan" fails on a finding
that is not in this table, and on a row that no stack needs; "make golden" writes it from tests/scan/waivers.yaml.

| Class | Control | Constructs | Accepted because |
| --- | --- | --- | --- |
`

// table returns the content of generated/waivers.md.
func table(all []waiver) []byte {
	var text bytes.Buffer
	text.WriteString(tableHead)
	for _, w := range all {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n",
			w.Class, w.Control, strings.Join(w.Constructs, ", "), strings.ReplaceAll(w.reason(), "|", `\|`))
	}
	return text.Bytes()
}
