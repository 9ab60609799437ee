package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

// The headings of what says nothing about what the plan itself does.
const (
	changedOutside = "Changed outside: what AWS has, and the state had not"
	failedChecks   = "Failed checks"
	unconfirmed    = "Not confirmed: who hears nothing yet"
)

// summarize says in plain words what a plan does, worst first: Markdown that is good to read as it is.
func summarize(stack string, plan *tfjson.Plan, findings []finding, refreshed bool) string {
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
	for _, r := range stateOf(plan) {
		if has := r.AttributeValues; refreshed && has["pending_confirmation"] == true {
			lines[unconfirmed] += fmt.Sprintf("- %s has to open the link in AWS's message about %s.\n",
				quote(fmt.Sprint(has["endpoint"])), quote(fmt.Sprint(has["topic_arn"])))
		}
	}
	text := "## Plan of `" + stack + "`\n"
	for _, heading := range append(slices.Clone(headings), changedOutside, failedChecks, unconfirmed) {
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

// result is what is said of a plan, which comments are made of.
type result struct {
	Stack   string `json:"stack"`
	Status  int    `json:"status"`
	Summary string `json:"summary"` // Markdown that begins with a heading
	Text    string `json:"text"`    // Terraform's own
}

// statuses are those of results, the worst first: where planning has failed, anything may be wrong.
var statuses = []int{1, 12, 11, 10, 0}

// failed returns the result of a plan that could not be made. Of all that Terraform has said it shows the last error.
func failed(stack string, err error) result {
	words, text := err.Error(), ""
	if last := strings.LastIndex(words, "\nError: "); last >= 0 {
		words, text = words[last:], words
	}
	return result{Stack: stack, Status: 1, Text: text,
		Summary: fmt.Sprintf("## Plan of `%s` failed\n\n%s", stack, code(strings.TrimSpace(words)))}
}

func (r result) valid() bool {
	return repository.CheckStack(r.Stack) == nil && slices.Contains(statuses, r.Status) && r.Summary != "" &&
		(r.Text != "" || r.Status == 1)
}

// comment is a text in Markdown about the plans of several stacks.
type comment struct {
	title, commit, run string
	limit              int // of bytes, which are at least as many as the characters
}

// of returns what the results in files say: all summaries, the worst one first, then Terraform's texts, folded.
func (c comment) of(files []string) (string, error) {
	results, problems := make([]result, len(files)), make([]error, len(files))
	for i, file := range files {
		problems[i] = read(file, &results[i])
	}
	slices.SortFunc(results, func(a, b result) int {
		order := slices.Index(statuses, a.Status) - slices.Index(statuses, b.Status)
		return cmp.Or(order, cmp.Compare(a.Stack, b.Stack))
	})
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
	const folded = "\n<details><summary>Terraform's own text of %s</summary>\n\n%s\n</details>\n"
	var summaries, texts []string
	around := 0
	for _, r := range results {
		summaries = append(summaries, "\n"+r.Summary)
		texts = append(texts, code(r.Text))
		around += len(fmt.Sprintf(folded, r.Stack, ""))
	}
	share(summaries, c.limit-len(text))
	text += strings.Join(summaries, "")
	share(texts, c.limit-len(text)-around)
	for i, part := range texts {
		if part != "" {
			text += fmt.Sprintf(folded, results[i].Stack, part)
		}
	}
	return text, errors.Join(problems...)
}

// share cuts texts at one length, the largest with which there is room for all.
func share(texts []string, room int) {
	longest := sort.Search(max(0, room), func(length int) bool {
		total := 0
		for _, text := range texts {
			total += min(len(text), length+1)
		}
		return total > room
	})
	for i, text := range texts {
		texts[i] = cut(text, longest)
	}
}

// cut returns the whole lines of a text that fit, and says that it is cut.
func cut(text string, limit int) string {
	const note = "\n(cut here)\n"
	if len(text) <= limit {
		return text
	} else if limit < len(note) {
		return ""
	}
	text = text[:limit-len(note)]
	return text[:strings.LastIndexByte(text, '\n')+1] + note
}

// code returns a text as a block of code, which nothing in it ends: Markdown takes what is indented for one.
func code(text string) string {
	text = strings.Trim(strings.ReplaceAll(text, "\r", ""), "\n")
	if text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
}
