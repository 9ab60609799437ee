package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

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

func TestMovesAreOneToOne(t *testing.T) {
	one, two := removal("aws_eip", "one", map[string]any{"a": "b"}), removal("aws_eip", "two", map[string]any{"a": "b"})
	moves := findMoves([]*tfjson.ResourceChange{one, two, creation(one, "once")})
	if want := []move{{one.Address, "aws_eip.once"}}; !slices.Equal(moves, want) {
		t.Errorf("%v, expected %v", moves, want)
	}
	one.DeposedKey = "abc"
	if moves := findMoves([]*tfjson.ResourceChange{one, creation(one, "once")}); moves != nil {
		t.Errorf("what is left of a replaced resource is no other: %v", moves)
	}
}
