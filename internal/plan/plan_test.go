package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/constructs/deployment"
	"tap/internal/repository"
	"tap/tests/must"
)

// resource is one of a golden.
type resource struct {
	kind, name string // Terraform type and name
	attributes map[string]any
}

func (r resource) address() string { return r.kind + "." + r.name }

// golden returns the resources of the synthesized stacks whose name matches a pattern.
func golden(t *testing.T, pattern string) (resources []resource) {
	t.Helper()
	root := must.Get(repository.Root())(t)
	files, err := filepath.Glob(filepath.Join(root, "tests", "golden", pattern+".json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden %s: %v", pattern, err)
	}
	for _, file := range files {
		content := must.Get(os.ReadFile(file))(t)
		var stack struct {
			Resource map[string]map[string]map[string]any
		}
		if err := json.Unmarshal(content, &stack); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for kind, named := range stack.Resource {
			for name, attributes := range named {
				for _, none := range []string{"//", "depends_on", "lifecycle"} { // not attributes
					delete(attributes, none)
				}
				resources = append(resources, resource{kind, name, attributes})
			}
		}
	}
	slices.SortFunc(resources, func(a, b resource) int { return strings.Compare(a.address(), b.address()) })
	return resources
}

// change returns a change of the resource. What refers to other resources is known in the state and not in a plan; so
// that this does not decide, each resource also has an attribute that is another afterwards.
func (r resource) change(actions ...tfjson.Action) *tfjson.ResourceChange {
	change := &tfjson.Change{Actions: actions}
	if actions[0] == tfjson.ActionDelete {
		before := maps.Clone(r.attributes)
		before["other"] = "before"
		change.Before = before
	} else {
		after, unknown := map[string]any{"other": "after"}, map[string]any{"id": true}
		for name, value := range r.attributes {
			if text, _ := json.Marshal(value); strings.Contains(string(text), "${") {
				unknown[name] = true
			} else {
				after[name] = value
			}
		}
		change.After, change.AfterUnknown = after, unknown
	}
	return &tfjson.ResourceChange{Address: r.address(), Mode: tfjson.ManagedResourceMode, Type: r.kind, Name: r.name,
		Change: change}
}

func TestKindsAreComplete(t *testing.T) {
	for _, r := range golden(t, "*") {
		if _, known := deployment.Kind(r.kind); !known {
			t.Errorf("%s: constructs/deployment/protected.go does not say what a %s holds", r.address(), r.kind)
		}
	}
}

// An attribute that no stack has may be misspelled.
func TestRulesAreOfStacks(t *testing.T) {
	resources := golden(t, "*")
	for _, list := range rules {
		for _, rule := range list {
			if !slices.ContainsFunc(resources, func(r resource) bool { return at(r.attributes, rule.path) != nil }) {
				t.Errorf("no stack has a resource with %s", rule.path)
			}
		}
	}
}

// prevent_destroy is of no use for these: the configuration does not contain them any more.
func TestRemovals(t *testing.T) {
	for _, r := range golden(t, "tap-prod") {
		want, _ := deployment.Kind(r.kind)
		for _, change := range []*tfjson.ResourceChange{
			r.change(tfjson.ActionDelete), r.change(tfjson.ActionDelete, tfjson.ActionCreate),
		} {
			findings := judge(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{change}}, nil)
			if len(findings) != 1 || findings[0].loses != want || findings[0].address != r.address() {
				t.Errorf("%v %s: %v, expected one that loses %v", change.Change.Actions, r.address(), findings, want)
			}
		}
	}
}

// Every resource is renamed alone, every area, and all areas at once.
func TestRenames(t *testing.T) {
	resources := golden(t, "tap-prod")
	prefixes := map[string]bool{"": true}
	for _, r := range resources {
		area, _, _ := strings.Cut(hash.ReplaceAllString(r.name, ""), "_")
		prefixes[area], prefixes[r.name] = true, true
	}
	for prefix := range prefixes {
		var changes []*tfjson.ResourceChange
		var want []move
		for _, r := range resources {
			if !strings.HasPrefix(r.name, prefix) {
				continue
			}
			renamed := r
			renamed.name = "new" + strings.TrimPrefix(hash.ReplaceAllString(r.name, "_0123ABCD"), prefix)
			changes = append(changes, r.change(tfjson.ActionDelete), renamed.change(tfjson.ActionCreate))
			want = append(want, move{r.address(), renamed.address()})
		}
		if got := findMoves(changes); !slices.Equal(got, want) {
			t.Errorf("renamed %q: %v, expected %v", prefix, got, want)
		}
	}
}

func TestAttributesIdentifyMoreThanNames(t *testing.T) {
	reader, writer := map[string]any{"identifier": "reader"}, map[string]any{"identifier": "writer"}
	moves := findMoves([]*tfjson.ResourceChange{
		resource{"aws_rds_cluster_instance", "db_one", reader}.change(tfjson.ActionDelete),
		resource{"aws_rds_cluster_instance", "db_two", writer}.change(tfjson.ActionDelete),
		resource{"aws_rds_cluster_instance", "database_one", writer}.change(tfjson.ActionCreate),
		resource{"aws_rds_cluster_instance", "database_two", reader}.change(tfjson.ActionCreate),
	})
	want := move{"aws_rds_cluster_instance.db_one", "aws_rds_cluster_instance.database_two"}
	if len(moves) != 2 || moves[0] != want {
		t.Errorf("%v, expected %v first", moves, want)
	}
}
