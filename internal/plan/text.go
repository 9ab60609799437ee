package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

// The headings of what says nothing about what the plan itself does.
const (
	changedOutside = "Changed outside: what AWS has, and the state had not"
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
	for _, r := range plan.ResourceChanges {
		before, _ := r.Change.Before.(object)
		after, stays := r.Change.After.(object)
		isNew := r.Change.Actions.Create() || r.Change.Actions.Replace()
		switch {
		case isNew && r.Type == "aws_sns_topic_subscription" && after["protocol"] == "email":
			lines[unconfirmed] += fmt.Sprintf("- %s gets a message of AWS's for %s, and has to open the link in it.\n",
				quote(fmt.Sprint(after["endpoint"])), quote(r.Address))
		case refreshed && stays && before["pending_confirmation"] == true:
			lines[unconfirmed] += fmt.Sprintf("- %s has to open the link in AWS's message about %s.\n",
				quote(fmt.Sprint(before["endpoint"])), quote(fmt.Sprint(before["topic_arn"])))
		}
	}
	text := "## Plan of `" + stack + "`\n"
	for _, heading := range append(slices.Clone(headings), changedOutside, unconfirmed) {
		if lines[heading] != "" {
			text += "\n### " + heading + "\n\n" + lines[heading]
		}
	}
	if len(rest) > 0 {
		text += "\nHarmless changes: " + count(rest, "") + ".\n"
	} else if len(findings) == 0 {
		text += "\nNo changes.\n"
	}
	if moves := findMoves(plan.ResourceChanges); moves != nil {
		text += "\nIf these have only been renamed, this keeps them; it goes before the return of the function of " +
			"constructs/tapstack.go that declares the stack (NewTapStack, NewAccountStack):\n\n" +
			code("stack.AddOverride(jsii.String(\"moved\"), []map[string]string{\n\t"+strings.Join(moves, "\n\t")+"\n})")
	}
	return text
}

// findMoves pairs resources that leave the configuration with new ones that may be the same. It returns the lines of
// the block that makes Terraform keep them.
func findMoves(resources []*tfjson.ResourceChange) (moves []string) {
	for _, old := range resources {
		if old.Change.Actions.Delete() && old.DeposedKey == "" {
			renamed := mostAlike(old, resources, tfjson.ActionCreate)
			if renamed != nil && mostAlike(renamed, resources, tfjson.ActionDelete) == old {
				moves = append(moves, fmt.Sprintf(`{"from": %q, "to": %q},`, old.Address, renamed.Address))
			}
		}
	}
	return moves
}

// mostAlike returns the one, of those that a plan only creates or only destroys, that is most like r, and nil when two
// are as much alike, or AWS knows it by another name, and a resource cannot be renamed.
func mostAlike(r *tfjson.ResourceChange, others []*tfjson.ResourceChange, action tfjson.Action) (
	found *tfjson.ResourceChange) {
	best := math.MinInt
	for _, other := range others {
		if other.Type != r.Type || other.DeposedKey != "" || !slices.Equal(other.Change.Actions, tfjson.Actions{action}) {
			continue
		}
		if now := likeness(r, other); now > best {
			found, best = other, now
		} else if now == best {
			found = nil
		}
	}
	return found
}

var (
	hash  = regexp.MustCompile(repository.Hash + "$")
	fixed = regexp.MustCompile(`^(name|family|bucket|alarm_name|cluster_identifier)$`) // another replaces the resource
	plain = strings.NewReplacer("`", "'", `\"`, `"`, `\\`, `\`)                        // what strconv quotes, in Markdown
)

// likeness counts the characters at which two names end alike, and every attribute that is another for more than those.
func likeness(a, b *tfjson.ResourceChange) (count int) {
	if a.Change.Before == nil {
		a, b = b, a
	}
	after, _ := b.Change.After.(object) // without what is unknown
	for name, value := range after {
		if !reflect.DeepEqual(value, part(a.Change.Before, name)) {
			count -= 1000
			if fixed.MatchString(name) {
				return math.MinInt
			}
		}
	}
	alike, renamed := hash.ReplaceAllString(a.Name, ""), hash.ReplaceAllString(b.Name, "")
	for !strings.HasSuffix(renamed, alike) {
		alike = alike[1:]
	}
	return count + len(alike)
}

// inWords turns types of resources into words.
var inWords = strings.NewReplacer("aws_", "", "rds_", "database ", "lb", "load balancer", "eip", "public address",
	"ecs", "ECS", "iam", "IAM", "kms", "KMS", "nat", "NAT", "s3", "S3", "sns", "SNS", "vpc", "VPC", "_", " ")

// count says how many there are of all and of each, of which more than one have the plural's ending.
func count(numbers map[string]int, plural string) string {
	var parts []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(numbers)) {
		words := fmt.Sprint(numbers[kind], " ", kind)
		if numbers[kind] > 1 {
			words = strings.Replace(words+plural, "policys", "policies", 1)
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
	var err error
	results := make([]result, len(files))
	for i, file := range files {
		err = errors.Join(err, read(file, &results[i]))
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
	return text, err
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
