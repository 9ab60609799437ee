package monitoring

import (
	"cmp"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopic"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicsubscription"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// metric is a CloudWatch metric with a statistic: a name (Sum) or a percentile (p99.9).
type metric struct {
	namespace, name, statistic string
	dimensions                 map[string]*string
}

func (m metric) by(statistic string) metric {
	m.statistic = statistic
	return m
}

// operand is a metric in an expression, which refers to it by its id.
type operand struct {
	id     string
	metric metric
}

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
	expression  string // instead of the metric
	operands    []operand
	comparison  string // atLeast, unless set
	threshold   float64
	period      int // seconds
	periods     int // bad periods in a row that raise the alarm; 1, unless set
	// noDataIsBad counts a period without data as bad, which otherwise is good:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
	noDataIsBad bool
	rollsBack   bool                         // a deployment that raises it
	after       []cdktf.ITerraformDependable // the alarm would be raised at once if it were created earlier
}

func (a alarm) create(scope constructs.Construct, d deployment.Deployment,
	topicARN *string) cloudwatchmetricalarm.CloudwatchMetricAlarm {
	return cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String(a.id), a.config(d, topicARN))
}

// config is the alarm as CloudWatch takes it. It notifies the topic both when it is raised and when it is over.
func (a alarm) config(d deployment.Deployment, topicARN *string) *cloudwatchmetricalarm.CloudwatchMetricAlarmConfig {
	periods, missing := cmp.Or(a.periods, 1), "notBreaching"
	if a.noDataIsBad {
		missing = "breaching"
	}
	config := &cloudwatchmetricalarm.CloudwatchMetricAlarmConfig{
		AlarmName:          jsii.String(d.Name(a.name)),
		AlarmDescription:   jsii.String(a.description),
		ComparisonOperator: jsii.String(cmp.Or(a.comparison, atLeast)),
		Threshold:          jsii.Number(a.threshold),
		TreatMissingData:   jsii.String(missing),
		DependsOn:          &a.after,
		EvaluationPeriods:  jsii.Number(periods), DatapointsToAlarm: jsii.Number(periods),
		AlarmActions: &[]*string{topicARN}, OkActions: &[]*string{topicARN}, // CKV_AWS_319
	}
	if a.expression == "" {
		config.Namespace, config.MetricName = jsii.String(a.metric.namespace), jsii.String(a.metric.name)
		config.Dimensions, config.Period = &a.metric.dimensions, jsii.Number(a.period)
		if strings.HasPrefix(a.metric.statistic, "p") { // CloudWatch takes a percentile in another attribute
			config.ExtendedStatistic = jsii.String(a.metric.statistic)
		} else {
			config.Statistic = jsii.String(a.metric.statistic)
		}
		return config
	}
	queries := []*cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{{
		Id: jsii.String("result"), Expression: jsii.String(a.expression), Label: jsii.String(a.name),
		ReturnData: jsii.Bool(true),
	}}
	for _, o := range a.operands {
		queries = append(queries, &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQuery{
			Id: jsii.String(o.id), ReturnData: jsii.Bool(false),
			Metric: &cloudwatchmetricalarm.CloudwatchMetricAlarmMetricQueryMetric{
				Namespace: jsii.String(o.metric.namespace), MetricName: jsii.String(o.metric.name),
				Dimensions: &o.metric.dimensions, Stat: jsii.String(o.metric.statistic), Period: jsii.Number(a.period),
			},
		})
	}
	config.MetricQuery = queries
	return config
}

// NewAlarmTopic creates the SNS topic that every alarm notifies, and returns its ARN. Only CloudWatch alarms of the
// account may publish to it.
func NewAlarmTopic(scope constructs.Construct, id string, d deployment.Deployment, emails []string) *string {
	return NewTopic(scope, id, d.Name("PaymentAlarms"), "Payment API "+d.Suffix, d.KeyARN, emails, policy.Statement{
		Sid: "PublishAlarms", Principal: policy.Service("cloudwatch.amazonaws.com"),
		Conditions: d.Account.Sources("cloudwatch", "alarm:*"),
	})
}

// NewTopic creates an SNS topic to which whom the statement allows it may publish, and returns its ARN. Each e-mail
// address gets a message to confirm its subscription, and until then no other.
func NewTopic(scope constructs.Construct, id, name, title string, keyARN *string, emails []string,
	publish policy.Statement) *string {
	this := constructs.NewConstruct(scope, jsii.String(id))
	arn := snstopic.NewSnsTopic(this, jsii.String("topic"), &snstopic.SnsTopicConfig{
		Name: jsii.String(name), DisplayName: jsii.String(title),
		KmsMasterKeyId: keyARN, // CKV_AWS_26; services cannot publish to a topic under the AWS managed key
	}).Arn()
	publish.Actions, publish.Resources = []string{"sns:Publish"}, []*string{arn}
	snstopicpolicy.NewSnsTopicPolicy(this, jsii.String("policy"), &snstopicpolicy.SnsTopicPolicyConfig{
		Arn: arn, Policy: policy.Document(policy.DenyClearText("sns:Publish", arn), publish),
	})
	for _, email := range emails {
		snstopicsubscription.NewSnsTopicSubscription(this, jsii.String("email-"+email), &snstopicsubscription.SnsTopicSubscriptionConfig{
			TopicArn: arn, Protocol: jsii.String("email"), Endpoint: jsii.String(email),
		})
	}
	return arn
}
