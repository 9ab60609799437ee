package monitoring

import (
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopic"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopicsubscription"

	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// Topic is the SNS topic that every alarm notifies.
type Topic struct {
	ARN *string
}

// NewTopic creates the topic, which only CloudWatch alarms of the account may publish to. Each e-mail address gets a
// message to confirm its subscription, and until then no other.
func NewTopic(scope constructs.Construct, id string, d deployment.Deployment, emails []string) Topic {
	this := constructs.NewConstruct(scope, jsii.String(id))
	topic := snstopic.NewSnsTopic(this, jsii.String("topic"), &snstopic.SnsTopicConfig{
		Name:           jsii.String(d.Name("PaymentAlarms")),
		DisplayName:    jsii.String("Payment API " + d.Suffix),
		KmsMasterKeyId: d.KeyARN, // CKV_AWS_26; alarms cannot publish to a topic under the AWS managed key
	})
	arn := topic.Arn()
	clearText := policy.DenyClearText("sns:Publish", arn)
	snstopicpolicy.NewSnsTopicPolicy(this, jsii.String("policy"), &snstopicpolicy.SnsTopicPolicyConfig{
		Arn: arn,
		Policy: policy.Document(clearText, policy.Statement{
			Sid:       "PublishAlarms",
			Principal: policy.Service("cloudwatch.amazonaws.com"),
			Actions:   []string{"sns:Publish"},
			Resources: []*string{arn},
			Conditions: []policy.Condition{
				policy.Equals("aws:SourceAccount", d.Account.ID),
				policy.ARNLike("aws:SourceArn", d.Account.ARN("cloudwatch", "alarm:*")),
			},
		}),
	})
	for _, email := range emails {
		id := jsii.String("email-" + strings.ReplaceAll(email, "/", "-"))
		snstopicsubscription.NewSnsTopicSubscription(this, id, &snstopicsubscription.SnsTopicSubscriptionConfig{
			TopicArn: arn,
			Protocol: jsii.String("email"),
			Endpoint: jsii.String(email),
		})
	}
	return Topic{ARN: arn}
}
