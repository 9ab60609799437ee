package deploy

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// plan is a saved plan.
type plan struct {
	path    string
	changes []change // sorted by address
}

// change is what a plan does to one resource.
type change struct {
	resourceType string
	address      string // without the hash that CDKTF ends it with
	actions      tfjson.Actions
	attributes   []string // that an update sets, or that force a replacement, sorted
}

// String names the change: "update aws_ecs_service.service (desired_count)".
func (c change) String() string {
	text := strings.Trim(fmt.Sprint(c.actions), "[]") + " " + c.address
	if len(c.attributes) > 0 {
		text += " (" + strings.Join(c.attributes, ", ") + ")"
	}
	return text
}

var hash = regexp.MustCompile(`_[0-9A-F]{8}$`)

// plan plans what has been synthesized.
func (d *deployment) plan(t *testing.T, options ...string) plan {
	t.Helper()
	p := plan{path: d.path(rand.Text() + ".tfplan")}
	d.terraform(t, append([]string{"plan", "-no-color", "-out=" + p.path}, options...)...)
	var document tfjson.Plan
	must.Do(t, json.Unmarshal([]byte(d.terraform(t, "show", "-json", p.path)), &document))
	for _, resource := range document.ResourceChanges {
		actions := resource.Change.Actions
		if resource.Mode != tfjson.ManagedResourceMode || actions.NoOp() {
			continue
		}
		found := change{
			resourceType: resource.Type,
			address:      hash.ReplaceAllString(resource.Address, ""),
			actions:      actions,
		}
		for _, path := range resource.Change.ReplacePaths {
			found.attributes = append(found.attributes, fmt.Sprint(at(path, 0)))
		}
		if actions.Update() {
			found.attributes = append(found.attributes, changedAttributes(resource.Change)...)
		}
		slices.Sort(found.attributes)
		p.changes = append(p.changes, found)
	}
	slices.SortFunc(p.changes, func(a, b change) int { return strings.Compare(a.address, b.address) })
	return p
}

// changedAttributes returns the top-level attributes that an update changes, or may change as far as is known before
// the apply, sorted.
func changedAttributes(update *tfjson.Change) []string {
	before, _ := update.Before.(map[string]any)
	after, _ := update.After.(map[string]any)
	unknown, _ := update.AfterUnknown.(map[string]any)
	names := maps.Clone(before)
	maps.Copy(names, after)
	maps.Copy(names, unknown)
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if containsTrue(unknown[name]) || !reflect.DeepEqual(before[name], after[name]) {
			changed = append(changed, name)
		}
	}
	return changed
}

// containsTrue reports whether any part of a value is true, which marks unknown parts of an attribute.
func containsTrue(value any) bool {
	switch value := value.(type) {
	case bool:
		return value
	case []any:
		return slices.ContainsFunc(value, containsTrue)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(value)), containsTrue)
	}
	return false
}

// expect fails unless a plan makes exactly these changes, sorted by address.
func (p plan) expect(t *testing.T, wanted ...string) {
	t.Helper()
	var found []string
	for _, change := range p.changes {
		found = append(found, change.String())
	}
	if !slices.Equal(found, wanted) {
		t.Fatalf("the plan is to\n  %s\nexpected\n  %s", strings.Join(found, "\n  "), strings.Join(wanted, "\n  "))
	}
}
