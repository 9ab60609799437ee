package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// Names and priorities are a contract with logs, dashboards and environment files: add rules, never renumber them
// (WAF.10).
func TestFirewallRulesKeepTheirPriorities(t *testing.T) {
	expected := []string{
		"RateLimitRule 1", "SQLInjectionRule 2", "AWSManagedRulesAmazonIpReputationList 10",
		"AWSManagedRulesAnonymousIpList 20", "AWSManagedRulesCommonRuleSet 30",
		"AWSManagedRulesKnownBadInputsRuleSet 40", "AWSManagedRulesSQLiRuleSet 50",
	}
	eachEnvironment(t, func(s stack) {
		var rules, names []string
		for _, rule := range s.only("aws_wafv2_web_acl").parts("rule") {
			rules = append(rules, fmt.Sprint(rule.at("name"), " ", rule.at("priority")))
			names = append(names, rule.text("name"))
		}
		same(s, "the rules", rules, expected)
		// A rule of the common group, the only one of a group that a file can name.
		if names := append(names, "SizeRestrictions_BODY"); !slices.Equal(names, config.FirewallRules) {
			s.Errorf("the rules are %q, a file can name %q", names, config.FirewallRules)
		}
	})
}

func TestFirewallBlocksUnlessCounted(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		exceptions := map[string]string{ // of AWS's managed groups
			"AWSManagedRulesAnonymousIpList": "HostingProviderIPList", // merchants call from servers in a cloud
		}
		// Where a body over 8 KB passes, all rules overlook what is behind the first 8 KB.
		if bodySize := "SizeRestrictions_BODY"; slices.Contains(s.environment.Firewall.Count, bodySize) {
			exceptions["AWSManagedRulesCommonRuleSet"] = bodySize
		} else if !s.production() {
			s.Errorf("a development environment refuses bodies over 8 KB")
		}
		acl := s.only("aws_wafv2_web_acl")
		s.only("aws_wafv2_web_acl_association").want("resource_arn", s.only("aws_lb").ref("arn")) // ELB.16
		s.only("aws_wafv2_web_acl_association").want("web_acl_arn", acl.ref("arn"))
		for _, rule := range acl.parts("rule") {
			name := rule.text("name")
			attribute, action := "action", "block"
			if strings.HasPrefix(name, "AWSManagedRules") {
				attribute, action = "override_action", "none"
				var counted any
				if exceptions[name] != "" {
					counted = []any{map[string]any{
						"name": exceptions[name], "action_to_use": map[string]any{"count": map[string]any{}},
					}}
				}
				rule.want("statement.managed_rule_group_statement.name", name)
				rule.want("statement.managed_rule_group_statement.rule_action_override", counted)
			}
			if slices.Contains(s.environment.Firewall.Count, name) {
				action = "count"
			}
			rule.want(attribute, map[string]any{action: map[string]any{}})
		}
	})
}

// Metrics and samples are of every rule (WAF.12); log (WAF.11) and samples are without what identifies a caller.
func TestFirewallIsObserved(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		acl, logging := s.only("aws_wafv2_web_acl"), s.only("aws_wafv2_web_acl_logging_configuration")
		for _, holder := range append(acl.parts("rule"), acl) {
			holder.want("visibility_config", map[string]any{
				"cloudwatch_metrics_enabled": true, "sampled_requests_enabled": true, "metric_name": holder.at("name"),
			})
		}
		acl.want("data_protection_config", map[string]any{"data_protection": []any{
			map[string]any{"action": "SUBSTITUTION", "field": map[string]any{
				"field_type": "SINGLE_HEADER", "field_keys": []any{"authorization", "cookie", "x-api-key"},
			}},
			map[string]any{"action": "SUBSTITUTION", "field": map[string]any{"field_type": "QUERY_STRING"}},
		}})
		logging.want("resource_arn", acl.ref("arn"))
		group := logging.follow("log_destination_configs.0")
		if !strings.HasPrefix(group.text("name"), "aws-waf-logs-") { // AWS takes no other
			s.Errorf("the log goes to %s", group.text("name"))
		}
		if s.environment.StatesBucket != "" { // whose account allows it for all
			if s.each("aws_cloudwatch_log_resource_policy") != nil {
				s.Error("the environment has a log policy of its own: an account can have ten")
			}
			return
		}
		delivery := s.only("aws_cloudwatch_log_resource_policy")
		logging.waitsFor(delivery)
		if statement := delivery.policy()[0]; !statement.allows("delivery.logs.amazonaws.com", "logs:PutLogEvents") ||
			len(statement.Resource) != 1 || !strings.HasSuffix(statement.Resource[0], ":log-group:"+group.text("name")+":*") {
			s.Errorf("the delivery of logs is allowed by %v", statement)
		}
	})
}
