// Package firewall filters what reaches the load balancer.
package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchlogresourcepolicy"
	waf "github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2webacl"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2webaclassociation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2webaclloggingconfiguration"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/deployment"
	"tap/constructs/logs"
	"tap/constructs/policy"
)

// Props configures New.
type Props struct {
	Deployment      deployment.Deployment
	Name            string // begins the name of the web ACL, for example Payment of PaymentWAF-<suffix>
	Config          config.Firewall
	LoadBalancerARN *string // what the web ACL is attached to (ELB.16, CKV2_AWS_28)
}

// Firewall is a regional web ACL attached to a load balancer.
type Firewall struct {
	ARN     *string // output WebACLArn
	Signals cloudwatch.Signals
}

// New creates the firewall. Rule names and priorities are a contract with the logs and dashboards:
// add rules, never renumber them.
func New(scope constructs.Construct, id string, props Props) Firewall {
	this, d := constructs.NewConstruct(scope, jsii.String(id)), props.Deployment
	name := d.Name(props.Name + "WAF")
	acl := waf.NewWafv2WebAcl(this, jsii.String("web-acl"), &waf.Wafv2WebAclConfig{
		Name: jsii.String(name), Description: jsii.String("Filters requests to the payment API"),
		Tags: d.Tags(props.Name + "WAF"), Scope: jsii.String("REGIONAL"), Rule: rules(props.Config),
		DefaultAction: &waf.Wafv2WebAclDefaultAction{Allow: &waf.Wafv2WebAclDefaultActionAllow{}},
		// In logs and in sampled requests, which are on for every rule: what identifies a session or a caller.
		DataProtectionConfig: &waf.Wafv2WebAclDataProtectionConfig{DataProtection: protectedFields()},
		// Metrics and samples of the web ACL and of every rule (WAF.12).
		VisibilityConfig: (*waf.Wafv2WebAclVisibilityConfig)(visible(name)),
	})
	wafv2webaclassociation.NewWafv2WebAclAssociation(this, jsii.String("association"), &wafv2webaclassociation.Wafv2WebAclAssociationConfigA{
		ResourceArn: props.LoadBalancerARN, WebAclArn: acl.Arn(),
	})
	// Every request that the firewall saw (WAF.11).
	logGroup := LogGroup(d.Stack)
	if other := deployment.Prefix(props.Name); other != "" {
		logGroup += "-" + strings.ToLower(other)
	}
	group := logs.NewMaskedGroup(this, "logs", d, logGroup)
	ready := []cdktf.ITerraformDependable{}
	if !d.InAccountStack {
		ready = append(ready, AllowLogDelivery(this, "logs-policy", name, d.ARNs, logGroup))
	}
	wafv2webaclloggingconfiguration.NewWafv2WebAclLoggingConfiguration(this, jsii.String("logging"), &wafv2webaclloggingconfiguration.Wafv2WebAclLoggingConfigurationConfig{
		ResourceArn: acl.Arn(), LogDestinationConfigs: &[]*string{group.Arn()}, DependsOn: &ready,
	})
	return Firewall{ARN: acl.Arn(), Signals: newSignals(props, name)}
}

// blockedRequests are, in 5 minutes, more than strangers try on an ordinary day.
const blockedRequests = 1000

// newSignals are those of all rules of the web ACL: https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
func newSignals(props Props, acl string) cloudwatch.Signals {
	metric := cloudwatch.Metrics("AWS/WAFV2", map[string]*string{
		"Region": jsii.String(props.Deployment.ARNs.Region), "Rule": jsii.String("ALL"), "WebACL": jsii.String(acl),
	})
	allowed, blocked := metric("AllowedRequests", "Sum"), metric("BlockedRequests", "Sum")
	return cloudwatch.Signals{Alarms: []cloudwatch.Alarm{{
		ID: "firewall", Name: "ManyBlockedRequestsAlarm",
		Description: fmt.Sprintf("The firewall blocked %d requests or more in 5 minutes: an attack, or a rule that "+
			"blocks customers.", blockedRequests),
		Advice: "see in the firewall's log which rule blocks whom; firewall.count can set a rule to count.",
		// There is no data when nothing was blocked.
		Metric: blocked, Threshold: blockedRequests, Period: 300,
	}}, Graphs: []cloudwatch.Graph{{Row: cloudwatch.Tasks, Title: "Firewall", Lines: [][]any{
		cloudwatch.Line("allowed", allowed), cloudwatch.Line("blocked", blocked),
	}}}}.Of(props.Name)
}

// protectedFields replaces headers, the query string and what a rule matched of a body by a fixed text wherever the web
// ACL shows a request: https://docs.aws.amazon.com/waf/latest/developerguide/data-protection-masking.html
func protectedFields() (all []*waf.Wafv2WebAclDataProtectionConfigDataProtection) {
	for _, field := range []waf.Wafv2WebAclDataProtectionConfigDataProtectionField{
		{FieldType: jsii.String("SINGLE_HEADER"), FieldKeys: jsii.Strings("authorization", "cookie", "x-api-key")},
		{FieldType: jsii.String("QUERY_STRING")},
		{FieldType: jsii.String("BODY")},
	} {
		all = append(all, &waf.Wafv2WebAclDataProtectionConfigDataProtection{
			Action: jsii.String("SUBSTITUTION"), Field: &field,
		})
	}
	return all
}

// LogGroup is the log group of a stack's firewall. WAF only writes to groups whose names start like this.
func LogGroup(stack string) string { return "aws-waf-logs-" + stack }

// AllowLogDelivery lets WAF write to log groups of that name, which may end in an asterisk. Without it WAF would add a
// policy of its own, which stays when the environment is gone. An account and Region can have ten such policies:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
func AllowLogDelivery(scope constructs.Construct, id, name string, arns policy.ARNs,
	group string) cdktf.ITerraformDependable {
	return cloudwatchlogresourcepolicy.NewCloudwatchLogResourcePolicy(scope, jsii.String(id), &cloudwatchlogresourcepolicy.CloudwatchLogResourcePolicyConfig{
		PolicyName: jsii.String(name),
		PolicyDocument: policy.Document(policy.Statement{
			Sid: "DeliverFirewallLogs", Principal: policy.Service("delivery.logs.amazonaws.com"),
			Actions:    []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources:  []*string{arns.ARN("logs", "log-group:"+group+":*")},
			Conditions: arns.Sources("logs", "*"),
		}),
	})
}

// object is a statement of a rule, or a part of one, in the provider's words.
type object = map[string]any

// hostingProviders would block merchants, who call from servers in a cloud (CKV2_AWS_76).
const hostingProviders = "AWSManagedRulesAnonymousIpList/HostingProviderIPList"

// rules are the web ACL's rules. Together they cost 1,175 web ACL capacity units of the managed groups and some 40 of
// our own; 1,500 are included in the price:
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
func rules(firewall config.Firewall) (all []*waf.Wafv2WebAclRule) {
	counted := append([]string{hostingProviders}, firewall.Count...)
	own := map[string]object{
		config.RateLimitRule: {"rate_based_statement": object{"limit": firewall.RateLimit, "aggregate_key_type": "IP"}},
		config.SQLInjectionRule: {"sqli_match_statement": object{
			"field_to_match":      object{"body": object{"oversize_handling": "CONTINUE"}},
			"text_transformation": []any{object{"priority": 0, "type": "URL_DECODE"}},
		}},
	}
	for _, each := range config.FirewallRules {
		rule, counts := &waf.Wafv2WebAclRule{
			Name: jsii.String(each.Name), Priority: jsii.Number(each.Priority), VisibilityConfig: visible(each.Name),
			Statement: own[each.Name],
		}, slices.Contains(counted, each.Name)
		switch {
		case each.IsManaged():
			rule.Statement = object{"managed_rule_group_statement": group(each.Name, counted)}
			rule.OverrideAction = &waf.Wafv2WebAclRuleOverrideAction{None: &waf.Wafv2WebAclRuleOverrideActionNone{}}
			if counts {
				rule.OverrideAction = &waf.Wafv2WebAclRuleOverrideAction{Count: &waf.Wafv2WebAclRuleOverrideActionCount{}}
			}
		case counts:
			rule.Action = &waf.Wafv2WebAclRuleAction{Count: &waf.Wafv2WebAclRuleActionCount{}}
		default:
			rule.Action = &waf.Wafv2WebAclRuleAction{Block: &waf.Wafv2WebAclRuleActionBlock{}}
		}
		all = append(all, rule)
	}
	return all
}

// group is a rule group of AWS's with its own actions, except that those of its rules which are counted only count.
func group(name string, counted []string) object {
	group, overrides := object{"vendor_name": "AWS", "name": name}, []any{}
	for _, each := range counted {
		if rule, ours := strings.CutPrefix(each, name+"/"); ours {
			overrides = append(overrides, object{"name": rule, "action_to_use": object{"count": object{}}})
		}
	}
	if len(overrides) > 0 {
		group["rule_action_override"] = overrides
	}
	return group
}

func visible(metric string) *waf.Wafv2WebAclRuleVisibilityConfig {
	return &waf.Wafv2WebAclRuleVisibilityConfig{
		CloudwatchMetricsEnabled: jsii.Bool(true), SampledRequestsEnabled: jsii.Bool(true), MetricName: jsii.String(metric),
	}
}
