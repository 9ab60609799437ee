package monitoring

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"tap/config"
	"tap/constructs/deployment"
	"tap/constructs/loadbalancer"
)

// RequestsProps configures NewRequests.
type RequestsProps struct {
	Deployment   deployment.Deployment
	Config       config.Monitoring
	Topic        Topic
	LoadBalancer loadbalancer.LoadBalancer
}

// Requests are the alarms of what clients see. They exist before the service, so that they can roll a deployment
// back.
type Requests struct {
	// ErrorRateAlarm and LatencyAlarm are alarm names.
	ErrorRateAlarm, LatencyAlarm *string

	arns []*string
}

// NewRequests creates the alarms on requests. Where nobody calls there is no data, which is good: that nobody can
// call is for NoHealthyTargetAlarm.
func NewRequests(scope constructs.Construct, id string, props RequestsProps) Requests {
	this := constructs.NewConstruct(scope, jsii.String(id))
	traffic := trafficOf(props.LoadBalancer)

	errorRate := alarm{
		id: "error-rate", name: "HighErrorRateAlarm",
		description: fmt.Sprintf("At least %g %% of requests failed with a 5xx of the service in 5 minutes. "+
			"First: read the service's latest log events and, if a deployment is under way, roll it back.",
			props.Config.ErrorRatePercent),
		expression: errorRatio(props.Config.MinimumRequests),
		operands:   []operand{{"errors", traffic.targetErrors, "Sum"}, {"requests", traffic.requests, "Sum"}},
		comparison: atLeast, threshold: props.Config.ErrorRatePercent, period: 300, periods: 1, missing: missingIsGood,
	}.create(this, props.Deployment, props.Topic)

	latency := alarm{
		id: "latency", name: "HighLatencyAlarm",
		description: fmt.Sprintf("The slowest 1 %% of requests took %g s or more over 5 minutes. "+
			"First: compare the database's CPU and connections on the dashboard with the service's CPU.",
			props.Config.LatencySeconds),
		expression: fmt.Sprintf("IF(requests >= %d, latency, 0)", props.Config.MinimumRequests),
		operands:   []operand{{"latency", traffic.latency, "p99"}, {"requests", traffic.requests, "Sum"}},
		comparison: atLeast, threshold: props.Config.LatencySeconds, period: 300, periods: 1, missing: missingIsGood,
	}.create(this, props.Deployment, props.Topic)

	// The load balancer answers by itself when no target can, and does not count such requests.
	balancer := alarm{
		id: "load-balancer-error-rate", name: "HighLoadBalancerErrorRateAlarm",
		description: fmt.Sprintf("The load balancer itself answered at least %g %% of requests with a 5xx in 5 minutes. "+
			"First: look at the healthy targets and at the reasons for which tasks stopped.",
			props.Config.ErrorRatePercent),
		expression: fmt.Sprintf("IF(FILL(requests, 0) + FILL(errors, 0) >= %d, "+
			"100 * FILL(errors, 0) / (FILL(requests, 0) + FILL(errors, 0)), 0)", props.Config.MinimumRequests),
		operands:   []operand{{"errors", traffic.balancerErrors, "Sum"}, {"requests", traffic.requests, "Sum"}},
		comparison: atLeast, threshold: props.Config.ErrorRatePercent, period: 300, periods: 1, missing: missingIsGood,
	}.create(this, props.Deployment, props.Topic)

	result := Requests{
		ErrorRateAlarm: errorRate.AlarmName(),
		LatencyAlarm:   latency.AlarmName(),
		arns:           []*string{errorRate.Arn(), latency.Arn(), balancer.Arn()},
	}
	if props.LoadBalancer.CertificateARN != nil {
		// Published twice a day. ACM renews 60 or 45 days before the end, so 30 days mean that it could not:
		// https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
		expiry := alarm{
			id: "certificate", name: "ExpiringCertificateAlarm",
			description: "The load balancer's certificate ends in 30 days or less. " +
				"First: check that its DNS validation record still exists, or import a new certificate.",
			metric: metric{"AWS/CertificateManager", "DaysToExpiry", []dimension{
				{"CertificateArn", props.LoadBalancer.CertificateARN},
			}},
			statistic:  "Minimum",
			comparison: atMost, threshold: 30, period: 86400, periods: 1, missing: missingIsGood,
		}.create(this, props.Deployment, props.Topic)
		result.arns = append(result.arns, expiry.Arn())
	}
	return result
}

// errorRatio is the share of requests that failed, in percent, and 0 under the minimum of requests, where one that
// failed would already be a high share.
func errorRatio(minimum int) string {
	return fmt.Sprintf("IF(requests >= %d, 100 * FILL(errors, 0) / requests, 0)", minimum)
}

// traffic are the metrics of a load balancer:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
type traffic struct {
	requests, latency, targetErrors, balancerErrors, clientErrors, healthyTargets, unhealthyTargets metric
}

func trafficOf(balancer loadbalancer.LoadBalancer) traffic {
	whole := []dimension{{"LoadBalancer", balancer.FullName}}
	targets := append(whole[:1:1], dimension{"TargetGroup", balancer.TargetGroupFullName})
	const namespace = "AWS/ApplicationELB"
	return traffic{
		requests:         metric{namespace, "RequestCount", whole},
		latency:          metric{namespace, "TargetResponseTime", whole},
		targetErrors:     metric{namespace, "HTTPCode_Target_5XX_Count", whole},
		balancerErrors:   metric{namespace, "HTTPCode_ELB_5XX_Count", whole},
		clientErrors:     metric{namespace, "HTTPCode_Target_4XX_Count", whole},
		healthyTargets:   metric{namespace, "HealthyHostCount", targets},
		unhealthyTargets: metric{namespace, "UnHealthyHostCount", targets},
	}
}
