package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// statusOf returns the exit status of findings: 0 for none, 10 for harmless ones only, 12 if any loses or weakens
// something, 11 otherwise.
func statusOf(findings []finding) (status int) {
	for _, finding := range findings {
		switch finding.heading {
		case losesData, interruptsTraffic, weakensProtection:
			return 12
		case harmless:
			status = max(status, 10)
		default:
			status = 11
		}
	}
	return status
}

// summarize says in plain words what a plan does, worst first: Markdown that is good to read as it is.
func summarize(stack string, plan *tfjson.Plan, findings []finding) string {
	const outside, checks = "Changed outside: what AWS has, and the state had not", "Failed checks"
	sections, rest := map[string]string{}, map[string]int{}
	for _, heading := range headings {
		for _, finding := range findings {
			title, line := heading, finding.words
			if finding.address != "" {
				line = quote(finding.address) + " " + line
			}
			if finding.outside {
				title, line = outside, title+": "+line
			}
			if finding.heading == heading && heading == harmless {
				rest[finding.words]++
			} else if finding.heading == heading {
				sections[title] += "- " + line + ".\n"
			}
		}
	}
	for _, check := range plan.Checks {
		for _, instance := range check.Instances {
			for _, problem := range instance.Problems {
				sections[checks] += fmt.Sprintf("- %s: %s.\n", quote(instance.Address.ToDisplay), quote(problem.Message))
			}
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "## Plan of `%s`\n", stack)
	titles := []string{outside, checks}
	for i := len(headings) - 2; i >= 0; i-- {
		titles = append([]string{headings[i]}, titles...)
	}
	for _, title := range titles {
		if sections[title] != "" {
			fmt.Fprintf(&text, "\n### %s\n\n%s", title, sections[title])
		}
	}
	if len(rest) > 0 {
		fmt.Fprintf(&text, "\nHarmless changes: %s.\n", count(rest))
	} else if len(findings) == 0 {
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

// inWords turns types of resources into words.
var inWords = strings.NewReplacer("aws_", "", "rds_", "database ", "lb", "load balancer", "eip", "public address",
	"ecs", "ECS", "iam", "IAM", "kms", "KMS", "nat", "NAT", "s3", "S3", "sns", "SNS", "vpc", "VPC", "_", " ")

// count says how many there are of each, and of all.
func count(numbers map[string]int) string {
	var parts []string
	total := 0
	heading := func(kind string) int {
		loss, _ := ruleOf("destroyed", kind)
		return slices.Index(headings, loss.heading)
	}
	for _, kind := range slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(heading(a), heading(b)), cmp.Compare(a, b))
	}) {
		plural := ""
		if numbers[kind] > 1 {
			plural = "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s%s", numbers[kind], inWords.Replace(kind), plural))
		total += numbers[kind]
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(parts, ", "))
}
