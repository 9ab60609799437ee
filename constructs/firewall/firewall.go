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
	this := constructs.NewConstruct(scope, jsii.String(id))
	name := props.Deployment.Name("PaymentWAF")
	acl := wafv2webacl.NewWafv2WebAcl(this, jsii.String("web-acl"), &wafv2webacl.Wafv2WebAclConfig{
		Name:          jsii.String(name),
		Description:   jsii.String("Filters requests to the payment API"),
		Scope:         jsii.String("REGIONAL"),
		DefaultAction: &wafv2webacl.Wafv2WebAclDefaultAction{Allow: &wafv2webacl.Wafv2WebAclDefaultActionAllow{}},
		Rule:          rules(props.Config),
		// In logs and in sampled requests, which are on for every rule: what identifies a session or a caller.
		DataProtectionConfig: &wafv2webacl.Wafv2WebAclDataProtectionConfig{DataProtection: protectedFields()},
		// Metrics and samples of the web ACL and of every rule (WAF.12).
		VisibilityConfig: &wafv2webacl.Wafv2WebAclVisibilityConfig{
			CloudwatchMetricsEnabled: jsii.Bool(true),
			SampledRequestsEnabled:   jsii.Bool(true),
			MetricName:               jsii.String(name),
		},
		Tags: props.Deployment.Tags("PaymentWAF"),
	})
	wafv2webaclassociation.NewWafv2WebAclAssociation(this, jsii.String("association"), &wafv2webaclassociation.Wafv2WebAclAssociationConfigA{
		ResourceArn: props.LoadBalancerARN,
		WebAclArn:   acl.Arn(),
	})
	newLogging(this, props, acl)
	return Firewall{ARN: acl.Arn(), Name: name}
}

// newLogging logs every request that the firewall saw (WAF.11).
func newLogging(scope constructs.Construct, props Props, acl wafv2webacl.Wafv2WebAcl) {
	group := props.Deployment.NewMaskedLogGroup(scope, "logs", LogGroup(props.Deployment.Suffix))
	ready := []cdktf.ITerraformDependable{}
	if d := props.Deployment; !d.Shared {
		ready = append(ready, AllowLogDelivery(scope, "logs-policy", d.Name("PaymentWAF"), d.Account, LogGroup(d.Suffix)))
	}
	wafv2webaclloggingconfiguration.NewWafv2WebAclLoggingConfiguration(scope, jsii.String("logging"), &wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationConfig{
		ResourceArn:           acl.Arn(),
		LogDestinationConfigs: &[]*string{group.Arn()},
		DependsOn:             &ready,
	})
}

// protectedFields replaces headers and the query string by a fixed text wherever the web ACL shows a request:
// https://docs.aws.amazon.com/waf/latest/developerguide/data-protection-masking.html
func protectedFields() []*wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtection {
	protect := func(kind string, keys ...string) *wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtection {
		field := &wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtectionField{FieldType: jsii.String(kind)}
		if len(keys) > 0 {
			field.FieldKeys = jsii.Strings(keys...)
		}
		return &wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtection{Action: jsii.String("SUBSTITUTION"), Field: field}
	}
	return []*wafv2webacl.Wafv2WebAclDataProtectionConfigDataProtection{
		protect("SINGLE_HEADER", "authorization", "cookie", "x-api-key"),
		protect("QUERY_STRING"),
	}
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
			Sid:       "DeliverFirewallLogs",
			Principal: policy.Service("delivery.logs.amazonaws.com"),
			Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []*string{account.ARN("logs", "log-group:"+group+":*")},
			Conditions: []policy.Condition{
				policy.Equals("aws:SourceAccount", account.ID),
				policy.ARNLike("aws:SourceArn", account.ARN("logs", "*")),
			},
		}),
	})
}

// rules are the web ACL's rules by priority. Together they cost 1,175 web ACL capacity units of the
// managed groups and some 40 of our own; 1,500 are included in the price:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
func rules(firewall config.Firewall) []*wafv2webacl.Wafv2WebAclRule {
	counted := func(name string) bool { return slices.Contains(firewall.Count, name) }
	onlyCounted := func(name string) []string {
		if counted(name) {
			return []string{name}
		}
		return nil
	}
	return []*wafv2webacl.Wafv2WebAclRule{
		blocking(1, config.RateLimitRule, counted, map[string]any{
			"rate_based_statement": map[string]any{"limit": firewall.RateLimit, "aggregate_key_type": "IP"},
		}),
		blocking(2, config.SQLInjectionRule, counted, map[string]any{
			"sqli_match_statement": map[string]any{
				"field_to_match":      map[string]any{"body": map[string]any{"oversize_handling": "CONTINUE"}},
				"text_transformation": []any{map[string]any{"priority": 0, "type": "URL_DECODE"}},
			},
		}),
		managed(10, config.ReputationRules, counted),
		// Merchants call from servers in a cloud, which the hosting rule takes for anonymous (CKV2_AWS_76).
		managed(20, config.AnonymousRules, counted, "HostingProviderIPList"),
		// SizeRestrictions_BODY blocks bodies over 8 KB: the firewall of a load balancer inspects no more than that, and
		// padding would hide the rest from every rule.
		// https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
		managed(30, config.CommonRules, counted, onlyCounted(config.BodySizeRule)...),
		managed(40, config.BadInputRules, counted), // CKV_AWS_192
		managed(50, config.SQLInjectionRules, counted),
	}
}

// blocking is a rule of the project that blocks what it matches, or counts it while it is tried out.
func blocking(priority int, name string, counted func(string) bool,
	statement map[string]any) *wafv2webacl.Wafv2WebAclRule {
	action := &wafv2webacl.Wafv2WebAclRuleAction{Block: &wafv2webacl.Wafv2WebAclRuleActionBlock{}}
	if counted(name) {
		action = &wafv2webacl.Wafv2WebAclRuleAction{Count: &wafv2webacl.Wafv2WebAclRuleActionCount{}}
	}
	return &wafv2webacl.Wafv2WebAclRule{
		Name: jsii.String(name), Priority: jsii.Number(priority), Action: action,
		Statement: statement, VisibilityConfig: visible(name),
	}
}

// managed is a rule group of AWS with its own actions, except that countedRules only count.
func managed(priority int, name string, counted func(string) bool,
	countedRules ...string) *wafv2webacl.Wafv2WebAclRule {
	override := &wafv2webacl.Wafv2WebAclRuleOverrideAction{None: &wafv2webacl.Wafv2WebAclRuleOverrideActionNone{}}
	if counted(name) {
		override = &wafv2webacl.Wafv2WebAclRuleOverrideAction{Count: &wafv2webacl.Wafv2WebAclRuleOverrideActionCount{}}
	}
	group := map[string]any{"vendor_name": "AWS", "name": name}
	exceptions := []any{}
	for _, rule := range countedRules {
		count := map[string]any{"count": map[string]any{}}
		exceptions = append(exceptions, map[string]any{"name": rule, "action_to_use": count})
	}
	if len(exceptions) > 0 {
		group["rule_action_override"] = exceptions
	}
	return &wafv2webacl.Wafv2WebAclRule{
		Name: jsii.String(name), Priority: jsii.Number(priority), OverrideAction: override,
		Statement: map[string]any{"managed_rule_group_statement": group}, VisibilityConfig: visible(name),
	}
}

func visible(metric string) *wafv2webacl.Wafv2WebAclRuleVisibilityConfig {
	return &wafv2webacl.Wafv2WebAclRuleVisibilityConfig{
		CloudwatchMetricsEnabled: jsii.Bool(true),
		SampledRequestsEnabled:   jsii.Bool(true),
		MetricName:               jsii.String(metric),
	}
}
