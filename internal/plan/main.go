// Command plan says in plain words what a change does to a deployed stack, and applies what was reviewed:
//
//	plan [-markdown] STACK   saves a plan, says what it does, worst first, and shows Terraform's own text
//	plan apply STACK         applies exactly the saved plan; where there is none Terraform plans and asks
//
// Both need a synthesis, in cdktf.out or in the folder of the option -output. The exit status of the first is 0 without
// changes, 2 with harmless ones only, 3 with any that loses data, interrupts traffic or weakens protection, and 1 after
// an error.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run carries out one command and returns its exit status.
func run(arguments []string, stdout, stderr io.Writer) int {
	apply := len(arguments) > 0 && arguments[0] == "apply"
	if apply {
		arguments = arguments[1:]
	}
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	markdown := flags.Bool("markdown", false, "print a comment for a pull request")
	output := flags.String("output", "cdktf.out", "the `folder` of the synthesized stacks")
	if err := flags.Parse(arguments); err != nil {
		return 1
	}
	if flags.NArg() != 1 || apply && *markdown {
		fmt.Fprintln(stderr, "usage: plan [-markdown] [-output FOLDER] STACK\n       plan apply [-output FOLDER] STACK")
		return 1
	}
	status := 0
	s, err := open(*output, flags.Arg(0), stdout, stderr)
	if err == nil && apply {
		err = s.apply()
	} else if err == nil {
		status, err = s.plan(*markdown)
	}
	if err != nil {
		fmt.Fprintln(stderr, "plan:", err)
		return 1
	}
	return status
}
