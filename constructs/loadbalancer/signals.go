package loadbalancer

import (
	"fmt"
	"math"

	"tap/config"
	"tap/constructs/cloudwatch"
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
	id, name, exhausted, advice string
	rate                        float64
	hours                       int
	tomorrow                    bool
}{
	{"fast-burn", "FastBurnAlarm", "two days", "look at the graph Error Rate: at 0 again, the outage is over and this " +
		"clears within the hour; else find what changed in the last hour.", 14.4, 1, false},
	{"slow-burn", "SlowBurnAlarm", "five days", "find which requests fail in the service's log.", 6, 6, true},
}

// newSignals are those of what clients see. The alarms are quiet where nobody calls and there is no data: that nobody
// can call is for the alarm on the targets of a service. The metrics are
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
func newSignals(balancer, certificate *string, limits config.Monitoring) cloudwatch.Signals {
	metric := cloudwatch.Metrics(namespace, map[string]*string{"LoadBalancer": balancer})
	latency := metric("TargetResponseTime", "p99")
	requests := cloudwatch.Operand{ID: "requests", Metric: metric("RequestCount", "Sum")}
	errors := cloudwatch.Operand{ID: "errors", Metric: metric("HTTPCode_Target_5XX_Count", "Sum")}
	unanswered := cloudwatch.Operand{ID: "unanswered", Metric: metric("HTTPCode_ELB_5XX_Count", "Sum")}
	alarms := []cloudwatch.Alarm{{
		ID: "error-rate", Name: "HighErrorRateAlarm", RollsBack: true,
		Description: fmt.Sprintf("At least %g %% of requests failed with a 5xx of the service in 5 minutes.",
			limits.ErrorRatePercent),
		Advice:     "read the service's latest log events and, if a deployment is under way, roll it back.",
		Expression: ratio("FILL(errors, 0)", "requests", limits.MinimumRequests),
		Operands:   []cloudwatch.Operand{errors, requests}, Threshold: limits.ErrorRatePercent, Period: 300,
	}, {
		ID: "latency", Name: "HighLatencyAlarm", RollsBack: true,
		Description: fmt.Sprintf("The slowest 1 %% of requests took %g s or more over 5 minutes, of %d or more: with "+
			"fewer it stays quiet.", limits.LatencySeconds, latencyMinimumRequests),
		Advice:     "compare the database's CPU and connections on the dashboard with the service's CPU.",
		Expression: fmt.Sprintf("IF(requests >= %d, latency, 0)", latencyMinimumRequests),
		Operands:   []cloudwatch.Operand{{ID: "latency", Metric: latency}, requests},
		Threshold:  limits.LatencySeconds, Period: 300,
	}, {
		ID: "load-balancer-error-rate", Name: "HighLoadBalancerErrorRateAlarm",
		Description: fmt.Sprintf("The load balancer itself answered at least %g %% of requests with a 5xx in 5 minutes.",
			limits.ErrorRatePercent),
		Advice:     "look at the healthy targets and at the reasons for which tasks stopped.",
		Expression: ratio("FILL(unanswered, 0)", answered, limits.MinimumRequests),
		Operands:   []cloudwatch.Operand{unanswered, requests}, Threshold: limits.ErrorRatePercent, Period: 300,
	}}
	for _, burn := range burnRates {
		allowed := 100 - limits.AvailabilityPercent
		threshold := math.Round(min(burn.rate*allowed, 100)*1000) / 1000
		alarms = append(alarms, cloudwatch.Alarm{
			ID: burn.id, Name: burn.name,
			Description: fmt.Sprintf("%g %% or more of requests failed over %d h: at this rate the failures that a month "+
				"allows (%.3g %%) are used up in %s.", threshold, burn.hours, allowed, burn.exhausted),
			Advice: burn.advice, Tomorrow: burn.tomorrow,
			Expression: ratio("(FILL(errors, 0) + FILL(unanswered, 0))", answered, limits.MinimumRequests),
			Operands:   []cloudwatch.Operand{errors, unanswered, requests}, Threshold: threshold, Period: burn.hours * 3600,
		})
	}
	if limits.ExpectedRequests > 0 {
		alarms = append(alarms, cloudwatch.Alarm{
			ID: "low-traffic", Name: "LowTrafficAlarm",
			Description: fmt.Sprintf("Fewer than %d requests arrived in three of the last four periods of 5 minutes: "+
				"customers may not reach the API, or do not call it.", limits.ExpectedRequests),
			Advice: "compare what dig says of the name with the output LoadBalancerDNS, and mend DNS if they differ; else " +
				"call the API from a network that is not yours, look at what the firewall blocks, and ask a customer.",
			Expression: answered, Operands: []cloudwatch.Operand{requests, unanswered}, NoDataIsBad: true,
			Comparison: cloudwatch.Below, Threshold: float64(limits.ExpectedRequests), Period: 300, Periods: 3, Of: 4,
		})
	}
	if certificate != nil {
		of := map[string]*string{"CertificateArn": certificate}
		// Published twice a day. ACM renews 60 or 45 days before the end, so 30 days mean that it could not:
		// https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
		alarms = append(alarms, cloudwatch.Alarm{
			ID: "certificate", Name: "ExpiringCertificateAlarm",
			Description: "The load balancer's certificate ends in 30 days or less.",
			Advice:      "check that its DNS validation record still exists, or import a new certificate.", Tomorrow: true,
			Metric:     cloudwatch.Metrics("AWS/CertificateManager", of)("DaysToExpiry", "Minimum"),
			Comparison: cloudwatch.AtMost, Threshold: 30, Period: 86400,
		})
	}
	return cloudwatch.Signals{Alarms: alarms, Graphs: []cloudwatch.Graph{{
		Title: "Traffic", Lines: [][]any{
			cloudwatch.Line("requests", requests.Metric),
			cloudwatch.Line("4xx", metric("HTTPCode_Target_4XX_Count", "Sum")),
			cloudwatch.Line("5xx of the service", errors.Metric),
			cloudwatch.Line("5xx of the load balancer", unanswered.Metric),
		},
	}, {
		Title: "API Latency", Threshold: limits.LatencySeconds, Lines: [][]any{
			cloudwatch.Line("average", latency.By("Average")),
			cloudwatch.Line("p50", latency.By("p50")),
			cloudwatch.Line("p90", latency.By("p90")),
			cloudwatch.Line("p99", latency),
		},
	}, {
		Title: "Error Rate", Threshold: limits.ErrorRatePercent, Lines: [][]any{
			// Not the alarms' expressions: with few errors a minute, as in a slow burn, these are 0.
			cloudwatch.Computed("% by the service", "100 * FILL(errors, 0) / "+answered),
			cloudwatch.Computed("% by the load balancer", "100 * FILL(unanswered, 0) / "+answered),
			cloudwatch.Hidden("errors", errors.Metric),
			cloudwatch.Hidden("unanswered", unanswered.Metric),
			cloudwatch.Hidden("requests", requests.Metric),
		},
	}}}
}

// ratio is the share of errors in requests, in percent, and 0 under the minimum of requests or of errors, where one
// failure would already be a high share.
func ratio(errors, requests string, minimum int) string {
	return fmt.Sprintf("IF(%[1]s >= %d && %[3]s >= %d, 100 * %[3]s / %[1]s, 0)", requests, minimum, errors, minimumErrors)
}

const namespace = "AWS/ApplicationELB"
