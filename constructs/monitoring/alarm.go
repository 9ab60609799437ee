package monitoring

import (
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
)

// metric is a CloudWatch metric.
type metric struct {
	namespace  string
	name       string
	dimensions map[string]*string
}

// operand is a metric in an expression, which refers to it by its id.
type operand struct {
	id        string
	metric    metric
	statistic string // a name (Sum) or a percentile (p99)
}

// How an alarm treats periods without data:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	missingIsGood = "notBreaching"
	missingIsBad  = "breaching"
)

const (
	atLeast = "GreaterThanOrEqualToThreshold"
	atMost  = "LessThanOrEqualToThreshold"
	below   = "LessThanThreshold"
)

// alarm is a symptom: the value of a metric, or of an expression over metrics, and when it is bad.
type alarm struct {
	id          string
	name        string // without the suffix
	description string // ends with what to do first
	metric      metric
	statistic   string // a name (Average) or a percentile (p99.9)
	expression  string // instead of metric and statistic
	operands    []operand
	comparison  string
	threshold   float64
	period      int // seconds
	periods     int // bad periods in a row that raise the alarm
	missing     string
	after       []cdktf.ITerraformDependable // the alarm would be raised at once if it were created earlier
}

// create creates the alarm, which notifies the topic both when it is raised and when it is over.
func (a alarm) create(scope constructs.Construct, d deployment.Deployment,
	topic Topic) cloudwatchmetricalarm.CloudwatchMetricAlarm {
	config := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(d.Name(a.name)),
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
		config.Dimensions = &a.metric.dimensions
		if strings.HasPrefix(a.statistic, "p") { // CloudWatch takes a percentile in another attribute
			config.ExtendedStatistic = jsii.String(a.statistic)
		} else {
			config.Statistic = jsii.String(a.statistic)
		}
		config.Period = jsii.Number(a.period)
	} else {
		queries := []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{{
			Id:         jsii.String("result"),
			Expression: jsii.String(a.expression),
			Label:      jsii.String(a.name),
			ReturnData: jsii.Bool(true),
		}}
		for _, o := range a.operands {
			queries = append(queries, &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
				Id:         jsii.String(o.id),
				ReturnData: jsii.Bool(false),
				Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
					Namespace:  jsii.String(o.metric.namespace),
					MetricName: jsii.String(o.metric.name),
					Dimensions: &o.metric.dimensions,
					Stat:       jsii.String(o.statistic),
					Period:     jsii.Number(a.period),
				},
			})
		}
		config.MetricQuery = queries
	}
	return cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String(a.id), config)
}
