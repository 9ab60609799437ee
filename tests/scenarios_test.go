package tests

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// traffic is what each metric reports in one minute, by namespace, name and role; of a percentile, every sample.
type traffic map[string][]float64

const (
	requests        = "AWS/ApplicationELB RequestCount"
	latency         = "AWS/ApplicationELB TargetResponseTime"
	failures        = "AWS/ApplicationELB HTTPCode_Target_5XX_Count"
	unanswered      = "AWS/ApplicationELB HTTPCode_ELB_5XX_Count"
	healthy         = "AWS/ApplicationELB HealthyHostCount"
	desired         = "ECS/ContainerInsights DesiredTaskCount"
	running         = "ECS/ContainerInsights RunningTaskCount"
	taskCPU         = "AWS/ECS CPUUtilization"
	taskMemory      = "AWS/ECS MemoryUtilization"
	writerCPU       = "AWS/RDS CPUUtilization WRITER"
	readerCPU       = "AWS/RDS CPUUtilization READER"
	openConnections = "AWS/RDS DatabaseConnections"
	freeMemory      = "AWS/RDS FreeableMemory"
	replicaLag      = "AWS/RDS AuroraReplicaLagMaximum"
	blocked         = "AWS/WAFV2 BlockedRequests"
	expiry          = "AWS/CertificateManager DaysToExpiry"
)

// ordinary is a minute in which nothing is wrong.
func ordinary() traffic {
	return traffic{
		requests: {240}, latency: slices.Repeat([]float64{0.2}, 240), healthy: {2}, desired: {2}, running: {2},
		taskCPU: {40}, taskMemory: {50}, writerCPU: {30}, readerCPU: {5}, openConnections: {60}, freeMemory: {2 << 30},
		replicaLag: {20}, blocked: {2}, expiry: {200},
	}
}

// scenarios are what may happen, and the alarms that it is to raise. Before and afterwards every minute is ordinary.
var scenarios = []struct {
	happens string
	minutes int
	change  func(now traffic, minute int)
	raises  []string
}{
	{"a quiet night, with one slow request and one that fails", 480, func(now traffic, minute int) {
		now[requests], now[latency] = []float64{4}, slices.Repeat([]float64{0.2}, 4)
		if minute == 240 {
			now[latency][0], now[failures] = 30, []float64{1}
		}
	}, nil},
	{"a rolling deployment", 10, func(now traffic, minute int) {
		now[running], now[healthy], now[openConnections] = []float64{4}, []float64{4}, []float64{120}
		if minute >= 5 { // those that drain
			now[healthy] = []float64{2}
		}
	}, nil},
	{"a serverless database pauses, since nobody calls", 120, func(now traffic, _ int) {
		for _, metric := range []string{requests, latency, writerCPU, readerCPU, openConnections, freeMemory, replicaLag} {
			delete(now, metric)
		}
	}, nil},
	{"one of two tasks is down", 30, func(now traffic, _ int) {
		now[running], now[healthy], now[taskCPU] = []float64{1}, []float64{1}, []float64{75}
	}, []string{"ServiceBelowDesiredCountAlarm"}},
	{"all tasks are down: the load balancer answers by itself", 30, func(now traffic, _ int) {
		for _, metric := range []string{requests, latency, healthy, running, taskCPU, taskMemory} {
			delete(now, metric)
		}
		now[unanswered] = []float64{240}
	}, []string{"HighLoadBalancerErrorRateAlarm", "NoHealthyTargetAlarm", "ServiceBelowDesiredCountAlarm", "FastBurnAlarm",
		"SlowBurnAlarm"}},
	{"a release fails every tenth request", 15, func(now traffic, _ int) {
		now[failures] = []float64{24}
	}, []string{"HighErrorRateAlarm", "FastBurnAlarm"}},
	{"a slow burn: 8 of 1,000 requests fail", 720, func(now traffic, _ int) {
		now[failures] = []float64{1.92}
	}, []string{"SlowBurnAlarm"}},
	{"more work than tasks and readers can do", 60, func(now traffic, _ int) {
		now[latency] = slices.Repeat([]float64{4}, 240)
		now[taskCPU], now[taskMemory], now[openConnections] = []float64{98}, []float64{95}, []float64{380}
		now[readerCPU], now[freeMemory], now[replicaLag] = []float64{99}, []float64{100 << 20}, []float64{4000}
	}, []string{"HighLatencyAlarm", "HighServiceCPUAlarm", "HighServiceMemoryAlarm", "HighDBReaderCPUAlarm",
		"HighDBConnectionsAlarm", "LowDBMemoryAlarm", "HighReplicaLagAlarm"}},
	{"a busy writer beside an idle reader", 60, func(now traffic, _ int) {
		now[writerCPU] = []float64{90}
	}, []string{"HighDBCPUAlarm"}},
	{"a flood that the firewall blocks", 20, func(now traffic, _ int) {
		now[blocked] = []float64{5000}
	}, []string{"ManyBlockedRequestsAlarm"}},
	{"a certificate that is not renewed, until it is replaced", 2880, func(now traffic, minute int) {
		if delete(now, expiry); minute%720 == 719 { // reported twice a day
			now[expiry] = []float64{29}
		}
	}, []string{"ExpiringCertificateAlarm"}},
}

// statistic is a period's value of a metric from its samples.
func statistic(r resource, name string, samples []float64) float64 {
	sum := 0.0
	for _, sample := range samples {
		sum += sample
	}
	switch name {
	case "Sum":
		return sum
	case "Average":
		return sum / float64(len(samples))
	case "Minimum":
		return slices.Min(samples)
	case "Maximum":
		return slices.Max(samples)
	case "p99":
		return slices.Sorted(slices.Values(samples))[(len(samples)*99+99)/100-1]
	}
	r.Fatalf("%s: the function statistic in scenarios_test.go cannot compute %q yet", r.address(), name)
	panic("unreachable")
}

// states returns in which minutes the alarm is raised. CloudWatch evaluates the periods that end with each minute:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
func states(alarm resource, minutes []traffic, from int) []bool {
	alarm.Helper()
	metrics, period := map[string]resource{"value": alarm}, alarm.at("period")
	for i, query := range alarm.parts("metric_query") {
		if i == 0 { // the expression
			delete(metrics, "value")
			continue
		}
		metrics[query.text("id")] = query.part("metric")
		period = query.at("metric.period")
	}
	length := int(period.(float64)) / 60
	bad := make([]bool, len(minutes)) // whether the period that ends with this minute counts
	for end := range minutes {
		values := data{}
		for id, metric := range metrics {
			key := strings.TrimSpace(fmt.Sprint(metric.at("namespace"), " ", metric.at("metric_name"), " ",
				metric.text("dimensions.Role")))
			var samples []float64
			for _, minute := range minutes[max(0, end-length+1) : end+1] {
				samples = append(samples, minute[key]...)
			}
			if len(samples) > 0 {
				name := cmp.Or(metric.text("stat"), metric.text("statistic"), metric.text("extended_statistic"))
				values[id] = statistic(alarm, name, samples)
			}
		}
		bad[end] = raises(alarm, values)
	}
	periods, enough := int(alarm.at("evaluation_periods").(float64)), int(alarm.at("datapoints_to_alarm").(float64))
	var raised []bool
	for end := from; end < len(minutes); end++ {
		count := 0
		for i := range periods {
			if bad[end-i*length] {
				count++
			}
		}
		raised = append(raised, count >= enough)
	}
	return raised
}

// The table is what people on call read.
func TestGoldenSaysWhatAlarmsDo(t *testing.T) {
	const before, after = 360, 1500 // minutes: the longest period but the certificate's; that, too
	s := stacks(t)["prod"].in(t)
	raised := map[string]bool{}
	table := &strings.Builder{}
	table.WriteString(alarmsHead)
	for _, scenario := range scenarios {
		var minutes []traffic
		for minute := -before; minute < scenario.minutes+after; minute++ {
			now := ordinary()
			if minute >= 0 && minute < scenario.minutes {
				scenario.change(now, minute)
			}
			minutes = append(minutes, now)
		}
		type row struct {
			after int
			text  string
		}
		var rows []row
		var names []string
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			during := states(alarm, minutes, before)
			first := slices.Index(during, true)
			if first < 0 {
				continue
			}
			name := strings.TrimSuffix(alarm.text("alarm_name"), "-"+s.suffix)
			names, raised[name] = append(names, name), true
			length := slices.Index(during[first:], false)
			if length < 0 || slices.Contains(during[first+length:], true) {
				s.Errorf("%s: %s does not clear once and for all", scenario.happens, name)
			}
			clears := duration(first+length-scenario.minutes+1) + " after the end"
			if first+length < scenario.minutes {
				clears = "before the end"
			}
			rows = append(rows, row{first, fmt.Sprintf("%s | after %s | %s", name, duration(first+1), clears)})
		}
		same(s, scenario.happens+": the alarms that are raised", names, scenario.raises)
		if len(rows) == 0 {
			rows = []row{{text: "none | |"}}
		}
		slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.after, b.after) })
		happens := fmt.Sprintf("%s (%s)", scenario.happens, duration(scenario.minutes))
		for _, row := range rows {
			fmt.Fprintf(table, "| %s | %s |\n", happens, row.text)
			happens = "the same"
		}
	}
	fmt.Fprintf(table, "\n## What to do first\n\n| Alarm | Says | First |\n| --- | --- | --- |\n")
	descriptions := map[string]string{}
	for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
		name := strings.TrimSuffix(alarm.text("alarm_name"), "-"+s.suffix)
		descriptions[name] = strings.Replace(alarm.text("alarm_description"), " First: ", " | ", 1)
		if !raised[name] {
			s.Errorf("%s is raised in no scenario: add one to scenarios", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(descriptions)) {
		fmt.Fprintf(table, "| %s | %s |\n", name, descriptions[name])
	}
	const file = "../generated/alarms.md"
	if *update {
		write(t, file, table.String())
	} else if got, err := os.ReadFile(file); err != nil || string(got) != table.String() {
		t.Errorf("%s is not what the alarms do (%v): %s; make golden writes it anew", file, err,
			firstDifference(table.String(), string(got)))
	}
}

// duration writes a number of minutes.
func duration(minutes int) string {
	switch {
	case minutes >= 120 && minutes%60 == 0:
		return fmt.Sprintf("%d h", minutes/60)
	case minutes > 120:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}

const alarmsHead = `# Alarms

Written by "make golden" from the alarms of tap-prod: what raises which alarm, and when.

## What raises which

Ordinary are 240 requests a minute to two tasks. Minutes count from the first with bad data.

| What happens | Alarm | Raised | Clears |
| --- | --- | --- | --- |
`
