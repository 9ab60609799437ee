package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// privateRanges are the ranges of RFC 1918.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
}

func (f *file) validateNetwork() {
	network := f.environment.Network
	f.validateRange()
	f.validateZones()

	if network.NATGateways > len(network.Zones) {
		f.reject(fmt.Sprintf("%s NAT gateways are more than the %d zones; allowed: 0 to %[2]d", f.show("network.natGateways", network.NATGateways), len(network.Zones)), "network.natGateways", "network.zones")
	}
	if network.NATGateways == 0 {
		f.validateIsolation()
	}
}

func (f *file) validateRange() {
	network := f.environment.Network
	shown := f.show("network.cidr", network.CIDR)
	prefix, err := netip.ParsePrefix(network.CIDR)
	switch {
	case err != nil:
		f.reject(shown+" is not an IPv4 range; allowed: "+limits["network.cidr"].Allowed(), "network.cidr")
		return
	case prefix != prefix.Masked():
		f.reject(fmt.Sprintf("%s begins inside the range %s; write that one", shown, prefix.Masked()), "network.cidr")
		return
	case !slices.ContainsFunc(privateRanges, func(private netip.Prefix) bool { return private.Contains(prefix.Addr()) }):
		f.reject(shown+" is not private; allowed: a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16", "network.cidr")
		return
	}
}

func (f *file) validateZones() {
	zones, region := f.environment.Network.Zones, f.environment.Region
	if f.isRejected("region") {
		return
	}
	if f.lines["network.zones[0]"] == 0 {
		if slices.Contains(regionsWithoutABC, region) {
			f.reject(fmt.Sprintf("%s does not offer the zones a, b and c to every account; name 2 to 6 zones of your account in network.zones", region), "network.zones", "region")
		}
		return
	}
	for i, zone := range zones {
		if strings.TrimRight(zone, "abcdefghijklmnopqrstuvwxyz") != region {
			f.reject(fmt.Sprintf("%s is not a zone of the Region %s; allowed: %[2]sa, %[2]sb and so on", quote(zone), region), fmt.Sprintf("network.zones[%d]", i))
		}
	}
}

// validateIsolation checks that tasks without a way to the internet can start.
func (f *file) validateIsolation() {
	if !f.environment.Network.InterfaceEndpoints {
		f.reject(f.show("network.natGateways", 0)+" NAT gateways leave tasks no way to images, logs and secrets; set network.interfaceEndpoints: true, or 1 gateway or more", "network.natGateways", "network.interfaceEndpoints")
		return
	}
	_, region, _, private := f.environment.Service.PrivateRepository()
	if !private || region != f.environment.Region {
		wanted := strings.Join([]string{"<account>.dkr.ecr", f.environment.Region, "amazonaws.com/<name>"}, ".")
		f.reject(fmt.Sprintf("%s NAT gateways leave tasks no way to the image %s; name one in an ECR repository of the Region (%s), or 1 gateway or more", f.show("network.natGateways", 0), f.show("service.image", f.environment.Service.Image), wanted),
			"network.natGateways", "service.image", "region")
	}
}
