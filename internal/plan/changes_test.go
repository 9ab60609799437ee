package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// What is said of real plans, which tests/deploy records, is what a reviewer has to be told, and no heading more. Who
// reads "Not judged" of more than one change in ten does not look any longer.
func TestChanges(t *testing.T) {
	expected, change := map[string][]string{}, ""
	for _, line := range lines(t, "expected.txt") {
		text, indented := strings.CutPrefix(line, "  ")
		if !indented {
			change = line
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
		for _, line := range lines(t, stack+".jsonl") {
			var recorded struct {
				Change        string
				Plan          *tfjson.Plan
				Configuration any
			}
			must.Do(t, json.Unmarshal([]byte(line), &recorded))
			plans++
			said := []string{"refused"}
			if recorded.Plan != nil {
				said = statements(summarize(stack, recorded.Plan, judge(recorded.Plan, recorded.Configuration, false)))
			}
			if strings.Contains(strings.Join(said, "\n"), notJudged) {
				unread++
			}
			if wanted := expected[stack+" "+recorded.Change]; !agree(said, wanted) {
				t.Errorf("of %s in %s is said\n  %s\nexpected\n  %s", recorded.Change, stack,
					strings.Join(said, "\n  "), strings.Join(wanted, "\n  "))
			}
		}
	}
	if plans != len(expected) || unread*10 > plans {
		t.Errorf("of %d changes %d are not judged, expected one in ten at most of %d", plans, unread, len(expected))
	}
}

// agree reports whether each expectation has a statement with all its words, and each statement an expectation with
// its heading.
func agree(said, wanted []string) bool {
	for _, want := range wanted {
		if !slices.ContainsFunc(said, func(statement string) bool { return hasWords(statement, want) }) {
			return false
		}
	}
	return !slices.ContainsFunc(said, func(statement string) bool {
		return !slices.ContainsFunc(wanted, func(want string) bool {
			heading, _, _ := strings.Cut(want, ":")
			return strings.HasPrefix(statement, heading)
		})
	})
}

func hasWords(statement, words string) bool {
	return !slices.ContainsFunc(strings.Fields(words), func(word string) bool { return !strings.Contains(statement, word) })
}

// statements returns the lines of a summary, each with its heading.
func statements(summary string) (all []string) {
	heading := ""
	for line := range strings.SplitSeq(summary, "\n") {
		if title, found := strings.CutPrefix(line, "### "); found {
			heading = title
		} else if item, found := strings.CutPrefix(line, "- "); found {
			all = append(all, heading+": "+item)
		}
	}
	switch {
	case all != nil:
		return all
	case strings.Contains(summary, "No changes."):
		return []string{"nothing"}
	}
	return []string{"harmless"}
}

// lines returns the lines of a file in testdata.
func lines(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(string(must.Get(os.ReadFile("testdata/"+name))(t))), "\n")
}
