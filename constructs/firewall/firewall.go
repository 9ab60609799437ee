// Package firewall filters what reaches the load balancer.
package firewall

import (
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchlogresourcepolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2webacl"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2webaclassociation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2webaclloggingconfiguration"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// Props configures New.
type Props struct {
	Deployment      deployment.Deployment
	Config          config.Firewall
	LoadBalancerARN *string // what the web ACL is attached to (ELB.16, CKV2_AWS_28)
}

// Firewall is a regional web ACL attached to a load balancer.
type Firewall struct {
	ARN  *string // output WebACLArn
	Name string  // dimension WebACL of the AWS/WAFV2 metrics
}

// New creates the firewall. Rule names and priorities are a contract with the logs and dashboards:
// add rules, never renumber them.
func New(scope constructs.Construct, id string, props Props) Firewall {
	this, d := constructs.NewConstruct(scope, jsii.String(id)), props.Deployment
	name := d.Name("PaymentWAF")
	acl := wafv2webacl.NewWafv2WebAcl(this, jsii.String("web-acl"), &wafv2webacl.Wafv2WebAclConfig{
		Name: jsii.String(name), Description: jsii.String("Filters requests to the payment API"), Tags: d.Tags("PaymentWAF"),
		Scope: jsii.String("REGIONAL"), Rule: rules(props.Config),
		DefaultAction: &wafv2webacl.Wafv2WebAclDefaultAction{Allow: &wafv2webacl.Wafv2WebAclDefaultActionAllow{}},
		// In logs and in sampled requests, which are on for every rule: what identifies a session or a caller.
		DataProtectionConfig: &wafv2webacl.Wafv2WebAclDataProtectionConfig{DataProtection: protectedFields()},
		// Metrics and samples of the web ACL and of every rule (WAF.12).
		VisibilityConfig: (*wafv2webacl.Wafv2WebAclVisibilityConfig)(visible(name)),
	})
	wafv2webaclassociation.NewWafv2WebAclAssociation(this, jsii.String("association"), &wafv2webaclassociation.Wafv2WebAclAssociationConfigA{
		ResourceArn: props.LoadBalancerARN, WebAclArn: acl.Arn(),
	})
	// Every request that the firewall saw (WAF.11).
	logs := d.NewMaskedLogGroup(this, "logs", LogGroup(d.Suffix))
	ready := []cdktf.ITerraformDependable{}
	if !d.Shared {
		ready = append(ready, AllowLogDelivery(this, "logs-policy", name, d.Account, LogGroup(d.Suffix)))
	}
	wafv2webaclloggingconfiguration.NewWafv2WebAclLoggingConfiguration(this, jsii.String("logging"), &wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationConfig{
		ResourceArn: acl.Arn(), LogDestinationConfigs: &[]*string{logs.Arn()}, DependsOn: &ready,
	})
	return Firewall{ARN: acl.Arn(), Name: name}
}

// protectedFields replaces headers, the query string and what a rule matched of a body by a fixed text wherever the web
// ACL shows a request: https://docs.aws.amazon.com/waf/latest/developerguide/data-protection-masking.html
func protectedFields() (all []*wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtection) {
	for _, field := range []wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtectionField{
		{FieldType: jsii.String("SINGLE_HEADER"), FieldKeys: jsii.Strings("authorization", "cookie", "x-api-key")},
		{FieldType: jsii.String("QUERY_STRING")},
		{FieldType: jsii.String("BODY")},
	} {
		all = append(all, &wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtection{
			Action: jsii.String("SUBSTITUTION"), Field: &field,
		})
	}
	return all
}

// LogGroup is the log group of an environment's firewall. WAF only writes to groups whose names start like this.
func LogGroup(suffix string) string { return "aws-waf-logs-tap-" + suffix }

// AllowLogDelivery lets WAF write to log groups of that name, which may end in an asterisk. Without it WAF would add a
// policy of its own, which stays when the environment is gone. An account and Region can have ten such policies:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
func AllowLogDelivery(scope constructs.Construct, id, name string, account policy.Account,
	group string) cdktf.ITerraformDependable {
	return cloudwatchlogresourcepolicy.NewCloudwatchLogResourcePolicy(scope, jsii.String(id), &cloudwatchlogresourcepolicy.CloudwatchLogResourcePolicyConfig{
		PolicyName: jsii.String(name),
		PolicyDocument: policy.Document(policy.Statement{
			Sid: "DeliverFirewallLogs", Principal: policy.Service("delivery.logs.amazonaws.com"),
			Actions:    []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources:  []*string{account.ARN("logs", "log-group:"+group+":*")},
			Conditions: account.Sources("logs", "*"),
		}),
	})
}

// object is a statement of a rule, or a part of one, in the provider's words.
type object = map[string]any

// rules are the web ACL's rules by priority. Together they cost 1,175 web ACL capacity units of the
// managed groups and some 40 of our own; 1,500 are included in the price:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
func rules(firewall config.Firewall) []*wafv2webacl.Wafv2WebAclRule {
	bodySize := ""
	if slices.Contains(firewall.Count, config.BodySizeRule) {
		bodySize = config.BodySizeRule
	}
	return []*wafv2webacl.Wafv2WebAclRule{
		own(firewall, 1, config.RateLimitRule, object{
			"rate_based_statement": object{"limit": firewall.RateLimit, "aggregate_key_type": "IP"},
		}),
		own(firewall, 2, config.SQLInjectionRule, object{"sqli_match_statement": object{
			"field_to_match":      object{"body": object{"oversize_handling": "CONTINUE"}},
			"text_transformation": []any{object{"priority": 0, "type": "URL_DECODE"}},
		}}),
		managed(firewall, 10, config.ReputationRules, ""),
		// Merchants call from servers in a cloud, which the hosting rule takes for anonymous (CKV2_AWS_76).
		managed(firewall, 20, config.AnonymousRules, "HostingProviderIPList"),
		// SizeRestrictions_BODY blocks bodies over 8 KB: the firewall of a load balancer inspects no more than that, and
		// padding would hide the rest from every rule.
		// https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
		managed(firewall, 30, config.CommonRules, bodySize),
		managed(firewall, 40, config.BadInputRules, ""), // CKV_AWS_192
		managed(firewall, 50, config.SQLInjectionRules, ""),
	}
}

// own is a rule of the project that blocks what it matches, or counts it while it is tried out.
func own(firewall config.Firewall, priority int, name string, statement object) *wafv2webacl.Wafv2WebAclRule {
	action := &wafv2webacl.Wafv2WebAclRuleAction{Block: &wafv2webacl.Wafv2WebAclRuleActionBlock{}}
	if slices.Contains(firewall.Count, name) {
		action = &wafv2webacl.Wafv2WebAclRuleAction{Count: &wafv2webacl.Wafv2WebAclRuleActionCount{}}
	}
	return &wafv2webacl.Wafv2WebAclRule{
		Name: jsii.String(name), Priority: jsii.Number(priority), Action: action,
		Statement: statement, VisibilityConfig: visible(name),
	}
}

// managed is a rule group of AWS with its own actions, except that countedRule, if there is one, only counts.
func managed(firewall config.Firewall, priority int, name, countedRule string) *wafv2webacl.Wafv2WebAclRule {
	override := &wafv2webacl.Wafv2WebAclRuleOverrideAction{None: &wafv2webacl.Wafv2WebAclRuleOverrideActionNone{}}
	if slices.Contains(firewall.Count, name) {
		override = &wafv2webacl.Wafv2WebAclRuleOverrideAction{Count: &wafv2webacl.Wafv2WebAclRuleOverrideActionCount{}}
	}
	group := object{"vendor_name": "AWS", "name": name}
	if countedRule != "" {
		group["rule_action_override"] = []any{object{"name": countedRule, "action_to_use": object{"count": object{}}}}
	}
	return &wafv2webacl.Wafv2WebAclRule{
		Name: jsii.String(name), Priority: jsii.Number(priority), OverrideAction: override,
		Statement: object{"managed_rule_group_statement": group}, VisibilityConfig: visible(name),
	}
}

func visible(metric string) *wafv2webacl.Wafv2WebAclRuleVisibilityConfig {
	return &wafv2webacl.Wafv2WebAclRuleVisibilityConfig{
		CloudwatchMetricsEnabled: jsii.Bool(true), SampledRequestsEnabled: jsii.Bool(true), MetricName: jsii.String(metric),
	}
}
