package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// finding is one thing that a plan does to a resource or, outside, that somebody else has done to it.
type finding struct {
	heading, address string
	words            string // what happens to it, in Markdown
	outside          bool
}

// The headings of rules.md, and those of what has no rule.
const (
	losesData         = "Loses data"
	interruptsTraffic = "Interrupts traffic"
	weakensProtection = "Weakens protection"
	adds              = "Adds to what exists"
	notJudged         = "Not judged: read Terraform's text"
	deploys           = "Deploys for the first time"
	harmless          = "Harmless"
)

// headings has the worst first.
var headings = []string{losesData, interruptsTraffic, weakensProtection, adds, notJudged, deploys, harmless}

// statusOf returns the exit status of findings, of which the first is the worst.
func statusOf(findings []finding) int {
	if len(findings) == 0 {
		return 0
	}
	return []int{12, 12, 12, 11, 11, 11, 10}[slices.Index(headings, findings[0].heading)]
}

// judgement is what has been found so far.
type judgement struct {
	findings []finding
	outside  bool // what is found now is what others have done
}

func (j *judgement) add(heading, address, words string) {
	j.findings = append(j.findings, finding{heading, address, words, j.outside})
}

// judge returns what a plan does to what exists and, if it was made with a refresh, what others have done, the worst
// first. A plan alone has no prevent_destroy, and does not say what the synthesized configuration leaves to AWS.
func judge(plan *tfjson.Plan, configuration any, refreshed bool) []finding {
	j, exists, protected, created := &judgement{}, false, false, map[string]int{}
	drift := map[string]*tfjson.ResourceChange{}
	for _, r := range plan.ResourceDrift {
		drift[r.Address] = r
	}
	for _, r := range slices.Concat(plan.ResourceDrift, plan.ResourceChanges) {
		before := r.Change.Before
		if r.Mode == tfjson.ManagedResourceMode && before != nil && r.Change.Importing == nil {
			exists = true
			protected = protected || part(before, "deletion_protection") == true || // AWS refuses to delete it
				part(before, "enable_deletion_protection") == true ||
				r.Type == "aws_s3_bucket" && part(before, "force_destroy") == false // unless it is empty
		}
	}
	for _, r := range plan.ResourceChanges {
		declared := part(part(part(configuration, "resource"), r.Type), r.Name)
		switch {
		case r.Mode != tfjson.ManagedResourceMode: // it is only read
		case !exists && r.Change.Actions.Create():
			created[inWords.Replace(r.Type)]++
		default:
			j.judge(r, drift[r.Address], declared)
		}
		guard := ruleOf("unguarded", r.Type)
		if protected && guard.means != "" && declared != nil && part(part(declared, "lifecycle"), "prevent_destroy") != true {
			j.add(guard.heading, r.Address, guard.means)
		}
	}
	if len(created) > 0 {
		j.add(deploys, "", "Creates "+count(created, "s"))
	}
	if plan.Complete != nil && !*plan.Complete {
		j.add(notJudged, "", "The plan is not complete: Terraform has left something out")
	}
	for _, action := range plan.ActionInvocations {
		j.add(notJudged, action.Address, "is done, too")
	}
	for name, output := range plan.OutputChanges {
		if !output.Actions.NoOp() {
			j.add(harmless, name, "in outputs")
		}
	}
	if refreshed {
		j.undeclared(plan)
	}
	slices.SortStableFunc(j.findings, func(a, b finding) int {
		return cmp.Compare(slices.Index(headings, a.heading), slices.Index(headings, b.heading))
	})
	return j.findings
}

// judge judges what happens to a resource, after what has happened to it outside.
func (j *judgement) judge(r, drift *tfjson.ResourceChange, declared any) {
	found := len(j.findings)
	before, after := attributesOf(r.Type, r.Change.Before), planned(r, declared)
	if drift != nil && len(after) > 0 {
		before = j.drifted(r, drift, after)
	}
	actions := r.Change.Actions
	gone := slices.Contains(actions, tfjson.ActionDelete)
	loss := ruleOf("destroyed", r.Type)
	loss.means = os.Expand(loss.means, func(name string) string { return show(before[r.Type+"/"+name]) })
	heading, verb, words := loss.heading, "changed", ""
	switch {
	case slices.Contains(actions, tfjson.ActionForget):
		heading, words = weakensProtection, "stays in AWS, and nothing manages it any more"
	case gone && heading == "":
		heading, words = losesData, "is destroyed, and `internal/plan/rules.md` does not say what its type holds"
	case r.DeposedKey != "" && heading != losesData:
		heading, words = notJudged, "has been replaced, and what is left of the old one is destroyed"
	case actions.Replace():
		verb, words = "replaced", "is replaced"+because(r.Change.ReplacePaths)+": "+loss.means
	case gone:
		verb, words = "destroyed", "is destroyed: "+loss.means
	case actions.Create() && heading == "":
		heading, words = notJudged, "is created, and no stack has its type"
	case r.Change.Importing != nil:
		heading, words = notJudged, "exists in AWS, and this stack takes it over"
	case actions.Create():
		verb = "created"
	}
	if words != "" && heading != harmless {
		j.add(heading, r.Address, words)
	} else {
		words = ""
	}
	if len(after) > 0 {
		j.compare(r, before, after, words)
	}
	switch {
	case r.PreviousAddress != "":
		j.add(harmless, r.Address, "renamed")
	case len(j.findings) > found || actions.NoOp():
	case verb == "created" && heading != harmless && ruleOf("new", r.Type).heading != harmless:
		j.add(adds, r.Address, "is created")
	default:
		j.add(harmless, r.Address, verb)
	}
}

// because says what Terraform replaces a resource for.
func because(paths []any) (words string) {
	for _, path := range paths {
		words += ", " + quote(strings.Trim(strings.ReplaceAll(fmt.Sprint(path), " ", "."), "[]"))
	}
	return strings.Replace(words, ", ", " because of another ", 1)
}

// planned returns the attributes afterwards. What AWS decides, such as an ARN, counts as what it is until it is known.
func planned(r *tfjson.ResourceChange, declared any) attributes {
	if r.Change.After == nil {
		return nil // what it had is gone with it
	}
	after := known(r.Change.After, r.Change.AfterUnknown)
	if fields, ok := after.(object); ok && declared != nil {
		for name, value := range fields {
			if value == later && part(declared, name) == nil {
				fields[name] = part(r.Change.Before, name)
			}
		}
	}
	return attributesOf(r.Type, after)
}

// difference is an attribute that is another afterwards.
type difference struct {
	path          string
	before, after any
	resource      attributes // all of it, afterwards
	created       bool       // with the resource
}

// back is the opposite difference.
func (d difference) back() difference {
	d.before, d.after = d.after, d.before
	return d
}

// differences returns what is another, and nothing of what is in something new, gone or unknown.
func differences(before, after attributes) (found []difference) {
	paths, whole := maps.Clone(before), []string{}
	maps.Copy(paths, after)
	for _, at := range slices.Sorted(maps.Keys(paths)) {
		was, is := before[at], after[at]
		same := zero(was) && zero(is) && path.Base(at) != "essential" // which a container is without it
		if same || reflect.DeepEqual(was, is) || slices.ContainsFunc(whole, func(over string) bool {
			return strings.HasPrefix(at, over)
		}) {
			continue
		}
		found = append(found, difference{at, was, is, after, len(before) == 0})
		if strings.Contains(at, "/") && (is == later || was == present || is == present) {
			whole = append(whole, at+"/")
		}
	}
	return found
}

// compare judges what is another in a resource. What no rule explains is not named where it is said already.
func (j *judgement) compare(r *tfjson.ResourceChange, before, after attributes, said string) {
	all, judged, verb := differences(before, after), map[string]bool{}, "changes "
	if len(before) == 0 {
		verb = "is created with "
	}
	expand := func(name string) string {
		if hidden(r.Change, name) {
			return "what is sensitive"
		} else if name == "connection" {
			return connection(r.Change.After)
		}
		return show(after[r.Type+"/"+name])
	}
	for _, rule := range rules {
		var words []string
		for _, d := range all {
			worse, better := rule.judge(d, judged[d.path])
			judged[d.path] = judged[d.path] || worse || better && rule.opposite != ""
			text := d.words(rule.means != "" && !hidden(r.Change, strings.Split(d.path+"/", "/")[1]))
			name, _, _ := strings.Cut(text, " ")
			if worse && rule.heading != harmless && (rule.means != "" || !strings.Contains(said, name)) {
				words = append(words, text)
			}
		}
		if words != nil {
			text := strings.TrimSuffix(verb+strings.Join(words, ", "), " with ")
			j.add(rule.heading, r.Address, strings.TrimSuffix(text+": "+os.Expand(rule.means, expand), ": "))
		}
	}
}

// drifted judges what AWS has against what the state had, where the plan changes it: the rest is what AWS makes of
// values. It returns what the plan starts from, in which what it puts back is there already, unless it was better.
func (j *judgement) drifted(r, drift *tfjson.ResourceChange, after attributes) (start attributes) {
	j.outside = true
	defer func() { j.outside = false }()
	had, has := attributesOf(r.Type, drift.Change.Before), attributesOf(r.Type, drift.Change.After)
	if len(has) == 0 {
		loss := ruleOf("destroyed", r.Type)
		j.add(loss.heading, r.Address, "is gone: "+loss.means)
		return had
	}
	start, seen := maps.Clone(has), maps.Clone(has)
	for _, paths := range []attributes{had, has, after} {
		for path := range paths {
			done := difference{path, had[path], has[path], has, false}
			if reflect.DeepEqual(has[path], after[path]) {
				seen[path] = had[path]
			} else if reflect.DeepEqual(had[path], after[path]) && !better(done) {
				start[path] = had[path]
			}
		}
	}
	found := len(j.findings)
	j.compare(drift, had, seen, "")
	if len(j.findings) == found && len(differences(had, seen)) > 0 {
		j.add(harmless, r.Address, "changed outside")
	}
	return start
}

// better reports whether a rule calls the opposite of a difference worse.
func better(d difference) bool {
	return slices.ContainsFunc(rules, func(rule rule) bool { _, better := rule.judge(d, false); return better })
}

// undeclared finds what roles and security groups have in AWS without a resource that declares it: somebody has added
// it, and Terraform never plans to remove it.
func (j *judgement) undeclared(plan *tfjson.Plan) {
	j.outside = true
	declared := map[string]bool{}
	for _, r := range plan.ResourceChanges {
		declared[right(r.Type, r.Change.Before)], declared[right(r.Type, r.Change.After)] = true, true
	}
	for _, r := range stateOf(plan) {
		has := r.AttributeValues
		check := func(kind string, values object) {
			if words := right(kind, values); !declared[words] {
				j.add(weakensProtection, r.Address, words+", which nothing declares")
			}
		}
		for _, policy := range all(has["inline_policy"]) {
			check("aws_iam_role_policy", object{"role": has["name"], "name": part(policy, "name")})
		}
		for _, arn := range all(has["managed_policy_arns"]) {
			check("aws_iam_role_policy_attachment", object{"role": has["name"], "policy_arn": arn})
		}
		if r.Type != "aws_security_group" {
			continue // blocks declare what the default one lets through
		}
		for _, direction := range []string{"ingress", "egress"} {
			for _, block := range all(has[direction]) {
				peers := slices.Concat(all(part(block, "cidr_blocks")), all(part(block, "ipv6_cidr_blocks")),
					all(part(block, "prefix_list_ids")), all(part(block, "security_groups")))
				if part(block, "self") == true {
					peers = append(peers, has["id"])
				}
				for _, peer := range peers {
					check("aws_vpc_security_group_"+direction+"_rule", object{"security_group_id": has["id"], "peer": peer,
						"ip_protocol": part(block, "protocol"), "from_port": part(block, "from_port"), "to_port": part(block, "to_port")})
				}
			}
		}
	}
}

// right says what a resource adds to a role or a security group, with whole names: another one is another right.
func right(kind string, values any) string {
	return os.Expand(ruleOf("undeclared", kind).means, func(name string) string {
		if name == "connection" {
			return connection(values)
		}
		return quote(fmt.Sprint(part(values, name)))
	})
}

// connection says what a rule of a security group lets through.
func connection(rule any) string {
	other := "another security group"
	for _, name := range []string{"peer", "cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
		if value, ok := part(rule, name).(string); ok && value != "" {
			other = quote(value)
		}
	}
	if part(rule, "ip_protocol") == "-1" { // its ports are 0, -1 or none
		return "everything, " + other + ","
	}
	return fmt.Sprintf("%s, ports %s to %s, %s,", show(part(rule, "ip_protocol")), show(part(rule, "from_port")),
		show(part(rule, "to_port")), other)
}

// stateOf returns what the state had and, where the plan was made with a refresh, what AWS has.
func stateOf(plan *tfjson.Plan) []*tfjson.StateResource {
	if state := plan.PriorState; state != nil && state.Values != nil && state.Values.RootModule != nil {
		return state.Values.RootModule.Resources
	}
	return nil
}

// hidden reports whether an attribute, or one of a connection's, is sensitive.
func hidden(change *tfjson.Change, attribute string) bool {
	marks := []any{part(change.BeforeSensitive, attribute), part(change.AfterSensitive, attribute)}
	if attribute == "connection" {
		marks = []any{change.AfterSensitive}
	}
	return strings.Contains(encode(marks), "true")
}

// words name what is another, with simple values.
func (d difference) words(values bool) string {
	_, attribute, _ := strings.Cut(d.path, "/")
	text := quote(strings.ReplaceAll(attribute, "/", "."))
	_, was := d.before.([]any)
	_, is := d.after.([]any)
	switch {
	case attribute == "": // the resource
		return ""
	case d.after == present:
		return text + " (new)"
	case d.before == present:
		return text + " (gone)"
	case d.after == later:
		return text + " (" + string(later) + ")"
	case !values || was || is || d.created:
		return text
	}
	return fmt.Sprintf("%s (from %s to %s)", text, show(d.before), show(d.after))
}

// show returns a value in words.
func show(value any) string {
	text, ok := value.(string)
	switch {
	case value == nil:
		return "none"
	case value == later:
		return "what is " + string(later)
	case !ok:
		text = encode(value)
	}
	if runes := []rune(text); len(runes) > 80 {
		text = string(runes[:80]) + "…"
	}
	return quote(text)
}

// quote returns a text as code of Markdown, which nothing in it ends.
func quote(text string) string {
	text = strconv.Quote(text)
	return "`" + plain.Replace(text[1:len(text)-1]) + "`"
}
