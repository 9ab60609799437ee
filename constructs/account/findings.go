package account

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
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
	publish := monitoring.PublishEvents
	publish.Sid = "PublishFindings"
	key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description: jsii.String("Findings on their way to people"), EnableKeyRotation: jsii.Bool(true),
		Policy:    policy.Document(encryption.Administer(arns), encryption.Publish(publish.Sid, "events.amazonaws.com")),
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(true)},
	})
	topic := monitoring.NewTopic(this, "topic", monitoring.TopicProps{
		Name: "tap-findings", Title: "Findings in images", KeyARN: key.Arn(), Emails: emails,
		Publish: []policy.Statement{publish},
	})
	// https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
	monitoring.NewRule(this, "tap-findings", topic, map[string]any{
		"source": []string{"aws.inspector2"}, "detail-type": []string{"Inspector2 Finding"},
		"detail": map[string]any{"severity": []string{"HIGH", "CRITICAL"}, "status": []string{"ACTIVE"}},
	}, nil)
}
