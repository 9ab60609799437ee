// Command tap synthesizes the payment API's infrastructure: one Terraform stack for each environment
// in the folder environments, below the output folder that the cdktf command asks for (cdktf.out).
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs"
	"tap/kernel"
)

func main() {
	kernel.Accelerate()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads every environment before it starts anything: a wrong file leaves the output of the last
// synthesis as it was.
func run() error {
	requested, err := config.FindRequestedSuffix(os.Getenv)
	if err != nil {
		return err
	}
	environments, err := config.Load("environments", requested)
	if err != nil {
		return err
	}
	defer jsii.Close()
	return synthesize(environments)
}

func synthesize(environments []config.Environment) error {
	var app cdktf.App
	if err := guard("app", func() { app = cdktf.NewApp(nil) }); err != nil {
		return err
	}
	bucket := config.State{}
	account := ""
	for _, environment := range environments {
		if err := guard("stack tap-"+environment.Suffix, func() { constructs.NewTapStack(app, environment) }); err != nil {
			return err
		}
		if environment.State.Bucket != "" {
			bucket, account = environment.State, environment.Account
		}
	}
	if bucket.Bucket != "" {
		err := guard("stack tap-state", func() { constructs.NewStateStack(app, bucket.Bucket, bucket.Region, account) })
		if err != nil {
			return err
		}
	}
	return guard("app", func() { app.Synth() })
}

// guard turns a panic, which is how jsii reports an error, into an error of one line that names what
// was being built and the construct that panicked.
func guard(what string, build func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s%s: %s", what, construct(), firstLine(cause))
		}
	}()
	build()
	return nil
}

// construct names the innermost function of package constructs on the panicking stack.
func construct() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		if name, found := strings.CutPrefix(frame.Function, "tap/constructs/"); found {
			return ": " + name
		}
		if !more {
			return ""
		}
	}
}

func firstLine(cause any) string {
	line, _, _ := strings.Cut(strings.TrimSpace(fmt.Sprint(cause)), "\n")
	return line
}
