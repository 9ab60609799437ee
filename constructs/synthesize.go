package constructs

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
)

// Synthesize writes the Terraform JSON of every environment's stack, with Extensions and further ones, and of every
// account's, below the folder output, whose parent has to exist. A panic, which is how jsii reports an error, is an
// error of one line that names the stack and the line that failed.
func Synthesize(environments []config.Environment, accounts []config.Account, output string,
	further ...Extension) (err error) {
	building := "app"
	defer func() {
		if cause := recover(); cause != nil {
			message, _, _ := strings.Cut(strings.TrimSpace(fmt.Sprint(cause)), "\n")
			err = fmt.Errorf("%s%s: %s", building, panickingLine(), message)
		}
	}()
	app := cdktf.NewApp(&cdktf.AppConfig{Outdir: jsii.String(output)})
	for _, environment := range environments {
		building = "stack " + environment.Stack()
		NewTapStack(app, environment, slices.Concat(Extensions, further)...)
	}
	for _, account := range accounts {
		building = "stack " + account.Stack()
		NewAccountStack(app, account)
	}
	building = "app"
	app.Synth()
	return nil
}

// panickingLine is the innermost line below this folder on the panicking stack, outside this file.
func panickingLine() string {
	_, this, _, _ := runtime.Caller(0)
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		if file, ours := strings.CutPrefix(frame.File, path.Dir(this)+"/"); ours && frame.File != this {
			return fmt.Sprintf(": %s:%d", file, frame.Line)
		}
	}
	return ""
}
