// Package cloudwatch is what an area can be watched by: metrics, the alarms on them and the graphs that show them. The
// area has them in a file, and hands them over with what it creates.
package cloudwatch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
	"go.yaml.in/yaml/v3"

	"tap/constructs/deployment"
)

// Signals are the alarms and graphs of one thing, and the metrics that both refer to.
type Signals struct {
	Metrics map[string]Metric
	Alarms  []Alarm
	Graphs  []Graph
	After   []cdktf.ITerraformDependable `yaml:"-"` // alarms to which no data is bad would be raised at once before that
}

// Read returns the signals in a file, which is YAML once text/template has put the values into it. They are those of
// the thing with that name, which begins the names of all alarms and the titles of all graphs, except of what is
// deployment.Main.
func Read(file, name string, values map[string]any) (signals Signals) {
	var text bytes.Buffer
	err := template.Must(template.New(name).Option("missingkey=error").Parse(file)).Execute(&text, values)
	decoder := yaml.NewDecoder(&text)
	decoder.KnownFields(true)
	if err := errors.Join(err, decoder.Decode(&signals)); err != nil {
		panic(fmt.Sprintf("the signals of %s: %v", name, err))
	}
	if prefix := deployment.Prefix(name); prefix != "" {
		for i, alarm := range signals.Alarms {
			signals.Alarms[i].ID, signals.Alarms[i].Name = strings.ToLower(prefix)+"-"+alarm.ID, prefix+alarm.Name
		}
		for i := range signals.Graphs {
			signals.Graphs[i].Title = prefix + " " + signals.Graphs[i].Title
		}
	}
	return signals
}

// Metric is a CloudWatch metric with a statistic: a name (Sum) or a percentile (p99.9).
type Metric struct {
	ID                         string // by which expressions refer to it
	Namespace, Name, Statistic string
	Dimensions                 map[string]*string
}

// Alarm is a symptom: the value of a metric, or of an expression over metrics, and when it is bad.
type Alarm struct {
	ID          string // of the construct, in a scope that has the alarms of several things
	Name        string // without the suffix
	Description string // what is bad
	Advice      string // what to do first, or tomorrow
	Tomorrow    bool   // it is read in the morning; otherwise it wakes somebody
	Metric      Metric
	Expression  string   // metric math over the operands, instead of the metric
	Operands    []Metric // in CloudWatch's order
	Comparison  string   // in CloudWatch's words; GreaterThanOrEqualToThreshold, unless set
	Threshold   float64
	Period      int // seconds
	Periods     int // bad periods that raise the alarm; 1, unless set
	Of          int // periods that are looked at; as many, unless set
	// NoDataIsBad counts a period without data as bad, which otherwise is good:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
	NoDataIsBad bool `yaml:"noDataIsBad"`
	RollsBack   bool `yaml:"rollsBack"` // a deployment during which it is raised is rolled back
}

// Config is the alarm as CloudWatch takes it. It notifies the topic both when it is raised and when it is over.
func (a Alarm) Config(d deployment.Deployment, topicARN *string,
	after []cdktf.ITerraformDependable) *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	periods, missing, when := cmp.Or(a.Periods, 1), "breaching", " First: "
	if !a.NoDataIsBad {
		missing, after = "notBreaching", nil
	}
	if a.Tomorrow {
		when = " Tomorrow: "
	}
	config := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName: jsii.String(d.Name(a.Name)), AlarmDescription: jsii.String(a.Description + when + a.Advice),
		ComparisonOperator: jsii.String(cmp.Or(a.Comparison, "GreaterThanOrEqualToThreshold")),
		Threshold:          jsii.Number(a.Threshold), TreatMissingData: jsii.String(missing),
		EvaluationPeriods: jsii.Number(max(periods, a.Of)), DatapointsToAlarm: jsii.Number(periods),
		AlarmActions: &[]*string{topicARN}, OkActions: &[]*string{topicARN}, // CKV_AWS_319
		DependsOn: &after, Provider: d.Provider,
	}
	if a.Expression == "" {
		config.Namespace, config.MetricName = jsii.String(a.Metric.Namespace), jsii.String(a.Metric.Name)
		config.Dimensions, config.Period = &a.Metric.Dimensions, jsii.Number(a.Period)
		if strings.HasPrefix(a.Metric.Statistic, "p") { // CloudWatch takes a percentile in another attribute
			config.ExtendedStatistic = jsii.String(a.Metric.Statistic)
		} else {
			config.Statistic = jsii.String(a.Metric.Statistic)
		}
		return config
	}
	queries := []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{{
		Id: jsii.String("result"), Expression: jsii.String(a.Expression), Label: jsii.String(a.Name),
		ReturnData: jsii.Bool(true),
	}}
	for _, m := range a.Operands {
		queries = append(queries, &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
			Id: jsii.String(m.ID), ReturnData: jsii.Bool(false),
			Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace: jsii.String(m.Namespace), MetricName: jsii.String(m.Name), Dimensions: &m.Dimensions,
				Stat: jsii.String(m.Statistic), Period: jsii.Number(a.Period),
			},
		})
	}
	config.MetricQuery = queries
	return config
}

// Graph is lines over time.
type Graph struct {
	Row       string // of Rows
	Title     string
	Region    string  // of the metrics; empty: the environment's
	Threshold float64 // of the alarm on a line, where it holds whatever the period; 0 without one
	Lines     []Line
}

// Rows are where on the dashboard graphs are: what clients see, what runs and what is before it, and what is stored.
var Rows = []string{"clients", "tasks", "data"}

// Line draws a metric, or an expression over others. A metric without a label is for expressions only.
type Line struct {
	Label, Expression string
	Metric            Metric
}

// Entry is the line as a widget has it among its metrics.
func (l Line) Entry() []any {
	if l.Expression != "" {
		return []any{map[string]any{"label": l.Label, "expression": l.Expression}}
	}
	entry := []any{l.Metric.Namespace, l.Metric.Name}
	for _, name := range slices.Sorted(maps.Keys(l.Metric.Dimensions)) {
		entry = append(entry, name, l.Metric.Dimensions[name])
	}
	if l.Label == "" {
		return append(entry, map[string]any{"id": l.Metric.ID, "visible": false, "stat": l.Metric.Statistic})
	}
	return append(entry, map[string]any{"label": l.Label, "stat": l.Metric.Statistic})
}
