package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// change is the JSON of a resource change; the fields go into its change.
func change(kind, actions, fields string) string {
	return fmt.Sprintf(`{"mode": "managed", "address": "%s.x", "type": %[1]q, "name": "x",
		"change": {"actions": [%s], %s}}`, kind, actions, fields)
}

// planned is the JSON of a plan with resource changes.
func planned(changes string) string {
	return `{"format_version": "1.2", "resource_changes": [` + changes + `]}`
}

// read returns the plan of a JSON text.
func read(t *testing.T, text string) (plan *tfjson.Plan) {
	t.Helper()
	must.Do(t, json.Unmarshal([]byte(text), &plan))
	return plan
}

// losses are what a stack misses after something of a type is destroyed or replaced.
var losses = map[string]string{
	losesData: `aws_cloudwatch_log_group aws_ecr_repository aws_kms_key aws_rds_cluster aws_s3_bucket
		aws_secretsmanager_secret`,
	interruptsTraffic: `aws_acm_certificate aws_acm_certificate_validation aws_appautoscaling_policy
		aws_appautoscaling_target aws_ecs_cluster aws_ecs_service aws_eip aws_iam_role aws_iam_role_policy
		aws_internet_gateway aws_lb aws_lb_listener aws_lb_target_group aws_nat_gateway aws_rds_cluster_instance aws_route
		aws_route53_record aws_route_table aws_route_table_association aws_secretsmanager_secret_version
		aws_security_group aws_subnet aws_vpc aws_vpc_endpoint aws_vpc_security_group_egress_rule
		aws_vpc_security_group_ingress_rule`,
	weakensProtection: `aws_cloudwatch_event_rule aws_cloudwatch_event_target aws_ecr_registry_scanning_configuration
		aws_cloudwatch_log_data_protection_policy aws_cloudwatch_log_resource_policy
		aws_cloudwatch_metric_alarm aws_default_security_group aws_flow_log aws_iam_openid_connect_provider aws_iam_policy
		aws_iam_role_policy_attachment aws_s3_bucket_ownership_controls aws_s3_bucket_policy
		aws_s3_bucket_public_access_block aws_s3_bucket_server_side_encryption_configuration aws_s3_bucket_versioning
		aws_sns_topic aws_sns_topic_policy aws_sns_topic_subscription aws_wafv2_web_acl aws_wafv2_web_acl_association
		aws_wafv2_web_acl_logging_configuration terraform_data`,
	harmless: `aws_cloudwatch_dashboard aws_db_parameter_group aws_db_subnet_group aws_ecr_lifecycle_policy
		aws_ecs_task_definition aws_kms_alias aws_rds_cluster_parameter_group aws_s3_bucket_lifecycle_configuration`,
}

// An example of each type that a stack has is destroyed, replaced, gone in AWS, and created beside something.
func TestEachTypeIsKnown(t *testing.T) {
	types := map[string]bool{}
	for _, r := range golden(t, "*") {
		types[r.Type] = true
	}
	for heading, kinds := range losses {
		for _, kind := range strings.Fields(kinds) {
			for actions, fields := range map[string]string{
				`"delete"`: `"before": {"id": "x"}`, `"create", "delete"`: `"before": {"id": "x"}, "after": {"id": "y"},
					"replace_paths": [["id"]]`,
			} {
				if heading == harmless {
					fields = strings.Replace(fields, "y", "x", 1)
				}
				findings := judge(read(t, planned(change(kind, actions, fields))), nil, false)
				if len(findings) != 1 || findings[0].heading != heading || findings[0].address != kind+".x" ||
					strings.Contains(findings[0].words, "does not say") {
					t.Errorf("%s %s: %+v, expected it below %q", actions, kind, findings, heading)
				}
			}
			delete(types, kind)
		}
	}
	if len(types) > 0 {
		t.Errorf("rules.md does not say what is lost with %v", slices.Collect(maps.Keys(types)))
	}
}

// What a plan may contain beside changes of attributes, and what is said of it.
func TestPlans(t *testing.T) {
	cases := strings.Split(string(must.Get(os.ReadFile("testdata/plans.txt"))(t)), "\n\n")
	for _, text := range cases[1:] {
		wanted, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
		plan := `{"format_version": "1.2", ` + strings.TrimPrefix(rest, "{")
		if !strings.HasPrefix(rest, "{") {
			var changes []string
			for _, line := range strings.Split(rest, "\n") {
				line = strings.Replace(line, "deployed", `aws_vpc no-op {"before": {}, "after": {}}`, 1)
				cells := strings.SplitN(line, " ", 3)
				resource := map[string]any{"mode": "managed", "address": cells[0] + ".x", "type": cells[0], "name": "x"}
				fields, parts := map[string]any{}, json.NewDecoder(strings.NewReader(cells[2]+" {}"))
				must.Do(t, parts.Decode(&fields), parts.Decode(&resource))
				fields["actions"], resource["change"] = strings.Split(cells[1], ","), fields
				changes = append(changes, encode(resource))
			}
			plan = planned(strings.Join(changes, ","))
		}
		parsed := read(t, plan)
		findings := judge(parsed, nil, false)
		said := summarize("tap-prod", parsed, findings)
		lines := strings.NewReplacer("### ", "", "\n\n- ", ": ").Replace(said)
		if status, words, _ := strings.Cut(wanted, " "); status != fmt.Sprint(statusOf(findings)) ||
			!strings.Contains(lines, "\n"+words+"\n") || strings.Contains(said, "hush") ||
			strings.Contains(said, "No changes.") != (status == "0") {
			t.Errorf("%s\nstatus %d, expected %s; says\n%s", plan, statusOf(findings), wanted, said)
		}
	}
}

// calm are the attributes of which a change may be harmless, beside description, tags and timeouts.
const calm = `aws_appautoscaling_target.max_capacity aws_appautoscaling_target.min_capacity
	aws_cloudwatch_dashboard.dashboard_body aws_cloudwatch_log_group.retention_in_days
	aws_cloudwatch_metric_alarm.alarm_description aws_cloudwatch_metric_alarm.datapoints_to_alarm
	aws_cloudwatch_metric_alarm.evaluation_periods aws_cloudwatch_metric_alarm.threshold aws_db_parameter_group.family
	aws_ecs_service.deployment_minimum_healthy_percent aws_ecs_service.desired_count
	aws_ecs_service.enable_execute_command aws_ecs_service.health_check_grace_period_seconds
	aws_ecs_service.task_definition aws_kms_key.deletion_window_in_days aws_lb.enable_deletion_protection
	aws_rds_cluster.apply_immediately aws_rds_cluster.backup_retention_period
	aws_rds_cluster.deletion_protection aws_rds_cluster.final_snapshot_identifier
	aws_rds_cluster.preferred_backup_window
	aws_rds_cluster.skip_final_snapshot aws_rds_cluster_instance.apply_immediately
	aws_rds_cluster_parameter_group.family
	aws_s3_bucket.force_destroy
	aws_secretsmanager_secret.recovery_window_in_days aws_sns_topic.display_name`

// Every attribute of every resource of every stack is another, is none, is unknown, or has the resource replaced.
func TestEveryChangeIsNamed(t *testing.T) {
	silent := map[string]bool{}
	for _, r := range golden(t, "*") {
		declared := blocks(r.Change.Before).(map[string]any)
		configuration := map[string]any{"resource": map[string]any{r.Type: map[string]any{r.Name: declared}}}
		for attribute, value := range declared {
			if slices.Contains(strings.Fields("// depends_on lifecycle description tags timeouts"), attribute) {
				continue
			}
			for _, other := range append(others(value), nil, later, "replaced") {
				if other == nil && (value == false || value == 0.0) {
					continue // they are the same
				}
				change := *r
				after, unknown := maps.Clone(declared), map[string]any{}
				change.Change = &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionUpdate}, Before: declared, After: after}
				switch after[attribute] = other; other {
				case later:
					delete(after, attribute)
					unknown[attribute] = true
				case "replaced":
					change.Change.Actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
					change.Change.ReplacePaths = []any{[]any{attribute}}
				}
				change.Change.AfterUnknown = unknown
				findings := judge(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{&change}}, configuration, false)
				named := slices.ContainsFunc(findings, func(f finding) bool {
					return f.heading != harmless && f.address == r.Address && strings.Contains(f.words, "`"+attribute)
				})
				if !named {
					silent[r.Type+"."+attribute] = true
				}
			}
		}
	}
	if got := slices.Sorted(maps.Keys(silent)); !slices.Equal(got, strings.Fields(calm)) {
		t.Errorf("nothing is said of some changes of\n%s\nexpected\n%s", strings.Join(got, " "), calm)
	}
}

// blocks returns a value in which empty blocks are as a plan has them.
func blocks(value any) any {
	object, ok := value.(map[string]any)
	if ok && len(object) == 0 {
		return []any{object}
	}
	for name := range object {
		object[name] = blocks(object[name])
	}
	return value
}

// others returns values of the same kind as a value.
func others(value any) []any {
	switch value := value.(type) {
	case bool:
		return []any{!value}
	case float64:
		return []any{value - 1, value + 1}
	case string:
		return []any{value + "-other"}
	case []any:
		return []any{append(slices.Clone(value), "other"), value[:len(value)-1]}
	case map[string]any:
		less, more := maps.Clone(value), maps.Clone(value)
		for name := range value {
			more[name] = others(value[name])[0]
			delete(less, name)
		}
		return []any{less, more}
	}
	return nil
}

// What AWS has against what the state had: damage is named, and neither its repair nor what AWS makes of values.
func TestDrift(t *testing.T) {
	const (
		kind  = "aws_s3_bucket_public_access_block"
		off   = `{"block_public_acls": false}`
		on    = `{"block_public_acls": true}`
		quiet = `{"block_public_acls": true, "x": "y"}`
	)
	drift := func(before, after, planned string) string {
		actions := `"update"`
		if after == "null" {
			actions = `"create"`
		} else if planned == "null" {
			actions = `"delete"`
		}
		return fmt.Sprintf(`{"format_version": "1.2", "resource_drift": [%s], "resource_changes": [%s]}`,
			change(kind, actions, `"before": `+before+`, "after": `+after),
			change(kind, actions, `"before": `+after+`, "after": `+planned))
	}
	for _, test := range []struct {
		status     int
		says, plan string
	}{
		{12, "- Weakens protection: `" + kind + ".x` changes `block_public_acls` (from `true` to `false`): the bucket may",
			drift(on, off, on)},
		{12, "- Not judged: read Terraform's text: `" + kind + ".x` changes `x`.", drift(quiet, off, quiet)},
		{10, "Harmless changes: 1 (1 changed)",
			drift(on, quiet, `{"block_public_acls": true, "x": "y", "tags": {"a": "b"}}`)},
		{10, "changes: 1 (1 changed outside)", drift(`{"tags": {"a": "b"}}`, `{"tags": {}}`, `{"tags": {"a": "b"}}`)},
		{12, "- Weakens protection: `" + kind + ".x` is gone: ", drift(on, "null", on)},
		{12, "\n- `" + kind + ".x` changes `block_public_acls`", drift(on, "null", off)},
		{12, "\n- `" + kind + ".x` changes `block_public_acls`", drift(off, on, off)}, // it was better
	} {
		plan := read(t, test.plan)
		findings := judge(plan, nil, true)
		said := summarize("tap-prod", plan, findings)
		if status := statusOf(findings); status != test.status || !strings.Contains(said, test.says) {
			t.Errorf("%s\nstatus %d, expected %d and %q; says\n%s", test.plan, status, test.status, test.says, said)
		}
	}
	for _, text := range []string{drift(on, quiet, on), drift(on, quiet, "null")} {
		if findings := judge(read(t, text), nil, true); len(findings) != 1 {
			t.Errorf("%s: %v, expected one", text, findings)
		}
	}
}

// What the configuration does not set, and is unknown, follows from what else is another.
func TestWhatAWSDecides(t *testing.T) {
	plan := read(t, planned(change("aws_ecs_task_definition", `"create", "delete"`,
		`"before": {"arn": "x", "family": "y"}, "after": {"family": "y"}, "after_unknown": {"arn": true}`)))
	for declared, heading := range map[string]string{`{"family": "y"}`: harmless, `{"arn": "${y}"}`: notJudged} {
		configuration := decode([]byte(`{"resource": {"aws_ecs_task_definition": {"x": ` + declared + `}}}`))
		if findings := judge(plan, configuration, false); len(findings) != 1 || findings[0].heading != heading {
			t.Errorf("of %s %v, expected it below %q", declared, findings, heading)
		}
	}
}

// What roles and groups have is declared by other resources, or somebody has added it.
func TestAddedOutside(t *testing.T) {
	const declared = `{"role": "r", "name": "p"}|{"role": "r", "policy_arn": "arn"}|` +
		`{"security_group_id": "g", "ip_protocol": "tcp", "from_port": 80, "to_port": 81, "cidr_ipv4": "10.0.0.0/8"}|` +
		`{"security_group_id": "g", "ip_protocol": "-1", "referenced_security_group_id": "g"}|` +
		`{"security_group_id": "g", "ip_protocol": "tcp", "from_port": 80, "to_port": 81, "cidr_ipv6": "::/0"}`
	kinds := strings.Fields(`aws_iam_role_policy aws_iam_role_policy_attachment aws_vpc_security_group_ingress_rule
		aws_vpc_security_group_ingress_rule aws_vpc_security_group_egress_rule`)
	const state = `{"format_version": "1.2", "resource_changes": [%s], "prior_state": {"format_version": "1.0", "values":
		{"root_module": {"resources": [{"address": "aws_iam_role.x", "type": "aws_iam_role", "values":
		{"name": "r", "inline_policy": [{"name": "p"}], "managed_policy_arns": ["arn"]}},
		{"address": "aws_security_group.x", "type": "aws_security_group", "values": {"id": "g",
		"ingress": [{"protocol": "tcp", "from_port": 80, "to_port": 81, "cidr_blocks": ["10.0.0.0/8"]},
		{"protocol": "-1", "from_port": 0, "to_port": 0, "self": true}],
		"egress": [{"protocol": "tcp", "from_port": 80, "to_port": 81, "ipv6_cidr_blocks": ["::/0"]}]}}]}}}}`
	for i, says := range []string{"`aws_iam_role.x` lets `r` do what its policy `p` allows",
		"`aws_iam_role.x` lets `r` do what `arn` allows",
		"`aws_security_group.x` lets `tcp`, ports `80` to `81`, `10.0.0.0/8`, into `g`",
		"`aws_security_group.x` lets everything, `g`, into `g`",
		"`aws_security_group.x` lets `tcp`, ports `80` to `81`, `::/0`, out of `g`", "No changes"} {
		var changes []string
		for k, values := range strings.Split(declared, "|") {
			if k != i {
				changes = append(changes, change(kinds[k], `"no-op"`, `"before": `+values+`, "after": `+values))
			}
		}
		plan := read(t, fmt.Sprintf(state, strings.Join(changes, ", ")))
		said := summarize("tap-prod", plan, judge(plan, nil, true))
		if strings.Count(said, "which nothing declares") != min(1, 5-i) || !strings.Contains(said, says) {
			t.Errorf("without %s it says\n%s\nexpected %q", kinds[min(i, 4)], said, says)
		}
		if findings := judge(plan, nil, false); findings != nil {
			t.Errorf("a state that is not refreshed may be old: %v", findings)
		}
	}
}

// AWS allows names that are longer than what is shown of a value.
func TestOtherNamesAreOtherRights(t *testing.T) {
	name := strings.Repeat("x", 80)
	state := fmt.Sprintf(`{"format_version": "1.2", "prior_state": {"format_version": "1.0", "values": {"root_module":
		{"resources": [{"address": "aws_iam_role.x", "type": "aws_iam_role", "values": {"name": "r",
		"inline_policy": [{"name": "%[1]sa"}, {"name": "%[1]sb"}], "managed_policy_arns": ["%[1]sa", "%[1]sb"]}}]}}},
		"resource_changes": [%s, %s]}`, name,
		change("aws_iam_role_policy", `"no-op"`, `"before": {"role": "r", "name": "`+name+`a"}`),
		change("aws_iam_role_policy_attachment", `"no-op"`, `"before": {"role": "r", "policy_arn": "`+name+`a"}`))
	if findings := judge(read(t, state), nil, true); len(findings) != 2 {
		t.Errorf("%v, expected two that nothing declares", findings)
	}
}

// Where AWS refuses to delete something, or Terraform to empty a bucket, the configuration has to guard the rest.
func TestGuardsAreMissed(t *testing.T) {
	const guarded = `aws_cloudwatch_log_group aws_ecr_repository aws_kms_key aws_rds_cluster aws_s3_bucket
		aws_secretsmanager_secret aws_subnet aws_vpc`
	protected := map[string]bool{`"aws_rds_cluster", "deletion_protection": true`: true,
		`"aws_lb", "enable_deletion_protection": true`: true, `"aws_s3_bucket", "force_destroy": false`: true,
		`"aws_rds_cluster_instance", "force_destroy": false`: false, `"aws_lb", "enable_deletion_protection": false`: false}
	for shown, expected := range protected {
		kind, values, _ := strings.Cut(shown, ", ")
		state := fmt.Sprintf(`{"mode": "managed", "address": "x", "type": %s, "change": {"actions": ["no-op"],
			"before": {%[2]s}, "after": {%[2]s}}},`, kind, values)
		for _, kind := range append(strings.Fields(guarded), "aws_lb") {
			plan := read(t, planned(state+change(kind, `"no-op"`, `"before": {"id": "x"}, "after": {"id": "x"}`)))
			missed := map[string]bool{`{}`: expected && kind != "aws_lb", `{"prevent_destroy": true}`: false}
			for lifecycle, missing := range missed {
				configuration := decode([]byte(fmt.Sprintf(`{"resource": {%q: {"x": {"lifecycle": %s}}}}`, kind, lifecycle)))
				findings := judge(plan, configuration, false)
				if (statusOf(findings) == 12) != missing || len(findings) > 1 {
					t.Errorf("%s and a %s with %s: %v", shown, kind, lifecycle, findings)
				}
			}
		}
	}
}
