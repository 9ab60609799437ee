package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// subnet is a subnet with its route table.
type subnet struct {
	resource
	table   resource
	gateway *resource // of the default route; nil: none
}

func (s subnet) isPublic() bool { return s.gateway != nil && s.gateway.kind == "aws_internet_gateway" }

// subnets returns the subnets by address. Each has a route table of its own, with routes that are resources.
func subnets(s stack) map[string]subnet {
	s.Helper()
	owner, all := map[string]string{}, map[string]subnet{} // owner: subnets of route tables
	for _, association := range s.some("aws_route_table_association") {
		r, table := association.follow("subnet_id"), association.follow("route_table_id")
		if other := owner[table.address()]; other != "" {
			s.Errorf("%s and %s share a route table", r.address(), other)
		}
		owner[table.address()] = r.address()
		table.want("route", nil)
		all[r.address()] = subnet{resource: r, table: table}
	}
	if expected := s.some("aws_subnet"); len(all) != len(expected) {
		s.Errorf("%d of %d subnets have a route table", len(all), len(expected))
	}
	for _, route := range s.some("aws_route") {
		address := owner[route.follow("route_table_id").address()]
		from, found := all[address]
		if !found || from.gateway != nil {
			s.Fatalf("%s belongs to no subnet, or is its second route", route.address())
		}
		route.want("destination_cidr_block", "0.0.0.0/0")
		target := "gateway_id"
		if route.at(target) == nil {
			target = "nat_gateway_id"
		}
		gateway := route.follow(target)
		from.gateway = &gateway
		all[address] = from
	}
	return all
}

// The database is in none of them (RDS.46).
func TestOnlyLoadBalancerIsInPublicSubnets(t *testing.T) {
	eachOwnNetwork(t, func(s stack) {
		var public, private, tables []resource
		for _, subnet := range subnets(s) {
			if subnet.isPublic() {
				public = append(public, subnet.resource)
				continue
			}
			private, tables = append(private, subnet.resource), append(tables, subnet.table)
			if natGateways := s.environment.Network.NATGateways; (subnet.gateway != nil) != (natGateways > 0) {
				s.Errorf("%s has the default route %v with %d NAT gateways", subnet.address(), subnet.gateway, natGateways)
			}
		}
		all := func(r resource, attribute string, expected []resource) {
			same(s, "the "+attribute+" of "+r.address(), addresses(r.followAll(attribute)), addresses(expected))
		}
		all(s.only("aws_lb"), "subnets", public)
		all(s.only("aws_ecs_service"), "network_configuration.subnets", private)
		all(s.only("aws_rds_cluster").follow("db_subnet_group_name"), "subnet_ids", private)
		for _, endpoint := range s.some("aws_vpc_endpoint") {
			if endpoint.at("vpc_endpoint_type") == "Gateway" { // costs nothing, and so is always there
				endpoint.want("service_name", "com.amazonaws."+s.environment.Region+".s3")
				all(endpoint, "route_table_ids", tables)
				continue
			}
			all(endpoint, "subnet_ids", private)
			endpoint.want("private_dns_enabled", true) // else the tasks' calls would go through the NAT gateway
		}
	})
}

// Nobody carries data to another account through an endpoint: to S3, ECR's layers and the account of the image apart.
func TestEndpointsLeadToTheAccount(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		imageAccount, _, _, _ := s.environment.Service.PrivateRepository()
		allowed := regexp.MustCompile(`^(` + accountID.String() + `|` + imageAccount + `)$`)
		for _, endpoint := range s.some("aws_vpc_endpoint") {
			for _, statement := range endpoint.policy() {
				if !statement.isImageLayers() && !(statement.hasCondition("aws:PrincipalAccount", accountID) &&
					statement.hasCondition("aws:ResourceAccount", allowed)) {
					s.Errorf("%s leads to other accounts", statement)
				}
			}
		}
	})
}

// The load balancer, too, has a subnet in every zone then (ELB.13).
func TestEveryZoneHasBothSubnets(t *testing.T) {
	eachOwnNetwork(t, func(s stack) {
		zones := map[bool][]string{}
		for _, subnet := range subnets(s) {
			zones[subnet.isPublic()] = append(zones[subnet.isPublic()], subnet.text("availability_zone"))
		}
		for public, got := range zones {
			same(s, fmt.Sprintf("the zones of subnets (public: %v)", public), got, s.environment.Network.Zones)
		}
	})
}

func TestNATGatewaysServeTheirOwnZone(t *testing.T) {
	perZone := 0
	eachOwnNetwork(t, func(s stack) {
		all, gateways := subnets(s), s.each("aws_nat_gateway")
		if expected := s.environment.Network.NATGateways; len(gateways) != expected {
			s.Errorf("%d NAT gateways, expected %d", len(gateways), expected)
		}
		for _, gateway := range gateways {
			if home := all[gateway.follow("subnet_id").address()]; !home.isPublic() {
				s.Errorf("%s has no way to the internet", gateway.address())
			}
		}
		used := map[string]bool{}
		for _, subnet := range all {
			if subnet.gateway == nil || subnet.isPublic() {
				continue
			}
			used[subnet.gateway.address()] = true
			home := subnet.gateway.follow("subnet_id").at("availability_zone")
			if len(gateways) == len(s.environment.Network.Zones) && home != subnet.at("availability_zone") {
				s.Errorf("%s in %v goes out through %v", subnet.address(), subnet.at("availability_zone"), home)
			}
		}
		if len(used) != len(gateways) {
			s.Errorf("%d of %d NAT gateways are used", len(used), len(gateways))
		}
		if len(gateways) == len(s.environment.Network.Zones) {
			perZone++
		}
	})
	if perZone == 0 {
		t.Error("no environment has a NAT gateway in each zone: the test shows nothing")
	}
}

// Existing subnets are used as the file names them; nothing of their VPC is made, routed or recorded.
func TestExistingNetworkIsUsedAsItIs(t *testing.T) {
	s := stacks(t)["existing"].in(t)
	named := s.environment.Network.Existing
	s.only("aws_lb").want("subnets", named.PublicSubnets)
	s.only("aws_ecs_service").want("network_configuration.subnets", named.PrivateSubnets)
	s.only("aws_db_subnet_group").want("subnet_ids", named.PrivateSubnets)
	for _, endpoint := range s.some("aws_vpc_endpoint") {
		endpoint.want("subnet_ids", named.PrivateSubnets)
		endpoint.want("vpc_endpoint_type", "Interface")
	}
	for _, kind := range []string{"aws_vpc", "aws_subnet", "aws_route", "aws_eip", "aws_flow_log"} {
		if made := s.each(kind); len(made) > 0 {
			t.Errorf("%v are made", addresses(made))
		}
	}
	// All subnets are in the VPC of the first private one, and no private one is public.
	found := s.section("data", "aws_subnet")
	vpc := "${data." + s.dataSubnet(named.PrivateSubnets[0]).address() + ".vpc_id}"
	if len(found) != 4 {
		t.Errorf("%d subnets are looked at, expected 4", len(found))
	}
	for _, group := range s.some("aws_security_group") {
		group.want("vpc_id", vpc)
	}
	for i, id := range append(named.PrivateSubnets, named.PublicSubnets...) {
		conditions := encoded(s.dataSubnet(id).at("lifecycle.postcondition"))
		if strings.Contains(conditions, "self.vpc_id") != (i > 0) ||
			strings.Contains(conditions, "!self.map_public_ip_on_launch") != (i < len(named.PrivateSubnets)) {
			t.Errorf("of %s it is asked that %s", id, conditions)
		}
	}
}

// dataSubnet returns the look-up of a subnet by its id.
func (s stack) dataSubnet(id string) resource {
	s.Helper()
	return s.findIn(s.section("data", "aws_subnet"), "aws_subnet", "id", id)
}
