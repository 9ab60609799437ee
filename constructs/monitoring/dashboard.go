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

// line is a graph of a widget: a metric with a statistic, or an expression over other lines.
type line struct {
	id         string // only where an expression refers to it
	metric     metric
	statistic  string
	label      string
	expression string
	hidden     bool // an operand that is not drawn
}

type widget struct {
	title     string
	threshold float64 // of the alarm on a line, where it holds whatever the period; 0 without one
	lines     []line
}

// newDashboard creates the dashboard: the state of every alarm on top, then what clients see, what runs, and the
// database, a row each.
func newDashboard(scope constructs.Construct, props Props, alarmARNs []*string) *string {
	body := []any{map[string]any{
		"type": "alarm", "x": 0, "y": 0, "width": 24, "height": alarmsHeight,
		"properties": map[string]any{"title": "Alarms", "alarms": alarmARNs, "sortBy": raisedFirst},
	}}
	for index, widget := range widgets(props) {
		properties := map[string]any{
			"view": "timeSeries", "title": widget.title, "region": props.Deployment.Account.Region, "period": 60,
			"metrics": rendered(widget.lines),
			"yAxis":   map[string]any{"left": map[string]any{"min": 0}}, // else noise fills the graph
		}
		if widget.threshold != 0 {
			alarm := map[string]any{"label": "alarm", "value": widget.threshold}
			properties["annotations"] = map[string]any{"horizontal": []any{alarm}}
		}
		body = append(body, map[string]any{
			"type":  "metric",
			"x":     index % columns * widgetWidth,
			"y":     alarmsHeight + index/columns*widgetHeight,
			"width": widgetWidth, "height": widgetHeight,
			"properties": properties,
		})
	}
	return cloudwatchdashboard.NewCloudwatchDashboard(scope, jsii.String("dashboard"), &cloudwatchdashboard.CloudwatchDashboardConfig{
		DashboardName: jsii.String(props.Deployment.Name("PaymentAPI")),
		DashboardBody: policy.JSON(map[string]any{"widgets": body}),
	}).DashboardName()
}

func widgets(props Props) []widget {
	traffic, tasks, data := trafficOf(props.LoadBalancer), tasksOf(props.Service), databaseOf(props.Database)
	cpu := []line{{metric: data.writerCPU, statistic: "Average", label: "writer"}}
	if props.Database.Readers > 0 {
		cpu = append(cpu, line{metric: data.readerCPU, statistic: "Average", label: "average reader"})
	}
	all := []widget{
		{"Traffic", 0, []line{
			{metric: traffic.requests, statistic: "Sum", label: "requests"},
			{metric: traffic.clientErrors, statistic: "Sum", label: "4xx"},
			{metric: traffic.targetErrors, statistic: "Sum", label: "5xx of the service"},
			{metric: traffic.balancerErrors, statistic: "Sum", label: "5xx of the load balancer"},
		}},
		{"API Latency", props.Requests.config.LatencySeconds, []line{
			{metric: traffic.latency, statistic: "Average", label: "average"},
			{metric: traffic.latency, statistic: "p50", label: "p50"},
			{metric: traffic.latency, statistic: "p90", label: "p90"},
			{metric: traffic.latency, statistic: "p99", label: "p99"},
		}},
		{"Error Rate", props.Requests.config.ErrorRatePercent, []line{
			// Not the alarms' expressions: with few errors a minute, as in a slow burn, these are 0.
			{expression: "100 * FILL(errors, 0) / " + answered, label: "% by the service"},
			{expression: "100 * FILL(unanswered, 0) / " + answered, label: "% by the load balancer"},
			{id: "errors", metric: traffic.targetErrors, statistic: "Sum", hidden: true},
			{id: "unanswered", metric: traffic.balancerErrors, statistic: "Sum", hidden: true},
			{id: "requests", metric: traffic.requests, statistic: "Sum", hidden: true},
		}},
		{"Targets", 0, []line{
			{metric: traffic.healthyTargets, statistic: "Minimum", label: "healthy"},
			{metric: traffic.unhealthyTargets, statistic: "Maximum", label: "unhealthy"},
		}},
		{"Tasks", 0, []line{
			{metric: tasks.desired, statistic: "Average", label: "desired"},
			{metric: tasks.running, statistic: "Average", label: "running"},
		}},
		{"Service CPU", serviceCPUPercent, []line{{metric: tasks.cpu, statistic: "Average", label: "average task"}}},
		{"Service Memory", serviceMemoryPercent, []line{{metric: tasks.memory, statistic: "Average", label: "average task"}}},
		{"Firewall", 0, []line{
			{metric: wafMetric(props, "AllowedRequests"), statistic: "Sum", label: "allowed"},
			{metric: wafMetric(props, "BlockedRequests"), statistic: "Sum", label: "blocked"},
		}},
		{"Database CPU", databaseCPUPercent, cpu},
		{"Database Connections", databaseConnections, []line{
			{metric: data.connections, statistic: "Maximum", label: "most of an instance"},
		}},
		{"Database Freeable Memory", databaseFreeableMemoryMiB << 20, []line{
			{metric: data.freeableMemory, statistic: "Minimum", label: "least of an instance"},
		}},
	}
	if props.Database.Readers > 0 {
		lag := []line{{metric: data.replicaLag, statistic: "Maximum", label: "slowest reader"}}
		all = append(all, widget{"Replica Lag", replicaLagMilliseconds, lag})
	}
	if props.Database.IsServerless {
		all = append(all, widget{"Database Capacity", 0, []line{{metric: data.capacity, statistic: "Average", label: "ACU"}}})
	}
	return all
}

// rendered is the metrics array of a widget: namespace, name, dimensions and options of each line.
func rendered(lines []line) []any {
	all := []any{}
	for _, l := range lines {
		options := map[string]any{}
		if l.label != "" {
			options["label"] = l.label
		}
		if l.id != "" {
			options["id"] = l.id
		}
		if l.hidden {
			options["visible"] = false
		}
		if l.expression != "" {
			options["expression"] = l.expression
			all = append(all, []any{options})
			continue
		}
		options["stat"] = l.statistic
		entry := []any{l.metric.namespace, l.metric.name}
		for _, name := range slices.Sorted(maps.Keys(l.metric.dimensions)) {
			entry = append(entry, name, l.metric.dimensions[name])
		}
		all = append(all, append(entry, options))
	}
	return all
}
