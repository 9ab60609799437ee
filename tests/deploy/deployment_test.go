package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tap/internal/emulator"
)

// Region and account of all deployments.
const (
	region  = "us-east-1"
	account = "123456789012"
)

// How long a step may take: many times what it takes when nothing else runs.
const (
	short = 2 * time.Minute
	long  = 5 * time.Minute // apply and destroy wait for the database and the load balancer
)

// deployment is an environment that is deployed to an emulator of its own.
type deployment struct {
	context  context.Context
	root     string // environments, cdktf.out, state and logs
	stack    string // tap-dev
	emulator *emulator.Emulator
	endpoint *endpoint
	zone     string              // the hosted zone, if the test has made one
	given    []emulator.Resource // what the emulator holds because of it
	steps    atomic.Int64
}

// newDeployment starts an emulator for an environment of that suffix, with a service that runs so
// many tasks. All ends with the test.
func newDeployment(t *testing.T, suffix string, tasks int) *deployment {
	t.Helper()
	d := &deployment{context: untilDeadline(t), root: t.TempDir(), stack: "tap-" + suffix}
	e, err := emulator.Start(d.context, emulator.Options{
		Python: setup.python, Log: filepath.Join(d.root, "emulator.log"), RunningTasks: tasks,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	d.emulator = e
	d.endpoint = newEndpoint(t, e.URL())
	if err := os.Mkdir(d.path("logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *deployment) path(parts ...string) string {
	return filepath.Join(append([]string{d.root}, parts...)...)
}

func (d *deployment) stackFolder() string { return d.path("cdktf.out", "stacks", d.stack) }
func (d *deployment) state() string       { return d.path("terraform." + d.stack + ".tfstate") }

// settings are keys of an environment file, dotted, and their values.
type settings map[string]any

// with returns the settings with further ones.
func (s settings) with(others settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, others)
	return all
}

// file returns the environment file that says so.
func (s settings) file(t *testing.T) string {
	t.Helper()
	root := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		parts := strings.Split(key, ".")
		parent := root
		for _, part := range parts[:len(parts)-1] {
			child, _ := parent[part].(map[string]any)
			if child == nil {
				child = map[string]any{}
				parent[part] = child
			}
			parent = child
		}
		parent[parts[len(parts)-1]] = s[key]
	}
	content, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// configure synthesizes the environment with these settings, in place of those before.
func (d *deployment) configure(t *testing.T, values settings) {
	t.Helper()
	d.synthesize(t, map[string]settings{strings.TrimPrefix(d.stack, "tap-"): values})
	if d.zone == "" {
		return
	}
	path := filepath.Join(d.stackFolder(), "cdk.tf.json")
	if err := writeFile(path, strings.ReplaceAll(contents(path), hostedZone, d.zone)); err != nil {
		t.Fatal(err)
	}
}

// synthesize runs the program on these environments, by suffix.
func (d *deployment) synthesize(t *testing.T, environments map[string]settings) {
	t.Helper()
	if err := os.RemoveAll(d.path("environments")); err != nil {
		t.Fatal(err)
	}
	for suffix, values := range environments {
		if err := writeFile(d.path("environments", suffix+".yaml"), values.file(t)); err != nil {
			t.Fatal(err)
		}
	}
	log := d.log("synthesize")
	err := command{
		path: setup.program, folder: d.root, environment: programEnvironment(), within: short, log: log,
	}.run(d.context)
	if err != nil {
		t.Fatalf("synthesize %s: %v\n%s", d.stack, err, contents(log))
	}
}

// programEnvironment is that of the program: nothing of a cdktf command that runs the tests.
func programEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "CDKTF_") || strings.HasPrefix(entry, "ENVIRONMENT_SUFFIX=")
	})
}

// environment is that of Terraform and of cdktf.
func (d *deployment) environment() []string {
	environment := slices.DeleteFunc(d.emulator.Environment(programEnvironment()), func(entry string) bool {
		return strings.HasPrefix(entry, "TF_LOG") // the tests read what is logged by default
	})
	return append(environment,
		"AWS_ENDPOINT_URL="+d.endpoint.url,
		"TF_PLUGIN_CACHE_DIR="+setup.plugins,
		"CHECKPOINT_DISABLE=1",
	)
}

// log returns the path of a new log.
func (d *deployment) log(step string) string {
	return d.path("logs", fmt.Sprintf("%02d-%s.log", d.steps.Add(1), step))
}

// terraform runs a Terraform command in the stack's folder and returns what it printed.
func (d *deployment) terraform(t *testing.T, within time.Duration, arguments ...string) (output string, err error) {
	t.Helper()
	return d.terraformIn(t, d.stackFolder(), nil, within, arguments...)
}

func (d *deployment) terraformIn(t *testing.T, folder string, environment []string, within time.Duration, arguments ...string) (output string, err error) {
	t.Helper()
	log := d.log(arguments[0])
	began := time.Now()
	err = command{
		path:        setup.terraform,
		arguments:   arguments,
		folder:      folder,
		environment: append(d.environment(), environment...),
		within:      within,
		log:         log,
	}.run(d.context)
	t.Logf("terraform %s: %s", arguments[0], time.Since(began).Round(time.Second))
	return contents(log), err
}

func contents(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// initialize runs terraform init.
func (d *deployment) initialize(t *testing.T) {
	t.Helper()
	d.initializeIn(t, d.stackFolder())
}

func (d *deployment) initializeIn(t *testing.T, folder string) {
	t.Helper()
	if err := writeFile(filepath.Join(folder, lockFileName), contents(setup.lockFile)); err != nil {
		t.Fatal(err)
	}
	if output, err := d.terraformIn(t, folder, nil, short, "init", "-no-color"); err != nil {
		t.Fatalf("terraform init: %v\n%s", err, tail(output, 40))
	}
}

// apply applies what has been synthesized.
func (d *deployment) apply(t *testing.T, arguments ...string) {
	t.Helper()
	arguments = append([]string{"apply", "-json", "-auto-approve", "-parallelism=20"}, arguments...)
	if output, err := d.terraform(t, long, arguments...); err != nil {
		t.Fatalf("terraform apply: %v\n%s", err, tail(told(output), 40))
	}
}

// destroy destroys all that the state holds.
func (d *deployment) destroy(t *testing.T) {
	t.Helper()
	output, err := d.terraform(t, long, "destroy", "-json", "-auto-approve", "-parallelism=20")
	if err != nil {
		t.Fatalf("terraform destroy: %v\n%s", err, tail(told(output), 40))
	}
}

// told returns what Terraform's machine-readable output says to people.
func told(output string) string {
	var said strings.Builder
	for line := range strings.Lines(output) {
		var message struct {
			Message    string `json:"@message"`
			Diagnostic struct{ Detail string }
		}
		if json.Unmarshal([]byte(line), &message) != nil {
			said.WriteString(line)
			continue
		}
		fmt.Fprintln(&said, strings.TrimRight(message.Message+"\n"+message.Diagnostic.Detail, "\n"))
	}
	return said.String()
}

// outputs returns the stack's outputs.
func (d *deployment) outputs(t *testing.T) map[string]string {
	t.Helper()
	output, err := d.terraform(t, short, "output", "-json")
	if err != nil {
		t.Fatalf("terraform output: %v\n%s", err, output)
	}
	var decoded map[string]struct{ Value string }
	if err := json.Unmarshal([]byte(output), &decoded); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for name, value := range decoded {
		values[name] = value.Value
	}
	return values
}

// inventory returns what exists in the emulator.
func (d *deployment) inventory(t *testing.T) []emulator.Resource {
	t.Helper()
	resources, err := d.emulator.Inventory(d.context)
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

// expectNothingLeft fails when the state or the emulator holds anything that Terraform made.
func (d *deployment) expectNothingLeft(t *testing.T) {
	t.Helper()
	for _, left := range d.inventory(t) {
		if !slices.Contains(d.given, left) {
			t.Errorf("left in AWS: %s", left)
		}
	}
	var state struct{ Resources []any }
	if err := json.Unmarshal([]byte(contents(d.state())), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Resources) > 0 {
		t.Errorf("the state still holds %d resources, expected none", len(state.Resources))
	}
}

// step is a part of a test that the parts after it build upon.
func step(t *testing.T, name string, part func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, part) {
		t.FailNow()
	}
}
