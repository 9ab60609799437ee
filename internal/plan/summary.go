package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// statusOf returns the exit status of findings: 0 for none, 10 if all are harmless, 12 if any loses, interrupts or
// weakens something, 11 otherwise.
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
	text := "## Plan of `" + stack + "`\n"
	section := func(title, lines string) {
		if lines != "" {
			text += "\n### " + title + "\n\n" + lines
		}
	}
	rest, outside, failed := map[string]int{}, "", ""
	for _, heading := range headings {
		lines := ""
		for _, finding := range findings {
			words := strings.TrimPrefix(quote(finding.address)+" ", "`` ") + finding.words + ".\n"
			switch {
			case finding.heading != heading:
			case heading == harmless:
				rest[finding.words]++
			case finding.outside:
				outside += "- " + heading + ": " + words
			default:
				lines += "- " + words
			}
		}
		section(heading, lines)
	}
	section("Changed outside: what AWS has, and the state had not", outside)
	for _, check := range plan.Checks {
		for _, instance := range check.Instances {
			for _, problem := range instance.Problems {
				failed += fmt.Sprintf("- %s: %s.\n", quote(instance.Address.ToDisplay), quote(problem.Message))
			}
		}
	}
	section("Failed checks", failed)
	if len(rest) > 0 {
		text += "\nHarmless changes: " + count(rest) + ".\n"
	} else if len(findings) == 0 {
		text += "\nNo changes.\n"
	}
	if moves := findMoves(plan.ResourceChanges); len(moves) > 0 {
		text += "\nIf these have only been renamed, this keeps them; it goes into the function of " +
			"constructs/tapstack.go that declares the stack:\n\n```go\n" +
			"stack.AddOverride(jsii.String(\"moved\"), []map[string]string{\n"
		for _, move := range moves {
			text += fmt.Sprintf("\t{\"from\": %q, \"to\": %q},\n", move.from, move.to)
		}
		text += "})\n```\n"
	}
	return text
}

// inWords turns types of resources into words.
var inWords = strings.NewReplacer("aws_", "", "rds_", "database ", "lb", "load balancer", "eip", "public address",
	"ecs", "ECS", "iam", "IAM", "kms", "KMS", "nat", "NAT", "s3", "S3", "sns", "SNS", "vpc", "VPC", "_", " ")

// count says how many there are of all and of each, first of the types that are worst to lose.
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
		words := fmt.Sprint(numbers[kind], " ", inWords.Replace(kind))
		if numbers[kind] > 1 && strings.HasPrefix(kind, "aws_") {
			words += "s"
		}
		parts = append(parts, words)
		total += numbers[kind]
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(parts, ", "))
}
