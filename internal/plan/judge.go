package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
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
	switch {
	case len(findings) == 0:
		return 0
	case slices.Contains(headings[:3], findings[0].heading): // it loses, interrupts or weakens something
		return 12
	case findings[0].heading == harmless:
		return 10
	}
	return 11
}

// judgement is what has been found so far.
type judgement struct {
	configuration any // as synthesized: a plan has no prevent_destroy, and does not say what is left to AWS
	findings      []finding
	outside       bool // what is found now is what others have done
}

func (j *judgement) add(heading, address, words string) {
	j.findings = append(j.findings, finding{heading, address, words, j.outside})
}

// declared returns a resource as the configuration declares it.
func (j *judgement) declared(r *tfjson.ResourceChange) any {
	return part(part(part(j.configuration, "resource"), r.Type), r.Name)
}

// judge returns what a plan does to what exists and, if it was made with a refresh, what others have done, the worst
// first.
func judge(plan *tfjson.Plan, configuration any, refreshed bool) []finding {
	j := &judgement{configuration: configuration}
	exists, protected, created := false, false, map[string]int{}
	drift := map[string]*tfjson.ResourceChange{}
	for _, r := range plan.ResourceDrift {
		drift[r.Address] = r
	}
	for _, r := range slices.Concat(plan.ResourceDrift, plan.ResourceChanges) {
		if r.Mode == tfjson.ManagedResourceMode && r.Change != nil && r.Change.Before != nil {
			exists = true
			protected = protected || part(r.Change.Before, "deletion_protection") == true || // AWS refuses to delete it
				part(r.Change.Before, "enable_deletion_protection") == true ||
				r.Type == "aws_s3_bucket" && part(r.Change.Before, "force_destroy") == false // unless it is empty
		}
	}
	for _, r := range plan.ResourceChanges {
		switch {
		case r.Mode != tfjson.ManagedResourceMode: // it is only read
		case r.Change == nil:
			j.add(notJudged, r.Address, "has no change in Terraform's JSON")
		case !exists && r.Change.Actions.Create():
			created[r.Type]++
		default:
			j.judge(r, drift[r.Address])
		}
		guard, declared := ruleOf("unguarded", r.Type), j.declared(r)
		if protected && guard.means != "" && declared != nil && part(part(declared, "lifecycle"), "prevent_destroy") != true {
			j.add(guard.heading, r.Address, guard.means)
		}
	}
	if len(created) > 0 {
		j.add(deploys, "", "Creates "+count(created))
	}
	if plan.Complete != nil && !*plan.Complete {
		j.add(notJudged, "", "The plan is not complete: Terraform has left something out")
	}
	for _, deferred := range plan.DeferredChanges {
		j.add(notJudged, deferred.ResourceChange.Address, "is deferred: what happens to it is not known yet")
	}
	for _, action := range plan.ActionInvocations {
		j.add(notJudged, action.Address, "is done, too")
	}
	for name, output := range plan.OutputChanges {
		if output == nil || !output.Actions.NoOp() {
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
func (j *judgement) judge(r, drift *tfjson.ResourceChange) {
	found := len(j.findings)
	before, after := attributesOf(r.Type, r.Change.Before), j.planned(r)
	if drift != nil && drift.Change != nil && len(after) > 0 {
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
func (j *judgement) planned(r *tfjson.ResourceChange) attributes {
	after := known(decode([]byte(encode(r.Change.After))), r.Change.AfterUnknown)
	declared := j.declared(r)
	if fields, ok := after.(object); ok && declared != nil {
		for name, value := range fields {
			if value == later && part(declared, name) == nil {
				fields[name] = part(r.Change.Before, name)
			}
		}
	}
	return attributesOf(r.Type, after)
}
