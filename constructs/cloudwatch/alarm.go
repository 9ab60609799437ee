// Package cloudwatch is what an area can be watched by: metrics, the alarms on them and the graphs that show them. The
// area hands them over with what it creates.
package cloudwatch

import (
	"cmp"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
)

// Signals are the alarms and graphs of one thing.
type Signals struct {
	Alarms []Alarm
	Graphs []Graph
}

// Of returns the signals of the thing with that name, which begins the names of all alarms and the titles of all
// graphs, except of what is deployment.Main.
func (s Signals) Of(name string) Signals {
	prefix := deployment.Prefix(name)
	if prefix == "" {
		return s
	}
	for i, alarm := range s.Alarms {
		s.Alarms[i].ID, s.Alarms[i].Name = strings.ToLower(prefix)+"-"+alarm.ID, prefix+alarm.Name
	}
	for i := range s.Graphs {
		s.Graphs[i].Title = prefix + " " + s.Graphs[i].Title
	}
	return s
}

// Metric is a CloudWatch metric with a statistic: a name (Sum) or a percentile (p99.9).
type Metric struct {
	Namespace, Name, Statistic string
	Dimensions                 map[string]*string
}

// Metrics returns the metrics of a namespace that have those dimensions, by name and statistic.
func Metrics(namespace string, dimensions map[string]*string) func(name, statistic string) Metric {
	return func(name, statistic string) Metric { return Metric{namespace, name, statistic, dimensions} }
}

// By returns the metric with another statistic.
func (m Metric) By(statistic string) Metric {
	m.Statistic = statistic
	return m
}

// Operand is a metric in an expression, which refers to it by its id.
type Operand struct {
	ID     string
	Metric Metric
}

// Comparisons of an alarm's value with its threshold, in CloudWatch's words.
const (
	AtLeast = "GreaterThanOrEqualToThreshold"
	AtMost  = "LessThanOrEqualToThreshold"
	Below   = "LessThanThreshold"
)

// Alarm is a symptom: the value of a metric, or of an expression over metrics, and when it is bad.
type Alarm struct {
	ID          string // of the construct, in a scope that has the alarms of several things
	Name        string // without the suffix
	Description string // what is bad
	Advice      string // what to do first, or tomorrow
	Tomorrow    bool   // it is read in the morning; otherwise it wakes somebody
	Metric      Metric
	Expression  string // metric math, instead of the metric
	Operands    []Operand
	Comparison  string // AtLeast, unless set
	Threshold   float64
	Period      int // seconds
	Periods     int // bad periods that raise the alarm; 1, unless set
	Of          int // periods that are looked at; as many, unless set
	// NoDataIsBad counts a period without data as bad, which otherwise is good:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
	NoDataIsBad bool
	RollsBack   bool                         // a deployment during which it is raised is rolled back
	After       []cdktf.ITerraformDependable // the alarm would be raised at once if it were created earlier
}

// Config is the alarm as CloudWatch takes it. It notifies the topic both when it is raised and when it is over.
func (a Alarm) Config(d deployment.Deployment, topicARN *string) *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	periods, missing, when := cmp.Or(a.Periods, 1), "notBreaching", " First: "
	if a.NoDataIsBad {
		missing = "breaching"
	}
	if a.Tomorrow {
		when = " Tomorrow: "
	}
	config := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName: jsii.String(d.Name(a.Name)), AlarmDescription: jsii.String(a.Description + when + a.Advice),
		ComparisonOperator: jsii.String(cmp.Or(a.Comparison, AtLeast)), Threshold: jsii.Number(a.Threshold),
		TreatMissingData: jsii.String(missing), DependsOn: &a.After,
		EvaluationPeriods: jsii.Number(max(periods, a.Of)), DatapointsToAlarm: jsii.Number(periods),
		AlarmActions: &[]*string{topicARN}, OkActions: &[]*string{topicARN}, // CKV_AWS_319
		Provider: d.Provider,
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
	for _, o := range a.Operands {
		queries = append(queries, &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
			Id: jsii.String(o.ID), ReturnData: jsii.Bool(false),
			Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace: jsii.String(o.Metric.Namespace), MetricName: jsii.String(o.Metric.Name),
				Dimensions: &o.Metric.Dimensions, Stat: jsii.String(o.Metric.Statistic), Period: jsii.Number(a.Period),
			},
		})
	}
	config.MetricQuery = queries
	return config
}
