// Package loggroup keeps logs: encrypted with the environment's key, for a stated time.
package loggroup

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchloggroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// Retention says how the log groups of an environment are kept.
type Retention struct {
	Days           int     // CKV_AWS_338 asks for 365 in production
	KeyARN         *string // CKV_AWS_158
	PreventDestroy bool
}

// New creates a log group. The service that writes to it has to depend on it: a group that
// AWS creates by itself is kept for ever, in clear, and stays behind after a destroy.
func New(scope constructs.Construct, id, name string, retention Retention) cloudwatchloggroup.CloudwatchLogGroup {
	return cloudwatchloggroup.NewCloudwatchLogGroup(scope, jsii.String(id), &cloudwatchloggroup.CloudwatchLogGroupConfig{
		Name:            jsii.String(name),
		RetentionInDays: jsii.Number(retention.Days),
		KmsKeyId:        retention.KeyARN,
		Lifecycle:       &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(retention.PreventDestroy)},
	})
}
