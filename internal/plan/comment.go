package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// comment is a text in Markdown about the plans of several stacks.
type comment struct {
	title, commit, run string
	limit              int // of bytes, which are at least as many as the characters
}

// write writes what the results of plan say: first all summaries, the worst one first, then Terraform's texts, folded.
func (c comment) write(out io.Writer, files []string) error {
	var results []record
	for _, file := range files {
		r, err := readRecord(file)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	slices.SortFunc(results, func(a, b record) int {
		order := slices.Index(statuses, a.Status) - slices.Index(statuses, b.Status)
		return cmp.Or(order, cmp.Compare(a.Stack, b.Stack))
	})
	_, err := io.WriteString(out, c.text(results))
	return err
}

func (c comment) text(results []record) string {
	text := "<!-- tap-plan -->\n" // by which it is found when it is to be replaced
	if c.title != "" {
		text = fmt.Sprintf("<!-- tap-plan: %s -->\n# %[1]s\n", c.title)
	}
	if c.commit != "" {
		text += "\nCommit `" + c.commit + "`\n"
	}
	if c.run != "" {
		text += "\n[The run](" + c.run + ") has what is cut here.\n"
	}
	var summaries, texts []string
	for _, r := range results {
		summaries = append(summaries, "\n"+r.Summary)
		texts = append(texts, r.Text)
	}
	text += strings.Join(share(summaries, c.limit-len(text)), "")
	folded := func(i int, part string) string {
		return fmt.Sprintf("\n<details><summary>Terraform's own text of %s</summary>\n\n%s\n</details>\n",
			results[i].Stack, code(part))
	}
	room := c.limit - len(text)
	for i := range results {
		room -= len(folded(i, "")) + 2*len(fence(texts[i]))
	}
	for i, part := range share(texts, room) {
		if part != "" {
			text += folded(i, part)
		}
	}
	return text
}

// share cuts texts where there is not room for all. None gets less because another is longer.
func share(texts []string, room int) []string {
	shares, shortest := slices.Clone(texts), make([]int, len(texts))
	for i := range shortest {
		shortest[i] = i
	}
	slices.SortFunc(shortest, func(a, b int) int { return len(texts[a]) - len(texts[b]) })
	for done, i := range shortest {
		shares[i] = cut(texts[i], room/(len(texts)-done))
		room -= len(shares[i])
	}
	return shares
}

// cut returns the whole lines of a text that fit, and says that it is cut. A block of code that it cuts ends.
func cut(text string, limit int) string {
	const note = "\n(cut here)\n"
	if len(text) <= limit {
		return text
	}
	if limit -= len(note) + len(fence(text)); limit < 0 {
		return ""
	}
	text = text[:limit]
	text = text[:strings.LastIndexByte(text, '\n')+1]
	open := ""
	for _, marks := range fences.FindAllString(text, -1) {
		if open == "" {
			open = marks
		} else if len(marks) >= len(open) {
			open = ""
		}
	}
	return text + open + note
}

var backticks, fences = regexp.MustCompile("`+"), regexp.MustCompile("(?m)^```+")

// code returns a text as a block of code, between more backticks than it has in a row.
func code(text string) string {
	marks := fence(text)
	return marks + "\n" + strings.TrimSuffix(text, "\n") + "\n" + marks + "\n"
}

func fence(text string) string {
	longest := 2
	for _, run := range backticks.FindAllString(text, -1) {
		longest = max(longest, len(run))
	}
	return strings.Repeat("`", longest+1)
}
