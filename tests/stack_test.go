package tests

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
)

func TestOutputsAreDescribed(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		outputs := s.only("output")
		outputs.want("ECSServiceName.value", s.service().Ref("name"))
		for name := range outputs.Attributes {
			if outputs.Text(name+".description") == "" {
				s.Errorf("%s says nothing of itself", name)
			}
		}
		var addresses []string // an acquirer allows every address that the tasks may call from
		for _, gateway := range s.each("aws_nat_gateway") {
			address := gateway.Ref("public_ip")
			if strings.HasPrefix(gateway.Text("allocation_id"), "$") { // of the environment's own
				address = gateway.follow("allocation_id").Ref("public_ip")
			}
			addresses = append(addresses, address)
		}
		outputs.want("NATAddresses.value", addresses)
	})
}

// What protect claims: a plan is refused that destroys what holds data, or what traffic needs, but for what
// unguarded.yaml has a reason for.
func TestLossesAreGuarded(t *testing.T) {
	reasons, kinds := map[string][]string{}, []string(nil)
	must.Do(t, yaml.Unmarshal([]byte(read(t, "unguarded.yaml")), &reasons))
	unguarded := slices.Concat(slices.Collect(maps.Values(reasons))...)
	losses, _, _ := strings.Cut(read(t, "../internal/plan/rules.md"), "## Weakens protection")
	for _, row := range regexp.MustCompile(`(?m)^\| (.*) \| destroyed \|`).FindAllStringSubmatch(losses, -1) {
		kinds = append(kinds, strings.Fields(strings.ReplaceAll(row[1], "`", ""))...)
	}
	for _, kind := range kinds {
		for _, r := range production(t).each(kind) {
			if guarded := r.At("lifecycle.prevent_destroy") == true; guarded == slices.Contains(unguarded, kind) {
				t.Errorf("%s is guarded: %v; unguarded.yaml says otherwise", r.Address(), guarded)
			}
		}
	}
	slices.Sort(kinds)
	for _, kind := range unguarded {
		if _, known := slices.BinarySearch(kinds, kind); !known {
			t.Errorf("unguarded.yaml has %s, which is no loss of data or traffic", kind)
		}
	}
}

// The provider is given place and tags only: what the JSON does not say, endpoints or credentials, cannot be reviewed.
func TestEverythingIsTagged(t *testing.T) {
	eachStack(t, func(s stack) {
		provider := s.only("provider")
		expected := map[string]string{"Project": "tap", "ManagedBy": "cdktf", "Environment": "account"}
		if s.environment != nil {
			expected["Environment"] = s.suffix
			maps.Copy(expected, s.environment.Tags)
		}
		for attribute := range provider.Attributes {
			if !slices.Contains([]string{"region", "default_tags", "allowed_account_ids"}, attribute) {
				s.Errorf("the provider has the attribute %s", attribute)
			}
		}
		provider.want("default_tags", []any{map[string]any{"tags": expected}})
		for _, r := range s.all() {
			for _, tag := range config.OwnTags {
				// A role of a pipeline has the tag of its environment.
				if tag != config.TagName && (s.environment != nil || r.Kind != "aws_iam_role") {
					r.want("tags."+tag, nil)
				}
			}
		}
	})
}

func TestStatesAreApart(t *testing.T) {
	seen := map[string]string{}
	eachStack(t, func(s stack) {
		state := encoded(s.only("terraform").At("backend"))
		if other := seen[state]; other != "" && other != s.suffix {
			s.Errorf("tap-%s has the state of tap-%s", s.suffix, other)
		}
		seen[state] = s.suffix
	})
}

// All that production guards is guarded by protect alone.
func TestUnprotectedEnvironmentsCanBeDestroyed(t *testing.T) {
	for _, s := range []stack{development(t), stacks(t)["options"].in(t)} {
		for _, r := range s.all() {
			if r.At("lifecycle.prevent_destroy") == true {
				t.Errorf("%s cannot be destroyed", r.Address())
			}
		}
	}
}

// AWS would create these groups by itself, to be kept for ever and in clear.
func TestLogGroupsExistBeforeTheirWriters(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		group := func(name string) resource { return s.find("aws_cloudwatch_log_group", "name", name) }
		cluster, tasks := s.only("aws_rds_cluster"), s.only("aws_ecs_cluster")
		cluster.waitsFor(group("/aws/rds/cluster/" + cluster.Text("cluster_identifier") + "/postgresql"))
		tasks.waitsFor(group("/aws/ecs/containerinsights/" + tasks.Text("name") + "/performance"))
	})
}
