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
	title string
	lines []line
}

// newDashboard creates the dashboard: the state of every alarm on top, then what clients see, what runs, and the
// database, a row each.
func newDashboard(scope constructs.Construct, props Props, alarmARNs []*string) *string {
	body := []any{map[string]any{
		"type": "alarm", "x": 0, "y": 0, "width": 24, "height": alarmsHeight,
		"properties": map[string]any{"title": "Alarms", "alarms": alarmARNs},
	}}
	for index, widget := range widgets(props) {
		body = append(body, map[string]any{
			"type":  "metric",
			"x":     index % columns * widgetWidth,
			"y":     alarmsHeight + index/columns*widgetHeight,
			"width": widgetWidth, "height": widgetHeight,
			"properties": map[string]any{
				"view": "timeSeries", "title": widget.title, "region": props.Deployment.Account.Region, "period": 60,
				"metrics": rendered(widget.lines),
			},
		})
	}
	return cloudwatchdashboard.NewCloudwatchDashboard(scope, jsii.String("dashboard"), &cloudwatchdashboard.CloudwatchDashboardConfig{
		DashboardName: jsii.String(props.Deployment.Name("PaymentAPI")),
		DashboardBody: policy.JSON(map[string]any{"widgets": body}),
	}).DashboardName()
}

func widgets(props Props) []widget {
	traffic, tasks, data := trafficOf(props.LoadBalancer), tasksOf(props.Service), databaseOf(props.Database)
	cpu := []line{{metric: data.writerCPU, statistic: "Average", label: "writer %"}}
	if props.Database.Readers > 0 {
		cpu = append(cpu, line{metric: data.readerCPU, statistic: "Average", label: "readers %"})
	}
	all := []widget{
		{"Traffic", []line{
			{metric: traffic.requests, statistic: "Sum", label: "requests"},
			{metric: traffic.clientErrors, statistic: "Sum", label: "4xx"},
			{metric: traffic.targetErrors, statistic: "Sum", label: "5xx of the service"},
			{metric: traffic.balancerErrors, statistic: "Sum", label: "5xx of the load balancer"},
		}},
		{"API Latency", []line{
			{metric: traffic.latency, statistic: "Average", label: "average"},
			{metric: traffic.latency, statistic: "p50", label: "p50"},
			{metric: traffic.latency, statistic: "p90", label: "p90"},
			{metric: traffic.latency, statistic: "p99", label: "p99"},
		}},
		{"Error Rate", []line{
			{expression: errorRatio(1), label: "% of requests"},
			{id: "errors", metric: traffic.targetErrors, statistic: "Sum", hidden: true},
			{id: "requests", metric: traffic.requests, statistic: "Sum", hidden: true},
		}},
		{"Targets", []line{
			{metric: traffic.healthyTargets, statistic: "Minimum", label: "healthy"},
			{metric: traffic.unhealthyTargets, statistic: "Maximum", label: "unhealthy"},
		}},
		{"Tasks", []line{
			{metric: tasks.desired, statistic: "Average", label: "desired"},
			{metric: tasks.running, statistic: "Average", label: "running"},
		}},
		{"Service CPU", []line{{metric: tasks.cpu, statistic: "Average", label: "%"}}},
		{"Service Memory", []line{{metric: tasks.memory, statistic: "Average", label: "%"}}},
		{"Firewall", []line{
			{metric: wafMetric(props, "AllowedRequests"), statistic: "Sum", label: "allowed"},
			{metric: wafMetric(props, "BlockedRequests"), statistic: "Sum", label: "blocked"},
		}},
		{"Database CPU", cpu},
		{"Database Connections", []line{{metric: data.connections, statistic: "Average", label: "connections"}}},
		{"Database Freeable Memory", []line{{metric: data.freeableMemory, statistic: "Minimum", label: "bytes"}}},
		{"Replica Lag", []line{{metric: data.replicaLag, statistic: "Maximum", label: "ms"}}},
	}
	if props.Database.IsServerless {
		all = append(all, widget{"Database Capacity", []line{{metric: data.capacity, statistic: "Average", label: "ACU"}}})
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
