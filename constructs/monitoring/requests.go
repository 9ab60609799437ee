package monitoring

import (
	"fmt"
	"math"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"tap/config"
	"tap/constructs/deployment"
	"tap/constructs/loadbalancer"
)

const (
	// minimumErrors is how many failed requests raise an alarm at least, whatever their share.
	minimumErrors = 3
	// latencyMinimumRequests is the number of samples that a 99th percentile needs: of fewer it is the slowest request.
	latencyMinimumRequests = 1000
	// answered are all requests: the load balancer answers by itself when no target can, and does not count these.
	answered = "(FILL(requests, 0) + FILL(unanswered, 0))"
)

// burnRates are how fast the failures that the availability allows in 30 days may be used up: 2 % of them in an hour,
// 5 % in six hours. https://sre.google/workbook/alerting-on-slos/
var burnRates = []struct {
	id, name, exhausted, first string
	rate                       float64
	hours                      int
}{
	{"fast-burn", "FastBurnAlarm", "two days", "treat it as an outage: find what changed in the last hour.", 14.4, 1},
	{"slow-burn", "SlowBurnAlarm", "five days", "find which requests fail in the service's log; not tonight.", 6, 6},
}

// RequestsProps configures NewRequests.
type RequestsProps struct {
	Deployment   deployment.Deployment
	Config       config.Monitoring
	TopicARN     *string // of the topic that every alarm notifies
	LoadBalancer loadbalancer.LoadBalancer
}

// Requests are the alarms of what clients see. They exist before the service, so that they can roll a deployment
// back.
type Requests struct {
	RequestsProps
	DeploymentAlarms []*string // names of the alarms that roll a deployment back

	arns []*string
}

// NewRequests creates the alarms on requests.
func NewRequests(scope constructs.Construct, id string, props RequestsProps) Requests {
	this := constructs.NewConstruct(scope, jsii.String(id))
	result := Requests{RequestsProps: props}
	for _, alarm := range requestAlarms(props) {
		created := alarm.create(this, props.Deployment, props.TopicARN)
		result.arns = append(result.arns, created.Arn())
		if alarm.rollsBack {
			result.DeploymentAlarms = append(result.DeploymentAlarms, created.AlarmName())
		}
	}
	return result
}

// requestAlarms are quiet where nobody calls and there is no data: that nobody can call is for NoHealthyTargetAlarm.
func requestAlarms(props RequestsProps) []alarm {
	traffic, limits := trafficOf(props.LoadBalancer), props.Config
	requests, errors := operand{"requests", traffic.requests}, operand{"errors", traffic.targetErrors}
	unanswered := operand{"unanswered", traffic.balancerErrors}
	all := []alarm{{
		id: "error-rate", name: "HighErrorRateAlarm", rollsBack: true,
		description: fmt.Sprintf("At least %g %% of requests failed with a 5xx of the service in 5 minutes. "+
			"First: read the service's latest log events and, if a deployment is under way, roll it back.",
			limits.ErrorRatePercent),
		expression: ratio("FILL(errors, 0)", "requests", limits.MinimumRequests),
		operands:   []operand{errors, requests}, threshold: limits.ErrorRatePercent, period: 300,
	}, {
		id: "latency", name: "HighLatencyAlarm", rollsBack: true,
		description: fmt.Sprintf("The slowest 1 %% of requests took %g s or more over 5 minutes. "+
			"First: compare the database's CPU and connections on the dashboard with the service's CPU.",
			limits.LatencySeconds),
		expression: fmt.Sprintf("IF(requests >= %d, latency, 0)", latencyMinimumRequests),
		operands:   []operand{{"latency", traffic.latency}, requests}, threshold: limits.LatencySeconds, period: 300,
	}, {
		id: "load-balancer-error-rate", name: "HighLoadBalancerErrorRateAlarm",
		description: fmt.Sprintf("The load balancer itself answered at least %g %% of requests with a 5xx in 5 minutes. "+
			"First: look at the healthy targets and at the reasons for which tasks stopped.", limits.ErrorRatePercent),
		expression: ratio("FILL(unanswered, 0)", answered, limits.MinimumRequests),
		operands:   []operand{unanswered, requests}, threshold: limits.ErrorRatePercent, period: 300,
	}}
	for _, burn := range burnRates {
		allowed := 100 - limits.AvailabilityPercent
		threshold := math.Round(min(burn.rate*allowed, 100)*1000) / 1000
		all = append(all, alarm{
			id: burn.id, name: burn.name,
			description: fmt.Sprintf("%g %% or more of requests failed over %d h: at this rate the failures that a month "+
				"allows (%.3g %%) are used up in %s. First: %s", threshold, burn.hours, allowed, burn.exhausted, burn.first),
			expression: ratio("(FILL(errors, 0) + FILL(unanswered, 0))", answered, limits.MinimumRequests),
			operands:   []operand{errors, unanswered, requests}, threshold: threshold, period: burn.hours * 3600,
		})
	}
	if certificate := props.LoadBalancer.CertificateARN; certificate != nil {
		dimensions := map[string]*string{"CertificateArn": certificate}
		// Published twice a day. ACM renews 60 or 45 days before the end, so 30 days mean that it could not:
		// https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
		all = append(all, alarm{
			id: "certificate", name: "ExpiringCertificateAlarm",
			description: "The load balancer's certificate ends in 30 days or less. " +
				"First: check that its DNS validation record still exists, or import a new certificate.",
			metric:     metric{"AWS/CertificateManager", "DaysToExpiry", "Minimum", dimensions},
			comparison: atMost, threshold: 30, period: 86400,
		})
	}
	return all
}

// ratio is the share of errors in requests, in percent, and 0 under the minimum of requests or of errors, where one
// failure would already be a high share.
func ratio(errors, requests string, minimum int) string {
	return fmt.Sprintf("IF(%[1]s >= %d && %[3]s >= %d, 100 * %[3]s / %[1]s, 0)", requests, minimum, errors, minimumErrors)
}

// traffic are the metrics of a load balancer:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
type traffic struct {
	requests, latency, targetErrors, balancerErrors, clientErrors, healthyTargets, unhealthyTargets metric
}

func trafficOf(balancer loadbalancer.LoadBalancer) traffic {
	whole := map[string]*string{"LoadBalancer": balancer.FullName}
	targets := map[string]*string{"LoadBalancer": balancer.FullName, "TargetGroup": balancer.TargetGroupFullName}
	const namespace = "AWS/ApplicationELB"
	return traffic{
		requests:         metric{namespace, "RequestCount", "Sum", whole},
		latency:          metric{namespace, "TargetResponseTime", "p99", whole},
		targetErrors:     metric{namespace, "HTTPCode_Target_5XX_Count", "Sum", whole},
		balancerErrors:   metric{namespace, "HTTPCode_ELB_5XX_Count", "Sum", whole},
		clientErrors:     metric{namespace, "HTTPCode_Target_4XX_Count", "Sum", whole},
		healthyTargets:   metric{namespace, "HealthyHostCount", "Minimum", targets},
		unhealthyTargets: metric{namespace, "UnHealthyHostCount", "Maximum", targets},
	}
}
