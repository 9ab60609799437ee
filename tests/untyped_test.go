package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
)

// What the bindings' types do not check may not exist in the provider that users download. untyped is
// the one list of it: everything that reaches the JSON by an override or in a map, and the write-only
// arguments, with the oldest version that is known to have it.

const (
	terraform = "terraform"
	provider  = "provider aws"
)

// untyped is something in the JSON that the bindings have no type for.
type untyped struct {
	what    string // see untypedIn
	product string // terraform or provider
	since   string
	source  string
}

var untypedUses = []untyped{
	{"stack terraform.required_version", terraform, "0.12.0", "older than the JSON that CDKTF writes"},
	{"stack ephemeral", terraform, "1.10.0", "https://developer.hashicorp.com/terraform/language/block/ephemeral"},
	{"backend s3.use_lockfile", terraform, "1.10.0", "https://developer.hashicorp.com/terraform/language/backend/s3"},
	{"backend s3.allowed_account_ids", terraform, "1.6.0", "https://developer.hashicorp.com/terraform/language/v1.6.x/settings/backends/s3"},
	{"resource terraform_data.input", terraform, "1.4.0", "https://developer.hashicorp.com/terraform/language/resources/terraform-data"},
	{"resource terraform_data.lifecycle", terraform, "1.4.0", "https://developer.hashicorp.com/terraform/language/expressions/custom-conditions"},
	{"argument *_wo", terraform, "1.11.0", "https://developer.hashicorp.com/terraform/language/manage-sensitive-data/write-only"},

	{"argument aws_rds_cluster.master_password_wo", provider, "5.88.0", "https://registry.terraform.io/providers/hashicorp/aws/5.88.0/docs/resources/rds_cluster"},
	{"argument aws_secretsmanager_secret_version.secret_string_wo", provider, "5.88.0", "https://github.com/hashicorp/terraform-provider-aws/pull/41371"},
	// Merged in November 2024 and January 2025, before the write-only arguments.
	{"ephemeral aws_secretsmanager_secret_version.secret_id", provider, "5.88.0", "https://github.com/hashicorp/terraform-provider-aws/pull/40009"},
	{"ephemeral aws_secretsmanager_secret_version.version_id", provider, "5.88.0", "https://github.com/hashicorp/terraform-provider-aws/pull/40009"},
	{"ephemeral aws_secretsmanager_random_password.exclude_punctuation", provider, "5.88.0", "https://github.com/hashicorp/terraform-provider-aws/pull/41106"},
	{"ephemeral aws_secretsmanager_random_password.password_length", provider, "5.88.0", "https://github.com/hashicorp/terraform-provider-aws/pull/41106"},

	{"statement rate_based_statement", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement rate_based_statement.limit", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement rate_based_statement.aggregate_key_type", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement sqli_match_statement", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement sqli_match_statement.field_to_match", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement sqli_match_statement.field_to_match.body", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement sqli_match_statement.field_to_match.body.oversize_handling", provider, "4.52.0", "https://github.com/hashicorp/terraform-provider-aws/pull/29082"},
	{"statement sqli_match_statement.text_transformation", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement sqli_match_statement.text_transformation.priority", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement sqli_match_statement.text_transformation.type", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement managed_rule_group_statement", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement managed_rule_group_statement.name", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement managed_rule_group_statement.vendor_name", provider, "2.67.0", "the first version with aws_wafv2_web_acl"},
	{"statement managed_rule_group_statement.rule_action_override", provider, "4.44.0", "https://github.com/hashicorp/terraform-provider-aws/pull/27954"},
	{"statement managed_rule_group_statement.rule_action_override.name", provider, "4.44.0", "https://github.com/hashicorp/terraform-provider-aws/pull/27954"},
	{"statement managed_rule_group_statement.rule_action_override.action_to_use", provider, "4.44.0", "https://github.com/hashicorp/terraform-provider-aws/pull/27954"},
	{"statement managed_rule_group_statement.rule_action_override.action_to_use.count", provider, "4.44.0", "https://github.com/hashicorp/terraform-provider-aws/pull/27954"},
}

// untypedIn returns what the bindings did not check in a stack. CDKTF itself notes every override in the
// metadata of the JSON.
func untypedIn(t *testing.T, s stack) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	root := resource{attributes: s.root}
	overrides, _ := root.at("//", "metadata", "overrides").(map[string]any)
	for kind, keys := range overrides {
		for _, key := range keys.([]any) {
			switch {
			case kind == "stack" && key == "terraform":
				// Of this block the bindings write the backend and the providers.
				block, _ := s.root["terraform"].(map[string]any)
				for name := range block {
					if name != "backend" && name != "required_providers" {
						found["stack terraform."+name] = true
					}
				}
			case kind == "stack":
				found["stack "+key.(string)] = true
			case kind == "backend":
				backend, _ := root.at("//", "metadata", "backend").(string)
				found["backend "+backend+"."+key.(string)] = true
			default:
				found["resource "+kind+"."+key.(string)] = true
			}
		}
	}
	for block := range s.root {
		if !slices.Contains([]string{"//", "data", "output", "provider", "resource", "terraform"}, block) {
			found["stack "+block] = true
		}
	}
	ephemeral, _ := s.root["ephemeral"].(map[string]any)
	for kind, all := range ephemeral {
		for _, one := range all.(map[string]any) {
			for argument := range one.(map[string]any) {
				found["ephemeral "+kind+"."+argument] = true
			}
		}
	}
	for _, r := range s.all() {
		for attribute := range r.attributes {
			if strings.HasSuffix(attribute, "_wo") {
				found["argument *_wo"] = true
				found["argument "+r.kind+"."+attribute] = true
			}
		}
		if r.kind == "terraform_data" || !strings.HasPrefix(r.kind, "aws_") {
			for attribute := range r.attributes {
				if attribute != "//" {
					found["resource "+r.kind+"."+attribute] = true
				}
			}
		}
	}
	for _, acl := range s.each("aws_wafv2_web_acl") {
		for _, rule := range acl.at("rule").([]any) {
			walk(rule.(map[string]any)["statement"], nil, func(path []string, _ any) {
				if len(path) > 0 {
					found["statement "+strings.Join(path, ".")] = true
				}
			})
		}
	}
	return found
}

func TestEverythingThatTheBindingsDoNotCheckIsListedWithItsVersion(t *testing.T) {
	listed, used := map[string]bool{}, map[string]bool{}
	for _, use := range untypedUses {
		if listed[use.what] {
			t.Errorf("%s is listed twice", use.what)
		}
		listed[use.what] = true
	}
	eachStack(t, func(t *testing.T, s stack) {
		for _, what := range slices.Sorted(maps.Keys(untypedIn(t, s))) {
			used[what] = true
			if !listed[what] {
				t.Errorf("%s is not in the list: find the version that introduced it", what)
			}
		}
	})
	for _, use := range untypedUses {
		if !used[use.what] {
			t.Errorf("%s is listed, and no stack has it", use.what)
		}
	}
}

func TestThePinnedVersionsHaveAllThatTheBindingsDoNotCheck(t *testing.T) {
	eachStack(t, func(t *testing.T, s stack) {
		root := resource{kind: s.name, attributes: s.root}
		pinned := map[string]*semver.Version{
			terraform: floor(t, root.at("terraform", "required_version")),
			provider:  floor(t, root.at("terraform", "required_providers", "aws", "version")),
		}
		for _, use := range untypedUses {
			if since := version(t, use.since); since.GreaterThan(pinned[use.product]) {
				t.Errorf("%s came with %s %s, later than %s", use.what, use.product, since, pinned[use.product])
			}
		}
	})
}

// floor returns the oldest version that a requirement allows.
func floor(t *testing.T, requirement any) *semver.Version {
	t.Helper()
	oldest, found := strings.CutPrefix(requirement.(string), ">= ")
	if !found {
		t.Fatalf("the required version is %v, expected a floor", requirement)
	}
	oldest, _, _ = strings.Cut(oldest, ",")
	return version(t, oldest)
}

func version(t *testing.T, text string) *semver.Version {
	t.Helper()
	parsed, err := semver.NewVersion(text)
	if err != nil {
		t.Fatalf("%q is no version: %v", text, err)
	}
	return parsed
}
