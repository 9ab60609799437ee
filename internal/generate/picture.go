package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// renderPicture draws a stack as a Mermaid diagram: what is in it, and each flow that a security group rule allows,
// with its port.
func renderPicture(stack string, golden []byte) ([]byte, error) {
	d := drawing{nodes: map[string]string{}}
	if err := json.Unmarshal(golden, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", stack, err)
	}
	d.write("# %s\n", stack)
	d.write("Drawn by `make golden` from the synthesized stack; each solid arrow is a rule of a security group.\n")
	d.write("```mermaid\nflowchart TB")
	d.write(`    internet(("internet"))`)
	d.firewall()
	d.vpc()
	d.storage()
	d.flows()
	d.write("```")
	return []byte(strings.Join(d.lines, "\n") + "\n"), nil
}

// drawing is the synthesized JSON of a stack and what has been drawn of it.
type drawing struct {
	Resource map[string]map[string]map[string]any // attributes by type and name
	lines    []string
	nodes    map[string]string // node by the address of a security group
}

func (d *drawing) write(format string, values ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, values...))
}

// each calls use for the resources of a type, by name.
func (d *drawing) each(kind string, use func(name string, attributes map[string]any)) {
	for _, name := range slices.Sorted(maps.Keys(d.Resource[kind])) {
		use(name, d.Resource[kind][name])
	}
}

// vpc draws the subnets by tier and zone, and what runs in them.
func (d *drawing) vpc() {
	label := "VPC that exists"
	d.each("aws_vpc", func(_ string, vpc map[string]any) { label = fmt.Sprint(tagName(vpc), " ", vpc["cidr_block"]) })
	d.write(`    subgraph vpc["%s"]`, label)
	for _, tier := range []string{"public", "private"} {
		d.write("        subgraph %s[\"%s subnets\"]", tier, tier)
		d.each("aws_subnet", func(name string, subnet map[string]any) {
			if !strings.HasPrefix(name, "network_"+tier) {
				return
			}
			label := fmt.Sprintf("%s<br/>%s", subnet["availability_zone"], subnet["cidr_block"])
			d.each("aws_nat_gateway", func(_ string, gateway map[string]any) {
				if refersTo(gateway["subnet_id"], "aws_subnet", name) {
					label += "<br/>NAT gateway"
				}
			})
			d.write("            %s[\"%s\"]", identifier(name), label)
		})
		d.parts(tier)
		d.write("        end")
	}
	d.write("    end")
}

// parts draws what has a security group in a tier.
func (d *drawing) parts(tier string) {
	add := func(groups any, id, shape string) {
		list, _ := groups.([]any)
		for _, group := range list {
			d.nodes[address(group)] = id
		}
		d.write("            %s%s", id, shape)
	}
	if tier == "public" {
		d.each("aws_lb", func(_ string, balancer map[string]any) {
			add(balancer["security_groups"], "balancer", fmt.Sprintf(`["load balancer<br/>%s"]`, balancer["name"]))
		})
		return
	}
	d.each("aws_ecs_service", func(name string, service map[string]any) {
		network, _ := service["network_configuration"].(map[string]any)
		add(network["security_groups"], identifier(name), fmt.Sprintf(`["tasks<br/>%s"]`, service["name"]))
	})
	d.each("aws_rds_cluster", func(_ string, cluster map[string]any) {
		add(cluster["vpc_security_group_ids"], "database", fmt.Sprintf(`[("Aurora PostgreSQL<br/>%s<br/>%d instances")]`,
			cluster["cluster_identifier"], len(d.Resource["aws_rds_cluster_instance"])))
	})
	var services []string
	var groups any
	d.each("aws_vpc_endpoint", func(_ string, endpoint map[string]any) {
		if endpoint["vpc_endpoint_type"] == "Interface" {
			name := fmt.Sprint(endpoint["service_name"])
			services = append(services, strings.SplitN(name, ".", 4)[3]) // com.amazonaws.<Region>.<service>
			groups = endpoint["security_group_ids"]
		}
	})
	if len(services) > 0 {
		add(groups, "endpoints", fmt.Sprintf(`["interface endpoints<br/>%s"]`, strings.Join(services, "<br/>")))
	}
}

func (d *drawing) firewall() {
	d.each("aws_wafv2_web_acl", func(_ string, acl map[string]any) {
		rules, _ := acl["rule"].([]any)
		d.write(`    firewall{{"firewall<br/>%s<br/>%d rules"}}`, acl["name"], len(rules))
	})
}

// storage draws what the environment's key encrypts.
func (d *drawing) storage() {
	var groups []string
	d.each("aws_cloudwatch_log_group", func(_ string, group map[string]any) {
		groups = append(groups, fmt.Sprint(group["name"]))
	})
	d.write(`    logs["logs<br/>%s"]`, strings.Join(groups, "<br/>"))
	d.each("aws_kms_alias", func(_ string, alias map[string]any) { d.write(`    key(["key<br/>%s"])`, alias["name"]) })
	if len(d.Resource["aws_secretsmanager_secret"]) > 0 {
		d.write(`    secret["secret of the database"]`)
	}
}

// flows draws an arrow for each rule of a security group that leads in, or out of the VPC, and dotted lines for what is
// attached.
func (d *drawing) flows() {
	outside := map[string]string{}
	d.each("aws_vpc_security_group_ingress_rule", func(_ string, rule map[string]any) {
		from := "internet"
		if group, found := rule["referenced_security_group_id"]; found {
			from = d.nodes[address(group)]
		} else if rule["cidr_ipv4"] != "0.0.0.0/0" {
			from = fmt.Sprint(rule["cidr_ipv4"])
			outside[identifier(from)] = from
			from = identifier(from)
		}
		d.write("    %s -->|%s| %s", from, ports(rule), d.nodes[address(rule["security_group_id"])])
	})
	d.each("aws_vpc_security_group_egress_rule", func(_ string, rule map[string]any) {
		from := d.nodes[address(rule["security_group_id"])]
		switch {
		case rule["cidr_ipv4"] == "0.0.0.0/0":
			d.write("    %s -->|%s| internet", from, ports(rule))
		case rule["prefix_list_id"] != nil:
			d.write("    s3[(\"S3\")]\n    %s -->|%s| s3", from, ports(rule))
		}
	})
	for _, id := range slices.Sorted(maps.Keys(outside)) {
		d.write("    %s[\"%s\"]", id, outside[id])
	}
	d.write("    firewall -.- balancer")
	d.write("    key -.- database & logs & secret")
}

func ports(rule map[string]any) string {
	from, to := fmt.Sprint(rule["from_port"]), fmt.Sprint(rule["to_port"])
	if from == to {
		return from
	}
	return from + "-" + to
}

var reference = regexp.MustCompile(`^\$\{(\w+\.[\w-]+)\.\w+\}$`)

// address is the address of the resource that an expression refers to.
func address(expression any) string {
	match := reference.FindStringSubmatch(fmt.Sprint(expression))
	if match == nil {
		return ""
	}
	return match[1]
}

func refersTo(expression any, kind, name string) bool { return address(expression) == kind+"."+name }

var notInIdentifier = regexp.MustCompile(`[^A-Za-z0-9]+`)

// identifier is a Mermaid node's id.
func identifier(name string) string { return notInIdentifier.ReplaceAllString(name, "_") }

func tagName(attributes map[string]any) any {
	tags, _ := attributes["tags"].(map[string]any)
	return tags["Name"]
}
