package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// What is said of real plans, which tests/deploy records, is what a reviewer has to be told, below no other heading; of
// what is lost, all. Who reads "Not judged" of more than one change in ten does not look any longer.
func TestChanges(t *testing.T) {
	expected, change := map[string][]string{}, ""
	for line := range strings.Lines(string(must.Get(os.ReadFile("testdata/expected.txt"))(t))) {
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
	plans, unread := 0, 0
	for _, stack := range []string{"tap-dev", "tap-prod"} {
		for line := range strings.Lines(string(must.Get(os.ReadFile("testdata/" + stack + ".jsonl"))(t))) {
			var recorded struct {
				Change        string
				Plan          tfjson.Plan
				Configuration any
			}
			must.Do(t, json.Unmarshal([]byte(line), &recorded))
			findings, said := judge(&recorded.Plan, recorded.Configuration, false), []string(nil)
			for _, f := range findings {
				if f.heading != harmless {
					said = append(said, f.heading+": "+f.address+" "+f.words)
				}
			}
			if said == nil {
				said = []string{map[bool]string{true: "harmless", false: "nothing"}[len(findings) > 0]}
			}
			all, wanted := strings.Join(said, "\n  "), expected[stack+" "+recorded.Change]
			plans++
			if strings.Contains(all, notJudged) {
				unread++
			}
			matches := func(line, want string) bool { // has its words, in this order
				return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(want), " ", ".*")).MatchString(line)
			}
			agreed := !slices.ContainsFunc(wanted, func(want string) bool { return !matches(all, want) })
			for _, line := range said {
				agreed = agreed && slices.ContainsFunc(wanted, func(want string) bool {
					heading, _, _ := strings.Cut(want, ":")
					return matches(line, want) || !loss.MatchString(line) && strings.HasPrefix(line, heading)
				})
			}
			if !agreed {
				t.Errorf("of %s in %s is said\n  %s\nexpected\n  %s", recorded.Change, stack, all, strings.Join(wanted, "\n  "))
			}
		}
	}
	if plans != len(expected) || unread*10 > plans {
		t.Errorf("of %d changes %d are not judged, expected one in ten at most of %d", plans, unread, len(expected))
	}
}

// loss is what is said of each resource that is lost.
var loss = regexp.MustCompile("is (destroyed|replaced)")
