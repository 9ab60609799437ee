package database

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/backupplan"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/backupselection"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/backupvault"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/backupvaultpolicy"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
	"tap/constructs/monitoring"
	"tap/constructs/policy"
)

// newBackupCopy has AWS Backup make a backup each day, copy it into the vault of another account or Region, and say
// what failed: https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
func newBackupCopy(scope constructs.Construct, props Props, kind string, cluster *string) {
	this, d := constructs.NewConstruct(scope, jsii.String("backup-copy")), props.Deployment
	copies := props.Config.BackupCopy
	there := d.ARNs.At(copies.Place())
	vault := backupvault.NewBackupVault(this, jsii.String("vault"), &backupvault.BackupVaultConfig{
		Name: jsii.String(d.Name(kind)), KmsKeyArn: d.Key.ARN, Tags: d.Tags(kind),
		ForceDestroy: jsii.Bool(!d.Protect), Lifecycle: d.Lifecycle(),
	})
	backupvaultpolicy.NewBackupVaultPolicy(this, jsii.String("vault-policy"), &backupvaultpolicy.BackupVaultPolicyConfig{
		BackupVaultName: vault.Name(),
		// The resource is the vault itself.
		Policy: policy.Document(policy.Allow("CopyBack", "backup:CopyIntoBackupVault").On(jsii.String("*")).To(there.Root())),
	})
	const snapshots = "cluster-snapshot:awsbackup:*"
	own, away := d.ARNs.ARN("rds", snapshots), d.ARNs.At(there.Region, *d.ARNs.ID).ARN("rds", snapshots)
	role := d.NewRole(this, "role", deployment.RoleProps{
		Name: kind + "BackupRole", Description: "Makes the backups of the database and their copies",
		Service:    "backup.amazonaws.com",
		Conditions: []policy.Condition{policy.Equals("aws:SourceAccount", d.ARNs.ID)},
		// What AWS's AWSBackupServiceRolePolicyForBackup has for Aurora, narrowed:
		// https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html
		Statements: []policy.Statement{
			policy.Allow("BackUp", "rds:AddTagsToResource", "rds:CopyDBClusterSnapshot", "rds:CreateDBClusterSnapshot",
				"rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusters", "rds:ListTagsForResource").On(cluster, own, away),
			policy.Allow("ShareAndExpire", "backup:CopyFromBackupVault", "rds:DeleteDBClusterSnapshot",
				"rds:ModifyDBClusterSnapshotAttribute").On(own, away),
			policy.Allow("Vaults", "backup:CopyIntoBackupVault", "backup:DescribeBackupVault").
				On(vault.Arn(), jsii.String(copies.Vault)),
			policy.Allow("Keys", "kms:CreateGrant", "kms:DescribeKey").On(d.Key.ARN, there.ARN("kms", "key/*")).
				If(policy.ForAWSResource),
			policy.Allow("FindByTags", "tag:GetResources").On(jsii.String("*")),
		},
	})
	monitoring.NewRule(this, d.Name(kind+"BackupFailure"), props.MorningTopicARN, map[string]any{
		"source": []string{"aws.backup"}, "detail-type": []string{"Backup Job State Change", "Copy Job State Change"},
		"detail": map[string]any{"resourceArn": []*string{cluster}, "state": []string{"ABORTED", "EXPIRED", "FAILED"}},
	}, nil)
	plan := backupplan.NewBackupPlan(this, jsii.String("plan"), &backupplan.BackupPlanConfig{
		Name: jsii.String(d.Name(kind)), Tags: d.Tags(kind),
		Rule: []*backupplan.BackupPlanRule{{
			RuleName: jsii.String("daily"), TargetVaultName: vault.Name(),
			Schedule: jsii.String("cron(0 5 * * ? *)"), StartWindow: jsii.Number(60), // minutes
			Lifecycle: &backupplan.BackupPlanRuleLifecycle{DeleteAfter: jsii.Number(props.Config.BackupRetentionDays)},
			CopyAction: []*backupplan.BackupPlanRuleCopyAction{{
				DestinationVaultArn: jsii.String(copies.Vault),
				Lifecycle:           &backupplan.BackupPlanRuleCopyActionLifecycle{DeleteAfter: jsii.Number(copies.KeepDays)},
			}},
		}},
	})
	backupselection.NewBackupSelection(this, jsii.String("selection"), &backupselection.BackupSelectionConfig{
		Name: jsii.String(d.Name(kind)), PlanId: plan.Id(), IamRoleArn: role.ARN, Resources: &[]*string{cluster},
		DependsOn: &[]cdktf.ITerraformDependable{role.Permissions},
	})
}
