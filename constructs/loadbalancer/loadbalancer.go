// Package loadbalancer is the one way in from the internet: an Application Load Balancer, its certificate, the
// target group of the service and the access logs.
package loadbalancer

import (
	_ "embed"
	"fmt"
	"math"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/acmcertificate"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/acmcertificatevalidation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lb"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lblistener"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lblistenerrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lbtargetgroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lbtruststore"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lbtruststorerevocation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/route53record"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/internal/bucket"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// tlsPolicy offers TLS 1.3 and 1.2 with forward secrecy only (ELB.17):
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
// AWS recommends it: clients that know a key exchange which no quantum computer breaks use it, and others do not.
const tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"

// Props configures New.
type Props struct {
	Deployment deployment.Deployment
	Name       string // begins the names of its resources, for example Payment of PaymentALB-<suffix>
	Network    *network.Network
	Config     config.LoadBalancer
	Monitoring config.Monitoring // the limits of the alarms on requests
	Default    Target            // gets what no route matches
}

// Target is a service that the load balancer forwards to.
type Target struct {
	Name   string         // the service's
	Config config.Service // where its tasks listen, how they are checked and how long they may end requests
}

// Route chooses the requests of a target: those to one of the hosts, if there are any, and to one of the paths. Both
// may contain * and ?: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
type Route struct {
	Priority     int // 1 to 50,000, unique; the lowest one that matches counts
	Hosts, Paths []string
}

// LoadBalancer is an internet-facing load balancer.
type LoadBalancer struct {
	ARN     *string // output LoadBalancerArn
	DNSName *string // output LoadBalancerDNS
	// Ingress is what the default target needs in order to be reached from the load balancer.
	Ingress connection.Ingress
	Signals cloudwatch.Signals

	props    Props
	group    network.SecurityGroup
	fullName *string
	listener lblistener.LbListener // with the routes
}

// New creates the load balancer. With a certificate it serves HTTPS on 443 and redirects 80 to it;
// without one it serves HTTP on 80. The listener on 80 and the target group are the same in both,
// so that HTTPS can be added to a running environment.
func New(scope constructs.Construct, id string, props Props) *LoadBalancer {
	this, d := constructs.NewConstruct(scope, jsii.String(id)), props.Deployment
	https := props.Config.HTTPS()

	group := props.Network.NewSecurityGroup(this, "security-group", props.Name+"ALB", "Load balancer of the payment API")
	ready := network.AllowFrom(this, "http", group, 80, props.Config.AllowedSources)
	if https {
		ready = append(ready, network.AllowFrom(this, "https", group, 443, props.Config.AllowedSources)...)
	}
	if len(props.Config.AllowedSources) > 0 && props.Config.Domain.Name != "" && config.IsCommercial(d.ARNs.Region) {
		ready = append(ready, network.AllowHealthCheckers(this, "health-checkers", group, 443, d.ARNs.Region))
	}
	logs := newAccessLogs(this, props)
	ready = append(ready, props.Network.Ready...)
	ready = append(ready, logs.Ready)
	var connections *lb.LbConnectionLogs // which certificate a client showed, and why it was refused
	if props.Config.ClientCertificates.Mode != config.CertificatesOff {
		connections = &lb.LbConnectionLogs{Bucket: logs.Name, Enabled: jsii.Bool(true)}
	}
	balancer := lb.NewLb(this, jsii.String("load-balancer"), &lb.LbConfig{
		Name: jsii.String(d.Name(props.Name + "ALB")), LoadBalancerType: jsii.String("application"),
		Internal: jsii.Bool(false), Subnets: &props.Network.PublicSubnets, SecurityGroups: &[]*string{group.ID},
		Tags: d.Tags(props.Name + "ALB"), IdleTimeout: jsii.Number(props.Config.IdleTimeoutSeconds),
		DropInvalidHeaderFields:  jsii.Bool(true),          // ELB.4, CKV_AWS_131
		DesyncMitigationMode:     jsii.String("defensive"), // ELB.12, CKV_AWS_328
		EnableDeletionProtection: jsii.Bool(d.Protect),     // ELB.6, CKV_AWS_150
		AccessLogs:               &lb.LbAccessLogs{Bucket: logs.Name, Enabled: jsii.Bool(true)},
		ConnectionLogs:           connections,
		DependsOn:                &ready,
	})
	result := &LoadBalancer{
		ARN: balancer.Arn(), DNSName: balancer.DnsName(), props: props, group: group, fullName: balancer.ArnSuffix(),
	}
	targets := result.newTargetGroup(this, props.Default)
	forward := []*lblistener.LbListenerDefaultAction{{Type: jsii.String("forward"), TargetGroupArn: targets.Arn()}}
	onHTTP := lblistener.LbListenerConfig{
		LoadBalancerArn: balancer.Arn(), Port: jsii.Number(80), Protocol: jsii.String("HTTP"), DefaultAction: forward,
	}
	var certificate *string
	if !https {
		result.listener = lblistener.NewLbListener(this, jsii.String("http-listener"), &onHTTP)
	} else {
		certificate = newCertificate(this, props.Config, balancer)
		result.listener = lblistener.NewLbListener(this, jsii.String("https-listener"), &lblistener.LbListenerConfig{
			LoadBalancerArn: balancer.Arn(), Port: jsii.Number(443), Protocol: jsii.String("HTTPS"), DefaultAction: forward,
			SslPolicy: jsii.String(tlsPolicy), CertificateArn: certificate,
			// Browsers use HTTPS for a year.
			RoutingHttpResponseStrictTransportSecurityHeaderValue: jsii.String("max-age=31536000; includeSubDomains"),
			MutualAuthentication: newClientCertificates(this, props),
		})
		onHTTP.DefaultAction = []*lblistener.LbListenerDefaultAction{{
			Type: jsii.String("redirect"),
			Redirect: &lblistener.LbListenerDefaultActionRedirect{
				Protocol: jsii.String("HTTPS"), Port: jsii.String("443"), StatusCode: jsii.String("HTTP_301"),
			},
		}}
		// Clients are only sent to HTTPS once it answers.
		onHTTP.DependsOn = &[]cdktf.ITerraformDependable{result.listener}
		lblistener.NewLbListener(this, jsii.String("http-listener"), &onHTTP)
	}
	result.Ingress = result.ingress(targets, result.listener)
	allowed := 100 - props.Monitoring.AvailabilityPercent // may fail
	result.Signals = cloudwatch.Read(signalsFile, props.Name, map[string]any{
		"balancer": result.fullName, "certificate": certificate, "limits": props.Monitoring,
		"allowed": fmt.Sprintf("%.3g", allowed),
		"burn":    func(rate float64) float64 { return math.Round(min(rate*allowed, 100)*1000) / 1000 },
	})
	return result
}

//go:embed signals.yaml
var signalsFile string

// NewRoute forwards the requests that the route chooses to another target than the default.
func (l *LoadBalancer) NewRoute(scope constructs.Construct, id string, target Target, route Route) connection.Ingress {
	this := constructs.NewConstruct(scope, jsii.String(id))
	targets, conditions := l.newTargetGroup(this, target), []*lblistenerrule.LbListenerRuleCondition{}
	if len(route.Hosts) > 0 {
		hosts := &lblistenerrule.LbListenerRuleConditionHostHeader{Values: jsii.Strings(route.Hosts...)}
		conditions = append(conditions, &lblistenerrule.LbListenerRuleCondition{HostHeader: hosts})
	}
	if len(route.Paths) > 0 {
		paths := &lblistenerrule.LbListenerRuleConditionPathPattern{Values: jsii.Strings(route.Paths...)}
		conditions = append(conditions, &lblistenerrule.LbListenerRuleCondition{PathPattern: paths})
	}
	rule := lblistenerrule.NewLbListenerRule(this, jsii.String("rule"), &lblistenerrule.LbListenerRuleConfig{
		ListenerArn: l.listener.Arn(), Priority: jsii.Number(route.Priority), Condition: conditions,
		Action: []*lblistenerrule.LbListenerRuleAction{{Type: jsii.String("forward"), TargetGroupArn: targets.Arn()}},
		Tags:   l.props.Deployment.Tags(target.Name + "Route"),
	})
	return l.ingress(targets, rule)
}

// ingress is the way in to a target group once a listener uses it.
func (l *LoadBalancer) ingress(targets lbtargetgroup.LbTargetGroup,
	used cdktf.ITerraformDependable) connection.Ingress {
	return connection.Ingress{
		SecurityGroup: l.group, TargetGroupARN: targets.Arn(), Ready: used,
		LoadBalancer: l.fullName, TargetGroup: targets.ArnSuffix(),
	}
}

// newTargetGroup creates the group that a service's tasks register with. Another port replaces it, and AWS
// refuses to delete a group that a listener uses: the new one is created first, so AWS completes its name.
func (l *LoadBalancer) newTargetGroup(scope constructs.Construct, target Target) lbtargetgroup.LbTargetGroup {
	check := target.Config.HealthCheck
	return lbtargetgroup.NewLbTargetGroup(scope, jsii.String("target-group"), &lbtargetgroup.LbTargetGroupConfig{
		NamePrefix: jsii.String("PayTG-"), // the provider refuses more than six characters when it plans
		VpcId:      l.props.Network.VPCID, TargetType: jsii.String("ip"), Tags: l.props.Deployment.Tags(target.Name + "TG"),
		Port: jsii.Number(target.Config.Port), Protocol: jsii.String("HTTP"),
		DeregistrationDelay: jsii.Sprintf("%d", target.Config.DeregistrationDelaySeconds),
		HealthCheck: &lbtargetgroup.LbTargetGroupHealthCheck{
			Enabled: jsii.Bool(true), Protocol: jsii.String("HTTP"), Matcher: jsii.String("200"),
			Path: jsii.String(check.Path), Interval: jsii.Number(check.IntervalSeconds),
			Timeout: jsii.Number(config.HealthCheckTimeoutSeconds),
			// Checks in a row, as in the original system.
			HealthyThreshold: jsii.Number(2), UnhealthyThreshold: jsii.Number(3),
		},
		Stickiness: &lbtargetgroup.LbTargetGroupStickiness{Enabled: jsii.Bool(false), Type: jsii.String("lb_cookie")},
		Lifecycle:  &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
}

// newClientCertificates has clients asked for certificates, or not any more, which the provider would overlook where
// nothing is said of it, and makes what they are verified by:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html
func newClientCertificates(scope constructs.Construct, props Props) *lblistener.LbListenerMutualAuthentication {
	certificates := props.Config.ClientCertificates
	result := &lblistener.LbListenerMutualAuthentication{Mode: jsii.String(certificates.Mode)}
	if certificates.Mode != config.CertificatesVerify {
		return result
	}
	this := constructs.NewConstruct(scope, jsii.String("client-certificates"))
	bucket, key, _ := strings.Cut(strings.TrimPrefix(certificates.Bundle, "s3://"), "/")
	result.TrustStoreArn = lbtruststore.NewLbTrustStore(this, jsii.String("trust-store"), &lbtruststore.LbTrustStoreConfig{
		Name: jsii.String(props.Deployment.Name(props.Name + "Trust")), Tags: props.Deployment.Tags(props.Name + "Trust"),
		CaCertificatesBundleS3Bucket: jsii.String(bucket), CaCertificatesBundleS3Key: jsii.String(key),
		// AWS deletes none that a listener uses: it goes after the listener has been changed.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	}).Arn()
	for _, uri := range certificates.Revocations {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
		id := strings.ReplaceAll(uri, "/", "|") // which ids of constructs cannot contain
		lbtruststorerevocation.NewLbTrustStoreRevocation(this, jsii.String(id), &lbtruststorerevocation.LbTrustStoreRevocationConfig{
			TrustStoreArn: result.TrustStoreArn, RevocationsS3Bucket: jsii.String(bucket), RevocationsS3Key: jsii.String(key),
		})
	}
	return result
}

// newAccessLogs creates the bucket of the access logs (ELB.5, CKV_AWS_91):
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func newAccessLogs(scope constructs.Construct, props Props) bucket.Bucket {
	d, arns := props.Deployment, props.Deployment.ARNs
	return bucket.New(scope, "access-logs", bucket.Props{
		// The account makes the name unique among all buckets of the world.
		Name:    jsii.Sprintf("%s-alb-logs-%s-%s-%s", strings.ToLower(props.Name), d.Suffix, *arns.ID, arns.Region),
		Protect: d.Protect, ExpireDays: d.LogRetentionDays, NoncurrentDays: 7,
		Allow: func(arn string) policy.Statement {
			return policy.Allow("DeliverAccessLogs", "s3:PutObject").On(jsii.Sprintf("%s/AWSLogs/%s/*", arn, *arns.ID)).
				To(policy.Service("logdelivery.elasticloadbalancing.amazonaws.com")).
				If(policy.ARNLike("aws:SourceArn", arns.ARN("elasticloadbalancing", "loadbalancer/*")))
		},
	})
}

// newCertificate returns the ARN of a certificate that can be used at once: the configured one, or one
// requested for the domain and validated by DNS, which ACM renews as long as the validation record exists.
// The domain then also gets its alias record.
func newCertificate(scope constructs.Construct, config config.LoadBalancer, balancer lb.Lb) *string {
	if config.CertificateARN != "" {
		return jsii.String(config.CertificateARN)
	}
	this := constructs.NewConstruct(scope, jsii.String("domain"))
	name, zone := jsii.String(config.Domain.Name), jsii.String(config.Domain.ZoneID)
	certificate := acmcertificate.NewAcmCertificate(this, jsii.String("certificate"), &acmcertificate.AcmCertificateConfig{
		DomainName: name, ValidationMethod: jsii.String("DNS"),
		// A listener's certificate cannot be deleted before the listener has another.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
	proof := certificate.DomainValidationOptions().Get(jsii.Number(0))
	record := route53record.NewRoute53Record(this, jsii.String("validation-record"), &route53record.Route53RecordConfig{
		ZoneId: zone, Name: proof.ResourceRecordName(), Type: proof.ResourceRecordType(),
		Records: &[]*string{proof.ResourceRecordValue()}, Ttl: jsii.Number(60),
		// ACM asks for the same record for every certificate of one name, also for that of another environment
		// that had the name before.
		AllowOverwrite: jsii.Bool(true),
	})
	validated := acmcertificatevalidation.NewAcmCertificateValidation(this, jsii.String("validation"), &acmcertificatevalidation.AcmCertificateValidationConfig{
		CertificateArn: certificate.Arn(), ValidationRecordFqdns: &[]*string{record.Fqdn()},
		// Minutes, where the zone answers for the domain. Where it does not, waiting longer would not help.
		Timeouts: &acmcertificatevalidation.AcmCertificateValidationTimeouts{Create: jsii.String("15m")},
	})
	route53record.NewRoute53Record(this, jsii.String("alias"), &route53record.Route53RecordConfig{
		ZoneId: zone, Name: name, Type: jsii.String("A"),
		Alias: &route53record.Route53RecordAlias{
			Name: balancer.DnsName(), ZoneId: balancer.ZoneId(), EvaluateTargetHealth: jsii.Bool(true),
		},
	})
	return validated.CertificateArn()
}
