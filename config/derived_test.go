package config

import (
	"fmt"
	"slices"
	"testing"
)

func TestSubnetsStayWhenAZoneIsAppended(t *testing.T) {
	network := Network{CIDR: "192.168.240.0/20"}
	want := []Subnet{
		{"us-east-1a", "192.168.240.0/24", "192.168.243.0/24"},
		{"us-east-1b", "192.168.241.0/24", "192.168.244.0/24"},
		{"us-east-1c", "192.168.242.0/24", "192.168.245.0/24"},
		{"us-east-1d", "192.168.246.0/24", "192.168.247.0/24"},
		{"us-east-1e", "192.168.248.0/24", "192.168.249.0/24"},
		{"us-east-1f", "192.168.250.0/24", "192.168.251.0/24"},
	}
	for i := range want {
		network.Zones = append(network.Zones, fmt.Sprintf("us-east-1%c", 'a'+i))
		if got := network.Subnets(); !slices.Equal(got, want[:i+1]) {
			t.Errorf("with %d zones: got %v", i+1, got)
		}
	}
}

func TestPrivateRepositoryOfAnImage(t *testing.T) {
	for image, want := range map[string][3]string{
		"123456789012.dkr.ecr.us-east-1.amazonaws.com/name/sub:tag":    {"123456789012", "us-east-1", "name/sub"},
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/name@sha256:abc": {"123456789012", "eu-west-1", "name"},
		"public.ecr.aws/nginx/nginx:latest":                            {},
		"":                                                             {},
		"12345678901.dkr.ecr.us-east-1.amazonaws.com/name":             {},
		"x.123456789012.dkr.ecr.us-east-1.amazonaws.com/name":          {},
	} {
		account, region, repository, private := Service{Image: image}.PrivateRepository()
		if got := [3]string{account, region, repository}; got != want || private != (want != [3]string{}) {
			t.Errorf("%q: got %q, %v", image, got, private)
		}
	}
}
