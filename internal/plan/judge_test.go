package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/constructs/deployment"
	"tap/tests/must"
)

// parsePlan reads a plan that consists of a resource that does not change and the resource changes of the text.
func parsePlan(t *testing.T, changes string) *tfjson.Plan {
	t.Helper()
	plan := &tfjson.Plan{}
	unchanged := change("aws_vpc", `"no-op"`, `"before": {}, "after": {}`)
	text := `{"format_version": "1.2", "resource_changes": [` + unchanged + "," + changes + `]}`
	must.Do(t, json.Unmarshal([]byte(text), plan))
	return plan
}

// change is the JSON of a resource change; the fields go into its change.
func change(kind, actions, fields string) string {
	return fmt.Sprintf(`{"mode": "managed", "address": "%s.x", "type": %[1]q, "name": "x",
		"change": {"actions": [%s], %s}}`, kind, actions, fields)
}

// deposed is the JSON of what is left of a replaced resource.
func deposed(kind string) string {
	return strings.Replace(change(kind, `"delete"`, `"before": {}`), `"name"`, `"deposed": "abc", "name"`, 1)
}

// update is the JSON of a change in place.
func update(kind, before, after string) string {
	return change(kind, `"update"`, fmt.Sprintf(`"before": {%s}, "after": {%s}`, before, after))
}

// set is the JSON of a change of one attribute in place.
func set(kind, attribute, before, after string) string {
	return update(kind, fmt.Sprintf("%q: %s", attribute, before), fmt.Sprintf("%q: %s", attribute, after))
}

func TestOutcomes(t *testing.T) {
	const (
		data, traffic, protection, nothing = deployment.Data, deployment.Traffic, deployment.Protection, deployment.Nothing

		rule    = "aws_vpc_security_group_ingress_rule"
		anybody = `"cidr_ipv4": "0.0.0.0/0", "from_port": 443, "to_port": 443, "ip_protocol": "tcp"`
		inside  = `"cidr_ipv4": "10.0.0.0/8", "from_port": 443, "to_port": 443, "ip_protocol": "tcp"`
		hushed  = `"cidr_ipv4": "hush", "from_port": 443, "to_port": 443, "ip_protocol": "tcp"`
		read    = `"policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"Get\"}]}"`
		all     = `"policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\"}]}"`
		guarded = `"policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\"}, {\"Effect\": \"Deny\"}]}"`
	)
	for _, test := range []struct {
		loses  deployment.Holding
		says   string // below the heading; empty if nothing is lost
		change string
	}{
		{data, "does not say what its type holds", change("aws_dynamodb_table", `"delete"`, `"before": {}`)},
		{data, "because of `[[engine]]`", change("aws_rds_cluster", `"delete", "create"`,
			`"before": {}, "after": {}, "replace_paths": [["engine"]]`)},
		{data, "is destroyed", deposed("aws_kms_key")},
		{nothing, "", deposed("aws_lb_target_group")},
		{protection, "nothing manages it", change("aws_rds_cluster", `"forget"`, `"before": {}`)},
		{nothing, "", change("aws_ecs_task_definition", `"create", "delete"`, `"before": {}, "after": {}`)},
		{nothing, "", change("aws_rds_cluster", `"create"`, `"after": {"skip_final_snapshot": true}`)},
		{nothing, "", set("aws_rds_cluster", "tags", `{"a": "b"}`, `{"a": "c"}`)},

		{traffic, "from `15.4` to `16.1`", set("aws_rds_cluster", "engine_version", `"15.4"`, `"16.1"`)},
		{traffic, "no task runs", set("aws_ecs_service", "desired_count", `2`, `0`)},
		{nothing, "", set("aws_ecs_service", "desired_count", `2`, `3`)},
		{traffic, "`port` (sensitive)", change("aws_rds_cluster", `"update"`,
			`"before": {"port": "hush"}, "after": {"port": "hush!"}, "before_sensitive": {"port": true}`)},

		{protection, "lets `tcp, ports 443 to 443, 0.0.0.0/0` through.", change(rule, `"create"`, `"after": {`+anybody+`}`)},
		{protection, "instead of `tcp, ports 443 to 443, 10.0.0.0/8`", update(rule, inside, anybody)},
		{protection, "lets other connections through", change(rule, `"create"`,
			`"after": {`+hushed+`}, "after_sensitive": {"cidr_ipv4": true}`)},
		{nothing, "", update(rule, anybody, anybody+`, "description": "web"`)},

		{protection, "from `true` to `false`", set("aws_lb", "enable_deletion_protection", `true`, `false`)},
		{nothing, "", set("aws_lb", "enable_deletion_protection", `false`, `true`)},
		{protection, "not recorded", set("aws_lb", "access_logs", `[{"enabled": true}]`, `[]`)},
		{protection, "shells", update("aws_ecs_service", "", `"enable_execute_command": true`)},
		{protection, "older logs", set("aws_cloudwatch_log_group", "retention_in_days", `0`, `30`)},
		{nothing, "", set("aws_cloudwatch_log_group", "retention_in_days", `30`, `0`)},
		{protection, "from `35` to `7`", set("aws_rds_cluster", "backup_retention_period", `35`, `7`)},
		{protection, "encrypted", set("aws_sns_topic", "kms_master_key_id", `"k"`, `""`)},
		{nothing, "", change("aws_sns_topic", `"update"`,
			`"before": {"kms_master_key_id": "k"}, "after": {}, "after_unknown": {"kms_master_key_id": true}`)},
		{protection, "TLS", set("aws_lb_listener", "ssl_policy", `"new"`, `"old"`)},
		{protection, "`rule`", set("aws_wafv2_web_acl", "rule", `[{"name": "a"}]`, `[{"name": "b"}]`)},
		{nothing, "", set("aws_wafv2_web_acl", "rule", `[{"name": "b"}]`, `[{"name": "a"}, {"name": "b"}]`)},
		{protection, "allows more", update("aws_iam_role_policy", read, all)},
		{nothing, "", update("aws_iam_role_policy", all, guarded)},
		{protection, "denies less", update("aws_s3_bucket_policy", guarded, all)},
		{protection, "known only after", change("aws_iam_role_policy", `"update"`,
			`"before": {`+read+`}, "after": {}, "after_unknown": {"policy": true}`)},
	} {
		findings := judge(parsePlan(t, test.change), nil)
		if len(findings) != 1 || findings[0].loses != test.loses {
			t.Errorf("%s: %v, expected one that loses %v", test.change, findings, test.loses)
		}
		said := summarize("tap-prod", findings, nil)
		if !strings.Contains(said, headings[test.loses]) || !strings.Contains(said, test.says) ||
			strings.Contains(said, "hush") {
			t.Errorf("%s: says %q, expected %q below %q", test.change, said, test.says, headings[test.loses])
		}
		if want := map[bool]int{true: 2, false: 3}[test.loses == nothing]; statusOf(findings) != want {
			t.Errorf("%s: status %d, expected %d", test.change, statusOf(findings), want)
		}
	}
}

func TestFirstDeploymentIsHarmless(t *testing.T) {
	rule := resource{"aws_vpc_security_group_ingress_rule", "x", map[string]any{"cidr_ipv4": "0.0.0.0/0"}}
	findings := judge(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{rule.change(tfjson.ActionCreate)}}, nil)
	if statusOf(findings) != 2 {
		t.Errorf("%v, expected a harmless change", findings)
	}
}

// Terraform's plan does not contain prevent_destroy.
func TestPreventDestroySwitchedOff(t *testing.T) {
	for lifecycle, want := range map[string]int{`{"prevent_destroy": true}`: 0, `{}`: 3} {
		var configuration any
		text := `{"resource": {"aws_rds_cluster": {"x": {"lifecycle": ` + lifecycle + `}}}}`
		must.Do(t, json.Unmarshal([]byte(text), &configuration))
		same := change("aws_rds_cluster", `"no-op"`, `"before": {"deletion_protection": true}, "after": {}`)
		if findings := judge(parsePlan(t, same), configuration); statusOf(findings) != want {
			t.Errorf("%s: %v, expected status %d", text, findings, want)
		}
	}
}

// The plan text and what is said may both be longer than GitHub takes.
func TestCommentIsBounded(t *testing.T) {
	long := strings.Repeat("aws_lb.x: ÄÖÜ, a line of Terraform's own text\n", 4000)
	var moves []move
	for range 1000 {
		moves = append(moves, move{"aws_lb.a_rather_long_name", "aws_lb.another_rather_long_name"})
	}
	for _, said := range []string{summarize("tap-prod", nil, nil), summarize("tap-prod", nil, moves)} {
		text := comment(said, long)
		if len(text) > 65536 || strings.Count(text, "```")%2 != 0 || !strings.HasSuffix(text, "</details>\n") {
			t.Errorf("%d bytes that begin with %.40q and end with %q", len(text), text, text[len(text)-80:])
		}
		if !strings.Contains(text, "cut here") {
			t.Error("does not say that it is cut")
		}
	}
}
