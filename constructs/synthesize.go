package constructs

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
)

// Synthesize writes the Terraform JSON of every environment's stack, with the additions, and of every account's, below
// the folder output. An empty output leaves the choice to the cdktf command, which asks for cdktf.out unless told
// otherwise. Errors name the stack and the line that failed; the folder's parent has to exist.
func Synthesize(environments []config.Environment, accounts []config.Account, output string,
	additions ...Addition) error {
	settings := &cdktf.AppConfig{}
	if output != "" {
		settings.Outdir = jsii.String(output)
	}
	var app cdktf.App
	if err := guard("app", func() { app = cdktf.NewApp(settings) }); err != nil {
		return err
	}
	for _, environment := range environments {
		build := func() { NewTapStack(app, environment, additions...) }
		if err := guard("stack tap-"+environment.Suffix, build); err != nil {
			return err
		}
	}
	for _, account := range accounts {
		if err := guard("stack tap-account-"+account.ID, func() { NewAccountStack(app, account) }); err != nil {
			return err
		}
	}
	return guard("app", func() { app.Synth() })
}

// guard turns a panic, which is how jsii reports an error, into an error of one line that names what was being built
// and the line of this package or an area's that panicked.
func guard(what string, build func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			message, _, _ := strings.Cut(strings.TrimSpace(fmt.Sprint(cause)), "\n")
			err = fmt.Errorf("%s%s: %s", what, panickingLine(), message)
		}
	}()
	build()
	return nil
}

// panickingLine is the innermost line below this folder on the panicking stack, outside this file.
func panickingLine() string {
	_, this, _, _ := runtime.Caller(0)
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		file, ours := strings.CutPrefix(frame.File, path.Dir(this)+"/")
		if ours && frame.File != this {
			return fmt.Sprintf(": %s:%d", file, frame.Line)
		}
		if !more {
			return ""
		}
	}
}
