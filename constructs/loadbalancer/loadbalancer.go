// Package loadbalancer is the one way in from the internet: an Application Load Balancer, its certificate, the
// target group of the service and the access logs.
package loadbalancer

import (
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lb"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lblistener"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lbtargetgroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/internal/bucket"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// tlsPolicy offers TLS 1.3 and 1.2 with forward secrecy only (ELB.17):
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
const tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

// The health check's time-out and thresholds are those of the original system.
const (
	healthCheckTimeoutSeconds = 5
	healthyThreshold          = 2 // checks in a row that make a target healthy
	unhealthyThreshold        = 3 // failed checks in a row that make it unhealthy
)

// strictTransportSecurity makes browsers use HTTPS for a year.
const strictTransportSecurity = "max-age=31536000; includeSubDomains"

// replacedLogDays is how long a version of an access log that expired or was overwritten can be restored.
const replacedLogDays = 7

// Props configures New.
type Props struct {
	Deployment                 deployment.Deployment
	Network                    *network.Network
	Config                     config.LoadBalancer
	HealthCheck                config.HealthCheck
	Port                       int // where the targets listen
	DeregistrationDelaySeconds int
}

// LoadBalancer is an internet-facing load balancer that forwards to one target group.
type LoadBalancer struct {
	ARN            *string // output LoadBalancerArn
	DNSName        *string // output LoadBalancerDNS
	TargetGroupARN *string // output TargetGroupArn
	// Dimensions of the AWS/ApplicationELB metrics.
	FullName            *string
	TargetGroupFullName *string
	// CertificateARN is the certificate that clients see; nil without HTTPS.
	CertificateARN *string
	// Ingress is what a service needs in order to be reached from the load balancer.
	Ingress connection.Ingress
}

// New creates the load balancer. With a certificate it serves HTTPS on 443 and redirects 80 to it;
// without one it serves HTTP on 80. The listener on 80 and the target group are the same in both,
// so that HTTPS can be added to a running environment.
func New(scope constructs.Construct, id string, props Props) LoadBalancer {
	this := constructs.NewConstruct(scope, jsii.String(id))
	https := props.Config.HTTPS()

	group := props.Network.NewSecurityGroup(this, "security-group", props.Deployment.Name("PaymentALB"),
		"Load balancer of the payment API")
	ready := []cdktf.ITerraformDependable{network.AllowFromInternet(this, "http", group, 80)}
	if https {
		ready = append(ready, network.AllowFromInternet(this, "https", group, 443))
	}

	logs := newAccessLogs(this, props)
	ready = slices.Concat(ready, props.Network.Ready, logs.Ready)
	balancer := lb.NewLb(this, jsii.String("load-balancer"), &lb.LbConfig{
		Name:                     jsii.String(props.Deployment.Name("PaymentALB")),
		LoadBalancerType:         jsii.String("application"),
		Internal:                 jsii.Bool(false),
		Subnets:                  &props.Network.PublicSubnets,
		SecurityGroups:           &[]*string{group.ID},
		IdleTimeout:              jsii.Number(props.Config.IdleTimeoutSeconds),
		DropInvalidHeaderFields:  jsii.Bool(true),                     // ELB.4, CKV_AWS_131
		DesyncMitigationMode:     jsii.String("defensive"),            // ELB.12, CKV_AWS_328
		EnableDeletionProtection: jsii.Bool(props.Deployment.Protect), // ELB.6, CKV_AWS_150
		AccessLogs:               &lb.LbAccessLogs{Bucket: logs.Name, Enabled: jsii.Bool(true)},
		Tags:                     props.Deployment.Tags("PaymentALB"),
		DependsOn:                &ready,
	})
	targets := newTargetGroup(this, props)

	listener := lblistener.LbListenerConfig{
		LoadBalancerArn: balancer.Arn(),
		Port:            jsii.Number(80),
		Protocol:        jsii.String("HTTP"),
		DefaultAction:   forward(targets),
	}
	result := LoadBalancer{
		ARN:                 balancer.Arn(),
		DNSName:             balancer.DnsName(),
		TargetGroupARN:      targets.Arn(),
		FullName:            balancer.ArnSuffix(),
		TargetGroupFullName: targets.ArnSuffix(),
		Ingress: connection.Ingress{
			SecurityGroup:  group,
			TargetGroupARN: targets.Arn(),
			RequestLabel:   jsii.Sprintf("%s/%s", *balancer.ArnSuffix(), *targets.ArnSuffix()),
		},
	}
	if !https {
		result.Ingress.Ready = lblistener.NewLbListener(this, jsii.String("http-listener"), &listener)
		return result
	}
	result.CertificateARN = newCertificate(this, props.Config, balancer)
	result.Ingress.Ready = lblistener.NewLbListener(this, jsii.String("https-listener"), &lblistener.LbListenerConfig{
		LoadBalancerArn: balancer.Arn(),
		Port:            jsii.Number(443),
		Protocol:        jsii.String("HTTPS"),
		SslPolicy:       jsii.String(tlsPolicy),
		CertificateArn:  result.CertificateARN,
		DefaultAction:   forward(targets),

		RoutingHttpResponseStrictTransportSecurityHeaderValue: jsii.String(strictTransportSecurity),
	})
	listener.DefaultAction = []*lblistener.LbListenerDefaultAction{{
		Type: jsii.String("redirect"),
		Redirect: &lblistener.LbListenerDefaultActionRedirect{
			Protocol: jsii.String("HTTPS"), Port: jsii.String("443"), StatusCode: jsii.String("HTTP_301"),
		},
	}}
	// Clients are only sent to HTTPS once it answers.
	listener.DependsOn = &[]cdktf.ITerraformDependable{result.Ingress.Ready}
	lblistener.NewLbListener(this, jsii.String("http-listener"), &listener)
	return result
}

func forward(targets lbtargetgroup.LbTargetGroup) []*lblistener.LbListenerDefaultAction {
	return []*lblistener.LbListenerDefaultAction{{Type: jsii.String("forward"), TargetGroupArn: targets.Arn()}}
}

// newTargetGroup creates the group that the service's tasks register with. Another port replaces it, and AWS
// refuses to delete a group that a listener uses: the new one is created first, so AWS completes its name.
func newTargetGroup(scope constructs.Construct, props Props) lbtargetgroup.LbTargetGroup {
	return lbtargetgroup.NewLbTargetGroup(scope, jsii.String("target-group"), &lbtargetgroup.LbTargetGroupConfig{
		NamePrefix:          jsii.String("PayTG-"), // the provider refuses more than six characters when it plans
		VpcId:               props.Network.VPCID,
		Port:                jsii.Number(props.Port),
		Protocol:            jsii.String("HTTP"),
		TargetType:          jsii.String("ip"),
		DeregistrationDelay: jsii.Sprintf("%d", props.DeregistrationDelaySeconds),
		HealthCheck: &lbtargetgroup.LbTargetGroupHealthCheck{
			Enabled:            jsii.Bool(true),
			Path:               jsii.String(props.HealthCheck.Path),
			Protocol:           jsii.String("HTTP"),
			Matcher:            jsii.String("200"),
			Interval:           jsii.Number(props.HealthCheck.IntervalSeconds),
			Timeout:            jsii.Number(healthCheckTimeoutSeconds),
			HealthyThreshold:   jsii.Number(healthyThreshold),
			UnhealthyThreshold: jsii.Number(unhealthyThreshold),
		},
		Stickiness: &lbtargetgroup.LbTargetGroupStickiness{Enabled: jsii.Bool(false), Type: jsii.String("lb_cookie")},
		Tags:       props.Deployment.Tags("PaymentTG"),
		Lifecycle:  &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
}

// newAccessLogs creates the bucket of the access logs (ELB.5, CKV_AWS_91):
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func newAccessLogs(scope constructs.Construct, props Props) bucket.Bucket {
	account := props.Deployment.Account
	return bucket.New(scope, "access-logs", bucket.Props{
		// The account makes the name unique among all buckets of the world.
		Name:           jsii.Sprintf("payment-alb-logs-%s-%s-%s", props.Deployment.Suffix, *account.ID, account.Region),
		Protect:        props.Deployment.Protect,
		ExpireDays:     props.Deployment.LogRetentionDays,
		NoncurrentDays: replacedLogDays,
		Statements: func(arn string) []policy.Statement {
			return []policy.Statement{{
				Sid:       "DeliverAccessLogs",
				Principal: policy.Service("logdelivery.elasticloadbalancing.amazonaws.com"),
				Actions:   []string{"s3:PutObject"},
				Resources: []*string{jsii.Sprintf("%s/AWSLogs/%s/*", arn, *account.ID)},
				Conditions: []policy.Condition{
					policy.ARNLike("aws:SourceArn", account.ARN("elasticloadbalancing", "loadbalancer/*")),
				},
			}}
		},
	})
}
