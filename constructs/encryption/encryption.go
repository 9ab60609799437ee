// Package encryption is the environment's own KMS key and who may use it.
package encryption

import (
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmsalias"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/policy"
)

// Key is a customer-managed symmetric KMS key that AWS rotates every year (KMS.4, CKV_AWS_7).
type Key struct {
	ARN *string

	key         kmskey.KmsKey
	environment config.Environment
	arns        policy.ARNs
	services    []string // through which principals of the account use the key
}

// New creates the key, the alias alias/payment-<suffix> and an explicit key policy (CKV2_AWS_64).
func New(scope constructs.Construct, id string, environment config.Environment, arns policy.ARNs) *Key {
	this, suffix := constructs.NewConstruct(scope, jsii.String(id)), environment.Suffix
	key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description:       jsii.String("Everything that the payment API of environment " + suffix + " stores"),
		EnableKeyRotation: jsii.Bool(true), DeletionWindowInDays: jsii.Number(environment.KeyDeletionDays),
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(environment.Protect)},
	})
	kmsalias.NewKmsAlias(this, jsii.String("alias"), &kmsalias.KmsAliasConfig{
		Name: jsii.String("alias/payment-" + suffix), TargetKeyId: key.KeyId(),
	})
	result := &Key{ARN: key.Arn(), key: key, environment: environment, arns: arns}
	result.AllowVia("rds", "secretsmanager") // the database and the secret of its password
	return result
}

// AllowVia lets principals of the account use the key through AWS services, named as in kms:ViaService, as far as their
// own policies allow it.
func (k *Key) AllowVia(services ...string) {
	k.services = append(k.services, services...)
	slices.Sort(k.services)
	k.services = slices.Compact(k.services)
	k.key.SetPolicy(policy.Document(k.statements()...))
}

// statements is the key policy. In a key policy the resource * is the key itself.
func (k *Key) statements() []policy.Statement {
	arns, key, copies := k.arns, jsii.String("*"), k.environment.Database.BackupCopy
	via := []*string{}
	for _, service := range k.services {
		via = append(via, arns.Endpoint(service))
	}
	there := arns.At(copies.Place())
	if there.Region != "" && there.Region != arns.Region {
		via = append(via, there.Endpoint("rds"))
	}
	statements := []policy.Statement{
		Administer(arns),
		// These services work with the permissions of whoever calls them.
		policy.Allow("UseThroughServices", "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
			"kms:GenerateDataKey*", "kms:ReEncrypt*").On(key).To(arns.Root()).
			If(policy.Equals("kms:CallerAccount", arns.ID), policy.Equals("kms:ViaService", via...)),
		// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
		policy.Allow("EncryptLogs", "kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*",
			"kms:ReEncrypt*").On(key).To(policy.Service(*arns.Endpoint("logs"))).
			If(policy.ARNLike("kms:EncryptionContext:aws:logs:arn", arns.ARN("logs", "log-group:*"))),
		Publish("PublishAlarms", "cloudwatch.amazonaws.com"),
	}
	if k.environment.SaysEvents() {
		statements = append(statements, Publish("PublishEvents", "events.amazonaws.com"))
	}
	if copies.Vault == "" {
		return statements
	}
	rds := policy.Equals("kms:ViaService", arns.Endpoint("rds"), there.Endpoint("rds"))
	copier := policy.Equals("aws:PrincipalArn",
		there.GlobalARN("iam", "role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"))
	return append(statements,
		// https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html
		policy.Allow("MakeVault", "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey",
			"kms:RetireGrant").On(key).To(arns.Root()).
			If(policy.Equals("kms:CallerAccount", arns.ID), policy.Equals("kms:ViaService", arns.Endpoint("backup"))),
		// RDS copies for AWS Backup's role in the account of the vault; these are the rights of AWS's policy for that role:
		// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceLinkedRolePolicyForBackup.html
		policy.Allow("CopyThroughRDS", "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext", "kms:ListGrants",
			"kms:ReEncryptFrom").On(key).To(there.Root()).If(copier, rds, policy.ForAWSResource),
		policy.Allow("FindForCopies", "kms:DescribeKey").On(key).To(there.Root()).If(copier),
	)
}

// Administer lets the account administer a key: no principal of it can decrypt with the key directly.
func Administer(arns policy.ARNs) policy.Statement {
	return policy.Allow("Administer", "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*",
		"kms:Disable*", "kms:Enable*", "kms:Get*", "kms:List*", "kms:Put*", "kms:Revoke*", "kms:RotateKeyOnDemand",
		"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:Update*").
		On(jsii.String("*")).To(arns.Root())
}

// Publish lets a service publish to a topic under the key, which else stays silent. AWS documents it without a
// condition; the topic's policy limits what it may publish there:
// https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
func Publish(sid, service string) policy.Statement {
	return policy.Allow(sid, "kms:Decrypt", "kms:GenerateDataKey*").On(jsii.String("*")).To(policy.Service(service))
}
