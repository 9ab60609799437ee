package main

import (
	"fmt"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/constructs/deployment"
)

var headings = map[deployment.Holding]string{
	deployment.Data:       "Loses data",
	deployment.Traffic:    "Interrupts traffic",
	deployment.Protection: "Weakens protection",
}

// statusOf returns the exit status of findings: 0 for none, 2 for harmless ones only, 3 if there is any other.
func statusOf(findings []finding) (status int) {
	for _, finding := range findings {
		if finding.loses != deployment.Nothing {
			return 3
		}
		status = 2
	}
	return status
}

// summarize says in plain words what a plan does, worst first: Markdown that is good to read as it is.
func summarize(stack string, plan *tfjson.Plan, findings []finding) string {
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
	if moves := findMoves(plan.ResourceChanges); len(moves) > 0 {
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
