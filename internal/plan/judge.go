package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/constructs/deployment"
)

// finding is one thing that a plan does to a resource.
type finding struct {
	loses   deployment.Holding // what the resource then lacks
	address string
	words   string // what happens to it, in Markdown; empty if nothing is lost
}

// judge returns what a plan does to what the state contains: a resource that has left the configuration has lost its
// prevent_destroy with it. Without a refresh the plan shows nothing that was done outside.
func judge(plan *tfjson.Plan, configuration any, refreshed bool) (findings []finding) {
	exists, protected := false, false // anything that is deployed, anything that AWS refuses to delete
	for _, r := range plan.ResourceChanges {
		exists = exists || r.Mode == tfjson.ManagedResourceMode && r.Change.Before != nil
		protected = protected || at(r.Change.Before, "deletion_protection") == true ||
			at(r.Change.Before, "enable_deletion_protection") == true
	}
	for _, r := range plan.ResourceChanges {
		if r.Mode != tfjson.ManagedResourceMode {
			continue
		}
		findings = append(findings, judgeResource(r, exists)...)
		holds, _ := deployment.Kind(r.Type)
		declared := at(configuration, "resource."+r.Type+"."+r.Name)
		if protected && holds == deployment.Data && declared != nil && at(declared, "lifecycle.prevent_destroy") != true {
			findings = append(findings, finding{deployment.Protection, r.Address,
				"has no `prevent_destroy`, although AWS refuses to delete other parts of the stack"})
		}
	}
	for name, output := range plan.OutputChanges {
		if !output.Actions.NoOp() {
			findings = append(findings, finding{deployment.Nothing, "output." + name, ""})
		}
	}
	return findings
}

// judgeResource returns what happens to a resource. Where nothing exists yet, nothing can be opened.
func judgeResource(r *tfjson.ResourceChange, exists bool) (findings []finding) {
	change := r.Change
	add := func(loses deployment.Holding, words string, values ...any) {
		findings = append(findings, finding{loses, r.Address, fmt.Sprintf(words, values...)})
	}
	holds, known := deployment.Kind(r.Type)
	switch gone := slices.Contains(change.Actions, tfjson.ActionDelete); {
	case gone && !known:
		add(deployment.Data, "is destroyed, and `constructs/deployment/protected.go` does not say what its type holds")
	case gone && r.DeposedKey != "" && holds != deployment.Data:
		add(deployment.Nothing, "") // it has been replaced already
	case change.Actions.Replace() && len(change.ReplacePaths) > 0:
		add(holds, "is replaced because of `%v`", change.ReplacePaths)
	case change.Actions.Replace():
		add(holds, "is replaced")
	case gone:
		add(holds, "is destroyed")
	case slices.Contains(change.Actions, tfjson.ActionForget):
		add(deployment.Protection, "stays in AWS, and nothing manages it any more")
	case change.Actions.Update():
		for loses, list := range rules {
			for _, rule := range list {
				if difference, matters := rule.judge(change); matters {
					add(loses, "has another `%s`%s: %s", rule.path, difference, rule.means)
				}
			}
		}
	}
	if strings.HasPrefix(r.Type, "aws_vpc_security_group_") && exists && change.After != nil {
		before, after := connections(change.Before), connections(change.After)
		switch {
		case before == after:
		case marked(change.BeforeSensitive) || marked(change.AfterSensitive):
			add(deployment.Protection, "lets other connections through")
		case before == "":
			add(deployment.Protection, "lets `%s` through", after)
		default:
			add(deployment.Protection, "lets `%s` through instead of `%s`", after, before)
		}
	}
	if findings == nil && (!change.Actions.NoOp() || r.PreviousAddress != "" || change.Importing != nil) {
		add(deployment.Nothing, "")
	}
	return findings
}

// judge applies a rule to a change, and says how simple values differ. What is known only after the apply follows from
// another change, which is judged by itself; but a policy may say anything then.
func (rule rule) judge(change *tfjson.Change) (difference string, matters bool) {
	if marked(at(change.AfterUnknown, rule.path)) {
		return " (known only after the apply)", strings.HasSuffix(rule.path, "policy")
	}
	before, after := at(change.Before, rule.path), at(change.After, rule.path)
	if marked(at(change.BeforeSensitive, rule.path)) || marked(at(change.AfterSensitive, rule.path)) {
		difference = " (sensitive)"
	} else if text := fmt.Sprintf(" (from `%v` to `%v`)", before, after); len(text) < 100 &&
		!strings.ContainsAny(text, "{[") { // Terraform's own text shows the others
		difference = strings.ReplaceAll(text, "<nil>", "none")
	}
	return difference, rule.matters(before, after)
}

// connections says what a rule of a security group lets through.
func connections(rule any) string {
	if rule == nil {
		return ""
	}
	other := any("another security group")
	for _, name := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
		if value := at(rule, name); !isZero(value) {
			other = value
		}
	}
	return strings.ReplaceAll(fmt.Sprintf("%v, ports %v to %v, %v",
		at(rule, "ip_protocol"), at(rule, "from_port"), at(rule, "to_port"), other), "<nil>", "any")
}

// rule is a change of an attribute that matters although the resource, of any type, stays.
type rule struct {
	path    string // names, separated by dots; of a list of blocks the first one counts
	matters func(before, after any) bool
	means   string
}

var rules = map[deployment.Holding][]rule{
	deployment.Traffic: {
		{"alias", changed, "clients are sent elsewhere"},
		{"default_action", changed, "requests are answered in another way"},
		{"desired_count", removed, "no task runs"},
		{"engine_version", changed, "the instances restart"},
		{"gateway_id", changed, "open connections break"},
		{"instance_class", changed, "the instance restarts"},
		{"master_password_wo_version", changed, "tasks with the old password cannot connect until they are replaced"},
		{"nat_gateway_id", changed, "open connections break"},
		{"port", changed, "connections to the old port are refused"},
		{"protocol", changed, "clients of the old protocol are refused"},
		{"records", changed, "clients are sent elsewhere"},
	},
	deployment.Protection: {
		{"access_logs.enabled", off, "requests are not recorded"},
		{"alarm_actions", shrunk, "somebody is not told any more"},
		{"assume_role_policy", widened, "others may act as the role"},
		{"backup_retention_period", less, "older points in time cannot be restored"},
		{"block_public_acls", off, "the bucket may be made public"},
		{"block_public_policy", off, "the bucket may be made public"},
		{"deletion_protection", off, "AWS deletes it when asked to"},
		{"deletion_window_in_days", less, "there is less time to notice a deletion"},
		{"drop_invalid_header_fields", off, "invalid headers reach the tasks"},
		{"enable_deletion_protection", off, "AWS deletes it when asked to"},
		{"enable_execute_command", on, "shells may be opened in tasks"},
		{"enable_key_rotation", off, "the key stays the same for ever"},
		{"enabled_cloudwatch_logs_exports", shrunk, "logs are not kept"},
		{"force_destroy", on, "it can be destroyed with all that is in it"},
		{"ignore_public_acls", off, "the bucket may be public"},
		{"kms_key_id", removed, "what is written is not encrypted by the environment's key"},
		{"kms_master_key_id", removed, "messages are not encrypted by the environment's key"},
		{"map_public_ip_on_launch", on, "what starts there has a public address"},
		{"network_configuration.assign_public_ip", on, "tasks have public addresses"},
		{"parameter", shrunk, "TLS and what is logged depend on parameters"},
		{"policy", widened, "it allows more, or denies less"},
		{"publicly_accessible", on, "the database has a public address"},
		{"recovery_window_in_days", less, "there is less time to notice a deletion"},
		{"data_protection_config", shrunk, "secrets may get into the logs"},
		{"restrict_public_buckets", off, "the bucket may be public"},
		{"retention_in_days", shorter, "older logs are deleted"},
		{"rule", shrunk, "what the old rules did may not be done"},
		{"skip_final_snapshot", on, "nothing is left when it is destroyed"},
		{"ssl_policy", changed, "other versions of TLS or other ciphers are accepted"},
		{"versioning_configuration.status", changed, "what is overwritten cannot be restored"},
	},
}

func off(before, after any) bool     { return before == true && isZero(after) }
func on(before, after any) bool      { return isZero(before) && after == true }
func removed(before, after any) bool { return !isZero(before) && isZero(after) }

func changed(before, after any) bool {
	return !(isZero(before) && isZero(after)) && !reflect.DeepEqual(before, after)
}

func less(before, after any) bool {
	was, _ := before.(float64)
	is, _ := after.(float64)
	return is < was
}

// shrunk reports whether an entry of a list is missing afterwards, or is another then.
func shrunk(before, after any) bool {
	entries, _ := before.([]any)
	others, _ := after.([]any)
	return slices.ContainsFunc(entries, func(entry any) bool {
		return !slices.ContainsFunc(others, func(other any) bool { return reflect.DeepEqual(entry, other) })
	})
}

// shorter is less for a retention, of which 0 is for ever.
func shorter(before, after any) bool {
	return !isZero(after) && (isZero(before) || less(before, after))
}

// widened reports statements of a policy that allow something new, or denied something.
func widened(before, after any) bool {
	return shrunk(statements(after, "Allow"), statements(before, "Allow")) ||
		shrunk(statements(before, "Deny"), statements(after, "Deny"))
}

// statements returns those of a policy that have the effect; AWS refuses what is not a policy.
func statements(policy any, effect string) any {
	var document struct{ Statement []any }
	text, _ := policy.(string)
	_ = json.Unmarshal([]byte(text), &document)
	return slices.DeleteFunc(document.Statement, func(statement any) bool { return at(statement, "Effect") != effect })
}

// isZero reports whether a value is none: providers keep an attribute that is not set as null or as empty.
func isZero(value any) bool {
	v := reflect.ValueOf(value)
	return !v.IsValid() || v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0
}

// at returns what is at a path below a value. What Terraform marks as unknown or sensitive is so with all below.
func at(value any, path string) any {
	for _, name := range strings.Split(path, ".") {
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		if value == true {
			return true
		}
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// marked reports whether Terraform marks a value, or anything in it, as unknown or sensitive.
func marked(marks any) bool {
	switch marks := marks.(type) {
	case []any:
		return slices.ContainsFunc(marks, marked)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(marks)), marked)
	}
	return marks == true
}
