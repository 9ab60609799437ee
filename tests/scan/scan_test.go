package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
	"tap/tests/must"
	"tap/tests/terraform"
)

// file writes a file into a folder of its own and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must.Write(t, path, text)
	return path
}

// expect fails unless the text contains all that is wanted.
func expect(t *testing.T, text any, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if got := fmt.Sprint(text); !strings.Contains(got, want) {
			t.Errorf("got %s\nexpected %s in it", got, want)
		}
	}
}

func TestWaiverFileNamesEveryMistake(t *testing.T) {
	const valid = "- {class: production, control: CKV_AWS_2, constructs: [a, b], reason: Redirects.}\n"
	_, err := readWaivers(file(t, "waivers.yaml", valid+valid+strings.ReplaceAll(valid, "Redirects.", `" "`)+
		strings.NewReplacer("a, b", "", "_2", "_1").Replace(valid)))
	expect(t, err, "production CKV_AWS_2 is after production CKV_AWS_2", "CKV_AWS_2 has no constructs or no reason",
		"CKV_AWS_1 has no constructs or no reason", "CKV_AWS_1 is after production CKV_AWS_2, expected each once")
	_, err = readWaivers(file(t, "waivers.yaml", valid+"- {reason: One, reason: Two}\n"))
	expect(t, err, "waivers.yaml: ", `line 2: mapping key "reason" already defined at line 2`)
	_, err = readWaivers(file(t, "waivers.yaml", valid+"- {resources: [a]}\n- {because: Why.}\n"))
	expect(t, err, "line 2: field resources not found", "line 3: field because not found", "expected a list of waivers")
}

// committed returns the waivers of this repository.
func committed(t *testing.T) []waiver {
	t.Helper()
	t.Chdir("../..")
	return must.Get(readWaivers(waiversFile))(t)
}

func TestGeneratedTableListsEveryWaiver(t *testing.T) {
	want := table(committed(t))
	if got, err := os.ReadFile(tableFile); err != nil || string(got) != string(want) {
		t.Errorf("%s is not what %s says (%v); run: make golden", tableFile, waiversFile, err)
	}
}

func TestReasonsNameKeysThatExist(t *testing.T) {
	// A URL, what is between backticks, and what looks like a key without them.
	name := regexp.MustCompile("https?:[^ )]*|`[^`]*`|\\b[a-z]+(?:[.][a-z]+|[A-Z][a-z]+)+")
	environment, _ := config.Limits()
	for _, w := range committed(t) {
		for _, found := range name.FindAllString(w.Reason, -1) {
			key := strings.Trim(found, "`")
			exists := slices.ContainsFunc(environment.Keys(""), func(k config.Key) bool {
				return k.Path == key || k.Path == key+"[]" || strings.HasPrefix(k.Path, key+".")
			})
			if !strings.HasPrefix(found, "http") && (!exists || key == found) {
				t.Errorf("%s: %s is not a key of environment files between backticks", w, found)
			}
		}
	}
}

// failing is a stack with a finding for each pair of control and path.
func failing(class string, pairs ...string) *stack {
	s := &stack{name: "tap-a", class: class}
	for pair := range slices.Chunk(pairs, 2) {
		s.findings = append(s.findings, record{Control: pair[0], resource: resource{"aws_kind", pair[1]}, Name: "Title"})
	}
	return s
}

func TestWaiverCoversItsClassControlAndConstruct(t *testing.T) {
	all := []waiver{
		{Class: "production", Control: "CKV_AWS_1", Constructs: []string{"a"}, Reason: "One."},
		{Class: "production", Control: "CKV_AWS_2", Constructs: []string{"a", "b"}, Reason: "Two."},
		{Class: "production", Control: "CKV_AWS_3", Constructs: []string{"job-*/logs"}, Reason: "Three."},
	}
	stacks := []*stack{
		failing("production", "CKV_AWS_1", "a", "CKV_AWS_2", "a", "CKV_AWS_9", "a",
			"CKV_AWS_3", "job-one/logs", "CKV_AWS_3", "job-two/logs", "CKV_AWS_3", "job-two/key/logs"),
		failing("production", "CKV_AWS_2", "b", "CKV_AWS_2", "c"),
		failing("development", "CKV_AWS_2", "a"),
	}
	if err := apply(all, stacks); err != nil {
		t.Errorf("got %v though a stack needs each waiver", err)
	}
	var output strings.Builder
	expect(t, report(&output, stacks), "failed checks without a waiver: 4")
	expect(t, &output, "CKV_AWS_9 at a (aws_kind)", "CKV_AWS_3 at job-two/key/logs (", "CKV_AWS_2 at c (",
		"CKV_AWS_2 at a (", "Title")

	err := apply(all, []*stack{failing("production", "CKV_AWS_2", "a"), failing("development", "CKV_AWS_2", "b")})
	want := waiversFile + ": production CKV_AWS_1 is needless: no stack of that class fails it at a: One.\n" +
		waiversFile + ": production CKV_AWS_2 is needless: no stack of that class fails it at b: Two.\n" +
		waiversFile + ": production CKV_AWS_3 is needless: no stack of that class fails it at job-*/logs: Three."
	if fmt.Sprint(err) != want {
		t.Errorf("got %v\nexpected %s", err, want)
	}
}

var small = strings.ReplaceAll(`{"terraform": {"required_version": ">= 1.11", "backend": {}}, "resource": {
"aws_rds_cluster": {"cluster_1": {"//": {"metadata": {"path": "tap-a/database/cluster"}}}},
"aws_iam_role_policy": {"policy_2": {"//": {"metadata": {"path": "tap-a/role/policy"}}, "policy": "{
\"Version\":\"2012-10-17\",\"Statement\":[
{\"Sid\":\"Read\",\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\"],\"Resource\":[\"${aws_x.a.arn}\"],
\"Condition\":{\"Bool\":{\"a\":[\"true\"]}}},
{\"Effect\":\"Deny\",\"NotAction\":[\"s3:*\"],\"NotResource\":[\"a\"],\"Condition\":{}}]}"}}}}`, "\n", "")

func TestReadableStackLosesOnlyItsVersion(t *testing.T) {
	folder := t.TempDir()
	s, err := prepare(file(t, "tap-a/cdk.tf.json", small), folder)
	if err != nil || s.resources["policy_2"] != (resource{"aws_iam_role_policy", "role/policy"}) || len(s.resources) != 2 {
		t.Fatalf("got %+v and the error %v", s, err)
	}
	for name, want := range map[string]string{
		"cdk.tf.json": strings.Replace(small, `"required_version": ">= 1.11", `, "", 1),
		"policies.tf.json": `{"data": {"aws_iam_policy_document": {"policy_2": {"statement": [
			{"sid": "Read", "effect": "Allow", "actions": ["s3:Get*"], "resources": ["${aws_x.a.arn}"],
			"condition": [{"test": "Bool", "variable": "a", "values": ["true"]}]},
			{"effect": "Deny", "not_actions": ["s3:*"], "not_resources": ["a"]}]}}}}`,
	} {
		text := must.Get(os.ReadFile(filepath.Join(folder, "tap-a", name)))(t)
		var got, expected any
		must.Do(t, json.Unmarshal(text, &got), json.Unmarshal([]byte(want), &expected))
		if !reflect.DeepEqual(got, expected) {
			t.Errorf("%s: got %s, expected %s", name, text, want)
		}
	}
	for policy, want := range map[string]string{
		`{"Version":"2012-10-17","Statement":[{"Principal":{}}]}`:        "has a principal",
		`{"Version":"2012-10-17","Statement":[{"NotPrincipal":"*"}]}`:    "has a principal",
		`{"Version":"2012-10-17","Statement":[{"Actions":["s3:Get*"]}]}`: `unknown field "Actions"`,
		"${jsonencode({})}": "invalid character '$'",
	} {
		_, err := policyDocument(terraform.Resource{Kind: "aws_iam_policy", Attributes: map[string]any{"policy": policy}})
		expect(t, err, want)
	}
}

func TestFindingsNameConstructsOfTheirStack(t *testing.T) {
	const printed = `{"results": {"passed_checks": [
		{"file_path": "/tap-a/policies.tf.json", "resource": "data.policy_2", "check_result": {"result": "PASSED"}},
		{"file_path": "/tap-a/cdk.tf.json", "resource": "provider.aws", "check_result": {"result": "PASSED"}}],
		"failed_checks": [{"file_path": "/tap-a/policies.tf.json", "resource": "aws_iam_policy_document.policy_2"},
		{"file_path": "/tap-b/cdk.tf.json", "resource": "resource.cluster_1"}]}}`
	for text, want := range map[string]string{
		printed: "<nil>",
		`{"results": {"parsing_errors": ["/x"]}}`:         "cannot read /x",
		strings.ReplaceAll(printed, "/tap-a/", "/tap-c/"): "looked at no resource of stack tap-a",
		`{"passed": 0}`: "looked at no resource of stack tap-a",
		"usage:":        "invalid character",
	} {
		policy := resource{"aws_iam_role_policy", "role/policy"}
		s := &stack{name: "tap-a", resources: map[string]resource{"policy_2": policy}, checked: map[string]bool{}}
		expect(t, fmt.Sprint(read([]byte(text), []*stack{s})), want)
		if text == printed && (s.passed != 2 || len(s.checked) != 1 || len(s.findings) != 1 ||
			s.findings[0].resource != policy) {
			t.Errorf("got %+v", s)
		}
	}
}
