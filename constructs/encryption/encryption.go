// Package encryption holds the environment's own KMS key and says which services may use it.
package encryption

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmsalias"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/policy"
)

// Props says whose key it is and how hard it is to lose.
type Props struct {
	Suffix             string
	Account            policy.Account
	DeletionWindowDays int // 7 to 30; KMS.3 asks for 30 in production
	PreventDestroy     bool
}

// Key is a customer-managed symmetric KMS key that AWS rotates every year (KMS.4, CKV_AWS_7).
type Key struct {
	ARN *string
}

// New creates the key, the alias alias/payment-<suffix> and an explicit key policy (CKV2_AWS_64).
func New(scope constructs.Construct, id string, props Props) Key {
	this := constructs.NewConstruct(scope, jsii.String(id))
	key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description:          jsii.String("Everything that the payment API of environment " + props.Suffix + " stores"),
		EnableKeyRotation:    jsii.Bool(true),
		DeletionWindowInDays: jsii.Number(props.DeletionWindowDays),
		Policy:               policy.Document(statements(props.Account)...),
		Lifecycle:            &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(props.PreventDestroy)},
	})
	kmsalias.NewKmsAlias(this, jsii.String("alias"), &kmsalias.KmsAliasConfig{
		Name:        jsii.String("alias/payment-" + props.Suffix),
		TargetKeyId: key.KeyId(),
	})
	return Key{ARN: key.Arn()}
}

// statements is the key policy. In a key policy the resource * is the key itself.
func statements(account policy.Account) []policy.Statement {
	key := *jsii.Strings("*")
	root := policy.Principal{Type: "AWS", Identifier: account.Root()}
	return []policy.Statement{
		{
			// Administration only: no principal of the account can decrypt with the key directly.
			Sid: "Administer", Principal: root, Resources: key,
			Actions: []string{
				"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:Disable*", "kms:Enable*",
				"kms:Get*", "kms:List*", "kms:Put*", "kms:Revoke*", "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion",
				"kms:TagResource", "kms:UntagResource", "kms:Update*",
			},
		},
		{
			// RDS and Secrets Manager work with the permissions of whoever calls them.
			Sid: "UseThroughDatabaseAndSecrets", Principal: root, Resources: key,
			Actions: []string{"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
			Conditions: []policy.Condition{
				policy.Equals("kms:CallerAccount", account.ID),
				policy.Equals("kms:ViaService",
					jsii.String("rds."+account.Region+".amazonaws.com"),
					jsii.String("secretsmanager."+account.Region+".amazonaws.com")),
			},
		},
		{
			// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
			Sid: "EncryptLogs", Principal: policy.Service("logs." + account.Region + ".amazonaws.com"), Resources: key,
			Actions:    []string{"kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
			Conditions: []policy.Condition{policy.ARNLike("kms:EncryptionContext:aws:logs:arn", account.ARN("logs", "log-group:*"))},
		},
		{
			// Without this an alarm cannot publish to the encrypted topic, and stays silent. AWS documents
			// it without a condition; whose alarms may publish is said by the topic's policy:
			// https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
			Sid: "PublishAlarms", Principal: policy.Service("cloudwatch.amazonaws.com"), Resources: key,
			Actions: []string{"kms:Decrypt", "kms:GenerateDataKey*"},
		},
	}
}
