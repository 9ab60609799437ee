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
		for name := range outputs.Attributes {
			if outputs.Text(name+".description") == "" {
				s.Errorf("%s says nothing of itself", name)
			}
		}
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
		for attribute := range provider.Attributes {
			if !slices.Contains([]string{"region", "default_tags", "allowed_account_ids"}, attribute) {
				s.Errorf("the provider has the attribute %s", attribute)
			}
		}
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
