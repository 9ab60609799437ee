package tests

import (
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
	"tap/tests/terraform"
)

// cost adds up what the statements in a part of a rule cost, of which capacity has the units.
func cost(t *testing.T, part any, capacity map[string]int) (sum int) {
	t.Helper()
	switch part := part.(type) {
	case []any:
		for _, each := range part {
			sum += cost(t, each, capacity)
		}
	case map[string]any:
		for key, value := range part {
			units, known := capacity[key]
			if strings.HasSuffix(key, "_statement") && !known {
				t.Fatalf("what costs %s? Say it in capacity.yaml", key)
			}
			if name, isText := value.(string); isText && key == "name" {
				if units, known = capacity[name]; !known && part["vendor_name"] != nil {
					t.Fatalf("what costs %s? Say it in capacity.yaml: a web ACL has 1,500 units without a further price", name)
				}
			}
			if list, isList := value.([]any); isList {
				units *= len(list)
			}
			sum += units + cost(t, value, capacity)
		}
	}
	return sum
}

// Over 1,500 units each request costs more: https://aws.amazon.com/waf/pricing/
func TestFirewallIsWithinItsCapacity(t *testing.T) {
	capacity := map[string]int{}
	must.Do(t, yaml.Unmarshal([]byte(read(t, "capacity.yaml")), &capacity))
	for key, want := range map[string]int{"firewall.rateLimits": 1468, "firewall.rateLimit": 1207} { // the most, the least
		sum := 0
		for _, rule := range example(t, key).only("aws_wafv2_web_acl").parts("rule") {
			sum += cost(t, rule.At("statement"), capacity)
		}
		if sum != want || sum > 1500 {
			t.Errorf("with %s the web ACL costs %d units, expected %d", key, sum, want)
		}
	}
}

// What is counted anyway may be counted by the file, too.
func TestFirewallNamesWhatItCountsOnce(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		for _, rule := range s.only("aws_wafv2_web_acl").parts("rule") {
			names := []string{}
			for _, override := range rule.parts("statement.managed_rule_group_statement.rule_action_override") {
				if slices.Contains(names, override.Text("name")) {
					s.Errorf("%s names %s twice", rule.Text("name"), override.Text("name"))
				}
				names = append(names, override.Text("name"))
			}
		}
	})
}

// call is a request, and how many such ones the address has sent in five minutes.
type call struct {
	address, path, country string
	requests               float64
}

// matches reports whether a statement does. AWS's lists of addresses have all of 192.0.2.0/24 and 203.0.113.0/24, and
// its other groups find nothing.
func (c call) matches(acl resource, statement any) bool {
	for kind, value := range statement.(map[string]any) {
		part := resource{acl.stack, terraform.Resource{Attributes: value.(map[string]any)}}
		scope, within := part.At("scope_down_statement"), part.At("statement")
		inScope := scope == nil || c.matches(acl, scope)
		in := func(ranges ...string) bool {
			return slices.ContainsFunc(ranges, func(r string) bool {
				return netip.MustParsePrefix(r).Contains(netip.MustParseAddr(c.address))
			})
		}
		switch kind {
		case "and_statement":
			return !slices.ContainsFunc(within.([]any), func(each any) bool { return !c.matches(acl, each) })
		case "not_statement":
			return !c.matches(acl, within.([]any)[0])
		case "rate_based_statement":
			return inScope && c.requests > part.At("limit").(float64)
		case "geo_match_statement":
			return strings.Contains(encoded(part.At("country_codes")), c.country)
		case "ip_set_reference_statement":
			return in(part.follow("arn").At("addresses.0").(string))
		case "managed_rule_group_statement":
			return inScope && strings.HasSuffix(part.Text("name"), "IpReputationList") && in("192.0.2.0/24", "203.0.113.0/24")
		case "byte_match_statement":
			text := c.path
			for _, transformation := range part.parts("text_transformation") {
				switch transformation.Text("type") {
				case "URL_DECODE":
					text = must.Get(url.PathUnescape(text))(acl.T)
				case "NORMALIZE_PATH":
					text = path.Clean(text)
				case "LOWERCASE":
					text = strings.ToLower(text)
				}
			}
			sought := part.Text("search_string")
			return text == sought || part.Text("positional_constraint") == "STARTS_WITH" && strings.HasPrefix(text, sought)
		}
	}
	return false
}

func TestFirewallKnowsItsCallers(t *testing.T) {
	acl := example(t, "firewall.rateLimits").only("aws_wafv2_web_acl")
	for _, c := range []struct {
		says string
		call
		blocks string
	}{
		{"a large merchant's burst", call{"203.0.113.7", "/a", "DE", 50_000}, ""},
		{"an ordinary caller", call{"198.51.100.7", "/b", "DE", 10}, ""},
		{"a flood", call{"198.51.100.7", "/other", "DE", 2001}, "RateLimitRule"},
		{"cards that are tried out", call{"198.51.100.7", "/A/1", "DE", 11}, "RateLimitRule-A"},
		{"the same, written otherwise", call{"198.51.100.7", "//x/..//%61/1", "DE", 11}, "RateLimitRule-A"},
		{"the same, to a service that knows no case", call{"198.51.100.7", "/a/1", "DE", 11}, "RateLimitRule-A"},
		{"a bad address", call{"192.0.2.7", "/other", "DE", 1}, "AWSManagedRulesAmazonIpReputationList"},
		{"a country", call{"198.51.100.7", "/health/x", "KP", 1}, "BlockedCountriesRule"},
		{"a merchant in it", call{"203.0.113.7", "/other", "KP", 1}, "BlockedCountriesRule"},
		{"who checks from there", call{"198.51.100.7", "/health", "KP", 1}, ""},
	} {
		blocks := ""
		for _, rule := range acl.parts("rule") {
			if blocks == "" && c.matches(acl, rule.At("statement")) {
				blocks = rule.Text("name")
			}
		}
		if blocks != c.blocks {
			t.Errorf("%s is blocked by %q, expected %q", c.says, blocks, c.blocks)
		}
	}
}
