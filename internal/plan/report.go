package main

import (
	"fmt"
	"strings"

	"tap/constructs/deployment"
)

// commentLimit is how many characters GitHub takes in a comment.
const commentLimit = 65536

var headings = map[deployment.Holding]string{
	deployment.Data:       "Loses data",
	deployment.Traffic:    "Interrupts traffic",
	deployment.Protection: "Weakens protection",
}

// statusOf returns the exit status of findings: 0 for none, 2 for harmless ones only, 3 if there is any other.
func statusOf(findings []finding) int {
	status := 0
	for _, finding := range findings {
		status = max(status, 2)
		if finding.loses != deployment.Nothing {
			status = 3
		}
	}
	return status
}

// summarize says in plain words what a plan does, worst first: Markdown that is good to read as it is.
func summarize(stack string, findings []finding, moves []move) string {
	var text strings.Builder
	fmt.Fprintf(&text, "## Plan of `%s`\n", stack)
	count := 0
	for loses := deployment.Data; loses < deployment.Nothing; loses++ {
		heading := "\n### " + headings[loses] + "\n\n"
		for _, finding := range findings {
			if finding.loses == loses {
				fmt.Fprintf(&text, "%s- `%s` %s.\n", heading, finding.address, finding.words)
				heading, count = "", count+1
			}
		}
	}
	if rest := len(findings) - count; rest > 0 {
		fmt.Fprintf(&text, "\nHarmless changes: %d.\n", rest)
	} else if count == 0 {
		text.WriteString("\nNo changes.\n")
	}
	if len(moves) > 0 {
		text.WriteString("\nIf these have only been renamed, this keeps them; it goes into the function of " +
			"constructs/tapstack.go that declares the stack:\n\n```go\n" +
			"stack.AddOverride(jsii.String(\"moved\"), []map[string]string{\n")
		for _, move := range moves {
			fmt.Fprintf(&text, "\t{\"from\": %q, \"to\": %q},\n", move.from, move.to)
		}
		text.WriteString("})\n```\n")
	}
	return text.String()
}

// comment returns the summary with Terraform's own text folded below it, in as many characters as GitHub takes.
func comment(summary, plan string) string {
	const fence = "``````" // longer than any in a plan
	before := "\n<details><summary>Terraform's own text</summary>\n\n" + fence + "\n"
	after := "\n" + fence + "\n\n</details>\n"
	summary = cut(summary, commentLimit/2)
	if strings.Count(summary, "```")%2 == 1 {
		summary += "```\n"
	}
	return summary + before + cut(plan, commentLimit-len(summary)-len(before)-len(after)) + after
}

// cut shortens a text to a number of bytes, at the end of a line, and says so.
func cut(text string, limit int) string {
	const note = "(cut here: GitHub takes no more)\n"
	if len(text) <= limit {
		return text
	}
	text = text[:limit-len(note)]
	return text[:strings.LastIndexByte(text, '\n')+1] + note
}
