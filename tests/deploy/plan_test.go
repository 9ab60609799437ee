package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/internal/emulator"
)

// plan is a saved plan.
type plan struct {
	path string
	json string
}

// plan plans what has been synthesized, and keeps the plan under that name.
func (d *deployment) plan(t *testing.T, name string) plan {
	t.Helper()
	saved := plan{path: d.path(name + ".tfplan")}
	if output, err := d.terraform(t, short, "plan", "-json", "-out="+saved.path); err != nil {
		t.Fatalf("terraform plan: %v\n%s", err, tail(told(output), 40))
	}
	var err error
	if saved.json, err = d.terraform(t, short, "show", "-json", saved.path); err != nil {
		t.Fatalf("terraform show: %v\n%s", err, tail(saved.json, 40))
	}
	return saved
}

// change is what a plan does to one resource.
type change struct {
	// Resource is the address without the hash that CDKTF ends it with.
	Resource string
	// Actions are create, update, delete; a replacement has two, in their order.
	Actions []string
	// Attributes are those that an update sets, sorted.
	Attributes []string
}

// changes returns what a plan does, sorted, apart from what only the emulator's gaps make it do.
func (p plan) changes(t *testing.T) []change {
	t.Helper()
	changes, _ := p.explain(t)
	return changes
}

// gaps returns the gaps of the emulator that a plan shows.
func (p plan) gaps(t *testing.T) []emulator.Gap {
	t.Helper()
	_, gaps := p.explain(t)
	return gaps
}

// ofVersion6 reports whether version 6 of the provider made the plan: every resource has a Region there.
func (p plan) ofVersion6(t *testing.T) bool {
	t.Helper()
	var document struct {
		ResourceChanges []struct {
			Type   string
			Change struct{ Before map[string]any }
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(p.json), &document); err != nil {
		t.Fatal(err)
	}
	for _, resource := range document.ResourceChanges {
		if _, found := resource.Change.Before["region"]; found && resource.Type == "aws_vpc" {
			return true
		}
	}
	return false
}

// explain returns the changes of a plan and the gaps that it shows.
func (p plan) explain(t *testing.T) ([]change, []emulator.Gap) {
	t.Helper()
	var document struct {
		ResourceChanges []struct {
			Address, Mode, Type string
			Change              struct {
				Actions       []string
				Before, After map[string]any
				AfterUnknown  map[string]any `json:"after_unknown"`
			}
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(p.json), &document); err != nil {
		t.Fatal(err)
	}
	var changes []change
	var gaps []emulator.Gap
	for _, resource := range document.ResourceChanges {
		actions := resource.Change.Actions
		if resource.Mode != "managed" || slices.Equal(actions, []string{"no-op"}) {
			continue
		}
		found := change{Resource: withoutHash(resource.Address), Actions: actions}
		if slices.Equal(actions, []string{"update"}) {
			names := map[string]any{}
			for _, values := range []map[string]any{resource.Change.Before, resource.Change.After, resource.Change.AfterUnknown} {
				maps.Copy(names, values)
			}
			for _, name := range slices.Sorted(maps.Keys(names)) {
				if !unknown(resource.Change.AfterUnknown[name]) &&
					reflect.DeepEqual(resource.Change.Before[name], resource.Change.After[name]) {
					continue
				}
				if gap := (emulator.Gap{Type: resource.Type, Attribute: name}); slices.Contains(emulator.Gaps, gap) {
					gaps = append(gaps, gap)
				} else {
					found.Attributes = append(found.Attributes, name)
				}
			}
			if len(found.Attributes) == 0 {
				continue
			}
		}
		changes = append(changes, found)
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.Resource, b.Resource) })
	return changes, gaps
}

// unknown reports whether any part of a value is known only after the apply.
func unknown(value any) bool {
	switch value := value.(type) {
	case bool:
		return value
	case []any:
		return slices.ContainsFunc(value, unknown)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(value)), unknown)
	}
	return false
}

var hash = regexp.MustCompile(`_[0-9A-F]{8}$`)

func withoutHash(address string) string { return hash.ReplaceAllString(address, "") }

// expect fails unless a plan makes exactly these changes, sorted by resource.
func (p plan) expect(t *testing.T, wanted ...change) {
	t.Helper()
	found := p.changes(t)
	if !slices.EqualFunc(found, wanted, func(a, b change) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("the plan changes\n%s\nexpected\n%s", lines(found), lines(wanted))
	}
}

func lines[T any](values []T) string {
	var text strings.Builder
	for _, value := range values {
		fmt.Fprintf(&text, "  %+v\n", value)
	}
	return text.String()
}

// address returns the address of the only resource of a type in the stack's JSON.
func (d *deployment) address(t *testing.T, kind string) string {
	t.Helper()
	var root struct{ Resource map[string]map[string]any }
	if err := json.Unmarshal([]byte(contents(filepath.Join(d.stackFolder(), "cdk.tf.json"))), &root); err != nil {
		t.Fatal(err)
	}
	names := slices.Collect(maps.Keys(root.Resource[kind]))
	if len(names) != 1 {
		t.Fatalf("%s has %d resources of type %s, expected one", d.stack, len(names), kind)
	}
	return kind + "." + names[0]
}
