package main

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"

	tfjson "github.com/hashicorp/terraform-json"
)

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
		switch r.Type {
		case "aws_iam_role":
			for _, policy := range all(has["inline_policy"]) {
				check("aws_iam_role_policy", object{"role": has["name"], "name": part(policy, "name")})
			}
			for _, arn := range all(has["managed_policy_arns"]) {
				check("aws_iam_role_policy_attachment", object{"role": has["name"], "policy_arn": arn})
			}
		case "aws_security_group":
			for _, direction := range []string{"ingress", "egress"} {
				for _, block := range all(has[direction]) {
					for _, other := range peers(block, has["id"]) {
						check("aws_vpc_security_group_"+direction+"_rule", object{"security_group_id": has["id"], "other": other,
							"ip_protocol": part(block, "protocol"), "from_port": part(block, "from_port"), "to_port": part(block, "to_port")})
					}
				}
			}
		}
	}
}

// peers returns where connections of a security group's block may come from or go to.
func peers(block, group any) (found []any) {
	for _, name := range []string{"cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups"} {
		found = append(found, all(part(block, name))...)
	}
	if part(block, "self") == true {
		found = append(found, group)
	}
	return found
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
	for _, name := range []string{"other", "cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
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
