// Package firewall filters what reaches the load balancer.
package firewall

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchlogresourcepolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/wafv2ipset"
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
	HealthCheckPath string  // which no country is blocked from
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
	var strangers object
	if addresses := props.Config.TrustedAddresses; len(addresses) > 0 {
		trusted := wafv2ipset.NewWafv2IpSet(this, jsii.String("trusted"), &wafv2ipset.Wafv2IpSetConfig{
			Name: jsii.String(d.Name(props.Name + "Trusted")), Description: jsii.String("Callers that no rate limit counts"),
			Tags: d.Tags(props.Name + "Trusted"), Scope: jsii.String("REGIONAL"), IpAddressVersion: jsii.String("IPV4"),
			Addresses: jsii.Strings(addresses...),
			// AWS deletes none that a web ACL uses: it goes after the rules have been changed.
			Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
		})
		strangers = not(object{"ip_set_reference_statement": object{"arn": trusted.Arn()}})
	}
	bodies := []*waf.Wafv2WebAclCustomResponseBody{}
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		bodies = append(bodies, &waf.Wafv2WebAclCustomResponseBody{
			Key: jsii.Sprintf("status-%d", status), ContentType: jsii.String("APPLICATION_JSON"),
			Content: policy.JSON(object{"status": status, "title": answers[status]}),
		})
	}
	acl := waf.NewWafv2WebAcl(this, jsii.String("web-acl"), &waf.Wafv2WebAclConfig{
		Name: jsii.String(name), Description: jsii.String("Filters requests to the payment API"),
		Tags: d.Tags(props.Name + "WAF"), Scope: jsii.String("REGIONAL"), CustomResponseBody: bodies,
		DefaultAction: &waf.Wafv2WebAclDefaultAction{Allow: &waf.Wafv2WebAclDefaultActionAllow{}},
		// In logs and in sampled requests, which are on for every rule: what identifies a session or a caller.
		DataProtectionConfig: &waf.Wafv2WebAclDataProtectionConfig{DataProtection: protectedFields()},
		// Metrics and samples of the web ACL and of every rule (WAF.12).
		VisibilityConfig: &waf.Wafv2WebAclVisibilityConfig{
			CloudwatchMetricsEnabled: jsii.Bool(true), SampledRequestsEnabled: jsii.Bool(true), MetricName: jsii.String(name),
		},
	})
	acl.AddOverride(jsii.String("rule"), rules(props, strangers))
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
	signals := cloudwatch.Read(signalsFile, props.Name, map[string]any{"region": d.ARNs.Region, "acl": name})
	return Firewall{ARN: acl.Arn(), Signals: signals}
}

//go:embed signals.yaml
var signalsFile string

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
		PolicyDocument: policy.Document(policy.Allow("DeliverFirewallLogs", "logs:CreateLogStream", "logs:PutLogEvents").
			On(arns.ARN("logs", "log-group:"+group+":*")).To(policy.Service("delivery.logs.amazonaws.com")).
			If(arns.Sources("logs", "*")...)),
	})
}

// object is a statement of a rule, or a part of one, in the provider's words.
type object = map[string]any

// hostingProviders would block merchants, who call from servers in a cloud (CKV2_AWS_76).
const hostingProviders = "AWSManagedRulesAnonymousIpList/HostingProviderIPList"

// answers are what our own rules say to whom they block, by the status; they never name the rule.
var answers = map[int]string{403: "Forbidden", 429: "Too Many Requests"}

// block is the action that gives one of the answers. A rate is counted over five minutes.
func block(status int) object {
	response := object{"response_code": status, "custom_response_body_key": fmt.Sprintf("status-%d", status)}
	if status == 429 {
		response["response_header"] = []object{{"name": "Retry-After", "value": "300"}}
	}
	return object{"block": object{"custom_response": response}}
}

// rules are the web ACL's rules, in Terraform's words. With as many as there can be they cost less than the 1,500 web
// ACL capacity units that are included in the price; tests/capacity.yaml has what each costs. Strangers is the
// statement that a caller is not trusted, nil where nobody is.
func rules(props Props, strangers object) (all []object) {
	firewall := props.Config
	counted := append([]string{hostingProviders}, firewall.Count...)
	rate := func(limit int, of object) object {
		return object{"rate_based_statement": scoped(object{"limit": limit, "aggregate_key_type": "IP"}, of)}
	}
	add := func(name, countedAs string, priority int, statement, action object, kind string) {
		if slices.Contains(counted, countedAs) {
			action = object{"count": object{}}
		}
		all = append(all, object{"name": name, "priority": priority, "statement": statement, kind: action,
			"visibility_config": object{
				"cloudwatch_metrics_enabled": true, "sampled_requests_enabled": true, "metric_name": name,
			}})
	}
	for _, each := range config.FirewallRules {
		var statement object
		action, kind := block(403), "action"
		switch each.Name {
		case config.RateLimitRule:
			statement, action = rate(firewall.RateLimit, strangers), block(429)
		case config.SQLInjectionRule:
			statement = object{"sqli_match_statement": object{
				"field_to_match":      object{"body": object{"oversize_handling": "CONTINUE"}},
				"text_transformation": []any{object{"priority": 0, "type": "URL_DECODE"}},
			}}
		case config.BlockedCountriesRule:
			if len(firewall.BlockedCountries) == 0 {
				continue
			}
			checked, _, _ := strings.Cut(props.HealthCheckPath, "?")
			statement = object{"and_statement": object{"statement": []any{
				object{"geo_match_statement": object{"country_codes": firewall.BlockedCountries}},
				not(path("EXACTLY", checked, "NONE")), // who checks from outside does so from many countries
			}}}
		default:
			statement = object{"managed_rule_group_statement": group(each.Name, counted, strangers)}
			action, kind = object{"none": object{}}, "override_action"
		}
		add(each.Name, each.Name, each.Priority, statement, action, kind)
	}
	for i, beginning := range slices.Sorted(maps.Keys(firewall.RateLimits)) {
		of := path("STARTS_WITH", strings.ToLower(beginning), "URL_DECODE", "NORMALIZE_PATH", "LOWERCASE")
		if strangers != nil {
			of = object{"and_statement": object{"statement": []any{of, strangers}}}
		}
		name, statement := config.PathRule(beginning), rate(firewall.RateLimits[beginning], of)
		add(name, config.RateLimitRule+beginning, config.FirstPathRule+i, statement, block(429), "action")
	}
	return all
}

func not(statement object) object {
	return object{"not_statement": object{"statement": []any{statement}}}
}

// path is the statement about a request's path, after the transformations.
func path(position, text string, transformations ...string) object {
	var all []any
	for i, each := range transformations {
		all = append(all, object{"priority": i, "type": each})
	}
	return object{"byte_match_statement": object{"field_to_match": object{"uri_path": object{}},
		"positional_constraint": position, "search_string": text, "text_transformation": all}}
}

// scoped limits a statement to the requests that another one matches, if there is one.
func scoped(statement, to object) object {
	if to != nil {
		statement["scope_down_statement"] = to
	}
	return statement
}

// group is a rule group of AWS's with its own actions, except that those of its rules which are counted only count. A
// list of addresses does not see trusted ones.
func group(name string, counted []string, strangers object) object {
	group, overrides := object{"vendor_name": "AWS", "name": name}, []any{}
	if strings.HasSuffix(name, "IpList") || strings.HasSuffix(name, "IpReputationList") {
		scoped(group, strangers)
	}
	for _, each := range slices.Compact(slices.Sorted(slices.Values(counted))) {
		if rule, ours := strings.CutPrefix(each, name+"/"); ours {
			overrides = append(overrides, object{"name": rule, "action_to_use": object{"count": object{}}})
		}
	}
	if len(overrides) > 0 {
		group["rule_action_override"] = overrides
	}
	return group
}
