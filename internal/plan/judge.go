package main

import (
	"fmt"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/constructs/deployment"
)

// finding is one thing that a plan does to a resource.
type finding struct {
	loses   deployment.Holding // what the resource then lacks
	address string
	words   string // what happens to it, in Markdown; empty if nothing is lost
}

// judge returns what a plan does to what the state contains: a resource that has left the configuration has lost its
// prevent_destroy with it.
func judge(plan *tfjson.Plan, configuration any) (findings []finding) {
	exists, protected := false, false // anything that is deployed, anything that AWS refuses to delete
	for _, r := range plan.ResourceChanges {
		exists = exists || r.Mode == tfjson.ManagedResourceMode && r.Change.Before != nil
		protected = protected || at(r.Change.Before, "deletion_protection") == true ||
			at(r.Change.Before, "enable_deletion_protection") == true
	}
	for _, r := range plan.ResourceChanges {
		if r.Mode != tfjson.ManagedResourceMode {
			continue
		}
		findings = append(findings, judgeResource(r, exists)...)
		holds, _ := deployment.Kind(r.Type)
		declared := at(configuration, "resource."+r.Type+"."+r.Name)
		if protected && holds == deployment.Data && declared != nil && at(declared, "lifecycle.prevent_destroy") != true {
			findings = append(findings, finding{deployment.Protection, r.Address,
				"has no `prevent_destroy`, although AWS refuses to delete other parts of the stack"})
		}
	}
	for name, output := range plan.OutputChanges {
		if !output.Actions.NoOp() {
			findings = append(findings, finding{deployment.Nothing, "output." + name, ""})
		}
	}
	return findings
}

// judgeResource returns what happens to a resource. Where nothing exists yet, nothing can be opened.
func judgeResource(r *tfjson.ResourceChange, exists bool) (findings []finding) {
	change := r.Change
	add := func(loses deployment.Holding, words string, values ...any) {
		findings = append(findings, finding{loses, r.Address, fmt.Sprintf(words, values...)})
	}
	holds, known := deployment.Kind(r.Type)
	switch gone := slices.Contains(change.Actions, tfjson.ActionDelete); {
	case gone && !known:
		add(deployment.Data, "is destroyed, and `constructs/deployment/protected.go` does not say what its type holds")
	case gone && r.DeposedKey != "" && holds != deployment.Data:
		add(deployment.Nothing, "") // it has been replaced already
	case change.Actions.Replace() && len(change.ReplacePaths) > 0:
		add(holds, "is replaced because of `%v`", change.ReplacePaths)
	case change.Actions.Replace():
		add(holds, "is replaced")
	case gone:
		add(holds, "is destroyed")
	case slices.Contains(change.Actions, tfjson.ActionForget):
		add(deployment.Protection, "stays in AWS, and nothing manages it any more")
	case change.Actions.Update():
		for loses, list := range rules {
			for _, rule := range list {
				if difference, matters := rule.judge(change); matters {
					add(loses, "has another `%s`%s: %s", rule.path, difference, rule.means)
				}
			}
		}
	}
	if strings.HasPrefix(r.Type, "aws_vpc_security_group_") && exists && change.After != nil {
		before, after := connections(change.Before), connections(change.After)
		switch {
		case before == after:
		case marked(change.BeforeSensitive) || marked(change.AfterSensitive):
			add(deployment.Protection, "lets other connections through")
		case before == "":
			add(deployment.Protection, "lets `%s` through", after)
		default:
			add(deployment.Protection, "lets `%s` through instead of `%s`", after, before)
		}
	}
	if findings == nil && (!change.Actions.NoOp() || r.PreviousAddress != "" || change.Importing != nil) {
		add(deployment.Nothing, "")
	}
	return findings
}

// judge applies a rule to a change, and says how simple values differ. What is known only after the apply follows from
// another change, which is judged by itself; but a policy may say anything then.
func (rule rule) judge(change *tfjson.Change) (difference string, matters bool) {
	if marked(at(change.AfterUnknown, rule.path)) {
		return " (known only after the apply)", strings.HasSuffix(rule.path, "policy")
	}
	before, after := at(change.Before, rule.path), at(change.After, rule.path)
	if marked(at(change.BeforeSensitive, rule.path)) || marked(at(change.AfterSensitive, rule.path)) {
		difference = " (sensitive)"
	} else if text := fmt.Sprintf(" (from `%v` to `%v`)", before, after); len(text) < 100 &&
		!strings.ContainsAny(text, "{[") { // Terraform's own text shows the others
		difference = strings.ReplaceAll(text, "<nil>", "none")
	}
	return difference, rule.matters(before, after)
}

// connections says what a rule of a security group lets through.
func connections(rule any) string {
	if rule == nil {
		return ""
	}
	other := any("another security group")
	for _, name := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
		if value := at(rule, name); !isZero(value) {
			other = value
		}
	}
	return strings.ReplaceAll(fmt.Sprintf("%v, ports %v to %v, %v",
		at(rule, "ip_protocol"), at(rule, "from_port"), at(rule, "to_port"), other), "<nil>", "any")
}
