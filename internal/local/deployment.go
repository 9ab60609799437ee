package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tap/internal/emulator"
)

// stack is what is deployed.
const stack = "tap-dev"

// outputNames are the stack's outputs in the order in which they are shown.
var outputNames = []string{
	"VPCId", "ECSClusterName", "ECSServiceName", "DBClusterIdentifier", "DBSecretArn", "LoadBalancerArn",
	"LoadBalancerDNS", "TargetGroupArn", "DashboardName", "WebACLArn",
}

// stillRuns is the way out of a step that failed while an earlier deployment exists.
const stillRuns = "The emulator still runs and holds what was deployed before: run `make local` again when the cause is mended,\n" +
	"or take everything down with `make local-destroy`."

// deployment is the local deployment of one checkout.
type deployment struct {
	root           string // the repository
	emulatorFolder string // where the emulator is installed
	output         io.Writer
}

// record is what one command leaves for the next, in .local/deployment.json.
type record struct {
	Emulator emulator.Instance `json:"emulator"`
	// Configuration is the checksum of the Terraform configuration that was deployed last, whole
	// and without an error; empty if none was.
	Configuration string `json:"configuration"`
}

func (d *deployment) path(name string) string { return filepath.Join(d.root, ".local", name) }

// Terraform finds its state at this path by the configuration alone, which says
// ../../../terraform.tap-dev.tfstate: beside the output folder, whichever that is.
func (d *deployment) state() string        { return d.path("terraform." + stack + ".tfstate") }
func (d *deployment) outputFolder() string { return d.path("cdktf.out") }
func (d *deployment) stackFolder() string {
	return filepath.Join(d.outputFolder(), "stacks", stack)
}

// show returns the path as the user sees it from the repository's root.
func (d *deployment) show(path string) string {
	if relative, err := filepath.Rel(d.root, path); err == nil {
		return relative
	}
	return path
}

func (d *deployment) say(format string, values ...any) {
	fmt.Fprintf(d.output, format+"\n", values...)
}

// exclusively carries out a command while no other that changes the deployment runs.
func (d *deployment) exclusively(command func() error) error {
	if err := os.MkdirAll(d.path(""), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(d.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close() // gives the lock back; so does the end of the process, however it ends
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(file)
		return fmt.Errorf("the local deployment of this checkout is being changed by process %s: wait for it, or interrupt it",
			strings.TrimSpace(string(holder)))
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(file, os.Getpid()); err != nil {
		return err
	}
	return command()
}

// prepare installs the emulator and the cdktf command line, where they are not.
func (d *deployment) prepare(ctx context.Context) error {
	if _, err := d.installEmulator(ctx); err != nil {
		return err
	}
	return d.installCommandLine(ctx)
}

// up makes tap-dev be deployed, as the checkout describes it.
func (d *deployment) up(ctx context.Context) (err error) {
	began := time.Now()
	python, err := d.installEmulator(ctx)
	if err != nil {
		return err
	}
	if err := d.installCommandLine(ctx); err != nil {
		return err
	}
	e, recorded, started, err := d.startEmulator(ctx, python)
	if err != nil {
		return err
	}
	defer func() {
		// A failed first deployment leaves no process behind. One that was there already stays: it
		// holds what was deployed before.
		if err != nil && started {
			err = errors.Join(err, e.Stop())
		}
	}()

	environment := d.environment(e)
	arguments := []string{"--outputs-file", d.path("outputs.json")}
	if recorded.Configuration != "" {
		unchanged, err := d.unchanged(ctx, environment, recorded)
		if err != nil {
			return err
		}
		if unchanged {
			d.say("No changes: %s is deployed as the checkout describes it. (A plan against the emulator still lists attributes that the emulator forgets.)", stack)
			return d.showOutputs(e)
		}
		arguments = append(arguments, "--skip-synth") // the comparison has synthesized it
	}

	d.say("Deploying %s (log: %s)", stack, d.show(d.path("deploy.log")))
	recorded.Configuration = ""
	if err := d.write(recorded); err != nil {
		return err
	}
	summary, err := d.cdktf(ctx, environment, "deploy", arguments...)
	if err != nil {
		wayOut := stillRuns
		if started {
			wayOut = "The emulator has been stopped: `make local` starts from the beginning."
		}
		return &stepError{"deploying " + stack, err, d.show(d.path("deploy.log")), wayOut}
	}
	if recorded.Configuration, err = d.configuration(); err != nil {
		return err
	}
	if err := d.write(recorded); err != nil {
		return err
	}
	d.say("%s is deployed: %s (%s).", stack, summary, time.Since(began).Round(time.Second))
	return d.showOutputs(e)
}

// destroy destroys what is deployed and stops the emulator.
func (d *deployment) destroy(ctx context.Context) error {
	recorded, found := d.read()
	e, err := emulator.Attach(ctx, recorded.Emulator)
	switch {
	case !found:
		d.say("Nothing is deployed locally.")
		return nil
	case errors.Is(err, emulator.ErrGone):
		d.say("The emulator is gone, and with it everything that was deployed to it.")
		return errors.Join(emulator.StopInstance(recorded.Emulator), d.forget()) // its process may be left, not answering
	case err != nil:
		return err
	}
	if err := d.installCommandLine(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(d.state()); err == nil {
		d.say("Destroying %s (log: %s)", stack, d.show(d.path("destroy.log")))
		// What was deployed last is destroyed, even while the environment files are broken.
		var arguments []string
		if _, err := os.Stat(filepath.Join(d.stackFolder(), "cdk.tf.json")); err == nil {
			arguments = append(arguments, "--skip-synth")
		}
		summary, err := d.cdktf(ctx, d.environment(e), "destroy", arguments...)
		if err != nil {
			return &stepError{"destroying " + stack, err, d.show(d.path("destroy.log")),
				"The emulator still runs. Run `make local-destroy` again; or stop the emulator, which forgets everything, with\n" +
					"  go run ./internal/local stop"}
		}
		d.say("%s is destroyed: %s.", stack, summary)
	}
	left, err := e.Inventory(ctx)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		d.say("Nothing is left in the emulator.")
	} else {
		d.say("Left in the emulator, by hand or by mistake, and gone with it:")
		for _, resource := range left {
			d.say("  %s", resource)
		}
	}
	return d.stop()
}

// stop stops the emulator and forgets what was deployed to it.
func (d *deployment) stop() error {
	recorded, found := d.read()
	if found {
		if err := emulator.StopInstance(recorded.Emulator); err != nil {
			return err
		}
		d.say("The emulator is stopped.")
	}
	return d.forget()
}

// forget removes the state of a deployment to an emulator that is gone.
func (d *deployment) forget() error {
	state := d.state()
	var errs []error
	for _, path := range []string{
		state, state + ".backup", filepath.Join(filepath.Dir(state), "."+filepath.Base(state)+".lock.info"),
		d.outputFolder(), d.path("outputs.json"), d.path("deployment.json"),
	} {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// status says what runs and what it holds.
func (d *deployment) status(ctx context.Context) error {
	e, err := d.attach(ctx)
	if err != nil {
		return err
	}
	resources, err := e.Inventory(ctx)
	if err != nil {
		return err
	}
	perService := map[string]int{}
	for _, resource := range resources {
		perService[resource.Service]++
	}
	d.say("The emulator runs at %s (process %d, log: %s) and holds:", e.URL(), e.Instance.PID, d.show(e.Instance.Log))
	for _, service := range slices.Sorted(maps.Keys(perService)) {
		d.say("  %-24s %d", service, perService[service])
	}
	if recorded, _ := d.read(); recorded.Configuration == "" {
		d.say("%s is not deployed, or not completely: run `make local`.", stack)
		return nil
	}
	return d.showOutputs(e)
}

// exec runs a program that talks to the emulator.
func (d *deployment) exec(ctx context.Context, arguments []string, stderr io.Writer) error {
	e, err := d.attach(ctx)
	if err != nil {
		return err
	}
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, d.output, stderr
	command.Env = e.Environment(os.Environ())
	// An interrupt reaches the program too, which decides what it means.
	return command.Run()
}

func (d *deployment) attach(ctx context.Context) (*emulator.Emulator, error) {
	recorded, _ := d.read()
	e, err := emulator.Attach(ctx, recorded.Emulator)
	if errors.Is(err, emulator.ErrGone) {
		return nil, errors.New("the emulator does not run: start it with `make local`")
	}
	return e, err
}

func (d *deployment) installEmulator(ctx context.Context) (python string, err error) {
	log := d.path("install.log")
	var output io.Writer = io.Discard
	if !emulator.Installed(d.emulatorFolder) {
		d.say("Installing the AWS emulator, moto %s, once (log: %s)", emulator.Version, d.show(log))
		file, err := os.Create(log)
		if err != nil {
			return "", err
		}
		defer file.Close()
		output = file
	}
	python, err = emulator.Install(ctx, d.emulatorFolder, output)
	if err != nil {
		return "", &stepError{"installing the AWS emulator", err, d.show(log),
			"Python packages come from the index that pip is configured for. Run `make local` again when it can be reached."}
	}
	return python, nil
}

// startEmulator returns the running emulator that holds the deployment, or starts a new, empty one.
func (d *deployment) startEmulator(ctx context.Context, python string) (e *emulator.Emulator, recorded record, started bool, err error) {
	recorded, found := d.read()
	lost := "it does not run any more"
	e, err = emulator.Attach(ctx, recorded.Emulator)
	if err == nil {
		if recorded.Emulator.Build != emulator.Build(emulator.DefaultRunningTasks) {
			lost = "its version has changed"
		} else if empty, err := d.emptied(ctx, e); err != nil {
			return nil, record{}, false, err
		} else if empty {
			lost = "it has been reset"
		} else {
			d.say("The emulator runs at %s (process %d, log: %s)", e.URL(), e.Instance.PID, d.show(e.Instance.Log))
			return e, recorded, false, nil
		}
	} else if !errors.Is(err, emulator.ErrGone) {
		return nil, record{}, false, err
	}

	if found {
		if err := emulator.StopInstance(recorded.Emulator); err != nil {
			return nil, record{}, false, err
		}
	}
	if _, err := os.Stat(d.state()); err == nil {
		aside := d.state() + ".forgotten"
		if err := os.Rename(d.state(), aside); err != nil {
			return nil, record{}, false, err
		}
		d.say("The emulator has forgotten what was deployed (%s): deploying anew; the old state is kept as %s", lost, d.show(aside))
	}
	if err := d.forget(); err != nil {
		return nil, record{}, false, err
	}
	e, err = emulator.Start(ctx, emulator.Options{Python: python, Log: d.path("emulator.log"), Detached: true})
	if err != nil {
		return nil, record{}, false, &stepError{"starting the AWS emulator", err, d.show(d.path("emulator.log")),
			"Remove " + d.show(d.emulatorFolder) + " to have it installed anew, then run `make local` again."}
	}
	recorded = record{Emulator: e.Instance}
	if err := d.write(recorded); err != nil {
		return nil, record{}, false, errors.Join(err, e.Stop())
	}
	d.say("The emulator runs at %s (process %d, log: %s)", e.URL(), e.Instance.PID, d.show(e.Instance.Log))
	return e, recorded, true, nil
}

// emptied reports whether the emulator holds nothing although something was deployed to it.
func (d *deployment) emptied(ctx context.Context, e *emulator.Emulator) (bool, error) {
	var state struct{ Resources []any }
	content, err := os.ReadFile(d.state())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &state)
	}
	if err != nil {
		return false, &stepError{"reading the state " + d.show(d.state()), err, "", "Forget it with `go run ./internal/local stop`, then run `make local` again."}
	}
	resources, err := e.Inventory(ctx)
	return err == nil && len(resources) == 0 && len(state.Resources) > 0, err
}

// unchanged reports whether what is deployed is what the checkout describes: the same
// configuration as the last deployment, of which the emulator has kept what it can keep.
func (d *deployment) unchanged(ctx context.Context, environment []string, recorded record) (bool, error) {
	log := d.path("plan.log")
	d.say("Comparing %s with what is deployed (log: %s)", stack, d.show(log))
	failed := func(err error) error {
		return &stepError{"comparing with what is deployed", err, d.show(log), stillRuns}
	}
	if _, err := d.cdktf(ctx, environment, "plan"); err != nil {
		return false, failed(err)
	}
	configuration, err := d.configuration()
	if err != nil {
		return false, err
	}
	var plan, said bytes.Buffer
	show := exec.CommandContext(ctx, terraformBinary(), "show", "-json", "plan")
	show.Dir, show.Env, show.Stdout, show.Stderr = d.stackFolder(), environment, &plan, &said
	if err := show.Run(); err != nil {
		return false, failed(fmt.Errorf("terraform show: %w: %s", err, strings.TrimSpace(said.String())))
	}
	explanation, err := emulator.Explain(plan.Bytes())
	if err != nil {
		return false, failed(err)
	}
	for _, change := range explanation.Unexplained {
		d.say("  differs: %s", change)
	}
	// A change of an attribute that the emulator forgets shows in the configuration only.
	if len(explanation.Unexplained) == 0 && configuration == recorded.Configuration {
		return true, nil
	}
	if len(explanation.Gaps) > 0 {
		d.say("  The deployment also sets again what the emulator forgets (%d attributes).", len(explanation.Gaps))
	}
	return false, nil
}

// configuration returns the checksum of the synthesized configuration.
func (d *deployment) configuration() (string, error) {
	content, err := os.ReadFile(filepath.Join(d.stackFolder(), "cdk.tf.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// terraformBinary is the program that cdktf runs.
func terraformBinary() string {
	if name := os.Getenv("TERRAFORM_BINARY_NAME"); name != "" {
		return name
	}
	return "terraform"
}

// environment is that of cdktf and everything below it: nothing of the user's AWS account, of
// another cdktf run or of another environment.
func (d *deployment) environment(e *emulator.Emulator) []string {
	environment := slices.DeleteFunc(e.Environment(os.Environ()), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "ENVIRONMENT_SUFFIX", "CHECKPOINT_DISABLE", "CI", "FORCE_COLOR":
			return true
		}
		// cdktf takes every option from a variable CDKTF_OPTION as well; these two say where it keeps its files.
		return strings.HasPrefix(name, "CDKTF_") && name != "CDKTF_HOME" && name != "CDKTF_DISABLE_PLUGIN_CACHE_ENV"
	})
	return append(environment,
		"CHECKPOINT_DISABLE=1", // no telemetry, no question about crash reports
		"CI=true",              // lines instead of a screen that is drawn again and again
		"FORCE_COLOR=0",
	)
}

// cdktf runs the pinned cdktf command line on the stack, tells its progress, and returns
// Terraform's summary.
func (d *deployment) cdktf(ctx context.Context, environment []string, command string, arguments ...string) (summary string, err error) {
	log, err := os.Create(d.path(command + ".log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	output := d.output
	if command == "plan" { // it shows the emulator's gaps as changes
		output = io.Discard
	}
	told := newProgress(output, stack)
	defer told.Close()

	arguments = append([]string{command, stack, "--skip-provider-lock", "--no-color", "--output", d.outputFolder()}, arguments...)
	if command != "plan" {
		arguments = append(arguments, "--auto-approve")
	}
	err = program{
		path:        filepath.Join(d.root, "node_modules", ".bin", "cdktf"),
		arguments:   arguments,
		folder:      d.root,
		environment: environment,
		output:      io.MultiWriter(log, told),
		politely:    terraformBinary(),
	}.run(ctx)
	if err != nil && ctx.Err() == nil {
		said, _ := os.ReadFile(log.Name())
		err = fmt.Errorf("%s\n(cdktf %s: %w)", excerpt(string(said)), command, err)
	}
	return told.result(), err
}

// showOutputs prints the stack's outputs and what can be done with them.
func (d *deployment) showOutputs(e *emulator.Emulator) error {
	content, err := os.ReadFile(d.path("outputs.json"))
	if err != nil {
		return err
	}
	var stacks map[string]map[string]any
	if err := json.Unmarshal(content, &stacks); err != nil {
		return fmt.Errorf("read %s: %w", d.show(d.path("outputs.json")), err)
	}
	outputs := stacks[stack]
	names := slices.Clone(outputNames)
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	d.say("")
	for _, name := range names {
		if value, found := outputs[name]; found {
			d.say("  %-20s %v", name, value)
		}
	}
	d.say(`
Try next:
  %s/moto-api/ in a browser: everything the emulator has been asked to make
  go run ./internal/local exec terraform -chdir=%s state list
  go run ./internal/local exec aws ecs describe-services --region us-east-1 --cluster %v --services %v
    (or any other program: it talks to the emulator instead of AWS)
Change environments/dev.yaml or a construct and run `+"`make local`"+` again; take everything down with `+"`make local-destroy`"+`.`,
		e.URL(), d.show(d.stackFolder()), outputs["ECSClusterName"], outputs["ECSServiceName"])
	return nil
}

func (d *deployment) read() (record, bool) {
	var recorded record
	content, err := os.ReadFile(d.path("deployment.json"))
	if err != nil || json.Unmarshal(content, &recorded) != nil {
		return record{}, false
	}
	return recorded, true
}

func (d *deployment) write(recorded record) error {
	content, err := json.MarshalIndent(recorded, "", "  ")
	if err != nil {
		return err
	}
	part := d.path("deployment.json.part")
	if err := os.WriteFile(part, append(content, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(part, d.path("deployment.json"))
}
