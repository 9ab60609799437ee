package config

import (
	"fmt"
	"slices"
	"strings"
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

func TestProductionHasANATGatewayInEachZone(t *testing.T) {
	for settings, want := range map[string]int{
		"": 3, ", natGateways: 1": 1, ", zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d]": 4,
	} {
		environment, err := read("class: production\n" + noRange + "network: {cidr: 10.1.0.0/16" + settings + "}")
		if got := environment.Network.NATGateways; got != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", settings, got, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	const existing = "network: {existing: {" + subnets + "}"
	const without = "network.existing: the VPC gets no flow logs, routes, NAT gateway, endpoint for S3 "
	const each = " connections each (DB_MAX_CONNECTIONS of service.environment; 20 without it) "
	const twenty = "service: {scaling: {maximumTasks: 20}, environment: {DB_MAX_CONNECTIONS: '"
	for content, want := range map[string]string{
		"":                                       "",
		existing + "}":                           without + "or",
		existing + ", interfaceEndpoints: true}": without + "and no",
		"service: {scaling: {maximumTasks: 20}}": "",
		"service: {scaling: {maximumTasks: 21}}": "service.scaling.maximumTasks: 21 tasks that may open 20" + each +
			"are more than the 419 or so that db.t3.medium takes",
		"service: {environment: {DB_MAX_CONNECTIONS: '42'}}": "service.scaling.maximumTasks: 10 tasks that may open 42",
		// As many as AWS says: 1,600 for 15.25 GiB, here 16, and twice that, up to 5,000.
		twenty + "83'}}\ndatabase: {instanceClass: db.r6g.large}":    "",
		twenty + "84'}}\ndatabase: {instanceClass: db.r6g.large}":    "service.scaling.maximumTasks: 20 tasks",
		twenty + "167'}}\ndatabase: {instanceClass: db.r7g.xlarge}":  "",
		twenty + "168'}}\ndatabase: {instanceClass: db.r7g.xlarge}":  "service.scaling.maximumTasks: 20 tasks",
		twenty + "250'}}\ndatabase: {instanceClass: db.r8g.4xlarge}": "",
		twenty + "251'}}\ndatabase: {instanceClass: db.r8g.4xlarge}": "service.scaling.maximumTasks: 20 tasks",
		twenty + "42'}}\ndatabase: {instanceClass: db.serverless}":   "service.scaling.maximumTasks: 20 tasks",
		twenty + "9999'}}\ndatabase: {instanceClass: db.x2g.large}":  "", // not known
	} {
		environment, err := read(development + content)
		got := strings.Join(environment.Warnings(), "\n")
		if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, %v, want %q", content, got, err, want)
		}
	}
}
