package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tap/config"
	"tap/tests/terraform"
)

// Names and priorities are a contract with logs, dashboards and environment files: add rules, never renumber them.
var firewallPriorities = map[string]int{
	"RateLimitRule":                         1,
	"SQLInjectionRule":                      2,
	"AWSManagedRulesAmazonIpReputationList": 10,
	"AWSManagedRulesAnonymousIpList":        20,
	"AWSManagedRulesCommonRuleSet":          30,
	"AWSManagedRulesKnownBadInputsRuleSet":  40,
	"AWSManagedRulesSQLiRuleSet":            50,
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
		var names []string
		for _, rule := range s.only("aws_wafv2_web_acl").parts("rule") {
			name := rule.Text("name")
			names = append(names, name)
			rule.want("priority", firewallPriorities[name])
			attribute, action := "action", "block"
			if strings.HasPrefix(name, "AWSManagedRules") {
				attribute, action = "override_action", "none"
				rule.want("statement.managed_rule_group_statement.name", name)
				rule.want("statement.managed_rule_group_statement.rule_action_override", exceptions[name])
			} else {
				rule.want("statement", own[name])
			}
			if slices.Contains(s.environment.Firewall.Count, name) {
				action = "count"
			}
			rule.want(attribute, map[string]any{action: map[string]any{}})
		}
		same(s, "the rules (WAF.10)", names, slices.Collect(maps.Keys(firewallPriorities)))
	})
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
