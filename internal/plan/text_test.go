package main

import (
	"errors"
	"strings"
	"testing"

	"tap/tests/must"
)

const forged = "before\n\r``````\r</details>\n## Plan of `tap-prod`\nNo changes. @org/team\n"

func TestCommentSaysTheWorstFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	var files []string
	for _, r := range []result{
		{"tap-dev", 10, "## Plan of `tap-dev`\n\nHarmless.\n", "nothing\n"},
		{"tap-prod", 12, "## Plan of `tap-prod`\n\n### Loses data\n", forged + strings.Repeat("a line\n", 99)},
		failed("tap-qa", errors.New("terraform plan: exit status 1\n\nError: a\n\nError: ```\n")),
		{"tap-it", 0, "## Plan of `tap-it`\n\nNo changes.\n", "nothing\n"},
	} {
		files = append(files, r.Stack+".json")
		must.Do(t, write(r.Stack+".json", r))
	}
	want := "<!-- tap-plan -->\n\nCommit `c0ffee`\n\n[The run](https://run) has what is cut here.\n" +
		"\n## Plan of `tap-qa` failed\n\n    Error: ```\n\n## Plan of `tap-prod`\n\n### Loses data\n" +
		"\n## Plan of `tap-dev`\n\nHarmless.\n\n## Plan of `tap-it`\n\nNo changes.\n" +
		"\n<details><summary>Terraform's own text of tap-qa</summary>\n\n" +
		"    terraform plan: exit status 1\n    \n    Error: a\n    \n    Error: ```\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-prod</summary>\n\n    before\n    ``````</details>\n" +
		"    ## Plan of `tap-prod`\n    No changes. @org/team\n" + strings.Repeat("    a line\n", 16) +
		"\n(cut here)\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-dev</summary>\n\n    nothing\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-it</summary>\n\n    nothing\n\n</details>\n"
	c := comment{"", "c0ffee", "https://run", len(want) + 5}
	if said := must.Get(c.of(files))(t); said != want {
		t.Errorf("says %s\nexpected %s", said, want)
	}
	for content, valid := range map[string]bool{
		"": false, `{"stack": "tap-x", "status": 12, "summary": "x", "text": ""}`: false,
		`{"stack": "tap-x", "status": 2, "summary": "x", "text": "x"}`:  false,
		`{"stack": "../x", "status": 12, "summary": "x", "text": "x"}`:  false,
		`{"stack": "tap-x", "status": 0, "summary": "", "text": "x"}`:   false,
		`{"stack": "tap-x", "status": 12, "summary": "x", "text": "x"}`: true,
	} {
		must.Write(t, "tap-x.json", content)
		_, err := c.of([]string{"tap-it.json", "tap-x.json"})
		if (err == nil) != valid || err != nil && !strings.HasPrefix(err.Error(), "tap-x.json is damaged") {
			t.Errorf("%s: %v, expected it to be taken: %v", content, err, valid)
		}
	}
}

// Whatever is cut, nothing of Terraform's text is outside a block of code.
func TestCommentIsBounded(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat("aws_lb.x: ÄÖÜ, a line of Terraform's own text\n", 40)
	must.Do(t, write("a.json", result{"tap-a", 10, "## Plan\n\n" + code(long), long + forged}),
		write("b.json", failed("tap-b", errors.New("\nError: "+forged+long))))
	c, head := comment{title: "Drift"}, "<!-- tap-plan: Drift -->\n# Drift\n"
	for c.limit = 0; c.limit < 12000; c.limit += 7 {
		text, outside := must.Get(c.of([]string{"a.json", "b.json"}))(t), ""
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "    ") {
				outside += line
			}
		}
		if !strings.HasPrefix(text, head) || len(text) > max(c.limit, len(head)) || strings.Contains(outside, "aws_lb.x") ||
			strings.Contains(outside, "@org") || strings.Contains(text, "\r") ||
			strings.Count(outside, "<details>") != strings.Count(outside, "</details>") {
			t.Fatalf("with %d bytes it says %s", c.limit, text)
		}
	}
}
