package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
	tf "tap/tests/terraform"
)

// testdata returns the text of a file, without the comment that begins it.
func testdata(t *testing.T, name string) string {
	t.Helper()
	_, text, _ := strings.Cut(string(must.Get(os.ReadFile("testdata/"+name))(t)), "\n\n")
	return text
}

// said returns the status of a plan, and in the next lines what is said of it, each line after its heading.
func said(plan *tfjson.Plan, configuration any, refreshed bool) string {
	findings := judge(plan, configuration, refreshed)
	lines, heading := fmt.Sprintln(statusOf(findings)), ""
	for line := range strings.Lines(summarize("tap-prod", plan, findings, refreshed)) {
		if text, found := strings.CutPrefix(line, "### "); found {
			heading = strings.TrimSpace(text) + ": "
		} else if text, found := strings.CutPrefix(line, "- "); found {
			lines += heading + text
		} else if line != "\n" && line != "## Plan of `tap-prod`\n" {
			lines += line
		}
	}
	return lines
}

// What a plan may contain beside changes of attributes, and all that is said of it.
func TestPlans(t *testing.T) {
	for _, text := range strings.Split(testdata(t, "plans.txt"), "\n\n") {
		plan, want := map[string]any{"format_version": "1.2"}, ""
		for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
			if expectation, indented := strings.CutPrefix(line, "  "); indented {
				want += expectation
				continue
			} else if strings.HasPrefix(line, "{") {
				must.Do(t, json.Unmarshal([]byte(line), &plan))
				continue
			}
			line, drifted := strings.CutPrefix(line, "outside ")
			list := map[bool]string{false: "resource_changes", true: "resource_drift"}[drifted]
			cells := strings.SplitN(line, " ", 3)
			kind, name, _ := strings.Cut(cells[0], ".")
			change, parts := object{}, json.NewDecoder(strings.NewReader(cells[2]+" {}"))
			resource := object{"mode": "managed", "address": cells[0], "type": kind, "name": name, "change": change}
			must.Do(t, parts.Decode(&change), parts.Decode(&resource))
			change["actions"] = strings.Split(cells[1], ",")
			plan[list] = append(all(plan[list]), resource)
		}
		var parsed tfjson.Plan
		must.Do(t, json.Unmarshal([]byte(encode(plan)), &parsed))
		if got := said(&parsed, plan["synthesized"], plan["refreshed"] != false); got != want {
			t.Errorf("%s\nsays\n%s", text, got)
		}
	}
}

// Each case fails without its rule, and in the other direction without what makes that harmless. The cases of types
// are destroyed and replaced; every type that a stack has is there.
func TestRules(t *testing.T) {
	heading, types := "", map[string]bool{}
	for _, r := range golden(t, "*") {
		types[r.Type] = true
	}
	for line := range strings.Lines(testdata(t, "rules.txt")) {
		line = strings.TrimSpace(line)
		cells := strings.SplitN(line, " ", 4)
		opposite := map[string]string{"=": heading, "?": notJudged, "harmless": harmless}[cells[len(cells)-1]]
		switch {
		case line == "":
		case slices.Contains(headings, line):
			heading = line
		case len(cells) == 4:
			attribute := "`" + strings.Split(cells[1], `"`)[1]
			expect(t, heading, attribute, cells[0], cells[1], cells[2], tfjson.ActionUpdate)
			expect(t, cmp.Or(opposite, cells[3]), attribute, cells[0], cells[2], cells[1], tfjson.ActionUpdate)
		default:
			expect(t, heading, "is destroyed: ", line, `{"id": "x"}`, "null", tfjson.ActionDelete)
			expect(t, heading, "is replaced because of another `id`", line, `{"id": "x"}`, `{"id": "x"}`, tfjson.ActionDelete,
				tfjson.ActionCreate)
			delete(types, line)
		}
	}
	if len(types) > 0 {
		t.Errorf("what is lost with %v is not known", slices.Collect(maps.Keys(types)))
	}
}

// expect fails unless the plan of a change has one finding, below the heading, with the words unless it is harmless.
func expect(t *testing.T, heading, words, kind, before, after string, actions ...tfjson.Action) {
	t.Helper()
	change := &tfjson.Change{Actions: actions, Before: decode([]byte(before)), After: decode([]byte(after))}
	change.ReplacePaths = []any{[]any{"id"}}
	findings := judge(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{{Mode: tfjson.ManagedResourceMode,
		Address: kind + ".x", Type: kind, Name: "x", Change: change}}}, nil, true)
	if len(findings) != 1 || findings[0].heading != heading || findings[0].address != kind+".x" ||
		heading != harmless && !strings.Contains(findings[0].words, words) {
		t.Errorf("%s from %s to %s: %+v, expected it below %q", kind, before, after, findings, heading)
	}
}

// What is said of real plans, which tests/deploy records, is what a reviewer has to be told, below no other heading; of
// what is lost, all. Who reads "Not judged" of more than one change in ten does not look any longer.
func TestChanges(t *testing.T) {
	expected, change := map[string][]string{}, ""
	for line := range strings.Lines(testdata(t, "expected.txt")) {
		text, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  ")
		if !indented {
			change = text
			continue
		}
		for _, stack := range []string{"tap-dev ", "tap-prod "} {
			if only, found := strings.CutPrefix(text, stack); found || !strings.HasPrefix(text, "tap-") {
				expected[stack+change] = append(expected[stack+change], only)
			}
		}
	}
	loss, plans, unread := regexp.MustCompile("is (destroyed|replaced)"), 0, 0
	for _, stack := range []string{"tap-dev", "tap-prod"} {
		for line := range strings.Lines(string(must.Get(os.ReadFile("testdata/" + stack + ".jsonl"))(t))) {
			var recorded struct {
				Change        string
				Plan          tfjson.Plan
				Configuration any
			}
			must.Do(t, json.Unmarshal([]byte(line), &recorded))
			_, text, _ := strings.Cut(said(&recorded.Plan, recorded.Configuration, false), "\n")
			if others, _, found := strings.Cut(text, "Harmless changes: "); found {
				text = cmp.Or(others, "harmless\n")
			}
			text = strings.Replace(text, "No changes.", "nothing", 1)
			wanted := expected[stack+" "+recorded.Change]
			plans++
			if strings.Contains(text, notJudged) {
				unread++
			}
			matches := func(line, want string) bool { // has its words, in this order
				return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(want), " ", ".*")).MatchString(line)
			}
			agreed := !slices.ContainsFunc(wanted, func(want string) bool { return !matches(text, want) })
			for line := range strings.Lines(text) {
				agreed = agreed && slices.ContainsFunc(wanted, func(want string) bool {
					heading, _, _ := strings.Cut(want, ":")
					return matches(line, want) || !loss.MatchString(line) && strings.HasPrefix(line, heading)
				})
			}
			if !agreed {
				t.Errorf("of %s in %s is said\n%s\nexpected\n%s", recorded.Change, stack, text, strings.Join(wanted, "\n"))
			}
		}
	}
	if plans != len(expected) || unread*10 > plans {
		t.Errorf("of %d changes %d are not judged, expected one in ten at most of %d", plans, unread, len(expected))
	}
}

// golden returns the removals of all resources of the synthesized stacks whose name matches a pattern.
func golden(t *testing.T, pattern string) (removals []*tfjson.ResourceChange) {
	t.Helper()
	for _, file := range must.Get(filepath.Glob("../../tests/environments/" + pattern + ".yaml"))(t) { // not a team's own
		file = "../../tests/golden/tap-" + strings.TrimSuffix(filepath.Base(file), ".yaml") + ".json"
		for _, r := range must.Get(tf.Parse(must.Get(os.ReadFile(file))(t)))(t).All() {
			for _, key := range []string{"//", "depends_on", "lifecycle"} { // no attributes
				delete(r.Attributes, key)
			}
			removals = append(removals, &tfjson.ResourceChange{Address: r.Address(), Type: r.Kind, Name: r.Name,
				Mode: tfjson.ManagedResourceMode, Change: &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionDelete},
					Before: blocks(r.Attributes)}})
		}
	}
	if removals == nil {
		t.Fatalf("no golden %s", pattern)
	}
	slices.SortFunc(removals, func(a, b *tfjson.ResourceChange) int { return strings.Compare(a.Address, b.Address) })
	return removals
}

// blocks returns a value in which empty blocks are as a plan has them.
func blocks(value any) any {
	fields, ok := value.(object)
	if ok && len(fields) == 0 {
		return []any{fields}
	}
	for name := range fields {
		fields[name] = blocks(fields[name])
	}
	return value
}

// Every attribute of every resource of every stack is another, is none, is unknown, or has the resource replaced.
func TestEveryChangeIsNamed(t *testing.T) {
	silent := map[string]bool{}
	for _, r := range golden(t, "*") {
		declared := r.Change.Before.(object)
		configuration := object{"resource": object{r.Type: object{r.Name: declared}}}
		for attribute, value := range declared {
			for _, other := range append(others(value), nil, later, "replaced") {
				if other == nil && zero(value) || slices.Contains([]string{"description", "tags", "timeouts"}, attribute) {
					continue
				}
				after, unknown := maps.Clone(declared), object{}
				r.Change = &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionUpdate}, Before: declared, After: after,
					AfterUnknown: unknown}
				switch after[attribute] = other; other {
				case later:
					delete(after, attribute)
					unknown[attribute] = true
				case "replaced":
					r.Change.Actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
					r.Change.ReplacePaths = []any{[]any{attribute}}
				}
				findings := judge(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{r}}, configuration, false)
				if !slices.ContainsFunc(findings, func(f finding) bool {
					return f.heading != harmless && f.address == r.Address && strings.Contains(f.words, "`"+attribute)
				}) {
					silent[r.Type+"."+attribute] = true
				}
			}
		}
	}
	want := strings.Fields(testdata(t, "silent.txt"))
	if got := slices.Sorted(maps.Keys(silent)); !slices.Equal(got, want) {
		t.Errorf("nothing is said of some changes of\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
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
	case object:
		more := object{}
		for name := range value {
			more[name] = others(value[name])[0]
		}
		return []any{object{}, more}
	}
	return nil
}

// Every resource is renamed alone, every area, and all areas at once. What refers to other resources is known in the
// state and not in a plan; each resource also has an attribute that is another afterwards, so that this does not
// decide.
func TestRenames(t *testing.T) {
	removals := golden(t, "options")
	prefixes := map[string]bool{"": true}
	for _, r := range removals {
		area, _, _ := strings.Cut(hash.ReplaceAllString(r.Name, ""), "_")
		prefixes[area], prefixes[r.Name] = true, true
	}
	for prefix := range prefixes {
		var changes []*tfjson.ResourceChange
		var want []string
		for _, old := range removals {
			if !strings.HasPrefix(old.Name, prefix) {
				continue
			}
			name := "new" + strings.TrimPrefix(hash.ReplaceAllString(old.Name, "_0123ABCD"), prefix)
			after := object{"other": "after"}
			for key, value := range old.Change.Before.(object) {
				if !strings.Contains(encode(value), "${") {
					after[key] = value
				}
			}
			renamed := &tfjson.ResourceChange{Address: old.Type + "." + name, Type: old.Type, Name: name,
				Change: &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionCreate}, After: after}}
			changes = append(changes, old, renamed)
			want = append(want, fmt.Sprintf(`{"from": %q, "to": %q},`, old.Address, renamed.Address))
		}
		if got := findMoves(changes); !slices.Equal(got, want) {
			t.Errorf("renamed %q: %v, expected %v", prefix, got, want)
		}
	}
}
