package monitoring

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// metric is one CloudWatch metric.
type metric struct {
	namespace  string
	name       string
	dimensions []dimension
}

type dimension struct {
	name  string
	value *string
}

func (m metric) dimensionMap() *map[string]*string {
	values := map[string]*string{}
	for _, d := range m.dimensions {
		values[d.name] = d.value
	}
	return &values
}

// operand is a metric that takes part in an expression under its id.
type operand struct {
	id        string
	metric    metric
	statistic string
}

// What an alarm makes of periods without data:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	missingIsFine = "notBreaching"
	missingAlarms = "breaching"
)

const (
	atLeast = "GreaterThanOrEqualToThreshold"
	atMost  = "LessThanOrEqualToThreshold"
	below   = "LessThanThreshold"
)

// alarm is one symptom: the value of a metric, or of an expression over metrics, and when it is bad.
type alarm struct {
	id          string
	name        string // without the suffix
	description string // ends with what to do first
	metric      metric
	statistic   string
	expression  string // takes the place of metric
	operands    []operand
	comparison  string
	threshold   float64
	period      int // seconds
	periods     int // so many bad periods in a row raise the alarm
	missing     string
	after       []cdktf.ITerraformDependable // without which the alarm would be raised as soon as it is made
}

// create makes the alarm, which notifies the topic both when it is raised and when it is over.
func (a alarm) create(scope constructs.Construct, suffix string, topic Topic) cloudwatchmetricalarm.CloudwatchMetricAlarm {
	config := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(a.name + "-" + suffix),
		AlarmDescription:   jsii.String(a.description),
		ComparisonOperator: jsii.String(a.comparison),
		Threshold:          jsii.Number(a.threshold),
		EvaluationPeriods:  jsii.Number(a.periods),
		DatapointsToAlarm:  jsii.Number(a.periods),
		TreatMissingData:   jsii.String(a.missing),
		AlarmActions:       &[]*string{topic.ARN}, // CKV_AWS_319
		OkActions:          &[]*string{topic.ARN},
		DependsOn:          &a.after,
	}
	if a.expression == "" {
		config.Namespace = jsii.String(a.metric.namespace)
		config.MetricName = jsii.String(a.metric.name)
		config.Dimensions = a.metric.dimensionMap()
		config.Statistic = jsii.String(a.statistic)
		config.Period = jsii.Number(a.period)
		return cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String(a.id), config)
	}
	queries := []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{{
		Id: jsii.String("result"), Expression: jsii.String(a.expression), Label: jsii.String(a.name), ReturnData: jsii.Bool(true),
	}}
	for _, o := range a.operands {
		queries = append(queries, &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
			Id:         jsii.String(o.id),
			ReturnData: jsii.Bool(false),
			Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace:  jsii.String(o.metric.namespace),
				MetricName: jsii.String(o.metric.name),
				Dimensions: o.metric.dimensionMap(),
				Stat:       jsii.String(o.statistic),
				Period:     jsii.Number(a.period),
			},
		})
	}
	config.MetricQuery = queries
	return cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String(a.id), config)
}
