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

// RequestsProps configures NewRequests.
type RequestsProps struct {
	Deployment   deployment.Deployment
	Config       config.Monitoring
	Topic        Topic
	LoadBalancer loadbalancer.LoadBalancer
}

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

// Requests are the alarms of what clients see. They exist before the service, so that they can roll a deployment
// back.
type Requests struct {
	// ErrorRateAlarm and LatencyAlarm are alarm names.
	ErrorRateAlarm, LatencyAlarm *string

	arns   []*string
	config config.Monitoring
}

// NewRequests creates the alarms on requests. Where nobody calls there is no data, which is good: that nobody can
// call is for NoHealthyTargetAlarm.
func NewRequests(scope constructs.Construct, id string, props RequestsProps) Requests {
	this := constructs.NewConstruct(scope, jsii.String(id))
	traffic := trafficOf(props.LoadBalancer)
	result := Requests{config: props.Config}

	create := func(a alarm) *string {
		created := a.create(this, props.Deployment, props.Topic)
		result.arns = append(result.arns, created.Arn())
		return created.AlarmName()
	}
	result.ErrorRateAlarm = create(alarm{
		id: "error-rate", name: "HighErrorRateAlarm",
		description: fmt.Sprintf("At least %g %% of requests failed with a 5xx of the service in 5 minutes. "+
			"First: read the service's latest log events and, if a deployment is under way, roll it back.",
			props.Config.ErrorRatePercent),
		expression: ratio("FILL(errors, 0)", "requests", props.Config.MinimumRequests),
		operands:   []operand{{"errors", traffic.targetErrors, "Sum"}, {"requests", traffic.requests, "Sum"}},
		comparison: atLeast, threshold: props.Config.ErrorRatePercent, period: 300, periods: 1, missing: missingIsGood,
	})
	result.LatencyAlarm = create(alarm{
		id: "latency", name: "HighLatencyAlarm",
		description: fmt.Sprintf("The slowest 1 %% of requests took %g s or more over 5 minutes. "+
			"First: compare the database's CPU and connections on the dashboard with the service's CPU.",
			props.Config.LatencySeconds),
		expression: fmt.Sprintf("IF(requests >= %d, latency, 0)", latencyMinimumRequests),
		operands:   []operand{{"latency", traffic.latency, "p99"}, {"requests", traffic.requests, "Sum"}},
		comparison: atLeast, threshold: props.Config.LatencySeconds, period: 300, periods: 1, missing: missingIsGood,
	})
	create(alarm{
		id: "load-balancer-error-rate", name: "HighLoadBalancerErrorRateAlarm",
		description: fmt.Sprintf("The load balancer itself answered at least %g %% of requests with a 5xx in 5 minutes. "+
			"First: look at the healthy targets and at the reasons for which tasks stopped.",
			props.Config.ErrorRatePercent),
		expression: ratio("FILL(unanswered, 0)", answered, props.Config.MinimumRequests),
		operands:   []operand{{"unanswered", traffic.balancerErrors, "Sum"}, {"requests", traffic.requests, "Sum"}},
		comparison: atLeast, threshold: props.Config.ErrorRatePercent, period: 300, periods: 1, missing: missingIsGood,
	})
	for _, burn := range burnRates {
		allowed := 100 - props.Config.AvailabilityPercent
		threshold := math.Round(min(burn.rate*allowed, 100)*1000) / 1000
		create(alarm{
			id: burn.id, name: burn.name,
			description: fmt.Sprintf("%g %% or more of requests failed over %d h: at this rate the failures that a month "+
				"allows (%.3g %%) are used up in %s. First: %s", threshold, burn.hours, allowed, burn.exhausted, burn.first),
			expression: ratio("(FILL(errors, 0) + FILL(unanswered, 0))", answered, props.Config.MinimumRequests),
			operands: []operand{
				{"errors", traffic.targetErrors, "Sum"},
				{"unanswered", traffic.balancerErrors, "Sum"},
				{"requests", traffic.requests, "Sum"},
			},
			comparison: atLeast, threshold: threshold, period: burn.hours * 3600, periods: 1, missing: missingIsGood,
		})
	}
	if props.LoadBalancer.CertificateARN != nil {
		// Published twice a day. ACM renews 60 or 45 days before the end, so 30 days mean that it could not:
		// https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
		create(alarm{
			id: "certificate", name: "ExpiringCertificateAlarm",
			description: "The load balancer's certificate ends in 30 days or less. " +
				"First: check that its DNS validation record still exists, or import a new certificate.",
			metric: metric{"AWS/CertificateManager", "DaysToExpiry", map[string]*string{
				"CertificateArn": props.LoadBalancer.CertificateARN,
			}},
			statistic:  "Minimum",
			comparison: atMost, threshold: 30, period: 86400, periods: 1, missing: missingIsGood,
		})
	}
	return result
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
		requests:         metric{namespace, "RequestCount", whole},
		latency:          metric{namespace, "TargetResponseTime", whole},
		targetErrors:     metric{namespace, "HTTPCode_Target_5XX_Count", whole},
		balancerErrors:   metric{namespace, "HTTPCode_ELB_5XX_Count", whole},
		clientErrors:     metric{namespace, "HTTPCode_Target_4XX_Count", whole},
		healthyTargets:   metric{namespace, "HealthyHostCount", targets},
		unhealthyTargets: metric{namespace, "UnHealthyHostCount", targets},
	}
}
