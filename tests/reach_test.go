package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The tests below compute who reaches whom from the security groups and routes in the JSON, and not
// from the constructs that are meant to say so.

const (
	theInternet = "internet"
	theS3       = "S3"
)

// groupNames returns the security groups by address, named for what is in them.
func groupNames(t *testing.T, s stack) map[string]string {
	t.Helper()
	names := map[string]string{}
	add := func(name string, groups any) {
		for _, group := range s.followAll(t, groups) {
			if other, taken := names[group.address()]; taken && other != name {
				t.Errorf("%s holds both %s and %s", group.address(), other, name)
			}
			names[group.address()] = name
		}
	}
	add("load balancer", s.only(t, "aws_lb").at("security_groups"))
	add("tasks", s.only(t, "aws_ecs_service").at("network_configuration", "security_groups"))
	add("database", s.only(t, "aws_rds_cluster").at("vpc_security_group_ids"))
	for _, endpoint := range s.each("aws_vpc_endpoint") {
		if endpoint.at("vpc_endpoint_type") == "Interface" {
			add("endpoints", endpoint.at("security_group_ids"))
		}
	}
	for _, group := range s.each("aws_security_group") {
		if names[group.address()] == "" {
			t.Errorf("%s has nothing in it", group.address())
		}
	}
	return names
}

// connections returns the TCP connections that the rules of security groups let somebody open, each
// as "from -> to:port". Between two groups the rules of both have to allow it.
func connections(t *testing.T, s stack) []string {
	t.Helper()
	names := groupNames(t, s)
	peer := func(rule resource) string {
		var peers []string
		for _, attribute := range []string{"cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"} {
			value, given := rule.at(attribute).(string)
			switch {
			case !given:
			case value == "0.0.0.0/0", value == "::/0":
				peers = append(peers, theInternet)
			case attribute == "prefix_list_id":
				if endpoint := s.follow(t, value); endpoint.kind == "aws_vpc_endpoint" && strings.HasSuffix(endpoint.at("service_name").(string), ".s3") {
					peers = append(peers, theS3)
				}
			case attribute == "referenced_security_group_id":
				peers = append(peers, names[s.follow(t, value).address()])
			default:
				peers = append(peers, value)
			}
		}
		if len(peers) != 1 {
			t.Fatalf("%s has the peers %q, expected one that is known", rule.address(), peers)
		}
		return peers[0]
	}
	port := func(rule resource) any {
		rule.want(t, "tcp", "ip_protocol")
		rule.want(t, rule.at("from_port"), "to_port")
		return rule.at("from_port")
	}
	own := func(rule resource) string { return names[s.follow(t, rule.at("security_group_id")).address()] }

	out, in := map[string]bool{}, map[string]bool{}
	for _, rule := range s.some(t, "aws_vpc_security_group_egress_rule") {
		out[fmt.Sprintf("%s -> %s:%v", own(rule), peer(rule), port(rule))] = true
	}
	for _, rule := range s.some(t, "aws_vpc_security_group_ingress_rule") {
		in[fmt.Sprintf("%s -> %s:%v", peer(rule), own(rule), port(rule))] = true
	}
	var open []string
	for connection := range out {
		if to, _, _ := strings.Cut(strings.SplitN(connection, " -> ", 2)[1], ":"); in[connection] || to == theInternet || to == theS3 {
			open = append(open, connection)
		} else {
			t.Errorf("%s may go out, and is not let in", connection)
		}
	}
	for connection := range in {
		if strings.HasPrefix(connection, theInternet) {
			open = append(open, connection)
		} else if !out[connection] {
			t.Errorf("%s is let in, and may not go out", connection)
		}
	}
	slices.Sort(open)
	return slices.Compact(open)
}

func TestNobodyReachesMoreThanHisWorkNeeds(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
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
		if s.environment.Network.NATGateways > 0 {
			expected = append(expected, "tasks -> internet:443")
		} else {
			expected = append(expected, "tasks -> S3:443")
		}
		slices.Sort(expected)
		if got := connections(t, s); !slices.Equal(got, expected) {
			t.Errorf("the security groups allow\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
		}
	})
}

func TestTheInternetReachesTheDatabaseThroughTheLoadBalancerAndATaskOnly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		next := map[string][]string{}
		for _, connection := range connections(t, s) {
			from, to, _ := strings.Cut(connection, " -> ")
			to, _, _ = strings.Cut(to, ":")
			next[from] = append(next[from], to)
		}
		var found []string
		var follow func(way []string)
		follow = func(way []string) {
			for _, to := range next[way[len(way)-1]] {
				if slices.Contains(way, to) {
					continue
				}
				longer := append(slices.Clone(way), to)
				if to == "database" {
					found = append(found, strings.Join(longer, ", "))
				}
				follow(longer)
			}
		}
		follow([]string{theInternet})
		found = slices.Compact(found) // once for each of the load balancer's ports
		if !slices.Equal(found, []string{"internet, load balancer, tasks, database"}) {
			t.Errorf("the ways from the internet to the database are %q", found)
		}
		if len(next["database"]) > 0 {
			t.Errorf("the database opens connections to %q", next["database"])
		}
	})
}

// Terraform fights over rules that stand both in a group and by themselves.
func TestRulesStandByThemselvesAndNotInASecurityGroup(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		for _, group := range append(s.some(t, "aws_security_group"), s.some(t, "aws_default_security_group")...) {
			group.want(t, nil, "ingress")
			group.want(t, nil, "egress")
		}
		if rules := s.each("aws_security_group_rule"); len(rules) > 0 {
			t.Errorf("%v use the older kind of rule, which this test does not read", addresses(rules))
		}
	})
}

// subnetRoutes is what a subnet's route table says.
type subnetRoutes struct {
	subnet, table resource
	gateway       *resource // of the default route; nil: none
}

// routes returns the routes of every subnet by its address.
func routes(t *testing.T, s stack) map[string]subnetRoutes {
	t.Helper()
	byTable, all := map[string]string{}, map[string]subnetRoutes{}
	for _, association := range s.some(t, "aws_route_table_association") {
		subnet, table := s.follow(t, association.at("subnet_id")), s.follow(t, association.at("route_table_id"))
		if other := byTable[table.address()]; other != "" {
			t.Errorf("%s and %s share a route table", subnet.address(), other)
		}
		if _, twice := all[subnet.address()]; twice {
			t.Errorf("%s has two route tables", subnet.address())
		}
		byTable[table.address()] = subnet.address()
		table.want(t, nil, "route") // routes stand by themselves
		all[subnet.address()] = subnetRoutes{subnet: subnet, table: table}
	}
	for _, subnet := range s.some(t, "aws_subnet") {
		if _, found := all[subnet.address()]; !found {
			t.Errorf("%s uses the main route table of the VPC", subnet.address())
		}
	}
	for _, route := range s.some(t, "aws_route") {
		subnet := byTable[s.follow(t, route.at("route_table_id")).address()]
		routes, found := all[subnet]
		if !found || routes.gateway != nil {
			t.Fatalf("%s belongs to no subnet, or is its second default route", route.address())
		}
		route.want(t, "0.0.0.0/0", "destination_cidr_block")
		target := route.at("gateway_id")
		if target == nil {
			target = route.at("nat_gateway_id")
		}
		gateway := s.follow(t, target)
		routes.gateway = &gateway
		all[subnet] = routes
	}
	return all
}

func TestOnlyTheLoadBalancerStandsInSubnetsThatTheInternetIsRoutedTo(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		all := routes(t, s)
		public := map[string]bool{}
		for _, subnet := range s.followAll(t, s.only(t, "aws_lb").at("subnets")) {
			public[subnet.address()] = true
			if gateway := all[subnet.address()].gateway; gateway == nil || gateway.kind != "aws_internet_gateway" {
				t.Errorf("the load balancer's %s has no route to the internet gateway", subnet.address())
			}
		}
		private := s.followAll(t, s.only(t, "aws_ecs_service").at("network_configuration", "subnets"))
		for _, subnet := range private {
			routes := all[subnet.address()]
			if public[subnet.address()] || routes.gateway != nil && routes.gateway.kind != "aws_nat_gateway" {
				t.Errorf("tasks stand in the public %s", subnet.address())
			}
			if (routes.gateway != nil) != (s.environment.Network.NATGateways > 0) {
				t.Errorf("%s has the default route %v with %d NAT gateways", subnet.address(), routes.gateway, s.environment.Network.NATGateways)
			}
		}
		if len(public)+len(private) != len(all) {
			t.Errorf("of %d subnets, %d are the load balancer's and %d the tasks'", len(all), len(public), len(private))
		}
		same := func(what string, subnets any) {
			if got := addresses(s.followAll(t, subnets)); !slices.Equal(got, addresses(private)) {
				t.Errorf("%s stands in %v, expected the private subnets", what, got)
			}
		}
		same("the database", s.follow(t, s.only(t, "aws_rds_cluster").at("db_subnet_group_name")).at("subnet_ids"))
		for _, endpoint := range s.some(t, "aws_vpc_endpoint") {
			if endpoint.at("vpc_endpoint_type") == "Interface" {
				same(endpoint.address(), endpoint.at("subnet_ids"))
				continue
			}
			var tables []resource
			for _, subnet := range private {
				tables = append(tables, all[subnet.address()].table)
			}
			if got := addresses(s.followAll(t, endpoint.at("route_table_ids"))); !slices.Equal(got, addresses(tables)) {
				t.Errorf("%s is routed to from %v, expected every private subnet", endpoint.address(), got)
			}
		}
	})
}

func TestANATGatewayPerZoneServesItsOwnZone(t *testing.T) {
	perZone := 0
	eachEnvironment(t, func(t *testing.T, s stack) {
		all := routes(t, s)
		zone := func(subnet resource) any { return subnet.at("availability_zone") }
		gateways := s.each("aws_nat_gateway")
		if len(gateways) != s.environment.Network.NATGateways {
			t.Errorf("%d NAT gateways, expected %d", len(gateways), s.environment.Network.NATGateways)
		}
		used := map[string]bool{}
		for _, gateway := range gateways {
			home := all[s.follow(t, gateway.at("subnet_id")).address()]
			if home.gateway == nil || home.gateway.kind != "aws_internet_gateway" {
				t.Errorf("%s has no way to the internet", gateway.address())
			}
		}
		for _, subnet := range slices.Sorted(maps.Keys(all)) {
			routes := all[subnet]
			if routes.gateway == nil || routes.gateway.kind != "aws_nat_gateway" {
				continue
			}
			used[routes.gateway.address()] = true
			home := s.follow(t, routes.gateway.at("subnet_id"))
			if len(gateways) == len(s.environment.Network.Zones) && zone(home) != zone(routes.subnet) {
				t.Errorf("%s in %v goes out through %v", subnet, zone(routes.subnet), zone(home))
			}
		}
		if len(used) != len(gateways) {
			t.Errorf("%d of %d NAT gateways are used", len(used), len(gateways))
		}
		if len(gateways) == len(s.environment.Network.Zones) {
			perZone++
		}
	})
	if perZone == 0 {
		t.Error("no environment has a NAT gateway per zone: the test shows nothing")
	}
}

// Another number of NAT gateways changes routes, and nothing that stands in a subnet.
func TestTheNumberOfNATGatewaysChangesRoutesOnly(t *testing.T) {
	one := parse(t, "class: development")
	three := parse(t, "class: development\nnetwork: {natGateways: 3}")
	before, after := synthesize(t, one)["tap-dev"], synthesize(t, three)["tap-dev"]
	changed := map[string]bool{}
	earlier := map[string]resource{}
	for _, r := range before.all() {
		earlier[r.address()] = r
	}
	for _, r := range after.all() {
		old, found := earlier[r.address()]
		delete(earlier, r.address())
		delete(r.attributes, "depends_on")
		delete(old.attributes, "depends_on")
		if !found || encoded(t, r.attributes) != encoded(t, old.attributes) {
			changed[r.kind] = true
		}
	}
	for _, r := range earlier {
		changed[r.kind] = true
	}
	if got := slices.Sorted(maps.Keys(changed)); !slices.Equal(got, []string{"aws_eip", "aws_nat_gateway", "aws_route"}) {
		t.Errorf("three NAT gateways instead of one change %v", got)
	}
}
