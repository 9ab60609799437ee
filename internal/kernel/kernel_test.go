package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	"empty":        func() { cdktf.NewApp(nil).Synth() },
	"environments": func() { synthesizeEnvironments("../../environments") },
	"everything": func() {
		synthesizeEnvironments("../../environments", "../../tests/environments")
		synthesizeBucket(os.Getenv("CDKTF_OUTDIR") + "/bucket")
	},
	"bucket": func() { synthesizeBucket(os.Getenv("CDKTF_OUTDIR")) },
	"killed": func() {
		synthesizeBucket(os.Getenv("CDKTF_OUTDIR"))
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

func synthesizeEnvironments(folders ...string) {
	var environments []config.Environment
	var accounts []config.Account
	for _, folder := range folders {
		loaded, shared, err := config.Load(folder, config.RequestedSuffix{})
		if err != nil {
			panic(err)
		}
		environments, accounts = append(environments, loaded...), append(accounts, shared...)
	}
	if err := tap.Synthesize(environments, accounts, os.Getenv("CDKTF_OUTDIR")); err != nil {
		panic(err)
	}
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
	temporary      string // TMPDIR
	reports        string // a folder with the report of each process of the kernel, by the name of its script
	stdout, stderr string
	err            error
}

// report is what testdata/probe.js saw in one process of a kernel.
type report struct {
	NodeOptions                                   string
	ProviderModules, ArchiverModules, LongestJSON int
}

func run(t *testing.T, app string, variables ...string) result {
	t.Helper()
	node := must.Get(filepath.Abs("testdata/node"))(t)
	r := result{output: filepath.Join(t.TempDir(), "cdktf.out"), temporary: t.TempDir(), reports: t.TempDir()}
	var stdout, stderr bytes.Buffer
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), appVariable+"="+app, "CDKTF_OUTDIR="+r.output, "TMPDIR="+r.temporary,
		"JSII_NODE="+node, "PROBE_FOLDER="+r.reports, "TAP_STOCK_KERNEL=")
	command.Env = append(command.Env, variables...)
	command.Stdout, command.Stderr = &stdout, &stderr
	r.err = command.Run()
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r
}

// synthesize runs an app that succeeds and leaves nothing behind.
func synthesize(t *testing.T, app string, variables ...string) result {
	t.Helper()
	r := run(t, app, variables...)
	if r.err != nil {
		t.Fatalf("%v\n%s", r.err, r.stderr)
	}
	if left, err := os.ReadDir(r.temporary); err != nil || len(left) > 0 {
		t.Errorf("the program left %v in its temporary folder (%v)", left, err)
	}
	return r
}

// report returns what the kernel's process with the script loaded, nil if there was no such process.
func (r result) report(t *testing.T, script string) *report {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.reports, script))
	if os.IsNotExist(err) {
		return nil
	}
	var report report
	must.Do(t, err, json.Unmarshal(content, &report))
	return &report
}

// The one place that compares the output with that of the stock kernel, which TAP_STOCK_KERNEL restores.
func TestOutputEqualsStockKernels(t *testing.T) {
	stock, fast := synthesize(t, "everything", "TAP_STOCK_KERNEL=1"), synthesize(t, "everything")
	if stacks, _ := filepath.Glob(filepath.Join(stock.output, "stacks", "*", "cdk.tf.json")); len(stacks) < 4 {
		t.Errorf("the environments are %d stacks, want at least 4", len(stacks))
	}
	if difference, err := exec.Command("diff", "-r", stock.output, fast.output).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, difference)
	}
	if fast.stdout != stock.stdout || fast.stderr != stock.stderr || !strings.Contains(fast.stderr, "escape sequences") {
		t.Errorf("printed %q and %q, want the warning of a construct as in %q and %q",
			fast.stdout, fast.stderr, stock.stdout, stock.stderr)
	}

	const manyModules, largeJSON = 2000, 100 << 20
	got := stock.report(t, "program.js")
	if got == nil || got.ProviderModules < manyModules || got.LongestJSON < largeJSON || got.ArchiverModules == 0 {
		t.Errorf("the stock kernel's second process loaded %+v, want everything", got)
	}
	const fewModules, smallJSON = 200, 4 << 20
	got = fast.report(t, "jsii-runtime.js")
	if got == nil || got.ProviderModules > fewModules || got.LongestJSON > smallJSON || got.ArchiverModules > 0 {
		t.Errorf("the fast kernel loaded %+v, want only what is used", got)
	}
	if fast.report(t, "program.js") != nil {
		t.Error("the fast kernel has a second process")
	}
}

func TestNothingPrintedOrLeftBehind(t *testing.T) {
	for _, stock := range []string{"", "1"} {
		for i := range 10 {
			t.Run(fmt.Sprintf("stock=%s/%d", stock, i), func(t *testing.T) {
				t.Parallel()
				if r := synthesize(t, "empty", "TAP_STOCK_KERNEL="+stock); r.stdout != "" || r.stderr != "" {
					t.Errorf("printed %q and %q", r.stdout, r.stderr)
				}
			})
		}
	}
}

func TestConstructsSeeUsersNodeOptions(t *testing.T) {
	for want, variables := range map[string][]string{
		heapOption:                  nil,
		"--max-old-space-size=3000": {"NODE_OPTIONS=--max-old-space-size=3000"},
		"--no-deprecation ":         {"NODE_OPTIONS=--no-deprecation "},
	} {
		got := synthesize(t, "bucket", variables...).report(t, "jsii-runtime.js")
		if got == nil || got.NodeOptions != want {
			t.Errorf("%q: the kernel is %+v, want the options %q", variables, got, want)
		}
	}
}

func TestPrintsAndErrorsReachUser(t *testing.T) {
	r := run(t, "failing", "JSII_DEBUG_TIMING=1")
	if r.err == nil || !strings.Contains(r.stderr, "There is already a Construct with name 'twice'") {
		t.Errorf("%v, standard error is %s", r.err, r.stderr)
	}
	if !strings.Contains(r.stdout, "[@jsii/kernel:timing]") {
		t.Errorf("standard output is %q", r.stdout)
	}
}

func TestKernelEndsWithProgram(t *testing.T) {
	r := run(t, "killed")
	deadline := time.Now().Add(10 * time.Second)
	for r.report(t, "jsii-runtime.js") == nil {
		if time.Now().After(deadline) {
			t.Fatalf("the kernel still runs (%v)\n%s", r.err, r.stderr)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
