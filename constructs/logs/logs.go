// Package logs creates log groups, and masks card numbers in them.
package logs

import (
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

// NewMaskedGroup creates a log group in which card numbers are masked for whoever reads it: AWS's own detection,
// which needs a word such as card nearby, and any 13 to 19 digits (ISO/IEC 7812), grouped or not.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html
func NewMaskedGroup(scope constructs.Construct, id string, d deployment.Deployment,
	name string) cloudwatchloggroup.CloudwatchLogGroup {
	group := NewGroup(scope, id, d, name)
	cloudwatchlogdataprotectionpolicy.NewCloudwatchLogDataProtectionPolicy(scope, jsii.String(id+"-masking"), &cloudwatchlogdataprotectionpolicy.CloudwatchLogDataProtectionPolicyConfig{
		LogGroupName: group.Name(), PolicyDocument: policy.JSON(masking(*d.ARNs.Partition)),
	})
	return group
}

// masking is the log group's data protection policy.
func masking(partition string) any {
	type object = map[string]any
	identifiers := []string{"arn:" + partition + ":dataprotection::aws:data-identifier/CreditCardNumber", "CardNumber"}
	statement := func(sid string, operation object) object {
		return object{"Sid": sid, "DataIdentifier": identifiers, "Operation": operation}
	}
	return object{
		"Name": "card-numbers", "Version": "2021-06-01",
		"Configuration": object{"CustomDataIdentifier": []any{object{"Name": "CardNumber", "Regex": CardNumberPattern}}},
		"Statement": []any{
			statement("Audit", object{"Audit": object{"FindingsDestination": object{}}}),
			statement("Mask", object{"Deidentify": object{"MaskConfig": object{}}}),
		},
	}
}

// CardNumberPattern matches 13 to 19 digits, alone or in groups. It is within what CloudWatch Logs takes, which are 200
// characters and no parentheses:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL-custom-data-identifiers.html
var CardNumberPattern = `\d` + strings.Repeat(`[ -]?\d`, 12) + strings.Repeat(`[ -]?\d?`, 6)
