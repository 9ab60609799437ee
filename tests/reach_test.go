package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Who reaches whom is computed from the security groups in the JSON, and not from the constructs that are meant to say
// so.

const (
	theInternet = "internet"
	theS3       = "S3"
)

// groupNames returns the security groups by address, named for what is in them.
func groupNames(s stack) map[string]string {
	s.Helper()
	names := map[string]string{}
	add := func(name string, groups []resource) {
		for _, group := range groups {
			if other, taken := names[group.address()]; taken && other != name {
				s.Errorf("%s is that of %s and of %s", group.address(), other, name)
			}
			names[group.address()] = name
		}
	}
	add("load balancer", s.only("aws_lb").followAll("security_groups"))
	for _, service := range s.some("aws_ecs_service") {
		name := "tasks"
		if service.text("name") != "PaymentService-"+s.suffix {
			name += " of " + service.text("name")
		}
		add(name, service.followAll("network_configuration.security_groups"))
	}
	add("database", s.only("aws_rds_cluster").followAll("vpc_security_group_ids"))
	for _, endpoint := range s.each("aws_vpc_endpoint") {
		add("endpoints", endpoint.followAll("security_group_ids"))
	}
	for _, group := range s.each("aws_security_group") {
		if names[group.address()] == "" {
			s.Errorf("%s has nothing in it", group.address())
		}
	}
	return names
}

// peer names the other side of a security group's rule.
func peer(rule resource, names map[string]string) string {
	rule.Helper()
	var peers []string
	for _, attribute := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
		value := rule.text(attribute)
		switch {
		case value == "":
		case value == "0.0.0.0/0", value == "::/0":
			peers = append(peers, theInternet)
		case attribute == "prefix_list_id" && strings.HasSuffix(rule.follow(attribute).text("service_name"), ".s3"):
			peers = append(peers, theS3)
		case attribute == "referenced_security_group_id":
			peers = append(peers, names[rule.follow(attribute).address()])
		default:
			peers = append(peers, value)
		}
	}
	if len(peers) != 1 {
		rule.Fatalf("%s has the peers %q, expected one", rule.address(), peers)
	}
	return peers[0]
}

// connections returns the TCP connections that the rules of security groups let somebody open, each as
// "from -> to:port". Between two groups the rules of both have to allow it.
func connections(s stack) []string {
	s.Helper()
	names := groupNames(s)
	out, in := map[string]bool{}, map[string]bool{}
	for _, kind := range []string{"aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule"} {
		for _, rule := range s.some(kind) {
			rule.want("ip_protocol", "tcp")
			rule.want("to_port", rule.at("from_port"))
			own, other := names[rule.follow("security_group_id").address()], peer(rule, names)
			if kind == "aws_vpc_security_group_egress_rule" {
				out[fmt.Sprintf("%s -> %s:%v", own, other, rule.at("to_port"))] = true
			} else {
				in[fmt.Sprintf("%s -> %s:%v", other, own, rule.at("to_port"))] = true
			}
		}
	}
	var open []string
	for connection := range out {
		if strings.Contains(connection, "-> "+theInternet) || strings.Contains(connection, "-> "+theS3) || in[connection] {
			open = append(open, connection)
		} else {
			s.Errorf("%s may go out, and is not let in", connection)
		}
	}
	for connection := range in {
		if strings.HasPrefix(connection, theInternet) {
			open = append(open, connection)
		} else if !out[connection] {
			s.Errorf("%s is let in, and may not go out", connection)
		}
	}
	slices.Sort(open)
	return open
}

// From the internet there is one way to the database, through the load balancer and a task (EC2.13, EC2.14, EC2.18,
// EC2.19, EC2.53, EC2.54), and the database opens no connection.
func TestConnectionsAreTheNecessaryOnes(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		expected := []string{
			"internet -> load balancer:80",
			fmt.Sprintf("load balancer -> tasks:%d", s.environment.Service.Port),
			"tasks -> database:5432",
		}
		if s.environment.LoadBalancer.HTTPS() {
			expected = append(expected, "internet -> load balancer:443")
		}
		if s.environment.Network.InterfaceEndpoints {
			expected = append(expected, "tasks -> endpoints:443")
		}
		if network := s.environment.Network; network.NATGateways > 0 || network.IsExisting() {
			expected = append(expected, "tasks -> internet:443")
		} else {
			expected = append(expected, "tasks -> S3:443")
		}
		same(s, "the connections that the security groups allow", connections(s), expected)
	})
}

// Terraform fights over rules that are both in a group and resources of their own. The default group has neither
// (EC2.2).
func TestSecurityGroupsHaveNoInlineRules(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		for _, group := range append(s.some("aws_security_group"), s.each("aws_default_security_group")...) {
			group.want("ingress", nil)
			group.want("egress", nil)
		}
		if rules := s.each("aws_security_group_rule"); len(rules) > 0 {
			s.Errorf("%v are of the older kind, which these tests do not read", addresses(rules))
		}
	})
}
