// Package logs creates log groups, and masks card numbers in them.
package logs

import (
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchlogdataprotectionpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchloggroup"

	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// Name is the name of a log group of the environment's own.
func Name(d deployment.Deployment, name string) string { return "/" + d.Stack + "/" + name }

// NewGroup creates a log group under the environment's key (CKV_AWS_158), for what contains nothing that clients
// send; NewMaskedGroup is for everything else. The service that writes to it has to depend on it: a group that AWS
// creates by itself is kept for ever, unencrypted, and left behind by a destroy.
func NewGroup(scope constructs.Construct, id string, d deployment.Deployment,
	name string) cloudwatchloggroup.CloudwatchLogGroup {
	return cloudwatchloggroup.NewCloudwatchLogGroup(scope, jsii.String(id), &cloudwatchloggroup.CloudwatchLogGroupConfig{
		Name: jsii.String(name), RetentionInDays: jsii.Number(d.LogRetentionDays), KmsKeyId: d.Key.ARN,
		Lifecycle: d.Lifecycle(),
	})
}

//go:embed masking.json
var maskingFile string

// NewMaskedGroup creates a log group in which card numbers are masked for whoever reads it: AWS's own detection,
// which needs a word such as card nearby, and any 13 to 19 digits (ISO/IEC 7812), grouped or not.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html
func NewMaskedGroup(scope constructs.Construct, id string, d deployment.Deployment,
	name string) cloudwatchloggroup.CloudwatchLogGroup {
	group := NewGroup(scope, id, d, name)
	masking := strings.NewReplacer("${partition}", *d.ARNs.Partition,
		"${pattern}", strings.ReplaceAll(CardNumberPattern, `\`, `\\`)).Replace(maskingFile)
	cloudwatchlogdataprotectionpolicy.NewCloudwatchLogDataProtectionPolicy(scope, jsii.String(id+"-masking"), &cloudwatchlogdataprotectionpolicy.CloudwatchLogDataProtectionPolicyConfig{
		LogGroupName: group.Name(), PolicyDocument: policy.JSON(json.RawMessage(masking)),
	})
	return group
}

// CardNumberPattern matches 13 to 19 digits, alone or in groups. It is within what CloudWatch Logs takes, which are 200
// characters and no parentheses:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL-custom-data-identifiers.html
var CardNumberPattern = `\d` + strings.Repeat(`[ -]?\d`, 12) + strings.Repeat(`[ -]?\d?`, 6)
