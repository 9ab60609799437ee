package config

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func TestSubnetsOfTheDefaultNetwork(t *testing.T) {
	network := Preset(Development).Network
	network.Zones = []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	want := []Subnet{
		{"us-east-1a", "10.0.0.0/24", "10.0.3.0/24"},
		{"us-east-1b", "10.0.1.0/24", "10.0.4.0/24"},
		{"us-east-1c", "10.0.2.0/24", "10.0.5.0/24"},
	}
	if got := network.Subnets(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestAppendingAZoneLeavesTheOtherSubnetsAsTheyAre(t *testing.T) {
	for _, prefixLength := range []int{24, 25, 27} {
		network := Network{CIDR: "172.16.16.0/20", SubnetPrefixLength: prefixLength}
		var before []Subnet
		for i := range 6 {
			network.Zones = append(network.Zones, fmt.Sprintf("us-east-1%c", 'a'+i))
			after := network.Subnets()
			if !slices.Equal(after[:i], before) {
				t.Errorf("/%d: the subnets %v became %v", prefixLength, before, after[:i])
			}
			before = after
		}
	}
}

func TestSubnetsLieInTheNetworkAndApart(t *testing.T) {
	network := Network{CIDR: "192.168.240.0/20", SubnetPrefixLength: 24, Zones: make([]string, 6)}
	var ranges []netip.Prefix
	for _, subnet := range network.Subnets() {
		ranges = append(ranges, netip.MustParsePrefix(subnet.Public), netip.MustParsePrefix(subnet.Private))
	}
	if len(ranges) != 12 {
		t.Fatalf("got %v", ranges)
	}
	whole := netip.MustParsePrefix(network.CIDR)
	for i, one := range ranges {
		if one.Masked() != one || !whole.Contains(one.Addr()) {
			t.Errorf("%v is not a range of %v", one, whole)
		}
		for _, other := range ranges[:i] {
			if one.Overlaps(other) {
				t.Errorf("%v overlaps %v", one, other)
			}
		}
	}
}

func TestTheRepositoryOfAnImage(t *testing.T) {
	for _, test := range []struct {
		image                       string
		account, region, repository string
		private                     bool
	}{
		{"123456789012.dkr.ecr.us-east-1.amazonaws.com/name/sub:tag", "123456789012", "us-east-1", "name/sub", true},
		{"123456789012.dkr.ecr.eu-west-1.amazonaws.com/name@sha256:abc", "123456789012", "eu-west-1", "name", true},
		{image: "public.ecr.aws/nginx/nginx:latest"},
		{image: "nginx"},
		{image: ""},
		{image: "12345678901.dkr.ecr.us-east-1.amazonaws.com/name"},
		{image: "x.123456789012.dkr.ecr.us-east-1.amazonaws.com/name"},
	} {
		account, region, repository, private := Service{Image: test.image}.PrivateRepository()
		if account != test.account || region != test.region || repository != test.repository || private != test.private {
			t.Errorf("%q: got %q, %q, %q, %v", test.image, account, region, repository, private)
		}
	}
}

func TestTheEnginesMajorVersion(t *testing.T) {
	for version, want := range map[string]string{"15": "15", "15.12": "15", "9.6": "9"} {
		database := Database{EngineVersion: version}
		if got := database.MajorVersion(); got != want {
			t.Errorf("%s: got %s", version, got)
		}
		if got := database.ParameterGroupFamily(); got != "aurora-postgresql"+want {
			t.Errorf("%s: got %s", version, got)
		}
	}
}

func TestWhatAnEnvironmentHas(t *testing.T) {
	if !(Service{}).IsPlaceholder() || (Service{Image: "app"}).IsPlaceholder() {
		t.Error("a service is a placeholder while it has no image")
	}
	if (LoadBalancer{AllowPlainHTTP: true}).HTTPS() || !(LoadBalancer{CertificateARN: "arn"}).HTTPS() || !(LoadBalancer{Domain: Domain{Name: "a"}}).HTTPS() {
		t.Error("a load balancer speaks HTTPS with a certificate or a domain")
	}
	if !(Database{InstanceClass: "db.serverless"}).IsServerless() || (Database{InstanceClass: "db.t3.medium"}).IsServerless() {
		t.Error("db.serverless is the class of a serverless cluster")
	}
}
