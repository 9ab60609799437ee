package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"tap/config"
	"tap/tests/must"
	"tap/tests/terraform"
)

// Names and priorities are a contract with logs, dashboards and environment files: add rules, never renumber them.
var firewallPriorities = map[string]int{
	"RateLimitRule":                         1,
	"SQLInjectionRule":                      2,
	"BlockedCountriesRule":                  3,
	"AWSManagedRulesAmazonIpReputationList": 10,
	"AWSManagedRulesAnonymousIpList":        20,
	"AWSManagedRulesCommonRuleSet":          30,
	"AWSManagedRulesKnownBadInputsRuleSet":  40,
	"AWSManagedRulesSQLiRuleSet":            50,
	"RateLimitRule-v1-cards":                100,
	"RateLimitRule-v1-payment_intents":      101,
}

// answers are those of our own rules, to a rate and else.
var answers = map[bool]string{
	true: `{"block": {"custom_response": {"response_code": 429, "custom_response_body_key": "status-429",
		"response_header": [{"name": "Retry-After", "value": "300"}]}}}`,
	false: `{"block": {"custom_response": {"response_code": 403, "custom_response_body_key": "status-403"}}}`,
}

// ownStatements are what the rules of our own match: of a body that is too long, what the firewall gets of it, decoded.
const ownStatements = `{"RateLimitRule": {"rate_based_statement": {"limit": %d, "aggregate_key_type": "IP"}},
	"SQLInjectionRule": {"sqli_match_statement": {"field_to_match": {"body": {"oversize_handling": "CONTINUE"}},
		"text_transformation": [{"priority": 0, "type": "URL_DECODE"}]}}}`

func TestFirewallBlocksUnlessCounted(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		counted := func(rule string) any {
			return []any{map[string]any{"name": rule, "action_to_use": json.RawMessage(`{"count": {}}`)}}
		}
		exceptions := map[string]any{ // of AWS's managed groups
			"AWSManagedRulesAnonymousIpList": counted("HostingProviderIPList"), // merchants call from servers in a cloud
		}
		for _, rule := range s.environment.Firewall.Count {
			if group, single, isSingle := strings.Cut(rule, "/"); isSingle {
				exceptions[group] = counted(single)
			}
		}
		// Where a body over 8 KB passes, all rules overlook what is behind the first 8 KB.
		if passes := slices.Contains(s.environment.Firewall.Count, config.BodySizeRule); !passes && !s.production() {
			s.Errorf("a development environment refuses bodies over 8 KB")
		}
		own := terraform.Open(fmt.Sprintf(ownStatements, s.environment.Firewall.RateLimit)).(map[string]any)
		known, trusts := maps.Clone(firewallPriorities), s.environment.Firewall.TrustedAddresses != nil
		if !trusts { // nor the rest of what the environment options has
			maps.DeleteFunc(known, func(_ string, priority int) bool { return priority == 3 || priority >= 100 })
		}
		var names []string
		for _, rule := range s.only("aws_wafv2_web_acl").parts("rule") {
			name := rule.Text("name")
			names = append(names, name)
			rule.want("priority", firewallPriorities[name])
			attribute, action := "action", answers[strings.HasPrefix(name, "RateLimitRule")]
			if strings.HasPrefix(name, "AWSManagedRules") {
				attribute, action = "override_action", `{"none": {}}`
				rule.want("statement.managed_rule_group_statement.name", name)
				rule.want("statement.managed_rule_group_statement.rule_action_override", exceptions[name])
			} else if !trusts { // the others are in attributes.yaml
				rule.want("statement", own[name])
			}
			if slices.ContainsFunc(s.environment.Firewall.Count, func(counted string) bool {
				return strings.ReplaceAll(counted, "/", "-") == name
			}) {
				action = `{"count": {}}`
			}
			rule.want(attribute, json.RawMessage(action))
		}
		same(s, "the rules (WAF.10)", names, slices.Collect(maps.Keys(known)))
	})
}

// capacity is what AWS's groups cost in web ACL capacity units, and by its kind what a statement of ours does, and each
// transformation of what it inspects. Read on 1 December 2026:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html
var capacity = map[string]int{
	"AWSManagedRulesAmazonIpReputationList": 25,
	"AWSManagedRulesAnonymousIpList":        50,
	"AWSManagedRulesCommonRuleSet":          700,
	"AWSManagedRulesKnownBadInputsRuleSet":  200,
	"AWSManagedRulesSQLiRuleSet":            200,

	"and_statement": 0, "not_statement": 0, "managed_rule_group_statement": 0, "scope_down_statement": 0,
	"rate_based_statement": 2, "geo_match_statement": 1, "ip_set_reference_statement": 1, "sqli_match_statement": 20,
	"byte_match_statement": 2, // of where something begins, or of the whole
	"text_transformation":  10,
}

// cost adds up what the statements in a part of a rule cost.
func cost(t *testing.T, part any) (sum int) {
	t.Helper()
	switch part := part.(type) {
	case []any:
		for _, each := range part {
			sum += cost(t, each)
		}
	case map[string]any:
		for key, value := range part {
			units, known := capacity[key]
			if strings.HasSuffix(key, "_statement") && !known {
				t.Fatalf("what costs %s?", key)
			}
			if name, isText := value.(string); isText && key == "name" {
				if units, known = capacity[name]; !known && part["vendor_name"] != nil {
					t.Fatalf("what costs %s? Say it in capacity: a web ACL has 1,500 units without a further price", name)
				}
			}
			if list, isList := value.([]any); isList {
				units *= len(list)
			}
			sum += units + cost(t, value)
		}
	}
	return sum
}

// Over 1,500 units each request costs more: https://aws.amazon.com/waf/pricing/
func TestFirewallIsWithinItsCapacity(t *testing.T) {
	for key, want := range map[string]int{"firewall.rateLimits": 1448, "firewall.rateLimit": 1207} { // the most, the least
		sum := 0
		for _, rule := range example(t, key).only("aws_wafv2_web_acl").parts("rule") {
			sum += cost(t, rule.At("statement"))
		}
		if sum != want || sum > 1500 {
			t.Errorf("with %s the web ACL costs %d units, expected %d", key, sum, want)
		}
	}
}

func TestFirewallIsObserved(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		acl, logging := s.only("aws_wafv2_web_acl"), s.only("aws_wafv2_web_acl_logging_configuration")
		for _, holder := range append(acl.parts("rule"), acl) {
			holder.want("visibility_config", map[string]any{
				"cloudwatch_metrics_enabled": true, "sampled_requests_enabled": true, "metric_name": holder.At("name"),
			}, "WAF.12")
		}
		group := logging.follow("log_destination_configs.0").Text("name")
		if !strings.HasPrefix(group, "aws-waf-logs-") { // AWS takes no other
			s.Errorf("the log goes to %s", group)
		}
		if s.environment.InAccountStack() { // whose account allows it for all
			s.none("aws_cloudwatch_log_resource_policy") // an account can have ten
			return
		}
		delivery := s.only("aws_cloudwatch_log_resource_policy")
		logging.waitsFor(delivery)
		if statement := delivery.policy()[0]; !statement.Allows("delivery.logs.amazonaws.com", "logs:PutLogEvents") ||
			len(statement.Resource) != 1 || !strings.HasSuffix(statement.Resource[0], ":log-group:"+group+":*") {
			s.Errorf("the delivery of logs is allowed by %v", statement)
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
			if part.Text("text_transformation.0.type") == "NONE" {
				return c.path == part.Text("search_string")
			}
			return strings.HasPrefix(path.Clean(must.Get(url.PathUnescape(c.path))(acl.T)), part.Text("search_string"))
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
		{"cards that are tried out", call{"198.51.100.7", "/a/1", "DE", 11}, "RateLimitRule-a"},
		{"the same, written otherwise", call{"198.51.100.7", "//x/..//%61/1", "DE", 11}, "RateLimitRule-a"},
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
