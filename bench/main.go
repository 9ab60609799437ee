// Command bench measures what a synthesis costs with the fast kernel (package kernel) and without, against
// what CDKTF itself costs. It is run from the repository's root, where npm ci has been run:
//
//	go run ./bench                          everything, about eight minutes on two cores
//	go run ./bench -only synth,cli -runs 11
//
// Times are medians of runs made in turn. They are only worth something on a machine that does
// nothing else.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// section is one question that the bench answers.
type section struct {
	name, title string
	measure     func(bench) error
}

var sections = []section{
	{"synth", "Synthesis of all environments", bench.synth},
	{"cold", "First synthesis on a machine: jsii has to unpack the provider", bench.cold},
	{"resources", "A further resource", bench.resources},
	{"environments", "A further environment", bench.environments},
	{"cli", "npx cdktf synth", bench.cli},
	{"app", "The app command", bench.app},
	{"tests", "go test ./tests", bench.tests},
}

// bench is the state that sections share.
type bench struct {
	runs int
	work string // a temporary folder: programs in bin, outputs beside it
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	names := make([]string, len(sections))
	for i, section := range sections {
		names[i] = section.name
	}
	runs := flag.Int("runs", 7, "how often synth is measured; the other sections, which take longer, less than half as often")
	only := flag.String("only", strings.Join(names, ","), "the sections to measure")
	flag.Parse()
	if *runs < 1 || flag.NArg() > 0 {
		return fmt.Errorf("expected -runs of 1 or more and no other arguments, got -runs %d and %q", *runs, flag.Args())
	}
	chosen := strings.Split(*only, ",")
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			return fmt.Errorf("section %q is unknown: expected some of %s", name, strings.Join(names, ","))
		}
	}
	work, err := os.MkdirTemp("", "tap-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := bench{runs: *runs, work: work}
	if err := b.build(); err != nil {
		return err
	}
	node, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("node --version: %w", err)
	}
	fmt.Printf("%s/%s, %d cores, %s, Node %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), strings.TrimSpace(string(node)))
	for _, section := range sections {
		if slices.Contains(chosen, section.name) {
			fmt.Printf("\n%s (%s)\n", section.title, section.name)
			if err := section.measure(b); err != nil {
				return fmt.Errorf("%s: %w", section.name, err)
			}
		}
	}
	return nil
}

// build compiles every program that is measured, and fills jsii's package cache.
func (b bench) build() error {
	for _, arguments := range [][]string{
		{"build", "-o", b.program("tap"), "."},
		{"build", "-o", b.program("floor"), "./bench/floor"},
		{"build", "-o", b.program("empty"), "./bench/empty"},
		{"build", "-o", b.program("resources"), "./bench/resources"},
		{"test", "-c", "-o", b.program("tests"), "./tests"},
	} {
		if output, err := exec.Command("go", arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	_, _, err := b.project("fast").run()
	return err
}

func (b bench) program(name string) string { return filepath.Join(b.work, "bin", name) }

func (b bench) output(name string) string { return filepath.Join(b.work, name) }

// project synthesizes the project's own environments, with the stock kernel if it is named stock.
func (b bench) project(name string) candidate {
	return b.synthesis(name, b.program("tap"))
}

// synthesis runs a program that synthesizes, with the stock kernel if it is named stock.
func (b bench) synthesis(name string, command ...string) candidate {
	kernel := "TAP_STOCK_KERNEL="
	if name == "stock" {
		kernel += "1"
	}
	return candidate{name: name, command: command, folder: ".", variables: []string{"CDKTF_OUTDIR=" + b.output(name), kernel}}
}
