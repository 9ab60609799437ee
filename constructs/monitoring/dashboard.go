package monitoring

import (
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchdashboard"

	"tap/constructs/policy"
)

// A dashboard is a grid 24 units wide:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
const (
	columns      = 4
	widgetWidth  = 24 / columns
	widgetHeight = 6
	alarmsHeight = 3
	raisedFirst  = "stateUpdatedTimestamp"
)

// newDashboard creates the dashboard: the state of every alarm on top, then what clients see, what runs, and the
// database, a row each. It returns the dashboard's name.
func newDashboard(scope constructs.Construct, props Props, alarmARNs []*string) *string {
	traffic, tasks, data := trafficOf(props.LoadBalancer), tasksOf(props.Service), databaseOf(props.Database)
	widgets := []any{map[string]any{
		"type": "alarm", "x": 0, "y": 0, "width": 24, "height": alarmsHeight,
		"properties": map[string]any{"title": "Alarms", "alarms": alarmARNs, "sortBy": raisedFirst},
	}}
	// The threshold is that of the alarm on a line, where it holds whatever the period; 0 without one.
	add := func(title string, threshold float64, lines ...[]any) {
		properties := map[string]any{
			"view": "timeSeries", "title": title, "region": props.Deployment.Account.Region, "period": 60,
			"metrics": lines,
			"yAxis":   map[string]any{"left": map[string]any{"min": 0}}, // else noise fills the graph
		}
		if threshold != 0 {
			alarm := map[string]any{"label": "alarm", "value": threshold}
			properties["annotations"] = map[string]any{"horizontal": []any{alarm}}
		}
		index := len(widgets) - 1
		widgets = append(widgets, map[string]any{
			"type": "metric", "x": index % columns * widgetWidth, "y": alarmsHeight + index/columns*widgetHeight,
			"width": widgetWidth, "height": widgetHeight, "properties": properties,
		})
	}

	add("Traffic", 0,
		line("requests", traffic.requests),
		line("4xx", traffic.clientErrors),
		line("5xx of the service", traffic.targetErrors),
		line("5xx of the load balancer", traffic.balancerErrors))
	add("API Latency", props.Config.LatencySeconds,
		line("average", traffic.latency.by("Average")),
		line("p50", traffic.latency.by("p50")),
		line("p90", traffic.latency.by("p90")),
		line("p99", traffic.latency))
	add("Error Rate", props.Config.ErrorRatePercent,
		// Not the alarms' expressions: with few errors a minute, as in a slow burn, these are 0.
		computed("% by the service", "100 * FILL(errors, 0) / "+answered),
		computed("% by the load balancer", "100 * FILL(unanswered, 0) / "+answered),
		hidden("errors", traffic.targetErrors),
		hidden("unanswered", traffic.balancerErrors),
		hidden("requests", traffic.requests))
	add("Targets", 0, line("healthy", traffic.healthyTargets), line("unhealthy", traffic.unhealthyTargets))

	add("Tasks", 0, line("desired", tasks.desired), line("running", tasks.running))
	add("Service CPU", serviceCPUPercent, line("average task", tasks.cpu))
	add("Service Memory", serviceMemoryPercent, line("average task", tasks.memory))
	add("Firewall", 0,
		line("allowed", wafMetric(props, "AllowedRequests")), line("blocked", wafMetric(props, "BlockedRequests")))

	cpu := [][]any{line("writer", data.writerCPU)}
	if props.Database.Readers > 0 {
		cpu = append(cpu, line("average reader", data.readerCPU))
	}
	add("Database CPU", databaseCPUPercent, cpu...)
	add("Database Connections", databaseConnections, line("most of an instance", data.connections))
	add("Database Freeable Memory", databaseFreeableMemoryMiB<<20, line("least of an instance", data.freeableMemory))
	if props.Database.Readers > 0 {
		add("Replica Lag", replicaLagMilliseconds, line("slowest reader", data.replicaLag))
	}
	if props.Database.IsServerless {
		add("Database Capacity", 0, line("ACU", data.capacity))
	}
	return cloudwatchdashboard.NewCloudwatchDashboard(scope, jsii.String("dashboard"), &cloudwatchdashboard.CloudwatchDashboardConfig{
		DashboardName: jsii.String(props.Deployment.Name("PaymentAPI")),
		DashboardBody: policy.JSON(map[string]any{"widgets": widgets}),
	}).DashboardName()
}

// line draws a metric.
func line(label string, m metric) []any { return m.entry(map[string]any{"label": label}) }

// computed draws an expression over hidden metrics.
func computed(label, expression string) []any {
	return []any{map[string]any{"label": label, "expression": expression}}
}

// hidden is a metric for expressions, which refer to it by its id.
func hidden(id string, m metric) []any { return m.entry(map[string]any{"id": id, "visible": false}) }

// entry is an element of a widget's metrics: namespace, name, dimensions and options.
func (m metric) entry(options map[string]any) []any {
	entry := []any{m.namespace, m.name}
	for _, name := range slices.Sorted(maps.Keys(m.dimensions)) {
		entry = append(entry, name, m.dimensions[name])
	}
	options["stat"] = m.statistic
	return append(entry, options)
}
