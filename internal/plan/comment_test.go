package main

import (
	"io/fs"
	"strings"
	"testing"

	"tap/tests/must"
)

const forged = "before\n``````\n</details>\n## Plan of `tap-prod`\nNo changes. @org/team\n"

func TestCommentSaysTheWorstFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	var files []string
	for _, r := range []record{
		{Stack: "tap-dev", Status: 10, Summary: "## Plan of `tap-dev`\n\nHarmless.\n", Text: strings.Repeat("a line\n", 99)},
		{Stack: "tap-prod", Status: 12, Summary: "## Plan of `tap-prod`\n\n### Loses data\n", Text: forged},
		failed("tap-qa", failure{fs.ErrInvalid, "Error: ```\n"}),
		{Stack: "tap-it", Status: 0, Summary: "## Plan of `tap-it`\n\nNo changes.\n", Text: "nothing\n"},
	} {
		files = append(files, r.Stack+".json")
		must.Do(t, r.write(r.Stack+".json"))
	}
	want := "<!-- tap-plan -->\n\nCommit `c0ffee`\n\n[The run](https://run) has what is cut here.\n" +
		"\n## Plan of `tap-qa` failed\n\n````\nError: ```\n````\n\n## Plan of `tap-prod`\n\n### Loses data\n" +
		"\n## Plan of `tap-dev`\n\nHarmless.\n\n## Plan of `tap-it`\n\nNo changes.\n" +
		"\n<details><summary>Terraform's own text of tap-qa</summary>\n\n````\nError: ```\n````\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-prod</summary>\n\n```````\n" + forged + "```````\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-dev</summary>\n\n```\n" +
		strings.Repeat("a line\n", 16) + "\n(cut here)\n```\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-it</summary>\n\n```\nnothing\n```\n\n</details>\n"
	var said strings.Builder
	must.Do(t, comment{"", "c0ffee", "https://run", len(want) + 36}.write(&said, files))
	if said.String() != want {
		t.Errorf("says %s\nexpected %s", said.String(), want)
	}
	for content, problem := range map[string]string{
		"": "damaged", `{"stack": "tap-x", "status": 12, "summary": "x", "text": ""}`: "damaged",
		`{"stack": "tap-x", "status": 2, "summary": "x", "text": "x"}`:  "damaged",
		`{"stack": "../x", "status": 12, "summary": "x", "text": "x"}`:  "damaged",
		`{"stack": "tap-x", "status": 0, "summary": "", "text": "x"}`:   "damaged",
		`{"stack": "tap-x", "status": 12, "summary": "x", "text": "x"}`: "",
	} {
		must.Write(t, "tap-x.json", content)
		err := comment{}.write(&said, []string{"tap-it.json", "tap-x.json"})
		if (err == nil) != (problem == "") || err != nil && !strings.HasPrefix(err.Error(), "tap-x.json is "+problem) {
			t.Errorf("%s: %v, expected %q", content, err, problem)
		}
	}
}

// Whatever is cut, nothing of Terraform's text is outside a block of code.
func TestCommentIsBounded(t *testing.T) {
	long := strings.Repeat("aws_lb.x: ÄÖÜ, a line of Terraform's own text\n", 40)
	moves := "## Plan\n\n```go\n" + strings.Repeat("aws_lb.x\n", 40) + "```\n"
	results := []record{{Stack: "tap-a", Summary: moves, Text: long + forged},
		{Stack: "tap-b", Summary: "## Plan\n\n" + code(strings.Repeat("```\naws_lb.x\n", 40)), Text: forged + long}}
	c, head := comment{title: "Drift"}, "<!-- tap-plan: Drift -->\n# Drift\n"
	for c.limit = 0; c.limit < 6000; c.limit += 7 {
		text, open, outside := c.text(results), "", ""
		for line := range strings.Lines(text) {
			marks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
			if open == "" && len(marks) > 2 {
				open = marks
			} else if open == "" {
				outside += line
			} else if len(marks) >= len(open) {
				open = ""
			}
		}
		if !strings.HasPrefix(text, head) || len(text) > max(c.limit, len(head)) || open != "" ||
			strings.Contains(outside, "aws_lb.x") || strings.Contains(outside, "@org") ||
			strings.Count(outside, "<details>") != strings.Count(outside, "</details>") {
			t.Fatalf("with %d bytes it says %s", c.limit, text)
		}
	}
}
