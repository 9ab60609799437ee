package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucket"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/securitygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpc"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// The test binary is also the program that the tests run: a folder in this variable makes it
// synthesize into that folder instead of running tests.
const outputVariable = "KERNEL_TEST_OUTPUT"

func TestMain(m *testing.M) {
	if output := os.Getenv(outputVariable); output != "" {
		synthesize(output)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// synthesize uses each way in which a program and the kernel talk: constructors, properties,
// methods, callbacks, and what constructs write to standard error.
func synthesize(output string) {
	Accelerate()
	fmt.Printf("NODE_OPTIONS=%s\n", os.Getenv("NODE_OPTIONS"))
	defer jsii.Close()
	app := cdktf.NewApp(&cdktf.AppConfig{Outdir: &output})
	stack := cdktf.NewTerraformStack(app, jsii.String("stack"))
	cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{Path: jsii.String("terraform.tfstate")})
	provider.NewAwsProvider(stack, jsii.String("aws"), &provider.AwsProviderConfig{Region: jsii.String("us-east-1")})
	network := vpc.NewVpc(stack, jsii.String("network"), &vpc.VpcConfig{CidrBlock: jsii.String("10.0.0.0/16")})
	network.AddOverride(jsii.String("lifecycle.prevent_destroy"), true)
	securitygroup.NewSecurityGroup(stack, jsii.String("group"), &securitygroup.SecurityGroupConfig{
		VpcId: network.Id(),
		Ingress: []*securitygroup.SecurityGroupIngress{{
			FromPort: jsii.Number(443), ToPort: jsii.Number(443), Protocol: jsii.String("tcp"),
			CidrBlocks: jsii.Strings("10.0.0.0/16"), Description: jsii.String("clients: größer <&> 日本"),
		}},
	})
	s3bucket.NewS3Bucket(stack, jsii.String("bucket"), &s3bucket.S3BucketConfig{
		Bucket: cdktf.Fn_Lower(jsii.String("${terraform.workspace}" + *network.Id())),
	})
	cdktf.Aspects_Of(stack).Add(&tagger{})
	app.Synth()
}

// tagger is an aspect written in Go: the kernel calls it back.
type tagger struct{}

func (*tagger) Visit(node constructs.IConstruct) {
	if bucket, ok := node.(s3bucket.S3Bucket); ok {
		bucket.SetTags(&map[string]*string{"Visited": bucket.Node().Path()})
	}
}

// kernelReport is what testdata/probe.js saw in one process of a kernel.
type kernelReport struct {
	Entry           string
	NodeOptions     *string
	ProviderModules int
	ArchiverModules int
	ProviderFolder  string
	LongestJSON     int
}

// result is what one run of the program left.
type result struct {
	files   map[string]string
	stdout  string
	stderr  string
	failed  bool
	kernels map[string]kernelReport // by entry: jsii-runtime.js, and program.js where it is a process of its own
}

// last is the process that ran the constructs.
func (r result) last() kernelReport {
	if report, ok := r.kernels["program.js"]; ok {
		return report
	}
	return r.kernels["jsii-runtime.js"]
}

const (
	usedModules = 5        // the index, the provider, and the three resources of synthesize
	manyModules = 2000     // fewer than an eager index requires
	smallJSON   = 4 << 20  // longer than the provider's assembly without its types
	largeJSON   = 50 << 20 // shorter than the whole assembly, indented or not
)

func (r result) assertLazyIndex(t *testing.T) {
	t.Helper()
	if got := r.last().ProviderModules; got != usedModules {
		t.Errorf("%d modules of the provider were loaded, want %d", got, usedModules)
	}
}

func (r result) assertEagerIndex(t *testing.T) {
	t.Helper()
	if got := r.last().ProviderModules; got < manyModules {
		t.Errorf("%d modules of the provider were loaded, want all", got)
	}
}

func (r result) assertLazyTypes(t *testing.T) {
	t.Helper()
	if got := r.last().LongestJSON; got == 0 || got > smallJSON {
		t.Errorf("the longest JSON parsed has %d characters, want 1 to %d", got, smallJSON)
	}
}

func (r result) assertAllTypesParsed(t *testing.T) {
	t.Helper()
	if got := r.last().LongestJSON; got < largeJSON {
		t.Errorf("the longest JSON parsed has %d characters, want the whole assembly", got)
	}
}

func (r result) assertProcesses(t *testing.T, want int) {
	t.Helper()
	if len(r.kernels) != want {
		t.Errorf("the kernel had %d processes, want %d: %v", len(r.kernels), want, r.kernels)
	}
}

func (r result) assertStock(t *testing.T) {
	t.Helper()
	r.assertEagerIndex(t)
	r.assertAllTypesParsed(t)
	r.assertProcesses(t, 2)
}

func (r result) assertAccelerated(t *testing.T) {
	t.Helper()
	r.assertLazyIndex(t)
	r.assertLazyTypes(t)
	r.assertProcesses(t, 1)
}

// assertSameOutput compares with what the stock kernel writes.
func (r result) assertSameOutput(t *testing.T) {
	t.Helper()
	want := stock(t)
	if r.failed {
		t.Fatalf("the program failed:\n%s", r.stderr)
	}
	if len(want.files) != 2 {
		t.Fatalf("the stock kernel wrote %d files, want the manifest and one stack", len(want.files))
	}
	if len(r.files) != len(want.files) {
		t.Errorf("%d files were written, want %d", len(r.files), len(want.files))
	}
	for name, content := range want.files {
		if r.files[name] != content {
			t.Errorf("%s differs from the stock kernel's:\n%s", name, r.files[name])
		}
	}
	if r.stdout != want.stdout {
		t.Errorf("standard output is %q, want %q", r.stdout, want.stdout)
	}
	if r.stderr != want.stderr {
		t.Errorf("standard error is\n%s\nwant\n%s", r.stderr, want.stderr)
	}
}

// machine is where a program runs: its home, its package cache, its Node.
type machine struct {
	home        string
	variables   []string // over the defaults; later ones win
	beforeStart string   // shell commands before Node starts, with the kernel's folder in $kernel
}

// synthesize runs the program.
func (m machine) synthesize(t *testing.T) result {
	t.Helper()
	output := filepath.Join(t.TempDir(), "cdktf.out")
	reports := t.TempDir()
	command := exec.Command(os.Args[0])
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "NODE_OPTIONS", "TAP_STOCK_KERNEL", "XDG_CACHE_HOME", "HOME", "JSII_NODE", "JSII_DEBUG":
		default:
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env,
		outputVariable+"="+output,
		"PROBE_FOLDER="+reports,
		"JSII_NODE="+m.node(t),
		"JSII_RUNTIME_PACKAGE_CACHE_ROOT="+packageCache(),
		"JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION=1",
	)
	if m.home != "" {
		command.Env = append(command.Env, "HOME="+m.home)
	}
	command.Env = append(command.Env, m.variables...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{
		files:   readFiles(t, output),
		stdout:  stdout.String(),
		stderr:  withoutNoise(stderr.String()),
		failed:  err != nil,
		kernels: readReports(t, reports),
	}
}

// node writes a script that stands in for Node: it loads the probe first, and can edit the
// kernel's files before.
func (m machine) node(t *testing.T) string {
	t.Helper()
	probe, err := filepath.Abs("testdata/probe.js")
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "node")
	content := "#!/bin/sh\nset -e\nkernel=$(dirname \"$1\")/..\n" + m.beforeStart + "\nexec '" + nodeCommand() + "' --require '" + probe + "' \"$@\"\n"
	if err := os.WriteFile(script, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return script
}

// nodeCommand is the Node of the tests: JSII_NODE chooses another than the one on the path.
func nodeCommand() string {
	if node := os.Getenv("JSII_NODE"); node != "" {
		return node
	}
	return "node"
}

// packageCache is where jsii keeps unpacked packages: the user's own folder, as unpacking the
// provider takes seconds and hundreds of megabytes.
func packageCache() string {
	if root := os.Getenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT"); root != "" {
		return root
	}
	home := os.Getenv("HOME")
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Caches", "com.amazonaws.jsii", "package-cache")
	}
	return filepath.Join(home, ".cache", "aws", "jsii", "package-cache")
}

// withoutNoise leaves out what a stock kernel writes at random when it is closed (two
// goroutines of the Go runtime wait for one process), and the box about Node's end of life,
// which names its version.
func withoutNoise(stderr string) string {
	stderr = strings.ReplaceAll(stderr, "Runtime process exited abnormally: waitid: no child processes", "")
	return regexp.MustCompile(`(?m)^(\x1b\[[0-9;]*m)*!!.*\n`).ReplaceAllString(stderr, "")
}

func readFiles(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, folder)] = string(content)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

func readReports(t *testing.T, folder string) map[string]kernelReport {
	t.Helper()
	reports := map[string]kernelReport{}
	for _, content := range readFiles(t, folder) {
		var report kernelReport
		if err := json.Unmarshal([]byte(content), &report); err != nil {
			t.Fatal(err)
		}
		if _, twice := reports[report.Entry]; twice {
			t.Errorf("%s was started twice", report.Entry)
		}
		reports[report.Entry] = report
	}
	return reports
}

var stockOnce = sync.OnceValue(func() func(*testing.T) result {
	var run sync.Once
	var stock result
	return func(t *testing.T) result {
		run.Do(func() {
			stock = machine{home: t.TempDir(), variables: []string{"TAP_STOCK_KERNEL=1"}}.synthesize(t)
		})
		return stock
	}
})

// stock is what the program does with the stock kernel.
func stock(t *testing.T) result {
	t.Helper()
	return stockOnce()(t)
}

func TestTheOutputIsThatOfTheStockKernel(t *testing.T) {
	got := machine{home: t.TempDir()}.synthesize(t)
	got.assertSameOutput(t)
	got.assertAccelerated(t)
	if got := got.last().ArchiverModules; got != 0 {
		t.Errorf("%d modules of the zip library were loaded without an asset to zip", got)
	}
	if !strings.Contains(got.stderr, "escape sequences") {
		t.Errorf("the warning of a construct did not reach standard error: %q", got.stderr)
	}
}

func TestOneVariableRestoresTheStockKernel(t *testing.T) {
	stock := stock(t)
	stock.assertStock(t)
	if got := stock.last().ArchiverModules; got == 0 {
		t.Error("the stock kernel did not load the zip library")
	}
}

func TestConstructsSeeTheNodeOptionsOfTheStockKernel(t *testing.T) {
	for _, set := range []string{"", "--max-old-space-size=3000", "--no-deprecation "} {
		t.Run(set, func(t *testing.T) {
			variables := []string{}
			want := heapOption
			if set != "" {
				variables = append(variables, "NODE_OPTIONS="+set)
				want = set
			}
			got := machine{home: t.TempDir(), variables: variables}.synthesize(t)
			got.assertAccelerated(t)
			if got.failed {
				t.Fatal(got.stderr)
			}
			if seen := got.last().NodeOptions; seen == nil || *seen != want {
				t.Errorf("constructs see NODE_OPTIONS %s, want %q", describe(seen), want)
			}
			if want := "NODE_OPTIONS=" + set + "\n"; got.stdout != want {
				t.Errorf("the program sees %q, want %q", got.stdout, want)
			}
		})
	}
}

func describe(text *string) string {
	if text == nil {
		return "unset"
	}
	return strconv.Quote(*text)
}

func TestAFolderWithSpacesQuotesAndBackslashesIsQuotedForNode(t *testing.T) {
	home := filepath.Join(t.TempDir(), `a "home"  with \ spaces' and $HOME`)
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	got := machine{home: home}.synthesize(t)
	got.assertSameOutput(t)
	got.assertAccelerated(t)
}

func TestWithoutACacheFolderTheKernelIsStock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, machine := range map[string]machine{
		"no home folder":                   {},
		"the cache folder cannot be made":  {home: file},
		"the cache folder cannot be found": {home: "/dev/null"},
		"the cache folder is not absolute": {home: "relative", variables: []string{"XDG_CACHE_HOME=relative"}},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "darwin" && machine.home == "relative" {
				machine.home = ""
			}
			got := machine.synthesize(t)
			got.assertSameOutput(t)
			got.assertStock(t)
		})
	}
}

func TestTheScriptIsWrittenOnceAndMendedWhenItIsDamaged(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	script, err := install()
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.Stat(script)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := install(); err != nil {
		t.Fatal(err)
	}
	if again, err := os.Stat(script); err != nil || !os.SameFile(written, again) {
		t.Errorf("a script that is there already was written again (%v)", err)
	}
	if err := os.WriteFile(script, preload[:len(preload)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := install(); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(script); err != nil || !bytes.Equal(content, preload) {
		t.Errorf("a damaged script was not mended (%v)", err)
	}
}

func TestAScriptInAReadOnlyFolderIsUsed(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	script, err := install()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(script)
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o700) })
	got := machine{home: os.Getenv("HOME")}.synthesize(t)
	got.assertSameOutput(t)
	got.assertAccelerated(t)
}

func TestAFailedWriteLeavesNothingBehind(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "script.js", "occupied"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeAtomically(filepath.Join(folder, "script.js"), preload); err == nil {
		t.Fatal("a folder was overwritten by a file")
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, want script.js alone (%v)", entries, err)
	}
}

func TestProgramsThatStartTogetherOnANewMachineAllSucceed(t *testing.T) {
	stock(t)
	home := t.TempDir()
	results := make([]result, 3)
	var group sync.WaitGroup
	for i := range results {
		group.Add(1)
		go func() {
			defer group.Done()
			results[i] = machine{home: home}.synthesize(t)
		}()
	}
	group.Wait()
	for _, result := range results {
		result.assertSameOutput(t)
		result.assertAccelerated(t)
	}
	var cached []string
	for name := range readFiles(t, home) {
		cached = append(cached, name)
	}
	if len(cached) != 1 {
		t.Errorf("the home folder holds %v, want one script", cached)
	}
}

func TestAKernelOfAnotherLayoutRunsAsItIs(t *testing.T) {
	const types = `Object.keys((_c = assmSpec.types) !== null \&\& _c !== void 0 ? _c : {}).length`
	for name, test := range map[string]struct {
		file, before, after string
		check               func(*testing.T, result)
	}{
		"how it starts its second process": {
			"bin/jsii-runtime.js", `"--preserve-symlinks", (0`, `"--preserve-symlinks", "--no-deprecation", (0`,
			func(t *testing.T, got result) {
				got.assertLazyIndex(t)
				got.assertLazyTypes(t)
				got.assertProcesses(t, 2)
			},
		},
		"where it reads requests": {
			"lib/program.js", `readFD: 3,`, `readFD: 2 + 1,`,
			func(t *testing.T, got result) {
				got.assertLazyIndex(t)
				got.assertLazyTypes(t)
				got.assertProcesses(t, 2)
			},
		},
		"how it loads assemblies": {
			"lib/program.js", `return loadAssemblyFromFile(assemblyFile, validate);`, `return loadAssemblyFromFile(assemblyFile, !!validate);`,
			func(t *testing.T, got result) {
				got.assertLazyIndex(t)
				got.assertAllTypesParsed(t)
				got.assertProcesses(t, 1)
			},
		},
		"how it counts types": {
			"lib/program.js", types, `Object.keys(assmSpec.types).length`,
			func(t *testing.T, got result) {
				got.assertLazyIndex(t)
				got.assertAllTypesParsed(t)
				got.assertProcesses(t, 1)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := `"$kernel/` + test.file + `"`
			pattern := strings.NewReplacer(`*`, `\*`, `.`, `\.`, `\&`, `&`).Replace(test.before)
			edit := fmt.Sprintf("sed 's|%s|%s|' %s > %[3]s.edited\n! cmp -s %[3]s %[3]s.edited\nmv %[3]s.edited %[3]s", strings.ReplaceAll(pattern, "|", `\|`), test.after, file)
			got := machine{home: t.TempDir(), beforeStart: edit}.synthesize(t)
			got.assertSameOutput(t)
			test.check(t, got)
		})
	}
}

// changedProvider makes a package cache that differs from the user's in one file of the
// provider, and answers its root. change answers the file's new content, nil for a folder.
func changedProvider(t *testing.T, file string, change func([]byte) []byte) string {
	t.Helper()
	folder := stock(t).last().ProviderFolder
	content, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(resolve(t, packageCache()), folder)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	// Folders on the way to the file are copies, everything beside them is a link.
	source, copied := resolve(t, packageCache()), root
	for _, component := range strings.Split(filepath.Join(relative, file), string(filepath.Separator)) {
		entries, err := os.ReadDir(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name() == component {
				continue
			}
			if err := os.Symlink(filepath.Join(source, entry.Name()), filepath.Join(copied, entry.Name())); err != nil {
				t.Fatal(err)
			}
		}
		source, copied = filepath.Join(source, component), filepath.Join(copied, component)
		if information, err := os.Stat(source); err != nil {
			t.Fatal(err)
		} else if information.IsDir() {
			if err := os.Mkdir(copied, 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	changed := change(content)
	if changed == nil {
		err = os.Mkdir(copied, 0o700)
	} else {
		err = os.WriteFile(copied, changed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func resolve(t *testing.T, path string) string {
	t.Helper()
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func synthesizeWithCache(t *testing.T, root string) result {
	t.Helper()
	return machine{home: t.TempDir(), variables: []string{"JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + root}}.synthesize(t)
}

func TestAnIndexThatDoesMoreThanRequireIsLoadedWhole(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a statement": func(index []byte) []byte {
			return append([]byte("exports.loaded = Date.now();\n"), index...)
		},
		"another form of require": func(index []byte) []byte {
			return bytes.Replace(index, []byte(`exports.vpc = require("./vpc");`), []byte(`exports.vpc = Object.assign({}, require("./vpc"));`), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := synthesizeWithCache(t, changedProvider(t, "lib/index.js", change))
			got.assertSameOutput(t)
			got.assertEagerIndex(t)
			got.assertLazyTypes(t)
		})
	}
}

var typesOpen, typesClose = []byte("\n  \"types\": {\n"), []byte("\n    }\n  },\n")

func TestAnAssemblyThatIsNotSortedIsParsedWhole(t *testing.T) {
	root := changedProvider(t, ".jsii", func(assembly []byte) []byte {
		start := bytes.Index(assembly, typesOpen) + len(typesOpen)
		end := bytes.LastIndex(assembly, typesClose) + len("\n    }")
		types := assembly[start:end]
		middle := bytes.Index(types[len(types)/2:], []byte("\n    },\n")) + len(types)/2
		first, second := types[:middle+len("\n    }")], types[middle+len("\n    },\n"):]
		return bytes.Join([][]byte{assembly[:start], second, []byte(",\n"), first, assembly[end:]}, nil)
	})
	got := synthesizeWithCache(t, root)
	got.assertSameOutput(t)
	got.assertAllTypesParsed(t)
	got.assertLazyIndex(t)
}

func TestAnAssemblyOfAnotherFormIsParsedWhole(t *testing.T) {
	root := changedProvider(t, ".jsii", func(assembly []byte) []byte {
		var compact bytes.Buffer
		if err := json.Compact(&compact, assembly); err != nil {
			t.Fatal(err)
		}
		return compact.Bytes()
	})
	got := synthesizeWithCache(t, root)
	got.assertSameOutput(t)
	got.assertAllTypesParsed(t)
}

func TestAnAssemblyThatStopsBeingReadableIsReadAnew(t *testing.T) {
	got := machine{home: t.TempDir(), variables: []string{"PROBE_FAILING_READS=1"}}.synthesize(t)
	got.assertSameOutput(t)
	got.assertAllTypesParsed(t)
}

func TestADamagedAssemblyGivesTheErrorOfTheStockKernel(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a folder": func([]byte) []byte { return nil },
		"empty":    func([]byte) []byte { return []byte{} },
		"half":     func(assembly []byte) []byte { return assembly[:len(assembly)/2] },
		"not JSON": func(assembly []byte) []byte {
			return append([]byte("x"), assembly...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := changedProvider(t, ".jsii", change)
			got := synthesizeWithCache(t, root)
			want := machine{
				home:      t.TempDir(),
				variables: []string{"JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + root, "TAP_STOCK_KERNEL=1"},
			}.synthesize(t)
			if !got.failed || !want.failed {
				t.Fatalf("failed: %t, with the stock kernel %t; want both", got.failed, want.failed)
			}
			if got, want := panicMessage(got.stderr), panicMessage(want.stderr); got != want || got == "" {
				t.Errorf("the program fails with\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// panicMessage is the program's panic without the stack and the random parts of paths.
func panicMessage(stderr string) string {
	_, message, _ := strings.Cut(stderr, "panic: ")
	message, _, _ = strings.Cut(message, "\n\ngoroutine")
	return regexp.MustCompile(`(jsii-kernel-\w+|19\.65\.1-?\S*\.tgz|\d+\.tgz)`).ReplaceAllString(message, "…")
}

func TestEveryTypeOfTheProviderIsTheOneInTheAssembly(t *testing.T) {
	assembly := filepath.Join(t.TempDir(), "@cdktf", "provider-aws", ".jsii")
	if err := os.MkdirAll(filepath.Dir(assembly), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(stock(t).last().ProviderFolder, ".jsii"), assembly); err != nil {
		t.Fatal(err)
	}
	entry := filepath.Join(t.TempDir(), "bin", "jsii-runtime.js")
	if err := os.Mkdir(filepath.Dir(entry), 0o700); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/types.js")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entry, source, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(nodeCommand(), "--require", "./preload.js", entry, assembly).CombinedOutput()
	if err != nil || !strings.Contains(string(output), "23208 types") {
		t.Errorf("%v\n%s", err, output)
	}
}

// startKernel starts the kernel as a Go program would, but with pipes that do not block, and
// answers where to write requests and read answers.
func startKernel(t *testing.T) (kernel *exec.Cmd, requests *os.File, answers *json.Decoder) {
	t.Helper()
	script, err := filepath.Abs("preload.js")
	if err != nil {
		t.Fatal(err)
	}
	kernel = exec.CommandContext(t.Context(), nodeCommand(), kernelEntry(t))
	kernel.Env = append(os.Environ(), "NODE_OPTIONS="+nodeOptions("", false, script))
	input, output := nonBlockingPipe(t), nonBlockingPipe(t)
	kernel.Stdin, kernel.Stdout = input[0], output[1]
	if err := kernel.Start(); err != nil {
		t.Fatal(err)
	}
	input[0].Close()
	output[1].Close()
	answers = json.NewDecoder(output[0])
	var hello struct{ Hello string }
	if err := answers.Decode(&hello); err != nil || !strings.HasPrefix(hello.Hello, "@jsii/runtime@") {
		t.Fatalf("the kernel says %+v (%v)", hello, err)
	}
	return kernel, input[1], answers
}

// A pipe that does not block has nothing to read at first, and takes a long answer in parts.
func TestPipesThatDoNotBlockCarryRequests(t *testing.T) {
	kernel, requests, answers := startKernel(t)
	time.Sleep(50 * time.Millisecond)
	long := strings.Repeat("x", 1<<20)
	fmt.Fprintf(requests, `{"api":"load","name":%q,"version":"1.0.0","tarball":"missing.tgz"}`+"\n", long)
	var answer struct{ Error string }
	if err := answers.Decode(&answer); err != nil || !strings.Contains(answer.Error, long[:200]) {
		t.Errorf("the answer to a long request holds %d characters (%v): %.200s", len(answer.Error), err, answer.Error)
	}
	fmt.Fprintln(requests, `{"exit":0}`)
	if err := kernel.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAKernelEndsWithTheProgramThatStartedIt(t *testing.T) {
	kernel, requests, _ := startKernel(t)
	requests.Close()
	if err := kernel.Wait(); err != nil {
		t.Error(err)
	}
}

func TestWhatTheKernelPrintsReachesStandardOutput(t *testing.T) {
	got := machine{home: t.TempDir(), variables: []string{"JSII_DEBUG_TIMING=1"}}.synthesize(t)
	got.assertAccelerated(t)
	if got.failed || !strings.Contains(got.stdout, "[@jsii/kernel:timing]") {
		t.Errorf("failed: %t; standard output is\n%s\nand standard error\n%s", got.failed, got.stdout, got.stderr)
	}
}

func TestAKernelThatTheUserChoseIsLeftAlone(t *testing.T) {
	probe, err := filepath.Abs("testdata/probe.js")
	if err != nil {
		t.Fatal(err)
	}
	command := fmt.Sprintf("'%s' --require '%s' '%s'", nodeCommand(), probe, kernelEntry(t))
	got := machine{home: t.TempDir(), variables: []string{"JSII_RUNTIME=" + command, "SHELL=/bin/sh"}}.synthesize(t)
	got.assertSameOutput(t)
	got.assertStock(t)
}

// kernelEntry is the kernel's first file, as jsii-runtime-go carries it.
func kernelEntry(t *testing.T) string {
	t.Helper()
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/jsii-runtime-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(output)), "internal", "embedded", "resources", "bin", "jsii-runtime.js")
}

func nonBlockingPipe(t *testing.T) [2]*os.File {
	t.Helper()
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	var files [2]*os.File
	for i, end := range ends {
		syscall.CloseOnExec(end)
		if err := syscall.SetNonblock(end, true); err != nil {
			t.Fatal(err)
		}
		files[i] = os.NewFile(uintptr(end), "pipe")
		t.Cleanup(func() { files[i].Close() })
	}
	return files
}
