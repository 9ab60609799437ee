package tests

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Who reaches whom is computed from routes and security groups in the JSON, and not from the constructs that are meant
// to say so.

const (
	theInternet = "internet"
	theS3       = "S3"
	theCheckers = "health checkers"
)

// outside finds in a connection what has no security group here, ranges and prefix lists among it.
var outside = regexp.MustCompile(theInternet + `|` + theS3 + `|^` + theCheckers + `|^[0-9]|^pl-`)

// Each zone has both subnets, each with a route table of its own. Only the load balancer and NAT gateways are
// in the public ones; the database is not. The private ones go out through their own zone if it has a gateway.
func TestOnlyLoadBalancerIsInPublicSubnets(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		network := s.environment.Network
		if network.IsExisting() {
			return
		}
		leads := map[string]string{} // where the one route of a route table leads
		for _, route := range s.some("aws_route") {
			table := route.Text("route_table_id")
			if leads[table] != "" {
				s.Errorf("%s is the second route of %s", route.Address(), table)
			}
			route.want("destination_cidr_block", "0.0.0.0/0")
			if leads[table] = theInternet; route.At("nat_gateway_id") == nil {
				route.want("gateway_id", "${aws_internet_gateway.id}")
			} else {
				leads[table] = route.follow("nat_gateway_id").follow("subnet_id").Text("availability_zone")
			}
		}
		var subnets, tables []resource
		var ways, expected, public, private, privateTables []string
		for _, association := range s.some("aws_route_table_association") {
			subnet, table := association.follow("subnet_id"), association.Text("route_table_id")
			subnets, tables = append(subnets, subnet), append(tables, association.follow("route_table_id"))
			ways = append(ways, subnet.Text("availability_zone")+" -> "+leads[table])
			if leads[table] == theInternet {
				public = append(public, subnet.Ref("id"))
			} else {
				private, privateTables = append(private, subnet.Ref("id")), append(privateTables, table)
			}
		}
		same(s, "the subnets with a route table", addresses(subnets), addresses(s.each("aws_subnet")))
		same(s, "the route tables with a subnet", addresses(tables), addresses(s.each("aws_route_table")))
		for i, zone := range network.Zones {
			out := ""
			if network.NATGateways > 0 {
				out = network.Zones[i%network.NATGateways]
			}
			expected = append(expected, zone+" -> "+theInternet, zone+" -> "+out)
		}
		same(s, "the ways out of subnets (ELB.13)", ways, expected)
		gateways := s.each("aws_nat_gateway")
		if len(gateways) != network.NATGateways {
			s.Fatalf("there are %d NAT gateways, expected %d", len(gateways), network.NATGateways)
		}
		for i, gateway := range gateways {
			gateway.want("subnet_id", public[i])
		}
		s.want("aws_lb.subnets", public)
		s.want("aws_ecs_service.network_configuration.subnets", private)
		s.want("aws_rds_cluster.db_subnet_group_name", "${aws_db_subnet_group.name}")
		s.want("aws_db_subnet_group.subnet_ids", private, " (RDS.46)")
		for _, endpoint := range s.some("aws_vpc_endpoint") {
			if endpoint.At("vpc_endpoint_type") == "Gateway" { // costs nothing, and so is always there
				endpoint.want("service_name", "com.amazonaws."+s.environment.Region+".s3")
				endpoint.want("route_table_ids", privateTables)
				continue
			}
			endpoint.want("subnet_ids", private)
			endpoint.want("private_dns_enabled", true) // else the tasks' calls would go through the NAT gateway
		}
	})
}

// Nobody carries data to another account through an endpoint: to S3, ECR's layers and the account of the image apart.
func TestEndpointsLeadToTheAccount(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		images := strings.Join(s.environment.ImageAccounts(), "|")
		allowed := regexp.MustCompile(`^(` + accountID.String() + `|` + images + `)$`)
		for _, endpoint := range s.each("aws_vpc_endpoint") {
			for _, statement := range endpoint.policy() {
				if !isImageLayers(statement, s.environment.Region) && !(statement.HasCondition("aws:PrincipalAccount", accountID) &&
					statement.HasCondition("aws:ResourceAccount", allowed)) {
					s.Errorf("%s leads to other accounts", statement)
				}
			}
		}
	})
}

// tasks returns the security groups of tasks by the names of these: those of the API are the tasks.
func tasks(s stack) map[string]resource {
	s.Helper()
	all := map[string]resource{"tasks": s.find("aws_security_group", "name", "PaymentService-"+s.suffix)}
	for _, group := range s.each("aws_security_group") {
		if strings.HasPrefix(group.Text("description"), "Tasks of ") && group.Address() != all["tasks"].Address() {
			all["tasks of "+group.Text("name")] = group
		}
	}
	return all
}

// peers returns by address what a rule of a security group may name: other groups, for what is in them, and S3.
func peers(s stack) map[string]string {
	s.Helper()
	names := map[string]string{"0.0.0.0/0": theInternet, "::/0": theInternet}
	add := func(name string, all ...resource) {
		for _, r := range all {
			if other := cmp.Or(names[r.Address()], name); other != name {
				s.Errorf("%s is that of %s and of %s", r.Address(), other, name)
			}
			names[r.Address()] = name
		}
	}
	add("load balancer", s.only("aws_lb").followAll("security_groups")...)
	for name, group := range tasks(s) {
		add(name, group)
	}
	for _, service := range s.some("aws_ecs_service") {
		service.follow("network_configuration.security_groups.0").want("name", service.Text("name"))
		service.want("network_configuration.security_groups.1", nil)
	}
	add("database", s.only("aws_rds_cluster").followAll("vpc_security_group_ids")...)
	for _, endpoint := range s.each("aws_vpc_endpoint") {
		add("endpoints", endpoint.followAll("security_group_ids")...)
		if strings.HasSuffix(endpoint.Text("service_name"), ".s3") {
			add(theS3, endpoint)
		}
	}
	for _, list := range s.each("data.aws_ec2_managed_prefix_list") {
		list.want("name", "com.amazonaws."+s.environment.Region+".route53-healthchecks")
		add(theCheckers, list)
	}
	for _, group := range s.each("aws_security_group") {
		if names[group.Address()] == "" {
			s.Errorf("%s has nothing in it", group.Address())
		}
	}
	return names
}

// connections returns the TCP connections that the rules of security groups let somebody open, each as
// "from -> to:port". Between two groups the rules of both have to allow it.
func connections(s stack) []string {
	s.Helper()
	names, allowed := peers(s), map[string][]string{} // allowed: by which kinds of rules
	const ingress = "aws_vpc_security_group_ingress_rule"
	for _, rule := range append(s.some("aws_vpc_security_group_egress_rule"), s.some(ingress)...) {
		rule.want("ip_protocol", "tcp")
		rule.want("to_port", rule.At("from_port"))
		var others []string
		for _, attribute := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
			other := rule.Text(attribute)
			if strings.HasPrefix(other, "$") {
				other = rule.follow(attribute).Address()
			}
			if other != "" {
				others = append(others, cmp.Or(names[other], other))
			}
		}
		if len(others) != 1 {
			s.Fatalf("%s is about %q, expected one", rule.Address(), others)
		}
		from, to := names[rule.follow("security_group_id").Address()], others[0]
		if rule.Kind == ingress {
			from, to = to, from
		}
		connection := fmt.Sprintf("%s -> %s:%v", from, to, rule.At("to_port"))
		allowed[connection] = append(allowed[connection], rule.Kind)
	}
	for connection, kinds := range allowed {
		if !outside.MatchString(connection) && len(slices.Compact(kinds)) < 2 {
			s.Errorf("%s is allowed by %s alone", connection, kinds)
		}
	}
	return slices.Sorted(maps.Keys(allowed))
}

// From the internet there is one way to the database, through the load balancer and a task, and the database opens no
// connection.
func TestConnectionsAreTheNecessaryOnes(t *testing.T) {
	test := func(s stack) {
		expected := []string{
			fmt.Sprintf("load balancer -> tasks:%d", s.environment.Service.Port),
		}
		sources := s.environment.LoadBalancer.AllowedSources
		if sources == nil {
			sources = []string{theInternet}
		} else if isCalledFromOutside(s.environment) {
			expected = append(expected, theCheckers+" -> load balancer:443")
		}
		for _, source := range sources {
			expected = append(expected, source+" -> load balancer:80")
			if s.environment.LoadBalancer.HTTPS() {
				expected = append(expected, source+" -> load balancer:443")
			}
		}
		for tasks := range tasks(s) {
			expected = append(expected, tasks+" -> database:5432")
			if s.environment.Network.InterfaceEndpoints {
				expected = append(expected, tasks+" -> endpoints:443")
			}
			if network := s.environment.Network; network.NATGateways > 0 || network.IsExisting() {
				expected = append(expected, tasks+" -> internet:443")
			} else {
				expected = append(expected, tasks+" -> S3:443")
			}
		}
		same(s, "the connections that the security groups allow (EC2.13, EC2.14, EC2.18, EC2.19, EC2.53, EC2.54)",
			connections(s), expected)
	}
	test(example(t, "loadBalancer.allowedSources")) // with a domain, which is checked from outside
	eachEnvironment(t, test)
}

var (
	pictureNode  = regexp.MustCompile(`(?m)^ *(\w+)[\[({]+"([^"<]*)(?:<br/>([^"<]*))?`)
	pictureArrow = regexp.MustCompile(`(?m)^ *(\w+) -->\|(\w+)\| (\w+)$`)
)

// What a reviewer sees of a stack is what its security groups allow.
func TestPicturesShowEveryConnection(t *testing.T) {
	environments, _ := load(t, "../environments")
	for _, environment := range environments {
		picture, names, shown := read(t, "../generated/tap-"+environment.Suffix+".md"), map[string]string{}, []string(nil)
		for _, node := range pictureNode.FindAllStringSubmatch(picture, -1) {
			names[node[1]] = strings.NewReplacer("Aurora PostgreSQL", "database", "interface ", "").Replace(node[2])
			if node[2] == "tasks" && !strings.HasPrefix(node[3], "PaymentService-") {
				names[node[1]] += " of " + node[3]
			}
		}
		for _, arrow := range pictureArrow.FindAllStringSubmatch(picture, -1) {
			shown = append(shown, fmt.Sprintf("%s -> %s:%s", names[arrow[1]], names[arrow[3]], arrow[2]))
		}
		same(t, "the arrows of tap-"+environment.Suffix+".md", shown, connections(stacks(t)[environment.Suffix].in(t)))
	}
}
