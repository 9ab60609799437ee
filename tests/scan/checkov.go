package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// requirements pins checkov and everything that it needs; requirements.in says how it is made.
//
//go:embed requirements.txt
var requirements []byte

// A scan takes seconds; one that takes this long hangs.
const scanDeadline = 5 * time.Minute

// finding is a failed check of one resource.
type finding struct {
	control    string // for example CKV_AWS_96
	name       string // what the control asks for
	resource   resource
	attributes []string // that the check looked at
	guideline  string   // address of a page; empty without one
}

// result is what checkov says of one stack.
type result struct {
	stack    stack
	checked  int // resources that at least one check looked at
	passed   int // checks that passed
	findings []finding
}

func (r result) fails(control string) bool {
	return slices.ContainsFunc(r.findings, func(f finding) bool { return f.control == control })
}

// report is checkov's JSON. Without any result it has neither of the lists.
type report struct {
	CheckType string `json:"check_type"`
	Results   struct {
		Passed        []record `json:"passed_checks"`
		Failed        []record `json:"failed_checks"`
		ParsingErrors []string `json:"parsing_errors"`
	} `json:"results"`
	Summary struct {
		ParsingErrors int `json:"parsing_errors"`
	} `json:"summary"`
}

type record struct {
	CheckID     string `json:"check_id"`
	CheckName   string `json:"check_name"`
	CheckResult struct {
		EvaluatedKeys []any `json:"evaluated_keys"`
	} `json:"check_result"`
	FilePath  string  `json:"file_path"` // /<stack>/cdk.tf.json
	Resource  string  `json:"resource"`  // resource.<name>, data.<name>, <type>.<name>
	Guideline *string `json:"guideline"`
}

// framework is checkov's reader of what CDKTF synthesizes. Its other one for Terraform reads HCL only.
const framework = "terraform_json"

// scan runs checkov on the stacks, in an empty folder. It needs no network and tells nobody: without an
// API key checkov uploads nothing, and it is told not to download anything nor to look for a newer version.
func scan(ctx context.Context, python, folder string, stacks []stack) ([]result, error) {
	for _, s := range stacks {
		if err := s.writeReadable(folder); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, scanDeadline)
	defer cancel()
	// -I keeps PYTHONPATH and the user's own packages out.
	command := exec.CommandContext(ctx, python, "-I", "-m", "checkov.main",
		"--directory", ".", "--framework", framework, "--output", "json", "--skip-download", "--soft-fail")
	command.Dir = folder
	// Nothing else: checkov obeys many variables, and a configuration file in the home folder.
	command.Env = []string{
		"HOME=" + folder, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "LOG_LEVEL=WARNING", "CKV_SKIP_PACKAGE_UPDATE_CHECK=true",
	}
	var printed, said bytes.Buffer
	command.Stdout, command.Stderr = &printed, &said
	if err := command.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("run checkov: %w\n%s", err, strings.TrimSpace(said.String()))
	}
	results, err := parseReport(printed.Bytes(), stacks)
	if err != nil && said.Len() > 0 {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(said.String()))
	}
	return results, err
}

// parseReport sorts checkov's results by stack. A stack that checkov could not read, or of which it
// looked at no resource, is an error: checkov itself reports success for it.
func parseReport(text []byte, stacks []stack) ([]result, error) {
	var report report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("read checkov's report: %w", err)
	}
	if report.CheckType != framework {
		return nil, fmt.Errorf("read checkov's report: it is about %q, expected %q", report.CheckType, framework)
	}
	var problems []error
	if report.Summary.ParsingErrors > 0 {
		problems = append(problems, fmt.Errorf("checkov could not read %d of the %d stacks %s",
			report.Summary.ParsingErrors, len(stacks), strings.Join(report.Results.ParsingErrors, " ")))
	}
	var results []result
	for _, s := range stacks {
		r, err := resultOf(s, report)
		results, problems = append(results, r), append(problems, err)
	}
	return results, errors.Join(problems...)
}

func resultOf(s stack, report report) (result, error) {
	known := s.resources()
	checked := map[string]bool{}
	found := result{stack: s}
	for _, record := range s.records(report.Results.Passed) {
		if _, name := record.subject(known); name != "" {
			checked[name] = true
		}
		found.passed++
	}
	for _, record := range s.records(report.Results.Failed) {
		subject, name := record.subject(known)
		if name != "" {
			checked[name] = true
		}
		f := finding{control: record.CheckID, name: record.CheckName, resource: subject}
		for _, key := range record.CheckResult.EvaluatedKeys {
			// Checks of connections also name the type, which is no attribute.
			if key, ok := key.(string); ok && key != "" && key != "resource_type" {
				f.attributes = append(f.attributes, key)
			}
		}
		slices.Sort(f.attributes)
		if record.Guideline != nil {
			f.guideline = *record.Guideline
		}
		found.findings = append(found.findings, f)
	}
	slices.SortFunc(found.findings, func(a, b finding) int {
		return cmp.Or(compareControls(a.control, b.control), cmp.Compare(a.resource.path, b.resource.path))
	})
	// A role's policy and its copy as a document are one subject.
	found.findings = slices.CompactFunc(found.findings, func(a, b finding) bool {
		return a.control == b.control && a.resource == b.resource
	})
	found.checked = len(checked)
	if found.checked == 0 {
		return found, fmt.Errorf("checkov looked at none of the %d resources of stack %s", len(known), s.name)
	}
	return found, nil
}

// records are those of the stack.
func (s stack) records(all []record) []record {
	var own []record
	for _, r := range all {
		if filepath.Base(filepath.Dir(r.FilePath)) == s.name {
			own = append(own, r)
		}
	}
	return own
}

// subject finds what the record is about, and its Terraform name, which is empty for what is no
// resource of the stack (its provider).
func (r record) subject(known map[string]resource) (resource, string) {
	kind, name, _ := strings.Cut(r.Resource, ".")
	if found, exists := known[name]; exists {
		return found, name
	}
	return resource{kind: kind, path: r.Resource}, ""
}
