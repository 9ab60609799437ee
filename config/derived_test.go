package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
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

// The files are in testdata/derived.yaml.
func TestWhatFollowsFromFiles(t *testing.T) {
	var cases []struct {
		File    any
		Values  map[string]any
		Warning string
	}
	must.Do(t, yaml.Unmarshal(must.Get(os.ReadFile("testdata/derived.yaml"))(t), &cases))
	for _, c := range cases {
		environment, err := read(string(must.Get(yaml.Marshal(c.File))(t)))
		got := strings.ReplaceAll(strings.Join(Warnings([]Environment{environment}, false, time.Time{}), "\n"), "tap-: ", "")
		if err != nil || !strings.HasPrefix(got, c.Warning) || c.Warning == "" && got != "" {
			t.Errorf("%v: got %q, %v, want %q", c.File, got, err, c.Warning)
		}
		for key, want := range c.Values {
			if got := environment.at(key); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v: %s is %v, want %v", c.File, key, got, want)
			}
		}
	}
}

// AWS goes on with a major version for three years, for a price, or upgrades the cluster to another.
func TestLastYearOfAMajorVersionIsWarnedOf(t *testing.T) {
	const last = "tap-: database.engineVersion: the last day of Aurora PostgreSQL 15 is 2028-02-29; AWS then "
	for now, warns := range map[string]bool{"2027-02-28": false, "2027-03-01": true, "2029-01-01": true} {
		for class, then := range map[Class]string{Development: "upgrades", Production: "charges Extended Support"} {
			got := strings.Join(Warnings([]Environment{Preset(class)}, false, must.Get(time.Parse(time.DateOnly, now))(t)), "\n")
			if warns != strings.Contains(got, last+then) {
				t.Errorf("%s, %s: got %q", class, now, got)
			}
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
	got := slices.DeleteFunc(Warnings(environments, false, time.Time{}), func(warning string) bool {
		return strings.HasPrefix(warning, "tap-")
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
