package account

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventtarget"
	scanning "github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrregistryscanningconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"

	"tap/constructs/encryption"
	"tap/constructs/monitoring"
	"tap/constructs/policy"
)

// newFindings has Inspector look for known vulnerabilities in every image of the registry for as long as it is kept
// (ECR.1), which ECR switches on by itself, and sends those of high severity to a topic, whose ARN it returns:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced.html
func newFindings(scope constructs.Construct, id string, account policy.Account, emails []string) *string {
	this := constructs.NewConstruct(scope, jsii.String(id))
	scanning.NewEcrRegistryScanningConfiguration(this, jsii.String("scanning"), &scanning.EcrRegistryScanningConfigurationConfig{
		ScanType: jsii.String("ENHANCED"),
		Rule: []*scanning.EcrRegistryScanningConfigurationRule{{
			ScanFrequency: jsii.String("CONTINUOUS_SCAN"),
			RepositoryFilter: []*scanning.EcrRegistryScanningConfigurationRuleRepositoryFilter{
				{Filter: jsii.String("*"), FilterType: jsii.String("WILDCARD")},
			},
		}},
	})
	key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description: jsii.String("Findings on their way to people"), EnableKeyRotation: jsii.Bool(true), // KMS.4
		Policy: policy.Document(encryption.Administer(account), encryption.Publish("PublishFindings", eventBridge)),
	})
	// EventBridge supports no condition in the policies of topics:
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
	topic := monitoring.NewTopic(this, "topic", "tap-findings", "Findings in images", key.Arn(), emails,
		policy.Statement{Sid: "PublishFindings", Principal: policy.Service(eventBridge)})
	rule := cloudwatcheventrule.NewCloudwatchEventRule(this, jsii.String("rule"), &cloudwatcheventrule.CloudwatchEventRuleConfig{
		Name: jsii.String("tap-findings"),
		// https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
		EventPattern: policy.JSON(map[string]any{
			"source": []string{"aws.inspector2"}, "detail-type": []string{"Inspector2 Finding"},
			"detail": map[string]any{"severity": []string{"HIGH", "CRITICAL"}, "status": []string{"ACTIVE"}},
		}),
	})
	cloudwatcheventtarget.NewCloudwatchEventTarget(this, jsii.String("target"), &cloudwatcheventtarget.CloudwatchEventTargetConfig{
		Rule: rule.Name(), Arn: topic,
	})
	return topic
}

const eventBridge = "events.amazonaws.com"
