package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"tap/tests/terraform"
)

// stack is a synthesized stack, and what checkov says of it.
type stack struct {
	name      string
	class     string              // whose waivers count
	resources map[string]resource // by their names in Terraform, which are unique whatever the type
	checked   map[string]bool     // resources that at least one check looked at, by name
	passed    int                 // checks
	waived    int                 // failed checks that a waiver accepts
	findings  []record            // failed checks; after waivers.apply those that no waiver accepts
}

// resource is what a finding is about.
type resource struct {
	kind string // Terraform's type, for example aws_s3_bucket
	path string // of the construct below its stack, for example database/cluster
}

// record is what a check says of a resource, in checkov's JSON.
type record struct {
	resource `json:"-"`
	Control  string `json:"check_id"`   // for example CKV_AWS_96
	Name     string `json:"check_name"` // what the control asks for
	Result   struct {
		Result     string // PASSED or FAILED
		Attributes []any  `json:"evaluated_keys"` // that the check looked at
	} `json:"check_result"`
	File      string `json:"file_path"` // /<stack>/<file>
	Address   string `json:"resource"`  // resource.<name>, data.<name> or <type>.<name>
	Guideline string // URL of a page about the control; may be empty
}

// prepare reads the stack in a file and writes it to folder/name in a form that checkov reads completely. Two things
// it does not read:
//
//   - It fails on the whole file because of terraform.required_version, and then reports nothing at all
//     (https://github.com/bridgecrewio/checkov/issues/7454). The version is left out.
//   - It passes over what an IAM policy allows when the policy is text. A copy of each is added in a file of its own
//     as the data source aws_iam_policy_document, to which its checks of policies apply.
func prepare(file, folder string) (*stack, error) {
	name := filepath.Base(filepath.Dir(file))
	s := &stack{name: name, resources: map[string]resource{}, checked: map[string]bool{}}
	text, err := os.ReadFile(file)
	root, problem := terraform.Parse(text)
	err = errors.Join(err, problem)
	delete(root.Each("terraform")[0].Attributes, "required_version")
	delete(root, "import") // checkov cannot read the block, which creates nothing
	documents := map[string]any{}
	for _, r := range root.All() {
		s.resources[r.Name] = resource{r.Kind, strings.TrimPrefix(r.Text("//.metadata.path"), name+"/")}
		if strings.HasPrefix(r.Kind, "aws_iam_") && r.Text("policy") != "" {
			documents[r.Name], problem = policyDocument(r)
			err = errors.Join(err, problem)
		}
	}
	folder = filepath.Join(folder, name)
	err = errors.Join(err, os.MkdirAll(folder, 0o755))
	for file, content := range map[string]any{
		"cdk.tf.json":      root,
		"policies.tf.json": map[string]any{"data": map[string]any{"aws_iam_policy_document": documents}},
	} {
		text, problem := json.MarshalIndent(content, "", "  ")
		err = errors.Join(err, problem, os.WriteFile(filepath.Join(folder, file), text, 0o644))
	}
	return s, err
}

// policyDocument translates an IAM policy into the arguments of aws_iam_policy_document. What it does not know is an
// error: left out, it would make the policy look narrower or wider than it is.
func policyDocument(r terraform.Resource) (any, error) {
	policy, err := r.Policy()
	var statements []any
	for _, s := range policy {
		if s.Principal != nil || s.NotPrincipal != nil {
			err = errors.Join(err, fmt.Errorf("%s has a principal", s))
		}
		var conditions []any
		for test, variables := range s.Condition {
			for variable, values := range variables {
				conditions = append(conditions, map[string]any{"test": test, "variable": variable, "values": values})
			}
		}
		statement := map[string]any{"sid": s.Sid, "effect": s.Effect, "actions": s.Action, "not_actions": s.NotAction,
			"resources": s.Resource, "not_resources": s.NotResource, "condition": conditions}
		// checkov cannot read an empty list of blocks.
		maps.DeleteFunc(statement, func(_ string, value any) bool { return reflect.ValueOf(value).IsZero() })
		statements = append(statements, statement)
	}
	return map[string]any{"statement": statements}, err
}

// check runs checkov on the stacks in the folder and adds to each what it says of it.
func check(python, folder string, stacks []*stack) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // checkov needs seconds
	defer cancel()
	// -I keeps PYTHONPATH and the user's own packages out. Without an API key nothing is uploaded;
	// --skip-download keeps checkov from asking its vendor for anything. terraform_json is its reader of what CDKTF
	// synthesizes: the other one for Terraform reads HCL only.
	command := exec.CommandContext(ctx, python, "-I", "-m", "checkov.main",
		"--directory", ".", "--framework", "terraform_json", "--output", "json", "--skip-download", "--soft-fail")
	command.Dir = folder
	// Nothing else: checkov obeys many variables, and a configuration file in the home folder.
	command.Env = []string{"HOME=" + folder, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "LOG_LEVEL=WARNING",
		"CKV_SKIP_PACKAGE_UPDATE_CHECK=true"}
	var said bytes.Buffer
	command.Stderr = &said
	printed, err := command.Output()
	if err = errors.Join(ctx.Err(), err, read(printed, stacks)); err != nil {
		return fmt.Errorf("checkov: %w\n%s", err, said.Bytes())
	}
	return nil
}

// read adds to each stack what checkov's JSON says of it. A file that checkov could not read is an error, and a stack
// of which it looked at no resource: checkov itself reports success for them.
func read(text []byte, stacks []*stack) error {
	var output struct {
		Results struct {
			Passed     []record `json:"passed_checks"`
			Failed     []record `json:"failed_checks"`
			Unreadable []string `json:"parsing_errors"`
		}
	}
	if err := json.Unmarshal(text, &output); err != nil {
		return err
	}
	var problems []error
	for _, file := range output.Results.Unreadable {
		problems = append(problems, fmt.Errorf("cannot read %s", file))
	}
	for _, s := range stacks {
		for _, r := range slices.Concat(output.Results.Passed, output.Results.Failed) {
			if filepath.Dir(r.File) != "/"+s.name {
				continue
			}
			r.path = r.Address // for the provider and data sources
			if _, id, _ := strings.Cut(r.Address, "."); s.resources[id] != (resource{}) {
				r.resource = s.resources[id]
				s.checked[id] = true
			}
			if r.Result.Result == "PASSED" {
				s.passed++
			} else {
				s.findings = append(s.findings, r)
			}
		}
		if len(s.checked) == 0 {
			problems = append(problems, fmt.Errorf("looked at no resource of stack %s", s.name))
		}
	}
	return errors.Join(problems...)
}
