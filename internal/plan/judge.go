package main

import (
	"fmt"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/constructs/deployment"
)

// finding is one thing that a plan does to a resource or, with drift, that somebody has done to it outside.
type finding struct {
	heading heading
	drift   bool
	address string
	words   string // what happens to it, in Markdown
}

// heading is what a finding is listed under.
type heading string

const (
	losesData         heading = "Loses data"
	interruptsTraffic heading = "Interrupts traffic"
	weakensProtection heading = "Weakens protection"
	addsAccess        heading = "Adds to what exists"
	notJudged         heading = "Not judged: read Terraform's text"
	firstDeployment   heading = "Deploys for the first time"
	harmless          heading = "Harmless"
)

// headings are in the order of what a reader has to see first.
var headings = []heading{
	losesData, interruptsTraffic, weakensProtection, addsAccess, notJudged, firstDeployment, harmless,
}

// destruction returns the heading of a destroyed resource, and whether a stack has its type: anything may be in others.
func destruction(kind string) (heading, bool) {
	holds, known := deployment.Kind(kind)
	return map[deployment.Holding]heading{deployment.Data: losesData, deployment.Traffic: interruptsTraffic,
		deployment.Protection: weakensProtection, deployment.Nothing: harmless}[holds], known
}

// judgement is what has been found so far.
type judgement struct {
	findings      []finding
	configuration any  // the stack's: Terraform's plan contains no prevent_destroy, and not what is left to AWS
	exists        bool // anything is deployed
	protected     bool // and was to be kept: AWS refuses to delete it, or Terraform to empty it
}

// judge returns what a plan does to what is deployed and, where it was made with a refresh, what others have done.
func judge(plan *tfjson.Plan, configuration any, refreshed bool) []finding {
	j := &judgement{configuration: configuration}
	drift, created := map[string]*tfjson.Change{}, map[string]int{}
	for _, r := range slices.Concat(plan.ResourceDrift, plan.ResourceChanges) {
		if r.Mode == tfjson.ManagedResourceMode && r.Change != nil && r.Change.Before != nil {
			j.exists = true
			j.protected = j.protected || at(r.Change.Before, "deletion_protection") == true ||
				at(r.Change.Before, "enable_deletion_protection") == true || at(r.Change.Before, "force_destroy") == false
		}
	}
	for _, r := range plan.ResourceDrift {
		drift[r.Address] = r.Change
	}
	for _, r := range plan.ResourceChanges {
		switch {
		case r.Mode != tfjson.ManagedResourceMode: // is only read
		case r.Change == nil:
			j.add(notJudged, r, "has no change in what Terraform says of it")
		case !j.exists && r.Change.Actions.Create():
			created[r.Type]++
		default:
			j.judge(r, drift[r.Address])
		}
	}
	for _, deferred := range plan.DeferredChanges {
		j.add(notJudged, deferred.ResourceChange, "is deferred: Terraform does not know yet what happens to it")
	}
	for name, output := range plan.OutputChanges {
		if !output.Actions.NoOp() {
			j.findings = append(j.findings, finding{heading: harmless, address: "output." + name, words: "outputs"})
		}
	}
	if len(created) > 0 {
		j.findings = append(j.findings, finding{heading: firstDeployment, words: "creates " + count(created)})
	}
	if refreshed {
		j.findings = append(j.findings, undeclared(plan)...)
	}
	return j.findings
}

func (j *judgement) add(heading heading, r *tfjson.ResourceChange, words string, values ...any) {
	j.findings = append(j.findings, finding{heading: heading, address: r.Address, words: fmt.Sprintf(words, values...)})
}

// judge judges what happens to one resource, after what has happened to it outside.
func (j *judgement) judge(r *tfjson.ResourceChange, drift *tfjson.Change) {
	change, before, found := r.Change, r.Change.Before, len(j.findings)
	after := j.known(r)
	if drift != nil && !change.Actions.NoOp() {
		before = j.judgeDrift(r, drift, after)
	}
	has := func(action tfjson.Action) bool { return slices.Contains(change.Actions, action) }
	heading, known := destruction(r.Type)
	verb := "changed"
	switch {
	case r.DeposedKey != "" && heading != losesData:
		j.add(notJudged, r, "has been replaced, and what is left of it is destroyed")
	case has(tfjson.ActionForget):
		j.add(weakensProtection, r, "stays in AWS, and nothing manages it any more")
	case has(tfjson.ActionDelete) && !known:
		j.add(losesData, r, "is destroyed, and `constructs/deployment/protected.go` does not say what its type holds")
	case has(tfjson.ActionDelete) && has(tfjson.ActionCreate):
		verb = "replaced"
		if heading != harmless {
			j.add(heading, r, "is replaced%s", because(change.ReplacePaths))
		}
	case has(tfjson.ActionDelete):
		verb = "destroyed"
		if heading != harmless {
			j.add(heading, r, "is destroyed")
		}
	case has(tfjson.ActionCreate) && before == nil:
		verb = "created"
		if !known {
			j.add(notJudged, r, "is created, and no stack has its type")
		}
	}
	if after != nil {
		j.findings = append(j.findings, compare(r, before, after, has(tfjson.ActionDelete) && heading != harmless)...)
	}
	if change.Importing != nil {
		j.add(notJudged, r, "is in AWS already, and this stack takes it over")
	}
	declared := at(j.configuration, "resource."+r.Type+"."+r.Name)
	if j.protected && deployment.Guarded(r.Type) && declared != nil && at(declared, "lifecycle.prevent_destroy") != true {
		j.add(weakensProtection, r, "has no `prevent_destroy`, although the stack was protected")
	}
	if r.PreviousAddress != "" {
		j.add(harmless, r, "renamed in the state")
	} else if len(j.findings) == found && !change.Actions.NoOp() {
		j.add(harmless, r, "%s", verb)
	}
}

// because says why Terraform replaces a resource.
func because(paths []any) string {
	var names []string
	for _, path := range paths {
		steps, _ := path.([]any)
		names = append(names, quote(strings.ReplaceAll(strings.Trim(fmt.Sprint(steps...), "[]"), " ", ".")))
	}
	if names == nil {
		return ""
	}
	return " because of another " + strings.Join(names, ", ")
}

// compare judges every attribute that is another afterwards. Of what is created only what a rule knows is said, and of
// what is replaced not again what it is replaced for.
func compare(r *tfjson.ResourceChange, before, after any, replaced bool) (findings []finding) {
	add := func(heading heading, words string) {
		findings = append(findings, finding{heading: heading, address: r.Address, words: words})
	}
	sensitive := func(path string) bool {
		return marked(at(r.Change.BeforeSensitive, path)) || marked(at(r.Change.AfterSensitive, path))
	}
	verb := map[bool]string{true: "is created, with ", false: "has another "}[before == nil]
	whole := difference{before: before, after: after, resource: after, created: before == nil}
	all, judged := differences(r.Type, whole), map[string]bool{}
	for _, heading := range headings {
		for _, rule := range rules[heading] {
			var words []string
			for _, d := range all {
				if rule.names(r.Type, d.path) && rule.matters(d) {
					judged[d.shown] = true
					words = append(words, d.words(!sensitive(d.attribute())))
				}
			}
			if words != nil && heading != harmless {
				if words[0] == "" {
					words[0], verb = "", "is created"
				}
				add(heading, verb+strings.Join(words, " and ")+": "+expand(rule.means, after, sensitive))
			}
		}
	}
	var rest []string
	for _, d := range all {
		replaces := slices.ContainsFunc(r.Change.ReplacePaths, func(path any) bool { return at(path, "") == d.attribute() })
		if d.leaf && !judged[d.shown] && before != nil && !(replaced && replaces) {
			rest = append(rest, d.words(false))
		}
	}
	if rest != nil {
		add(notJudged, verb+strings.Join(rest, ", "))
	}
	return findings
}
