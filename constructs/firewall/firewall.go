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
	"tap/constructs/internal/loggroup"
	"tap/constructs/policy"
)

// Props says what the firewall protects and how strictly.
type Props struct {
	Suffix          string
	Account         policy.Account
	Firewall        config.Firewall
	LoadBalancerARN *string // what the web ACL is attached to (ELB.16, CKV2_AWS_28)
	Logs            loggroup.Retention
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
	name := "PaymentWAF-" + props.Suffix
	acl := wafv2webacl.NewWafv2WebAcl(this, jsii.String("web-acl"), &wafv2webacl.Wafv2WebAclConfig{
		Name:          jsii.String(name),
		Description:   jsii.String("Filters requests to the payment API"),
		Scope:         jsii.String("REGIONAL"),
		DefaultAction: &wafv2webacl.Wafv2WebAclDefaultAction{Allow: &wafv2webacl.Wafv2WebAclDefaultActionAllow{}},
		Rule:          rules(props.Firewall),
		// Metrics and samples of the web ACL and of every rule (WAF.12).
		VisibilityConfig: &wafv2webacl.Wafv2WebAclVisibilityConfig{
			CloudwatchMetricsEnabled: jsii.Bool(true), SampledRequestsEnabled: jsii.Bool(true), MetricName: jsii.String(name),
		},
		Tags: &map[string]*string{"Name": jsii.String(name)},
	})
	wafv2webaclassociation.NewWafv2WebAclAssociation(this, jsii.String("association"), &wafv2webaclassociation.Wafv2WebAclAssociationConfigA{
		ResourceArn: props.LoadBalancerARN,
		WebAclArn:   acl.Arn(),
	})
	newLogging(this, props, acl)
	return Firewall{ARN: acl.Arn(), Name: name}
}

// newLogging logs every request that the firewall saw, without what identifies a session (WAF.11,
// CKV2_AWS_31). WAF only writes to groups whose name starts with aws-waf-logs-.
func newLogging(scope constructs.Construct, props Props, acl wafv2webacl.Wafv2WebAcl) {
	group := loggroup.New(scope, "logs", "aws-waf-logs-tap-"+props.Suffix, props.Logs)
	// Explicit, so that it ends with the environment. An account and Region may have ten such policies,
	// and so ten environments: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
	delivery := cloudwatchlogresourcepolicy.NewCloudwatchLogResourcePolicy(scope, jsii.String("logs-policy"), &cloudwatchlogresourcepolicy.CloudwatchLogResourcePolicyConfig{
		PolicyName: jsii.String("PaymentWAF-" + props.Suffix),
		PolicyDocument: policy.Document(policy.Statement{
			Sid:       "DeliverFirewallLogs",
			Principal: policy.Service("delivery.logs.amazonaws.com"),
			Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []*string{jsii.String(*group.Arn() + ":*")},
			Conditions: []policy.Condition{
				policy.Equals("aws:SourceAccount", props.Account.ID),
				policy.ARNLike("aws:SourceArn", props.Account.ARN("logs", "*")),
			},
		}),
	})
	redacted := []*wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationRedactedFields{}
	for _, header := range []string{"authorization", "cookie"} {
		redacted = append(redacted, &wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationRedactedFields{
			SingleHeader: &wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader{Name: jsii.String(header)},
		})
	}
	wafv2webaclloggingconfiguration.NewWafv2WebAclLoggingConfiguration(scope, jsii.String("logging"), &wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationConfig{
		ResourceArn:           acl.Arn(),
		LogDestinationConfigs: &[]*string{group.Arn()},
		RedactedFields:        redacted,
		DependsOn:             &[]cdktf.ITerraformDependable{delivery},
	})
}

// rules are the web ACL's rules by priority. Together they cost 1,175 web ACL capacity units of the
// managed groups and some 40 of our own; 1,500 are included in the price:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
func rules(settings config.Firewall) []*wafv2webacl.Wafv2WebAclRule {
	counted := func(name string) bool { return slices.Contains(settings.Count, name) }
	return []*wafv2webacl.Wafv2WebAclRule{
		blocking(1, "RateLimitRule", counted, map[string]any{
			"rate_based_statement": map[string]any{"limit": settings.RateLimit, "aggregate_key_type": "IP"},
		}),
		blocking(2, "SQLInjectionRule", counted, map[string]any{
			"sqli_match_statement": map[string]any{
				"field_to_match":      map[string]any{"body": map[string]any{"oversize_handling": "CONTINUE"}},
				"text_transformation": []any{map[string]any{"priority": 0, "type": "URL_DECODE"}},
			},
		}),
		managed(10, "AWSManagedRulesAmazonIpReputationList", counted),
		// Merchants call from servers in a cloud, which the hosting rule takes for anonymous (CKV2_AWS_76).
		managed(20, "AWSManagedRulesAnonymousIpList", counted, "HostingProviderIPList"),
		// The rule would block every body over 8 KB.
		managed(30, "AWSManagedRulesCommonRuleSet", counted, "SizeRestrictions_BODY"),
		managed(40, "AWSManagedRulesKnownBadInputsRuleSet", counted), // CKV_AWS_192
		managed(50, "AWSManagedRulesSQLiRuleSet", counted),
	}
}

// blocking is a rule of our own that blocks what it matches, or counts it while it is tried out.
func blocking(priority int, name string, counted func(string) bool, statement map[string]any) *wafv2webacl.Wafv2WebAclRule {
	action := &wafv2webacl.Wafv2WebAclRuleAction{Block: &wafv2webacl.Wafv2WebAclRuleActionBlock{}}
	if counted(name) {
		action = &wafv2webacl.Wafv2WebAclRuleAction{Count: &wafv2webacl.Wafv2WebAclRuleActionCount{}}
	}
	return &wafv2webacl.Wafv2WebAclRule{
		Name: jsii.String(name), Priority: jsii.Number(priority), Action: action,
		Statement: statement, VisibilityConfig: visible(name),
	}
}

// managed is a rule group that AWS keeps, with its own actions but for the rules that only count.
func managed(priority int, name string, counted func(string) bool, countedRules ...string) *wafv2webacl.Wafv2WebAclRule {
	override := &wafv2webacl.Wafv2WebAclRuleOverrideAction{None: &wafv2webacl.Wafv2WebAclRuleOverrideActionNone{}}
	if counted(name) {
		override = &wafv2webacl.Wafv2WebAclRuleOverrideAction{Count: &wafv2webacl.Wafv2WebAclRuleOverrideActionCount{}}
	}
	group := map[string]any{"vendor_name": "AWS", "name": name}
	exceptions := []any{}
	for _, rule := range countedRules {
		exceptions = append(exceptions, map[string]any{"name": rule, "action_to_use": map[string]any{"count": map[string]any{}}})
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
		CloudwatchMetricsEnabled: jsii.Bool(true), SampledRequestsEnabled: jsii.Bool(true), MetricName: jsii.String(metric),
	}
}
