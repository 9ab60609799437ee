package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/mattn/go-isatty"

	"tap/internal/repository"
)

// All are in the folder of the stack. The record is written last: without it, no plan is saved.
const (
	configurationFile = "cdk.tf.json"
	planFile          = "saved.tfplan"
	recordFile        = "saved.json"
)

// record is what is said of a plan, which is the result that comments are made of, and what a saved one is bound to.
type record struct {
	Stack    string            `json:"stack"`
	Status   int               `json:"status"`
	Summary  string            `json:"summary"` // Markdown that begins with a heading
	Text     string            `json:"text"`    // Terraform's own
	Destroy  bool              `json:"destroy,omitempty"`
	Time     time.Time         `json:"time,omitzero"`
	Files    map[string]string `json:"files,omitempty"`    // digests of the plan and of what it was made from
	Accounts map[string]string `json:"accounts,omitempty"` // of the credentials, by the data source that says so
}

// again is what to do where a plan cannot be used.
const again = "plan the stack again"

// statuses are those of results, the worst first: where planning has failed, anything may be wrong.
var statuses = []int{1, 12, 11, 10, 0}

// failed returns the result of a plan that could not be made. Of all that Terraform has said it shows the last error.
func failed(stack string, err error) record {
	words, text := err.Error(), ""
	if f := (failure{}); errors.As(err, &f) && f.said != "" {
		words, text = f.said[max(0, strings.LastIndex(f.said, "\nError: ")):], f.said
	}
	return record{Stack: stack, Status: 1, Text: text,
		Summary: fmt.Sprintf("## Plan of `%s` failed\n\n%s", stack, code(strings.TrimSpace(words)))}
}

func (r record) write(file string) error {
	content, err := json.Marshal(r)
	return errors.Join(err, os.WriteFile(file, content, 0o644))
}

func readRecord(file string) (r record, err error) {
	content, err := os.ReadFile(file)
	if err == nil && (json.Unmarshal(content, &r) != nil || repository.CheckStack(r.Stack) != nil || r.Summary == "" ||
		!slices.Contains(statuses, r.Status) || r.Text == "" && r.Status != 1) {
		err = fmt.Errorf("%s is damaged, or of another version of this program: %s", file, again)
	}
	return r, err
}

// forget removes the saved plan.
func forget() error { return errors.Join(os.RemoveAll(recordFile), os.RemoveAll(planFile)) }

// apply applies the saved plan. Where there is none, it plans and asks.
func apply(stack string, destroy bool) error {
	if err := enter(stack); err != nil {
		return err
	}
	r, err := readRecord(recordFile)
	ask := r.Status > 10 && isatty.IsTerminal(os.Stdin.Fd()) && isatty.IsTerminal(os.Stdout.Fd())
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && r.Destroy != destroy:
		// Without a record, this plan is not there for another apply if nobody agrees to it.
		if r, err = newPlan(stack, destroy); err != nil {
			return err
		}
		ask = r.Status > 0
	case err != nil:
		return err
	default:
		if err := r.check(stack); err != nil {
			return err
		}
		fmt.Printf("%s\nThis was planned %s ago.\n", r.Summary, time.Since(r.Time).Round(time.Second))
	}
	if ask {
		fmt.Printf("\nOnly yes lets Terraform %s %s: ", verb[destroy], stack)
		answer := ""
		if _, err := fmt.Scanln(&answer); err != nil || answer != "yes" {
			return fmt.Errorf("the answer was not yes: %s stays as it is", stack)
		}
	}
	if err := terraform(os.Stdout, "apply", "-input=false", "-no-color", planFile); err != nil {
		return fmt.Errorf("%w (if the plan is stale, %s)", err, again)
	}
	return forget()
}

// check returns an error that says in what a saved plan is not what would be planned here.
func (r record) check(stack string) error {
	files := digests()
	switch {
	case r.Stack != stack:
		return fmt.Errorf("the saved plan is of %s: %s", r.Stack, again)
	case r.Files[planFile] != files[planFile]:
		return fmt.Errorf("%s is not the file that was saved: %s", planFile, again)
	case !maps.Equal(r.Files, files):
		return errors.New("the configuration is not the one that was planned: " + again)
	}
	for source, account := range r.Accounts {
		var said bytes.Buffer
		if err := terraform(&said, "plan", "-input=false", "-no-color", "-lock=false", "-refresh=false",
			"-target="+source); err != nil {
			return err
		}
		if found := strings.TrimPrefix(identity.FindString(said.String()), "id="); found != account {
			return fmt.Errorf("the saved plan is of the account %s, and the credentials are of %s: %s", account, found, again)
		}
	}
	return nil
}

// identity is the account in what Terraform says of an aws_caller_identity that it has read.
var identity = regexp.MustCompile(`id=[0-9]{12}`)

// accounts returns the accounts that the data sources of a plan have read.
func accounts(plan *tfjson.Plan) map[string]string {
	found := map[string]string{}
	if state := plan.PriorState; state != nil && state.Values != nil && state.Values.RootModule != nil {
		for _, source := range state.Values.RootModule.Resources {
			if source.Type == "aws_caller_identity" {
				found[source.Address] = fmt.Sprint(source.AttributeValues["account_id"])
			}
		}
	}
	return found
}

// usual are arguments with which Terraform still plans the whole stack.
var usual = regexp.MustCompile(
	`^(\s*-(compact-warnings|no-color|(input|lock|refresh)=(true|false)|(lock-timeout|parallelism)=\w+))*\s*$`)

// checkVariables returns an error for what makes Terraform plan another state, or not the whole stack.
func checkVariables() error {
	selected, _ := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("TF_DATA_DIR"), ".terraform"), "environment"))
	if name := cmp.Or(os.Getenv("TF_WORKSPACE"), strings.TrimSpace(string(selected)), "default"); name != "default" {
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

// digests returns the SHA-256 of what Terraform reads in the stack's folder, and of the plan. Names that begin with a
// dot are Terraform's own.
func digests() map[string]string {
	found := map[string]string{}
	names, _ := filepath.Glob("[^.]*")
	for _, name := range names {
		if content, err := os.ReadFile(name); err == nil && name != recordFile {
			found[name] = fmt.Sprintf("%x", sha256.Sum256(content))
		}
	}
	return found
}
