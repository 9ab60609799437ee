package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSubnetsStayWhenAZoneIsAppended(t *testing.T) {
	network, want := Network{CIDR: "192.168.240.0/20"}, []Subnet(nil)
	for i, third := range [][2]int{{240, 243}, {241, 244}, {242, 245}, {246, 247}, {248, 249}, {250, 251}} {
		zone := fmt.Sprintf("us-east-1%c", 'a'+i)
		network.Zones = append(network.Zones, zone)
		want = append(want, Subnet{zone, fmt.Sprintf("192.168.%d.0/24", third[0]), fmt.Sprintf("192.168.%d.0/24", third[1])})
		if got := network.Subnets(); !slices.Equal(got, want) {
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

// Their private names clash with those of endpoints that the VPC has.
func TestExistingNetworkGetsEndpointsOnRequestOnly(t *testing.T) {
	const existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}"
	for settings, want := range map[string]bool{"}": false, ", interfaceEndpoints: true}": true} {
		environment, err := read("class: production\n" + noRange +
			existing + settings)
		if got := environment.Network.InterfaceEndpoints; got != want || err != nil {
			t.Errorf("%s: got %v, %v", settings, got, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	const existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}"
	const without = "network.existing: the VPC gets no flow logs, routes, NAT gateway, endpoint for S3 "
	const image = "service.image: the policy of the repository, which the account 210987654321 has, has to let "
	const each = " connections each (DB_MAX_CONNECTIONS of service.environment; 20 without it) "
	const small = "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0.5, maximumCapacity: 64}}"
	const twenty = "service: {scaling: {maximumTasks: 20}, environment: {DB_MAX_CONNECTIONS: '"
	for content, want := range map[string]string{
		"":                                       "",
		existing + "}":                           without + "or",
		existing + ", interfaceEndpoints: true}": without + "and no",
		"account: '123456789012'\nservice: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api:1}": "",
		"account: '123456789012'\nservice: {image: 210987654321.dkr.ecr.us-east-1.amazonaws.com/payment-api:1}": image,
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
		// Serverless of little capacity takes fewer, whatever it can grow to.
		twenty + "100'}}\n" + small:                                 "",
		twenty + "101'}}\n" + small:                                 "service.scaling.maximumTasks: 20 tasks",
		twenty + "9999'}}\ndatabase: {instanceClass: db.x2g.large}": "", // not known
		"region: us-gov-west-1":                                     "region: AWS has announced for commercial Regions only:",
	} {
		environment, err := read(development + content)
		got := strings.ReplaceAll(strings.Join(Warnings([]Environment{environment}), "\n"), "tap-: ", "")
		if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, %v, want %q", content, got, err, want)
		}
	}
}

// An apply that meets a quota stops half-way.
func TestQuotasAreCountedByAccountAndRegion(t *testing.T) {
	of := func(account, region string, natGateways int, existing ...string) Environment {
		return Environment{Account: account, Region: region,
			Network: Network{NATGateways: natGateways, Existing: Existing{PublicSubnets: existing}}}
	}
	environments := []Environment{of("1", "us-east-1", 2), of("1", "us-east-1", 4), of("1", "us-west-2", 5),
		of("2", "us-east-1", 5)}
	environments = append(environments, slices.Repeat([]Environment{of("", "us-east-1", 0)}, 6)...)
	environments = append(environments, slices.Repeat([]Environment{of("3", "us-east-1", 0, "subnet-1")}, 6)...)
	const rest = "; AWS allows 5 until you ask for more, and counts what others have there"
	want := []string{"the environments need 6 Elastic IPs in us-east-1 of 1" + rest,
		"the environments need 6 VPCs in us-east-1 of an account that no file names" + rest}
	got := slices.DeleteFunc(Warnings(environments), func(w string) bool { return strings.HasPrefix(w, "tap-") })
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
