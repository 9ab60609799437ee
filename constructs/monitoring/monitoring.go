// Package monitoring notifies people: it creates the alarms on all that can be watched, the topic that they notify, and
// one dashboard for whoever is woken.
package monitoring

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchdashboard"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventtarget"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchmetricalarm"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/route53healthcheck"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopic"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicsubscription"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/deployment"
	"tap/constructs/encryption"
	"tap/constructs/policy"
)

// Monitoring is the alarms with their topics, and what the dashboard shows.
type Monitoring struct {
	TopicARN        *string // of the alarms that wake somebody: output AlarmTopicArn
	MorningTopicARN *string // of those that are read in the morning: output MorningTopicArn

	name       string
	deployment deployment.Deployment
	emails     []string
	alarms     []*string // ARNs
	graphs     []cloudwatch.Graph
}

// New creates both SNS topics. Only CloudWatch alarms of the account may publish to them, and with events rules of
// EventBridge, and the e-mail addresses hear both. The name begins those of the topics, for example Payment of
// PaymentAlarms-<suffix>, and of the dashboard.
func New(scope constructs.Construct, name string, d deployment.Deployment, emails []string, events bool) *Monitoring {
	m := &Monitoring{name: name, deployment: d, emails: emails}
	m.TopicARN = m.newTopic(scope, "alarm-topic", "Alarms", "", events)
	m.MorningTopicARN = m.newTopic(scope, "morning-topic", "MorningAlarms", " in the morning", events)
	return m
}

func (m *Monitoring) newTopic(scope constructs.Construct, id, kind, title string, events bool) *string {
	d, publish := m.deployment, []policy.Statement{}
	if events {
		publish = append(publish, PublishEvents)
	}
	return NewTopic(scope, id, TopicProps{
		Name: d.Name(m.name + kind), Title: m.name + " API " + d.Suffix + title, KeyARN: d.Key.ARN, Emails: m.emails,
		Publish: append(publish, policy.Allow("PublishAlarms").To(policy.Service("cloudwatch.amazonaws.com")).
			If(d.ARNs.Sources("cloudwatch", "alarm:*")...)),
		Provider: d.Provider,
	})
}

// PublishEvents allows the rules of EventBridge to publish to a topic. They support no condition there:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
var PublishEvents = policy.Allow("PublishEvents").To(policy.Service("events.amazonaws.com"))

// NewRule has EventBridge publish the events that match a pattern to a topic, as they are or as they are transformed.
func NewRule(scope constructs.Construct, name string, topicARN *string, pattern any,
	transformed *cloudwatcheventtarget.CloudwatchEventTargetInputTransformer) {
	rule := cloudwatcheventrule.NewCloudwatchEventRule(scope, jsii.String("rule"), &cloudwatcheventrule.CloudwatchEventRuleConfig{
		Name: jsii.String(name), EventPattern: policy.JSON(pattern),
	})
	cloudwatcheventtarget.NewCloudwatchEventTarget(scope, jsii.String("target"), &cloudwatcheventtarget.CloudwatchEventTargetConfig{
		Rule: rule.Name(), Arn: topicARN, InputTransformer: transformed,
	})
}

// TopicProps configures NewTopic.
type TopicProps struct {
	Name, Title string                  // the title is the sender of e-mails
	KeyARN      *string                 // CKV_AWS_26; services cannot publish to a topic under the AWS managed key
	Emails      []string                // each address gets a message to confirm its subscription, and until then no other
	Publish     []policy.Statement      // who may publish to the topic
	Provider    cdktf.TerraformProvider // nil: the stack's
}

// NewTopic creates an SNS topic and returns its ARN.
func NewTopic(scope constructs.Construct, id string, props TopicProps) *string {
	this := constructs.NewConstruct(scope, jsii.String(id))
	arn := snstopic.NewSnsTopic(this, jsii.String("topic"), &snstopic.SnsTopicConfig{
		Name: jsii.String(props.Name), DisplayName: jsii.String(props.Title), KmsMasterKeyId: props.KeyARN,
		Provider: props.Provider,
	}).Arn()
	statements := []policy.Statement{policy.DenyClearText("sns:Publish", arn)}
	for _, statement := range props.Publish {
		statement.Action = []string{"sns:Publish"}
		statements = append(statements, statement.On(arn))
	}
	snstopicpolicy.NewSnsTopicPolicy(this, jsii.String("policy"), &snstopicpolicy.SnsTopicPolicyConfig{
		Arn: arn, Policy: policy.Document(statements...), Provider: props.Provider,
	})
	for _, email := range props.Emails {
		snstopicsubscription.NewSnsTopicSubscription(this, jsii.String("email-"+email), &snstopicsubscription.SnsTopicSubscriptionConfig{
			TopicArn: arn, Protocol: jsii.String("email"), Endpoint: jsii.String(email), Provider: props.Provider,
		})
	}
	return arn
}

// Watch creates the alarms of the signals, and keeps their graphs for the dashboard. It returns the names of the alarms
// that roll a deployment back: these have to exist before the service that is deployed.
func (m *Monitoring) Watch(scope constructs.Construct, all ...cloudwatch.Signals) (rollBack []*string) {
	for _, signals := range all {
		for _, alarm := range signals.Alarms {
			topic := m.TopicARN
			if alarm.Tomorrow {
				topic = m.MorningTopicARN
			}
			created := cloudwatchmetricalarm.NewCloudwatchMetricAlarm(scope, jsii.String(alarm.ID),
				alarm.Config(m.deployment, topic, signals.After))
			m.alarms = append(m.alarms, created.Arn())
			if alarm.RollsBack {
				rollBack = append(rollBack, created.AlarmName())
			}
		}
		m.graphs = append(m.graphs, signals.Graphs...)
	}
	return rollBack
}

//go:embed outside.yaml
var outsideFile string

// WatchOutside has Route 53 call a domain's path as customers do, by its name and over TLS, once ready, and watches
// that in config.OutsideRegion. Without a path, as where clients have to show a certificate, it only connects. Where
// that Region is not the environment's, whose provider is nil, the alarm has a key and a topic of its own there, whose
// ARN is returned.
func (m *Monitoring) WatchOutside(scope constructs.Construct, id, domain, path string, provider cdktf.TerraformProvider,
	ready []cdktf.ITerraformDependable) (topicARN *string) {
	this, outside := constructs.NewConstruct(scope, jsii.String(id)), *m
	// From 8 Regions of the world. It is healthy while more than 18 % of the checkers see a status under 400, whatever
	// the certificate's chain and dates:
	// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
	settings := &route53healthcheck.Route53HealthCheckConfig{
		Type: jsii.String("HTTPS"), Fqdn: jsii.String(domain), Port: jsii.Number(443), EnableSni: jsii.Bool(true),
		ResourcePath: jsii.String(path), RequestInterval: jsii.Number(30), FailureThreshold: jsii.Number(3),
		Tags: m.deployment.Tags(m.name + "Outside"), DependsOn: &ready,
	}
	seen := fmt.Sprintf("gets an answer under status 400 from https://%s%s, for 3 minutes", domain, path)
	if path == "" {
		settings.Type, settings.EnableSni, settings.ResourcePath = jsii.String("TCP"), nil, nil
		seen = fmt.Sprintf("can connect to port 443 of %s, for 3 minutes (neither the certificate nor a path is looked at)",
			domain)
	}
	check := route53healthcheck.NewRoute53HealthCheck(this, jsii.String("health-check"), settings)
	if d := &outside.deployment; provider != nil {
		d.ARNs.Region, d.Provider = config.OutsideRegion, provider
		// It stores nothing, so that it is not protected: a domain can be given up.
		key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
			Description:       jsii.String("Alarms of the payment API of environment " + d.Suffix + " on their way to people"),
			EnableKeyRotation: jsii.Bool(true), Provider: provider,
			Policy: policy.Document(encryption.Administer(d.ARNs),
				encryption.Publish("PublishAlarms", "cloudwatch.amazonaws.com")),
		})
		d.Key = &encryption.Key{ARN: key.Arn()}
		outside.TopicARN = outside.newTopic(this, "topic", "OutsideAlarms", " from outside", false)
		topicARN = outside.TopicARN
	}
	outside.Watch(this, cloudwatch.Read(outsideFile, m.name, map[string]any{
		"check": check.Id(), "seen": seen, "region": config.OutsideRegion,
	}))
	m.alarms, m.graphs = outside.alarms, outside.graphs
	return topicARN
}

// A dashboard is a grid 24 units wide:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
const (
	columns      = 4
	widgetWidth  = 24 / columns
	widgetHeight = 6
	alarmsHeight = 3
	mostAlarms   = 100 // of one widget
	raisedFirst  = "stateUpdatedTimestamp"
)

// NewDashboard watches the rest and creates the dashboard of all that is watched, whose name it returns: the state of
// every alarm on top, then the graphs row by row.
func (m *Monitoring) NewDashboard(scope constructs.Construct, id string, rest ...cloudwatch.Signals) *string {
	this := constructs.NewConstruct(scope, jsii.String(id))
	m.Watch(this, rest...)
	widgets, top := []any{}, 0
	for alarms := range slices.Chunk(m.alarms, mostAlarms) {
		widgets = append(widgets, map[string]any{
			"type": "alarm", "x": 0, "y": top, "width": 24, "height": alarmsHeight,
			"properties": map[string]any{"title": "Alarms", "alarms": alarms, "sortBy": raisedFirst},
		})
		top += alarmsHeight
	}
	slices.SortStableFunc(m.graphs, func(a, b cloudwatch.Graph) int {
		return slices.Index(cloudwatch.Rows, a.Row) - slices.Index(cloudwatch.Rows, b.Row)
	})
	for index, graph := range m.graphs {
		lines := [][]any{}
		for _, line := range graph.Lines {
			lines = append(lines, line.Entry())
		}
		properties := map[string]any{
			"view": "timeSeries", "title": graph.Title, "region": cmp.Or(graph.Region, m.deployment.ARNs.Region), "period": 60,
			"metrics": lines,
			"yAxis":   map[string]any{"left": map[string]any{"min": 0}}, // else noise fills the graph
		}
		if graph.Threshold != 0 {
			alarm := map[string]any{"label": "alarm", "value": graph.Threshold}
			properties["annotations"] = map[string]any{"horizontal": []any{alarm}}
		}
		widgets = append(widgets, map[string]any{
			"type": "metric", "x": index % columns * widgetWidth, "y": top + index/columns*widgetHeight,
			"width": widgetWidth, "height": widgetHeight, "properties": properties,
		})
	}
	return cloudwatchdashboard.NewCloudwatchDashboard(this, jsii.String("dashboard"), &cloudwatchdashboard.CloudwatchDashboardConfig{
		DashboardName: jsii.String(m.deployment.Name(m.name + "API")),
		DashboardBody: policy.JSON(map[string]any{"widgets": widgets}),
	}).DashboardName()
}
