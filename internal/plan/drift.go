package main

import (
	"fmt"
	"maps"

	tfjson "github.com/hashicorp/terraform-json"
)

// judgeDrift judges what AWS has against what the state had, as far as the plan changes it: the rest is what AWS makes
// of values. It returns what the plan then starts from, where what it only puts back is there already.
func (j *judgement) judgeDrift(r *tfjson.ResourceChange, drift *tfjson.Change, after any) any {
	had, _ := drift.Before.(map[string]any)
	has, exists := drift.After.(map[string]any)
	will, _ := after.(map[string]any)
	heading, _ := destruction(r.Type)
	if !exists {
		if r.Change.Actions.Create() {
			j.findings = append(j.findings, finding{heading, true, r.Address, "is gone"})
		}
		return drift.Before
	}
	from := maps.Clone(has)
	has = maps.Clone(has)
	for name := range has {
		switch {
		case equal(has[name], will[name]):
			has[name] = had[name]
		case equal(will[name], had[name]):
			from[name] = will[name]
		}
	}
	done := compare(&tfjson.ResourceChange{Address: r.Address, Type: r.Type, Change: drift}, drift.Before, has, false)
	if done == nil && !equal(drift.Before, has) {
		done = []finding{{heading: harmless, address: r.Address, words: "changed outside"}}
	}
	for _, finding := range done {
		finding.drift = true
		j.findings = append(j.findings, finding)
	}
	return from
}

// undeclared returns what roles and security groups have in AWS without a resource that declares it: somebody has added
// it outside, and Terraform never plans to remove it.
func undeclared(plan *tfjson.Plan) (findings []finding) {
	declared := map[string]bool{}
	for _, r := range plan.ResourceChanges {
		for _, object := range []any{r.Change.Before, r.Change.After} {
			switch text := func(name string) string { return fmt.Sprint(at(object, name)) }; r.Type {
			case "aws_iam_role_policy":
				declared[text("role")+"has the policy "+quote(text("name"))] = true
			case "aws_iam_role_policy_attachment":
				declared[text("role")+"has the policy "+quote(text("policy_arn"))] = true
			case "aws_vpc_security_group_ingress_rule":
				declared[text("security_group_id")+"lets in "+connection(object)] = true
			case "aws_vpc_security_group_egress_rule":
				declared[text("security_group_id")+"lets out "+connection(object)] = true
			}
		}
	}
	for _, r := range plan.PriorState.Values.RootModule.Resources {
		add := func(parent, words string) {
			if !declared[fmt.Sprint(r.AttributeValues[parent])+words] {
				findings = append(findings, finding{weakensProtection, true, r.Address, words + ", which no resource declares"})
			}
		}
		switch r.Type {
		case "aws_iam_role":
			for _, policy := range entries(r.AttributeValues["inline_policy"]) {
				add("name", "has the policy "+show(at(policy, "name")))
			}
			for _, arn := range entries(r.AttributeValues["managed_policy_arns"]) {
				add("name", "has the policy "+show(arn))
			}
		case "aws_security_group":
			for attribute, words := range map[string]string{"ingress": "lets in ", "egress": "lets out "} {
				for _, rule := range entries(r.AttributeValues[attribute]) {
					for _, source := range sources(rule, r.AttributeValues["id"]) {
						add("id", words+connection(source))
					}
				}
			}
		}
	}
	return findings
}

// sources returns the rules of which one of a group consists, as resources have them: with one source each.
func sources(rule, group any) (rules []any) {
	for attribute, name := range map[string]string{"cidr_blocks": "cidr_ipv4", "ipv6_cidr_blocks": "cidr_ipv6",
		"prefix_list_ids": "prefix_list_id", "security_groups": "referenced_security_group_id"} {
		entries := entries(at(rule, attribute))
		if attribute == "security_groups" && at(rule, "self") == true {
			entries = append(entries, group)
		}
		for _, entry := range entries {
			rules = append(rules, map[string]any{name: entry, "ip_protocol": at(rule, "protocol"),
				"from_port": at(rule, "from_port"), "to_port": at(rule, "to_port")})
		}
	}
	return rules
}

// connection says what a rule of a security group lets through.
func connection(rule any) string {
	other := "another security group"
	for _, name := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
		if value := plain(at(rule, name)); value != nil && value != later {
			other = quote(value)
		}
	}
	if at(rule, "ip_protocol") == "-1" { // with ports 0, -1 or none
		return "everything, " + other
	}
	return fmt.Sprintf("%s, ports %s to %s, %s", show(at(rule, "ip_protocol")), show(at(rule, "from_port")),
		show(at(rule, "to_port")), other)
}
