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
	for _, test := range []struct {
		image                       string
		account, region, repository string
		private                     bool
	}{
		{"123456789012.dkr.ecr.us-east-1.amazonaws.com/name/sub:tag", "123456789012", "us-east-1", "name/sub", true},
		{"123456789012.dkr.ecr.eu-west-1.amazonaws.com/name@sha256:abc", "123456789012", "eu-west-1", "name", true},
		{image: "public.ecr.aws/nginx/nginx:latest"},
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

func TestMajorVersionOfTheEngine(t *testing.T) {
	for version, want := range map[string]string{"15": "15", "15.12": "15"} {
		database := Database{EngineVersion: version}
		if database.MajorVersion() != want || database.ParameterGroupFamily() != "aurora-postgresql"+want {
			t.Errorf("%s: got %s, %s", version, database.MajorVersion(), database.ParameterGroupFamily())
		}
	}
}
