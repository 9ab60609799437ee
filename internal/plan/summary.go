package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// The headings of what says nothing about what the plan itself does.
const (
	changedOutside = "Changed outside: what AWS has, and the state had not"
	failedChecks   = "Failed checks"
)

// summarize says in plain words what a plan does, worst first: Markdown that is good to read as it is.
func summarize(stack string, plan *tfjson.Plan, findings []finding) string {
	lines, rest := map[string]string{}, map[string]int{}
	for _, f := range findings {
		words := strings.TrimPrefix(quote(f.address)+" ", "`` ") + f.words + ".\n"
		switch {
		case f.heading == harmless:
			rest[f.words]++
		case f.outside:
			lines[changedOutside] += "- " + f.heading + ": " + words
		default:
			lines[f.heading] += "- " + words
		}
	}
	for _, check := range plan.Checks {
		for _, instance := range check.Instances {
			for _, problem := range instance.Problems {
				lines[failedChecks] += fmt.Sprintf("- %s: %s.\n", quote(instance.Address.ToDisplay), quote(problem.Message))
			}
		}
	}
	text := "## Plan of `" + stack + "`\n"
	for _, heading := range append(slices.Clone(headings), changedOutside, failedChecks) {
		if lines[heading] != "" {
			text += "\n### " + heading + "\n\n" + lines[heading]
		}
	}
	if len(rest) > 0 {
		text += "\nHarmless changes: " + count(rest) + ".\n"
	} else if len(findings) == 0 {
		text += "\nNo changes.\n"
	}
	moves := ""
	for _, move := range findMoves(plan.ResourceChanges) {
		moves += fmt.Sprintf("\t{\"from\": %q, \"to\": %q},\n", move.from, move.to)
	}
	if moves != "" {
		text += "\nIf these have only been renamed, this keeps them; it goes into the function of " +
			"constructs/tapstack.go that declares the stack:\n\n" +
			code("stack.AddOverride(jsii.String(\"moved\"), []map[string]string{\n"+moves+"})")
	}
	return text
}

// inWords turns types of resources into words.
var inWords = strings.NewReplacer("aws_", "", "rds_", "database ", "lb", "load balancer", "eip", "public address",
	"ecs", "ECS", "iam", "IAM", "kms", "KMS", "nat", "NAT", "s3", "S3", "sns", "SNS", "vpc", "VPC", "_", " ")

// count says how many there are of all and of each.
func count(numbers map[string]int) string {
	var parts []string
	total := 0
	for _, kind := range slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return strings.Compare(inWords.Replace(a), inWords.Replace(b))
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
