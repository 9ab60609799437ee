package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

// deposed is the JSON of what is left of a replaced resource.
func deposed(kind string) string {
	return strings.Replace(change(kind, `"delete"`, `"before": {}`), `"name"`, `"deposed": "abc", "name"`, 1)
}

// update is the JSON of a change in place.
func update(kind, before, after string) string {
	return change(kind, `"update"`, fmt.Sprintf(`"before": {%s}, "after": {%s}`, before, after))
}

func TestOutcomes(t *testing.T) {
	const (
		data, traffic, protection, nothing = losesData, interruptsTraffic, weakensProtection, harmless

		rule    = "aws_vpc_security_group_ingress_rule"
		anybody = `"cidr_ipv4": "0.0.0.0/0", "from_port": 443, "to_port": 443, "ip_protocol": "tcp"`
		inside  = `"cidr_ipv4": "10.0.0.0/8", "from_port": 443, "to_port": 443, "ip_protocol": "tcp"`
		hushed  = `"cidr_ipv4": "hush", "from_port": 443, "to_port": 443, "ip_protocol": "tcp"`
		read    = `"policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"Get\"}]}"`
		all     = `"policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\"}]}"`
		safe    = `"deletion_protection": true` // AWS refuses to delete something
		guarded = `"policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\"}, {\"Effect\": \"Deny\"}]}"`
	)
	// Terraform's plan does not contain prevent_destroy.
	configuration := decode([]byte(`{"resource": {"aws_rds_cluster": {"x": {}},
		"aws_kms_key": {"x": {"lifecycle": {"prevent_destroy": true}}}}}`))
	deployed := change("aws_vpc", `"no-op"`, `"before": {}, "after": {}`) + ","
	for _, test := range []struct {
		heading string
		says    string // below the heading; empty if nothing is lost
		changes string
	}{
		{data, "does not say what its type holds", change("aws_dynamodb_table", `"delete"`, `"before": {}`)},
		{data, "because of `[[engine]]`", change("aws_rds_cluster", `"delete", "create"`,
			`"before": {}, "after": {}, "replace_paths": [["engine"]]`)},
		{data, "is destroyed", deposed("aws_kms_key")},
		{nothing, "", deposed("aws_lb_target_group")},
		{protection, "nothing manages it", change("aws_rds_cluster", `"forget"`, `"before": {}`)},
		{nothing, "", change("aws_ecs_task_definition", `"create", "delete"`, `"before": {}, "after": {}`)},
		{nothing, "", change("aws_rds_cluster", `"create"`, `"after": {"skip_final_snapshot": true}`)},
		{nothing, "", update("aws_rds_cluster", `"tags": {"a": "b"}`, `"tags": {"a": "c"}`)},
		{traffic, "from `15.4` to `16.1`", update("aws_rds_cluster", `"engine_version": "15.4"`, `"engine_version": "16.1"`)},
		{traffic, "no task runs", update("aws_ecs_service", `"desired_count": 2`, `"desired_count": 0`)},
		{nothing, "", update("aws_ecs_service", `"desired_count": 2`, `"desired_count": 3`)},
		{traffic, "`port` (sensitive)", change("aws_rds_cluster", `"update"`,
			`"before": {"port": "hush"}, "after": {"port": "hush!"}, "before_sensitive": {"port": true}`)},
		{protection, "lets `tcp, ports 443 to 443, 0.0.0.0/0` through.",
			deployed + change(rule, `"create"`, `"after": {`+anybody+`}`)},
		{nothing, "", change(rule, `"create"`, `"after": {`+anybody+`}`)}, // nothing can be opened before there is anything
		{protection, "instead of `tcp, ports 443 to 443, 10.0.0.0/8`", update(rule, inside, anybody)},
		{protection, "lets other connections through",
			deployed + change(rule, `"create"`, `"after": {`+hushed+`}, "after_sensitive": {"cidr_ipv4": true}`)},
		{nothing, "", update(rule, anybody, anybody+`, "description": "web"`)},
		{protection, "from `true` to `false`",
			update("aws_lb", `"enable_deletion_protection": true`, `"enable_deletion_protection": false`)},
		{nothing, "", update("aws_lb", `"enable_deletion_protection": false`, `"enable_deletion_protection": true`)},
		{protection, "not recorded", update("aws_lb", `"access_logs": [{"enabled": true}]`, `"access_logs": []`)},
		{protection, "shells", update("aws_ecs_service", "", `"enable_execute_command": true`)},
		{protection, "older logs", update("aws_cloudwatch_log_group", `"retention_in_days": 0`, `"retention_in_days": 30`)},
		{nothing, "", update("aws_cloudwatch_log_group", `"retention_in_days": 30`, `"retention_in_days": 0`)},
		{protection, "from `35` to `7`",
			update("aws_rds_cluster", `"backup_retention_period": 35`, `"backup_retention_period": 7`)},
		{protection, "encrypted", update("aws_sns_topic", `"kms_master_key_id": "k"`, `"kms_master_key_id": ""`)},
		{nothing, "", change("aws_sns_topic", `"update"`,
			`"before": {"kms_master_key_id": "k"}, "after": {}, "after_unknown": {"kms_master_key_id": true}`)},
		{protection, "has no `prevent_destroy`", change("aws_rds_cluster", `"no-op"`, `"before": {`+safe+`}`)},
		{nothing, "", update("aws_kms_key", safe, safe)},
		{protection, "TLS", update("aws_lb_listener", `"ssl_policy": "new"`, `"ssl_policy": "old"`)},
		{protection, "`rule`", update("aws_wafv2_web_acl", `"rule": [{"name": "a"}]`, `"rule": [{"name": "b"}]`)},
		{nothing, "", update("aws_wafv2_web_acl", `"rule": [{"name": "b"}]`, `"rule": [{"name": "a"}, {"name": "b"}]`)},
		{protection, "allows more", update("aws_iam_role_policy", read, all)},
		{nothing, "", update("aws_iam_role_policy", all, guarded)},
		{protection, "denies less", update("aws_s3_bucket_policy", guarded, all)},
		{protection, "known only after", change("aws_iam_role_policy", `"update"`,
			`"before": {`+read+`}, "after": {}, "after_unknown": {"policy": true}`)},
	} {
		var plan tfjson.Plan
		must.Do(t, json.Unmarshal([]byte(`{"format_version": "1.2", "resource_changes": [`+test.changes+`]}`), &plan))
		findings := judge(&plan, configuration, false)
		said := summarize("tap-prod", &plan, findings)
		if len(findings) != 1 || findings[0].heading != test.heading ||
			!strings.Contains(said, test.heading) || !strings.Contains(said, test.says) ||
			strings.Contains(said, "hush") {
			t.Errorf("%s: %v, expected %q below %q; says %s", test.changes, findings, test.says, test.heading, said)
		}
	}
}

// The plan text and what is said may both be longer than GitHub takes.
func TestCommentIsBounded(t *testing.T) {
	long := strings.Repeat("aws_lb.x: ÄÖÜ, a line of Terraform's own text\n", 4000)
	for _, said := range []string{"## Plan", strings.Repeat("- `aws_lb.a_rather_long_name` is destroyed\n", 1000)} {
		text := comment(said, long)
		if len(text) > 65536 || !strings.HasSuffix(text, "\n(cut here: GitHub takes no more)\n\n``````\n\n</details>\n") {
			t.Errorf("%d bytes that begin with %.40q and end with %q", len(text), text, text[len(text)-80:])
		}
	}
}

// golden returns the removals of all resources of the synthesized stacks whose name matches a pattern.
func golden(t *testing.T, pattern string) (removals []*tfjson.ResourceChange) {
	t.Helper()
	for _, file := range must.Get(filepath.Glob("../../tests/golden/" + pattern + ".json"))(t) {
		var stack struct {
			Resource map[string]map[string]map[string]any
		}
		must.Do(t, json.Unmarshal(must.Get(os.ReadFile(file))(t), &stack))
		for kind, named := range stack.Resource {
			for name, attributes := range named {
				removals = append(removals, removal(kind, name, attributes))
			}
		}
	}
	if removals == nil {
		t.Fatalf("no golden %s", pattern)
	}
	slices.SortFunc(removals, func(a, b *tfjson.ResourceChange) int { return strings.Compare(a.Address, b.Address) })
	return removals
}

func removal(kind, name string, attributes map[string]any) *tfjson.ResourceChange {
	return &tfjson.ResourceChange{Address: kind + "." + name, Mode: tfjson.ManagedResourceMode, Type: kind, Name: name,
		Change: &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionDelete}, Before: attributes}}
}

// creation creates under another name what a removal removes. What refers to other resources is known in the state and
// not in a plan; so that this does not decide, each resource also has an attribute that is another afterwards.
func creation(old *tfjson.ResourceChange, name string) *tfjson.ResourceChange {
	after, unknown := map[string]any{"other": "after"}, map[string]any{"id": true}
	for key, value := range old.Change.Before.(map[string]any) {
		if text, _ := json.Marshal(value); strings.Contains(string(text), "${") {
			unknown[key] = true
		} else if !slices.Contains([]string{"//", "depends_on", "lifecycle"}, key) { // not attributes
			after[key] = value
		}
	}
	created := removal(old.Type, name, nil)
	created.Change = &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionCreate}, After: after, AfterUnknown: unknown}
	return created
}

// Every resource is renamed alone, every area, and all areas at once.
func TestRenames(t *testing.T) {
	removals := golden(t, "tap-prod")
	prefixes := map[string]bool{"": true}
	for _, r := range removals {
		area, _, _ := strings.Cut(hash.ReplaceAllString(r.Name, ""), "_")
		prefixes[area], prefixes[r.Name] = true, true
	}
	for prefix := range prefixes {
		var changes []*tfjson.ResourceChange
		var want []move
		for _, old := range removals {
			if strings.HasPrefix(old.Name, prefix) {
				renamed := creation(old, "new"+strings.TrimPrefix(hash.ReplaceAllString(old.Name, "_0123ABCD"), prefix))
				changes = append(changes, old, renamed)
				want = append(want, move{old.Address, renamed.Address})
			}
		}
		if got := findMoves(changes); !slices.Equal(got, want) {
			t.Errorf("renamed %q: %v, expected %v", prefix, got, want)
		}
	}
}

func TestAttributesIdentifyMoreThanNames(t *testing.T) {
	reader, writer := map[string]any{"identifier": "reader"}, map[string]any{"identifier": "writer"}
	const kind = "aws_rds_cluster_instance"
	one, two := removal(kind, "db_one", reader), removal(kind, "db_two", writer)
	moves := findMoves([]*tfjson.ResourceChange{one, two, creation(two, "database_one"), creation(one, "database_two")})
	if want := (move{one.Address, kind + ".database_two"}); len(moves) != 2 || moves[0] != want {
		t.Errorf("%v, expected %v first", moves, want)
	}
}
