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
	"strings"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

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
const again = "plan the stack again"

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
