package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// small is a stack with two resources.
func small() stack {
	return stack{name: "tap-dev", class: "development", root: map[string]any{
		"terraform": map[string]any{"required_version": ">= 1.11", "backend": map[string]any{}},
		"resource": map[string]any{
			"aws_rds_cluster": map[string]any{"database_cluster_1": map[string]any{
				"//": map[string]any{"metadata": map[string]any{"path": "tap-dev/database/cluster"}},
			}},
			"aws_iam_role_policy": map[string]any{"role_policy_2": map[string]any{
				"//":     map[string]any{"metadata": map[string]any{"path": "tap-dev/role/policy"}},
				"policy": `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}},{"Effect":"Deny","NotAction":"s3:*","NotResource":["a"],"Condition":{}}]}`,
			}},
		},
	}}
}

const printed = `{"check_type": "terraform_json", "summary": {"parsing_errors": 0}, "results": {
  "passed_checks": [
    {"check_id": "CKV_AWS_1", "file_path": "/tap-dev/cdk.tf.json", "resource": "data.role_policy_2", "check_result": {}},
    {"check_id": "CKV_AWS_41", "file_path": "/tap-dev/cdk.tf.json", "resource": "provider.aws.default", "check_result": {}},
    {"check_id": "CKV_AWS_1", "file_path": "/tap-other/cdk.tf.json", "resource": "resource.database_cluster_1", "check_result": {}}],
  "failed_checks": [
    {"check_id": "CKV_AWS_96", "check_name": "Encrypt", "file_path": "/tap-dev/cdk.tf.json", "resource": "resource.database_cluster_1", "check_result": {"evaluated_keys": ["storage_encrypted", "resource_type", "kms_key_id"]}},
    {"check_id": "CKV2_AWS_40", "file_path": "/tap-dev/cdk.tf.json", "resource": "aws_iam_role_policy.role_policy_2", "check_result": {}},
    {"check_id": "CKV2_AWS_40", "file_path": "/tap-dev/cdk.tf.json", "resource": "aws_iam_policy_document.role_policy_2", "check_result": {}}]}}`

func TestAReportIsSortedByStackAndNamesConstructs(t *testing.T) {
	results, err := parseReport([]byte(printed), []stack{small()})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if r.checked != 2 || r.passed != 2 {
		t.Errorf("got %d resources checked and %d checks passed, expected 2 and 2", r.checked, r.passed)
	}
	if len(r.findings) != 2 {
		t.Fatalf("got %d findings, expected the policy and its copy to be one beside the cluster's: %+v", len(r.findings), r.findings)
	}
	if f := r.findings[0]; f.control != "CKV2_AWS_40" || f.resource.path != "role/policy" {
		t.Errorf("got %+v first", f)
	}
	if f := r.findings[1]; f.resource != (resource{"aws_rds_cluster", "database/cluster"}) || f.name != "Encrypt" || strings.Join(f.attributes, " ") != "kms_key_id storage_encrypted" {
		t.Errorf("got %+v last", f)
	}
}

func TestAReportThatSaysNothingOfAStackIsAnError(t *testing.T) {
	for name, test := range map[string]struct{ report, want string }{
		"a file that could not be read": {`{"check_type": "terraform_json", "results": {"failed_checks": [], "parsing_errors": ["/x/tap-dev"]}, "summary": {"parsing_errors": 1}}`, "could not read 1 of the 1 stacks /x/tap-dev"},
		"another stack's results":       {strings.ReplaceAll(printed, "/tap-dev/", "/tap-qa/"), "looked at none of the 2 resources of stack tap-dev"},
		"results of the provider alone": {`{"check_type": "terraform_json", "results": {"passed_checks": [{"check_id": "CKV_AWS_41", "file_path": "/tap-dev/cdk.tf.json", "resource": "provider.aws.default"}]}}`, "looked at none"},
		"no runner":                     {`{"passed": 0, "failed": 0}`, `it is about "", expected "terraform_json"`},
		"no JSON":                       {"usage: checkov", "read checkov's report"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseReport([]byte(test.report), []stack{small()})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got the error %v, expected one with %q", err, test.want)
			}
		})
	}
}

func TestTheReadableCopyLosesNothingButWhatCheckovCannotRead(t *testing.T) {
	folder := t.TempDir()
	original := small()
	if err := original.writeReadable(folder); err != nil {
		t.Fatal(err)
	}
	if object(original.root, "terraform")["required_version"] == nil || original.root["data"] != nil {
		t.Error("the stack itself was changed")
	}
	if err := os.Mkdir(folder+"/stacks", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(folder+"/tap-dev", folder+"/stacks/tap-dev"); err != nil {
		t.Fatal(err)
	}
	readable, err := readStack(folder, "tap-dev", "development")
	if err != nil {
		t.Fatal(err)
	}
	terraform := object(readable.root, "terraform")
	if terraform["required_version"] != nil || terraform["backend"] == nil {
		t.Errorf("got the block terraform %v, expected it without required_version only", terraform)
	}
	if got := len(readable.resources()); got != 2 {
		t.Errorf("got %d resources, expected 2", got)
	}
	statements, _ := object(readable.root, "data", "aws_iam_policy_document", "role_policy_2")["statement"].([]any)
	if len(statements) != 2 {
		t.Fatalf("got the statements %v, expected two", statements)
	}
	first, second := object(statements[0]), object(statements[1])
	if first["effect"] != "Allow" || list(first["actions"])[0] != "s3:GetObject" || list(first["resources"])[0] != "*" || len(list(first["condition"])) != 1 {
		t.Errorf("got the first statement %v", first)
	}
	if second["effect"] != "Deny" || list(second["not_actions"])[0] != "s3:*" || list(second["not_resources"])[0] != "a" || second["condition"] != nil {
		t.Errorf("got the second statement %v", second)
	}
}

func TestAPolicyThatCannotBeCopiedWholeIsAnError(t *testing.T) {
	for _, text := range []string{`{"Statement":[{"Effect":"Allow","Principal":"*"}]}`, `{"Statements":[]}`, `${jsonencode({})}`} {
		if document, err := policyDocument(text); err == nil {
			t.Errorf("%s: got %v, expected an error", text, document)
		}
	}
}

func TestAScanThatMissesABreakageIsNotTrusted(t *testing.T) {
	var pairs []string
	for _, breakage := range breakages {
		pairs = append(pairs, breakage.control, "somewhere")
	}
	sound := failing("tap-options", "production")
	if err := checkBroken(sound, failing(brokenName, "production", pairs...)); err != nil {
		t.Errorf("got %v though every breakage was seen", err)
	}
	if err := checkBroken(sound, failing(brokenName, "production", pairs[2:]...)); err == nil || !strings.Contains(err.Error(), breakages[0].control) {
		t.Errorf("got %v, expected an error that names %s", err, breakages[0].control)
	}
	if err := checkBroken(failing("tap-options", "production", pairs[:2]...), failing(brokenName, "production", pairs...)); err == nil {
		t.Error("got no error though the original fails too")
	}
}

func TestABreakageThatChangesNothingIsAnError(t *testing.T) {
	if _, err := breakStack(small()); err == nil {
		t.Error("got no error for a stack that lacks what is to be broken")
	}
}

// Both lists go into one virtual environment, the second over the first.
func TestNoPackageOfTheEmulatorIsPinnedToAnotherVersion(t *testing.T) {
	emulator, scan := pins(t, "../../internal/emulator/requirements.txt"), pins(t, "requirements.txt")
	shared := 0
	for name, versions := range scan {
		if wanted, both := emulator[name]; both {
			shared++
			if versions != wanted {
				t.Errorf("%s is pinned to%s, the emulator needs%s", name, versions, wanted)
			}
		}
	}
	if shared == 0 || !strings.Contains(scan["checkov"], "3.3.") {
		t.Errorf("got %d packages in both lists and checkov%s", shared, scan["checkov"])
	}
}

var pin = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)==([^ ;\\]+)`)

// pins returns the versions of each package; there are several where they depend on Python's.
func pins(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, match := range pin.FindAllStringSubmatch(string(text), -1) {
		versions[match[1]] += " " + match[2]
	}
	return versions
}
