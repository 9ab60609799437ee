// Command plan says in plain words what a change does to a deployed stack, and applies what was reviewed:
//
//	plan [-destroy] [-result FOLDER] STACK   saves a plan; shows Terraform's own text, then what it does, worst first
//	plan apply [-destroy] STACK              applies exactly the saved plan; where there is none, plans and asks
//	plan comment [-title TEXT] [-commit SHA] [-run URL] [-limit BYTES] RESULT...
//	                                         writes one text in Markdown of several results, the files of -result
//
// The first two need a synthesis in cdktf.out. The exit status of the first is 0 if nothing changes, 10 if only what is
// harmless does, 11 if somebody has to read it, and 12 if it loses data, interrupts traffic or weakens protection.
// Every other status is an error.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/mattn/go-isatty"

	"tap/internal/repository"
)

const usage = `usage: plan [-destroy] [-result FOLDER] STACK
       plan comment [-title TEXT] [-commit SHA] [-run URL] [-limit BYTES] RESULT...
       plan apply [-destroy] STACK`

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		status = 1
	}
	os.Exit(status)
}

// run carries out a command and returns its exit status.
func run(arguments []string) (status int, err error) {
	command := "plan"
	if len(arguments) > 0 && (arguments[0] == "apply" || arguments[0] == "comment") {
		command, arguments = arguments[0], arguments[1:]
	}
	var c comment
	var destroy bool
	var folder string
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	switch command {
	case "comment":
		flags.StringVar(&c.title, "title", "", "")
		flags.StringVar(&c.commit, "commit", "", "")
		flags.StringVar(&c.run, "run", "", "")
		flags.IntVar(&c.limit, "limit", 65536, "") // GitHub takes as many characters
	case "plan":
		flags.StringVar(&folder, "result", "", "")
		fallthrough
	default:
		flags.BoolVar(&destroy, "destroy", false, "")
	}
	if err := flags.Parse(arguments); err != nil || flags.NArg() == 0 || flags.NArg() > 1 && command != "comment" {
		return 1, errors.Join(err, errors.New(usage))
	}
	if command == "comment" {
		text, err := c.of(flags.Args())
		if err == nil {
			_, err = fmt.Print(text)
		}
		return 0, err
	}
	stack := flags.Arg(0)
	if err := repository.CheckStack(stack); err != nil {
		return 1, err
	}
	if command == "apply" {
		return 0, apply(stack, destroy)
	}
	return plan(stack, destroy, folder)
}

// verb is the target of make that applies a plan, by whether that destroys the stack.
var verb = map[bool]string{false: "deploy", true: "destroy"}

// plan saves a plan and says what it does. With a folder it writes the result there, also where planning has failed.
func plan(stack string, destroy bool, folder string) (status int, err error) {
	var r result
	file, err := filepath.Abs(filepath.Join(folder, stack+".json"))
	if err = errors.Join(err, enter(stack)); err == nil {
		r, err = newPlan(stack, destroy, true)
	}
	local := map[string]string{"1": " LOCAL=1"}[os.Getenv("LOCAL")] // as make hands it on
	if err != nil {
		r = failed(stack, err)
	} else {
		fmt.Printf("\nThis plan is saved: `make %s%s STACK=%s` applies exactly it.\n", verb[destroy], local, stack)
	}
	if folder != "" {
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), write(file, r))
	}
	return r.Status, err
}

// apply applies the saved plan. Where there is none, it plans and asks.
func apply(stack string, destroy bool) error {
	if err := enter(stack); err != nil {
		return err
	}
	r, s, ask := result{}, saved{}, false
	err := read(recordFile, &s)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.Destroy != destroy {
		r, err = newPlan(stack, destroy, false)
		ask = r.Status > 0
	} else if err == nil {
		r, err = s.reopen(stack)
		ask = r.Status > 10 && isatty.IsTerminal(os.Stdin.Fd())
	}
	if err != nil {
		return err
	}
	if ask {
		fmt.Printf("\nOnly yes lets Terraform %s %s: ", verb[destroy], stack)
		answer := ""
		if _, err := fmt.Scanln(&answer); err != nil || answer != "yes" {
			return fmt.Errorf("the answer was not yes: %s stays as it is", stack)
		}
	}
	if err := terraform(os.Stdout, "apply", "-input=false", "-no-color", planFile); err != nil {
		return fmt.Errorf("%w\nIf the plan is stale, %s", err, again)
	}
	return forget()
}

// enter makes the folder of a synthesized stack the working folder, and prepares Terraform there.
func enter(stack string) error {
	stacks := cmp.Or(os.Getenv("CDKTF_OUTDIR"), "cdktf.out") + "/stacks/"
	if err := os.Chdir(stacks + stack); err != nil {
		others, _ := filepath.Glob(stacks + "*")
		return fmt.Errorf("%s has not been synthesized; there are: %s", stack,
			strings.ReplaceAll(strings.Join(others, " "), stacks, ""))
	}
	if err := checkVariables(); err != nil {
		return err
	}
	err := terraform(os.Stderr, "init", "-input=false", "-no-color")
	if err != nil {
		err = fmt.Errorf("%w\nIf it does not get the AWS provider: make provider says where this machine has one", err)
	}
	return err
}

// terraform runs Terraform in the stack's folder. An error has what Terraform has said of it.
func terraform(stdout io.Writer, arguments ...string) error {
	// Ctrl-C reaches Terraform too, which ends in order. This program must not end before.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	var said bytes.Buffer
	command := exec.Command(repository.Terraform(), arguments...)
	// A fifth less time for twice the memory, under 1 GiB for each of its processes; no advice to call it directly.
	command.Env = slices.Concat([]string{"GOGC=400"}, os.Environ(), []string{"TF_IN_AUTOMATION=1"})
	command.Stdout, command.Stderr = stdout, &said
	err := command.Run()
	if len(interrupts) > 0 { // Terraform ends an init as if there had been none
		err = errors.New("interrupted")
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", repository.Terraform(), arguments[0], err, said.String())
	}
	_, err = os.Stderr.Write(said.Bytes())
	return err
}

// All are in the folder of the stack. The record is written last: without it, no plan is saved.
const (
	configurationFile = "cdk.tf.json"
	planFile          = "saved.tfplan"
	recordFile        = "saved.json"
)

// saved is the record of a saved plan: what it is bound to. What the plan does is asked of the plan.
type saved struct {
	Destroy   bool              `json:"destroy"`
	Refreshed bool              `json:"refreshed"`
	Files     map[string]string `json:"files"` // digests of the plan and of what it was made from
}

func (s saved) valid() bool { return s.Files[planFile] != "" }

// again is what to do where a plan cannot be used.
const again = "plan the stack again, with make plan"

// forget removes the saved plan.
func forget() error { return errors.Join(os.RemoveAll(recordFile), os.RemoveAll(planFile)) }

// progress is a line in which Terraform says what it reads.
var progress = regexp.MustCompile(
	`(?m)^\S+: (Refreshing|Reading|Still reading|Read complete|Opening|Closing|Configuration unknown).*\n`)

// newPlan makes a plan and says what it does. An older one is removed first: it must not be applied when this fails.
// Only a plan that is kept can be applied later, without the question of this apply.
func newPlan(stack string, destroy, keep bool) (r result, err error) {
	variables := os.Getenv("TF_CLI_ARGS") + os.Getenv("TF_CLI_ARGS_plan")
	s := saved{Destroy: destroy, Refreshed: !strings.Contains(variables, "-refresh=false")}
	s.Files, err = digests()
	if err = errors.Join(err, forget()); err != nil {
		return r, err
	}
	fmt.Fprintf(os.Stderr, "Planning %s, which can take minutes\n", stack)
	var text bytes.Buffer
	if err := terraform(&text, "plan", "-input=false", "-no-color", "-out="+planFile,
		fmt.Sprint("-destroy=", destroy)); err != nil {
		return r, err // Terraform has said why; the part of a plan would hide it
	}
	if _, r, err = s.review(stack); err != nil {
		return r, err
	}
	r.Text = progress.ReplaceAllString(text.String(), "")
	fmt.Printf("%s\n%s", r.Text, r.Summary)
	if keep {
		var files map[string]string
		files, err = digests()
		s.Files[planFile] = files[planFile]
		err = errors.Join(err, write(recordFile, s))
	}
	return r, err
}

// review judges the plan that is in the stack's folder.
func (s saved) review(stack string) (plan tfjson.Plan, r result, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("this is a fault of the program, please report it: %v", crash)
		}
	}()
	var shown bytes.Buffer
	if err := terraform(&shown, "show", "-no-color", "-json", planFile); err != nil {
		return plan, r, err
	}
	if err := json.Unmarshal(shown.Bytes(), &plan); err != nil {
		return plan, r, fmt.Errorf("%s show -json: %w: use another release of it, or one of "+
			"github.com/hashicorp/terraform-json", repository.Terraform(), err)
	}
	configuration, err := os.ReadFile(configurationFile)
	findings := judge(&plan, decode(configuration), s.Refreshed)
	r = result{Stack: stack, Status: statusOf(findings), Summary: summarize(stack, &plan, findings, s.Refreshed)}
	if !s.Refreshed {
		r.Summary += "\nWithout a refresh, nobody has looked at what AWS has now.\n"
	}
	return plan, r, err
}

// reopen says what a saved plan does, unless it is not what would be planned here.
func (s saved) reopen(stack string) (r result, err error) {
	files, err := digests()
	switch {
	case err != nil:
		return r, err
	case s.Files[planFile] != files[planFile]:
		return r, fmt.Errorf("%s is not the file that was saved: %s", planFile, again)
	case !maps.Equal(s.Files, files):
		return r, errors.New("the configuration is not the one that was planned: " + again)
	}
	plan, r, err := s.review(stack)
	if err != nil {
		return r, err
	}
	made, _ := time.Parse(time.RFC3339, plan.Timestamp)
	fmt.Printf("%s\nThis was planned %s ago.\n", r.Summary, time.Since(made).Round(time.Second))
	return r, checkAccount(&plan)
}

// identity is the account in what Terraform says of an aws_caller_identity that it has read.
var identity = regexp.MustCompile(`id=[0-9]{12}`)

// checkAccount returns an error where the credentials are of another account than those that a plan was made with.
func checkAccount(plan *tfjson.Plan) error {
	for _, source := range stateOf(plan) {
		if source.Type != "aws_caller_identity" {
			continue
		}
		var said bytes.Buffer
		if err := terraform(&said, "plan", "-input=false", "-no-color", "-lock=false", "-refresh=false",
			"-target="+source.Address); err != nil {
			return err
		}
		planned, found := source.AttributeValues["account_id"], strings.TrimPrefix(identity.FindString(said.String()), "id=")
		if found != planned {
			return fmt.Errorf("the saved plan is of the account %v, and the credentials are of %s: %s", planned, found, again)
		}
	}
	return nil
}

// usual are arguments with which Terraform still plans the whole stack.
var usual = regexp.MustCompile(
	`^(\s*-(compact-warnings|no-color|(input|lock|refresh)=(true|false)|(lock-timeout|parallelism)=\w+))*\s*$`)

// checkVariables returns an error for what makes Terraform plan another state, or not the whole stack.
func checkVariables() error {
	chosen, _ := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("TF_DATA_DIR"), ".terraform"), "environment"))
	if name := cmp.Or(os.Getenv("TF_WORKSPACE"), strings.TrimSpace(string(chosen)), "default"); name != "default" {
		return fmt.Errorf("the workspace %s has another state: unset TF_WORKSPACE, or remove .terraform/environment", name)
	}
	for _, name := range []string{"TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_CLI_ARGS_apply"} {
		if value := os.Getenv(name); !usual.MatchString(value) {
			return fmt.Errorf("%s is %q; allowed: -compact-warnings, -no-color, -input=, -lock=, -refresh=, -lock-timeout= "+
				"and -parallelism=, with which a plan is one of the whole stack", name, value)
		}
	}
	if strings.Contains(os.Getenv("TF_CLI_ARGS_init"), "-backend-config") {
		return errors.New("TF_CLI_ARGS_init has -backend-config, which can mean another state: take it out")
	}
	return nil
}

// digests returns the SHA-256 of all files in the stack's folder and below it, but of the record and of what is
// Terraform's own: names that begin with a dot.
func digests() (map[string]string, error) {
	found := map[string]string{}
	return found, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && path[0] != '.' && path != recordFile {
			var content []byte
			content, err = os.ReadFile(path)
			found[path] = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		return err
	})
}

func write(file string, record any) error {
	content, err := json.Marshal(record)
	return errors.Join(err, os.WriteFile(file, content, 0o644))
}

func read(file string, record interface{ valid() bool }) error {
	content, err := os.ReadFile(file)
	if err == nil && (json.Unmarshal(content, record) != nil || !record.valid()) {
		err = fmt.Errorf("%s is damaged, or of another version of this program: %s", file, again)
	}
	return err
}
