// Package deploy deploys the stacks with the real Terraform and the real AWS provider to an AWS emulator on the
// loopback interface: what is applied is the JSON that goes to AWS.
//
// Each deployment has an emulator, a folder and a state of its own. The tests whose names begin with TestLong run
// all at once, since they mostly wait for the provider, which asks only every few seconds whether AWS is done.
package deploy

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tap/config"
	"tap/constructs"
	"tap/internal/emulator"
	"tap/internal/kernel"
	"tap/internal/repository"
	"tap/tests/must"
	"tap/tests/terraform"
)

// Region and account of all deployments.
const (
	region  = "us-east-1"
	account = "123456789012"
)

// limit is how long a command may take: several times what it takes when nothing else runs.
const limit = 5 * time.Minute

// interrupted ends with the first interrupt. All commands end with it, and then all tests, which clean up.
var interrupted, _ = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

func TestMain(m *testing.M) {
	// However few cores there are. m.Run reads the command line after this, so that -parallel still counts.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	kernel.Accelerate()
	code := m.Run()
	kernel.Close()
	os.Exit(code)
}

// deployment is an environment that is deployed to an emulator of its own.
type deployment struct {
	repository string
	root       string // of cdktf.out, state, plans and logs
	stack      string // tap-dev
	emulator   *emulator.Emulator
	proxy      *proxy
	variables  []string // of the environment of commands, beside the emulator's
}

// newDeployment starts an emulator for an environment of that suffix, at the same time as other tests. Everything ends
// with the test.
func newDeployment(t *testing.T, suffix string) *deployment {
	t.Helper()
	must.HaveTools(t)
	t.Parallel()
	d := &deployment{repository: must.Get(repository.Root())(t), root: t.TempDir(), stack: "tap-" + suffix}
	d.emulator = must.Get(emulator.Start(t.Context(), d.path("emulator.log"), false))(t)
	t.Cleanup(func() {
		calls, err := d.emulator.Calls(context.Background()) // the test's own context has ended
		t.Logf("%d calls of %d operations", calls.Count, len(calls.Operations))
		for _, violation := range calls.Violations {
			t.Errorf("AWS would refuse a call: %s", violation)
		}
		must.Do(t, err, d.emulator.Stop())
	})
	d.proxy = newProxy(t, d.emulator.URL())
	return d
}

// of returns the deployment of another stack, or with other variables, to the same emulator.
func (d deployment) of(stack string, variables ...string) *deployment {
	d.stack, d.variables = stack, variables
	return &d
}

func (d *deployment) path(name string) string { return filepath.Join(d.root, name) }

func (d *deployment) stackFolder() string { return d.path("cdktf.out/stacks/" + d.stack) }

func (d *deployment) stackFile() string { return d.stackFolder() + "/cdk.tf.json" }

// stateFile is the file with the stack's state, beside the output folder.
func (d *deployment) stateFile() string { return d.path("terraform." + d.stack + ".tfstate") }

// synthesis lets one test at a time use the process that builds constructs.
var synthesis sync.Mutex

// configure synthesizes the environment that the file describes, in place of the one before, ready to be planned: what
// it names and does not make is there.
func (d *deployment) configure(t *testing.T, file string) {
	t.Helper()
	d.synthesize(t, map[string]string{"environments/" + strings.TrimPrefix(d.stack, "tap-") + ".yaml": file})
	must.Get(d.emulator.Give(t.Context(), must.Get(os.ReadFile(d.stackFile()))(t)))(t)
	if _, err := os.Stat(filepath.Join(d.stackFolder(), ".terraform")); err != nil {
		d.terraform(t, initializing...)
	}
}

// synthesize synthesizes what the files describe, in place of what was before.
func (d *deployment) synthesize(t *testing.T, files map[string]string) {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		must.Write(t, filepath.Join(root, name), content)
	}
	environments, accounts, err := config.Load(root+"/environments", "")
	must.Do(t, err)
	synthesis.Lock()
	defer synthesis.Unlock()
	must.Do(t, constructs.Synthesize(environments, accounts, d.path("cdktf.out")))
}

// run runs a program in a folder and returns what it writes to standard output. An error contains how all that it
// has written ends. When its time is over, or the tests are interrupted, the program is asked to end as by Ctrl-C.
func (d *deployment) run(t *testing.T, folder, program string, arguments ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(interrupted, limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Stdout, command.Stderr = folder, &stdout, &stderr
	command.Env = append(d.emulator.Environment(), "AWS_ENDPOINT_URL="+d.proxy.url, "CHECKPOINT_DISABLE=1",
		"TF_LOG=", "TF_LOG_CORE=", "TF_LOG_PROVIDER=", // the tests search for passwords in what Terraform prints
		"CI=true", "FORCE_COLOR=0") // the cdktf command line prints plain lines
	command.Env = append(command.Env, d.variables...)
	// A group of its own, so that it is not interrupted a second time by the terminal: Terraform would leave the
	// provider behind.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 15 * time.Second
	began := time.Now()
	err = command.Run()
	called := fmt.Sprintf("%s %s (%s)", filepath.Base(program), arguments[0], time.Since(began).Round(time.Second))
	t.Log(called)
	if ctx.Err() != nil && command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // what has not ended by itself
	}
	said := stdout.String() + stderr.String()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said), "\n")
		err = fmt.Errorf("%s: %w\n%s", called, errors.Join(ctx.Err(), err), strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
	must.Write(t, d.path(arguments[0]+"-"+rand.Text()+".log"), said)
	return stdout.String(), err
}

// The commands, without the addresses or the plan that may follow.
var (
	initializing = []string{"init", "-no-color"}
	planning     = []string{"plan", "-no-color"}
	applying     = []string{"apply", "-no-color", "-auto-approve", "-parallelism=20"}
	destroying   = []string{"destroy", "-no-color", "-auto-approve", "-parallelism=20"}
)

// terraform runs a command in the stack's folder that has to succeed, and returns what it prints.
func (d *deployment) terraform(t *testing.T, arguments ...string) string {
	t.Helper()
	return must.Get(d.run(t, d.stackFolder(), repository.Terraform(), arguments...))(t)
}

// refused runs a command in the stack's folder that has to fail for this reason.
func (d *deployment) refused(t *testing.T, reason string, arguments ...string) {
	t.Helper()
	_, err := d.run(t, d.stackFolder(), repository.Terraform(), arguments...)
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Fatalf("terraform %s ended with %v, expected the refusal %q", arguments[0], err, reason)
	}
}

// apply applies what has been synthesized, or a saved plan.
func (d *deployment) apply(t *testing.T, arguments ...string) {
	t.Helper()
	d.terraform(t, append(applying, arguments...)...)
}

// outputs returns the stack's outputs.
func (d *deployment) outputs(t *testing.T) map[string]string {
	t.Helper()
	var decoded map[string]struct{ Value any }
	must.Do(t, json.Unmarshal([]byte(d.terraform(t, "output", "-json")), &decoded))
	values := map[string]string{}
	for name, output := range decoded {
		values[name] = fmt.Sprint(output.Value)
	}
	return values
}

// configuration returns what has been synthesized.
func (d *deployment) configuration(t *testing.T) terraform.Stack {
	t.Helper()
	return must.Get(terraform.Parse(must.Get(os.ReadFile(d.stackFile()))(t)))(t)
}

// target returns the argument that limits a command to the only resource of a type, and to what it needs.
func (d *deployment) target(t *testing.T, kind string) string {
	t.Helper()
	all := d.configuration(t).Each(kind)
	if len(all) != 1 {
		t.Fatalf("%s has %d resources of type %s, expected one", d.stack, len(all), kind)
	}
	return "-target=" + all[0].Address()
}

// listed is what AWS lists for a while although it has been deleted, secrets and keys for as long as they can be
// recovered, and what stays on purpose: revisions of task definitions, and automated snapshots.
var listed = regexp.MustCompile(`:(natgateway|key|service|cluster|task-definition)/|snapshot:rds:|:secret:`)

// left returns the ARNs of what AWS has of the stack, by its tags.
func (d *deployment) left(t *testing.T) string {
	t.Helper()
	tagged := d.ask(t, "resourcegroupstaggingapi", "get_resources", parameters{"ResourcesPerPage": 100,
		"TagFilters": []any{parameters{"Key": config.TagManagedBy}}}, "join(' ', ResourceTagMappingList[].ResourceARN)")
	return strings.Join(slices.DeleteFunc(strings.Fields(tagged), listed.MatchString), "\n")
}

// ids returns the ids of what the state contains, by address.
func (d *deployment) ids(t *testing.T) map[string]string {
	t.Helper()
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct{ Attributes struct{ ID string } }
		}
	}
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile(d.stateFile()))(t), &state))
	ids := map[string]string{}
	for _, r := range state.Resources {
		ids[r.Type+"."+r.Name] = r.Instances[0].Attributes.ID
	}
	return ids
}

// expectNothingLeft fails when the state or AWS contains anything that Terraform made.
func (d *deployment) expectNothingLeft(t *testing.T) {
	t.Helper()
	if left, ids := d.left(t), d.ids(t); left != "" || len(ids) > 0 {
		t.Errorf("left in AWS:\n%s\nand in the state:\n%v", left, ids)
	}
}

// step is a part of a test that the parts after it build upon.
func step(t *testing.T, name string, part func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, part) {
		t.FailNow()
	}
}
