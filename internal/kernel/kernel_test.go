package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucket"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	tap "tap/constructs"
	"tap/tests/must"
)

// The test binary is also the program that the tests run: with the name of an app in this variable it runs that app
// instead of the tests.
const appVariable = "KERNEL_TEST_APP"

// apps synthesize into the folder that CDKTF_OUTDIR names.
var apps = map[string]func(){
	"empty": func() { cdktf.NewApp(nil).Synth() },
	"everything": func() {
		environments, accounts, err := config.Load("../../environments", "")
		tested, shared, problem := config.Load("../../tests/environments", "")
		environments, accounts = append(environments, tested...), append(accounts, shared...)
		output := os.Getenv("CDKTF_OUTDIR")
		if err := errors.Join(err, problem, tap.Synthesize(environments, accounts, output)); err != nil {
			panic(err)
		}
		synthesizeBucket(output + "/bucket")
	},
	"killed": func() {
		cdktf.NewApp(nil).Synth()
		os.Exit(0)
	},
	"failing": func() {
		app := cdktf.NewApp(nil)
		cdktf.NewTerraformStack(app, jsii.String("twice"))
		cdktf.NewTerraformStack(app, jsii.String("twice"))
	},
}

func TestMain(m *testing.M) {
	if app := apps[os.Getenv(appVariable)]; app != nil {
		before := os.Environ()
		Accelerate()
		if after := os.Environ(); !slices.Equal(after, before) {
			panic(fmt.Sprintf("the environment is %q, was %q", after, before))
		}
		app()
		Close()
		return
	}
	os.Unsetenv("NODE_OPTIONS")
	os.Exit(m.Run())
}

// synthesizeBucket does what the environments do not: the kernel calls the program back, and cdktf prints a warning.
func synthesizeBucket(output string) {
	app := cdktf.NewApp(&cdktf.AppConfig{Outdir: &output})
	stack := cdktf.NewTerraformStack(app, jsii.String("stack"))
	cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{Path: jsii.String("terraform.tfstate")})
	provider.NewAwsProvider(stack, jsii.String("aws"), &provider.AwsProviderConfig{Region: jsii.String("us-east-1")})
	bucket := s3bucket.NewS3Bucket(stack, jsii.String("bucket"), &s3bucket.S3BucketConfig{})
	s3bucket.NewS3Bucket(stack, jsii.String("copy"), &s3bucket.S3BucketConfig{
		Bucket: cdktf.Fn_Lower(jsii.String("${terraform.workspace}größer <&> 日本" + *bucket.Id())),
	})
	cdktf.Aspects_Of(stack).Add(&tagger{})
	app.Synth()
}

// tagger is an aspect written in Go.
type tagger struct{}

func (*tagger) Visit(node constructs.IConstruct) {
	if bucket, ok := node.(s3bucket.S3Bucket); ok {
		bucket.SetTags(&map[string]*string{"Visited": bucket.Node().Path()})
	}
}

// result is what a run of an app left.
type result struct {
	output         string // the folder of the stacks
	reports        string // a folder with the report of each process of the kernel, by the name of its script
	stdout, stderr bytes.Buffer
	err            error
}

// run runs an app. Unless that fails or kills itself, it must leave nothing behind.
func run(t *testing.T, app string, variables ...string) *result {
	t.Helper()
	temporary := t.TempDir()
	r := &result{output: filepath.Join(t.TempDir(), "cdktf.out"), reports: t.TempDir()}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), appVariable+"="+app, "CDKTF_OUTDIR="+r.output, "TMPDIR="+temporary,
		"PROBE_FOLDER="+r.reports, "JSII_NODE="+must.Get(filepath.Abs("testdata/node"))(t), "TAP_STOCK_KERNEL=")
	command.Env = append(command.Env, variables...)
	command.Stdout, command.Stderr = &r.stdout, &r.stderr
	r.err = command.Run()
	left := must.Get(os.ReadDir(temporary))(t)
	if app != "failing" && app != "killed" && (r.err != nil || len(left) > 0) {
		t.Fatalf("the app ended with %v and left %v in its temporary folder\n%s", r.err, left, &r.stderr)
	}
	return r
}

// report is what testdata/probe.cjs saw in one process of a kernel.
type report struct {
	NodeOptions                                   string
	ProviderModules, ArchiverModules, LongestJSON int
}

// report returns what the kernel's process with the script loaded, nil if there was no such process or it still runs.
func (r *result) report(script string) *report {
	content, _ := os.ReadFile(filepath.Join(r.reports, script))
	var report *report
	_ = json.Unmarshal(content, &report)
	return report
}

// The one place that compares the output with that of the stock kernel, which TAP_STOCK_KERNEL restores.
func TestOutputEqualsStockKernels(t *testing.T) {
	stock, fast := run(t, "everything", "TAP_STOCK_KERNEL=1"), run(t, "everything")
	if stacks, _ := filepath.Glob(filepath.Join(stock.output, "stacks", "*", "cdk.tf.json")); len(stacks) < 4 {
		t.Errorf("the environments are %d stacks, want at least 4", len(stacks))
	}
	if difference, err := exec.Command("diff", "-r", stock.output, fast.output).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, difference)
	}
	deprecated := regexp.MustCompile(`(?m)^\((node:|Use .node --trace-deprecation).*\n`) // by Node 22, in the stock kernel
	stockSays := deprecated.ReplaceAllString(stock.stdout.String()+stock.stderr.String(), "")
	fastSays := fast.stdout.String() + fast.stderr.String()
	if fastSays != stockSays || !strings.Contains(fast.stderr.String(), "escape sequences") {
		t.Errorf("printed %q, want the warning of a construct as in %q", fastSays, stockSays)
	}

	got := stock.report("program.js")
	if got == nil || got.ProviderModules < 2000 || got.LongestJSON < 100<<20 || got.ArchiverModules == 0 {
		t.Errorf("the stock kernel's second process loaded %+v, want everything", got)
	}
	got = fast.report("jsii-runtime.js")
	if got == nil || got.ProviderModules > 200 || got.LongestJSON > 4<<20 || got.ArchiverModules > 0 {
		t.Errorf("the fast kernel loaded %+v, want only what is used", got)
	}
	if fast.report("program.js") != nil {
		t.Error("the fast kernel has a second process")
	}
}

// The whole file answers, or the stock kernel's error names it.
func TestTypeThatCannotBeParsedAlone(t *testing.T) {
	got := run(t, "everything", "PROBE_DAMAGED=1").report("jsii-runtime.js")
	if got == nil || got.LongestJSON < 100<<20 {
		t.Errorf("the kernel loaded %+v, want everything", got)
	}
}

func TestNothingPrintedOrLeftBehind(t *testing.T) {
	for i := range 20 {
		t.Run(fmt.Sprint("stock=", i%2), func(t *testing.T) {
			t.Parallel()
			if r := run(t, "empty", fmt.Sprint("TAP_STOCK_KERNEL=", i%2)); r.stdout.Len()+r.stderr.Len() > 0 {
				t.Errorf("printed %q and %q", &r.stdout, &r.stderr)
			}
		})
	}
}

func TestConstructsSeeUsersNodeOptions(t *testing.T) {
	for want, variables := range map[string][]string{
		heapOption:                  nil,
		"":                          {"NODE_OPTIONS="},
		"--max-old-space-size=3000": {"NODE_OPTIONS=--max-old-space-size=3000"},
		"--no-deprecation ":         {"NODE_OPTIONS=--no-deprecation "},
	} {
		got := run(t, "empty", variables...).report("jsii-runtime.js")
		if got == nil || got.NodeOptions != want {
			t.Errorf("%q: the kernel is %+v, want the options %q", variables, got, want)
		}
	}
}

func TestPrintsAndErrorsReachUser(t *testing.T) {
	r := run(t, "failing", "JSII_DEBUG_TIMING=1")
	if r.err == nil || !strings.Contains(r.stderr.String(), "There is already a Construct with name 'twice'") ||
		!strings.Contains(r.stdout.String(), "[@jsii/kernel:timing]") {
		t.Errorf("%v, standard output is %s, standard error is %s", r.err, &r.stdout, &r.stderr)
	}
}

func TestKernelEndsWithProgram(t *testing.T) {
	r := run(t, "killed")
	for range 1000 { // 10 s
		if r.report("jsii-runtime.js") != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the kernel still runs (%v)\n%s", r.err, &r.stderr)
}
