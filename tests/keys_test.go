package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tap/config"
	"tap/tests/keys"
)

// The shortest files of each class.
const (
	minimalDevelopment = "class: development\n"
	minimalProduction  = `class: production
network: {cidr: 10.20.0.0/16}
service: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api` + digest + `}
loadBalancer: {domain: {name: api.example.com, zoneId: Z0123456789}}
`
	digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// sibling names the stack of minimalDevelopment under another suffix.
const sibling = "sibling"

var synthesized map[string]stack

// example returns the stack of a variant by its key, or of a base by its content. They are synthesized once.
func example(t *testing.T, name string) stack {
	t.Helper()
	if synthesized == nil {
		files := map[string]string{sibling: minimalDevelopment, minimalProduction: minimalProduction}
		each, _ := keys.Variants(t)
		for _, v := range each {
			base, changed := v.In(t, "")
			files[base], files[v.Key] = base, changed
		}
		names, environments := slices.Sorted(maps.Keys(files)), []config.Environment(nil)
		for i, name := range names {
			suffix := fmt.Sprintf("zq%02d", i) // found nowhere else, and all of one length
			environments = append(environments, parse(t, suffix, files[name]))
		}
		all := synthesize(t, environments, nil)
		synthesized = map[string]stack{}
		for i, name := range names {
			synthesized[name] = all[environments[i].Suffix]
		}
	}
	s, found := synthesized[name]
	if !found {
		t.Fatalf("there is no example %q", name)
	}
	return s.in(t)
}

// development and production are the stacks of environments that leave everything to their class. Unlike those in the
// repository's folder environments, they stay as they are when somebody changes an environment.
func development(t *testing.T) stack { return example(t, minimalDevelopment) }
func production(t *testing.T) stack  { return example(t, minimalProduction) }

// All that a key changes is kept: kind.attribute, or the kind of what is more or less.
func TestGoldenSaysWhatEachKeyChanges(t *testing.T) {
	var all, tried []string
	environment, _ := config.Limits()
	for _, key := range environment.Keys("") {
		if key.Limit.Properties == nil && !key.Limit.IsMapOfSections() {
			all = append(all, key.Path)
		}
	}
	text := &strings.Builder{}
	each, _ := keys.Variants(t)
	for _, v := range each {
		tried = append(tried, v.Key)
		base, _ := v.In(t, "")
		changed := example(t, v.Key).changesFrom(example(t, base))
		// Without the permission a file may be refused; it changes no stack.
		if (len(changed) == 0) != (v.Key == "loadBalancer.allowPlainHttp") {
			t.Errorf("%s: %v changes %q; what has to be beside it is its base in tests/keys/keys.yaml", v.Key, v.Value, changed)
		}
		fmt.Fprintln(text, strings.Join(append([]string{v.Key}, changed...), "\n  "))
	}
	same(t, "the keys with a line in keys/keys.yaml", tried, all)
	golden(t, "golden/keys.txt", text.String())
}

// Ids are what Terraform knows resources by: one with the suffix in it would replace a resource when an environment is
// named otherwise.
func TestEnvironmentsDifferInSuffixOnly(t *testing.T) {
	one, other := development(t), example(t, sibling)
	if renamed := strings.ReplaceAll(other.json, other.suffix, one.suffix); renamed != one.json {
		t.Error(firstDifference(renamed, one.json))
	}
	same(t, "the addresses", addresses(other.all()), addresses(one.all()))
}
