package account

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventtarget"
	scanning "github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrregistryscanningconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/encryption"
	"tap/constructs/monitoring"
	"tap/constructs/policy"
)

// newFindings has Inspector, which ECR switches on by itself, look for known vulnerabilities in the images of the
// registry, again and again while they run, and tells people of those of high severity:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced.html
func newFindings(scope constructs.Construct, arns policy.ARNs, emails []string) {
	const eventBridge = "events.amazonaws.com"
	this := constructs.NewConstruct(scope, jsii.String("findings"))
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
		Description: jsii.String("Findings on their way to people"), EnableKeyRotation: jsii.Bool(true),
		Policy:    policy.Document(encryption.Administer(arns), encryption.Publish("PublishFindings", eventBridge)),
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(true)},
	})
	// EventBridge supports no condition there:
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
	topic := monitoring.NewTopic(this, "topic", "tap-findings", "Findings in images", key.Arn(), emails,
		policy.Statement{Sid: "PublishFindings", Principal: policy.Service(eventBridge)})
	// https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
	rule := cloudwatcheventrule.NewCloudwatchEventRule(this, jsii.String("rule"), &cloudwatcheventrule.CloudwatchEventRuleConfig{
		Name: jsii.String("tap-findings"),
		EventPattern: policy.JSON(map[string]any{
			"source": []string{"aws.inspector2"}, "detail-type": []string{"Inspector2 Finding"},
			"detail": map[string]any{"severity": []string{"HIGH", "CRITICAL"}, "status": []string{"ACTIVE"}},
		}),
	})
	cloudwatcheventtarget.NewCloudwatchEventTarget(this, jsii.String("target"),
		&cloudwatcheventtarget.CloudwatchEventTargetConfig{Rule: rule.Name(), Arn: topic})
}
