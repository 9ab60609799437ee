package deploy

import (
	"testing"

	"tap/tests/must"
)

// In a VPC that exists, on arm64, with the data of a snapshot that AWS Backup made, and copies of its own.
func TestLongDayOne(t *testing.T) {
	d := newDeployment(t, "dev")
	const base = development + "service: {architecture: arm64}\nnetwork: {interfaceEndpoints: true, existing: {" +
		"publicSubnets: [subnet-00000001, subnet-00000002], privateSubnets: [subnet-00000003, subnet-00000004]}}\n"
	const copied = base + "database: {backupCopy: {vault: 'arn:aws:backup:us-west-2:123456789012:backup-vault:copies'"
	const restored = copied + "}, restore: {snapshot: 'awsbackup:copyjob-0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f'}}\n"

	step(t, "a private subnet that is public is refused by the plan", func(t *testing.T) {
		d.configure(t, restored)
		setPublic := func(value bool) {
			d.ask(t, "ec2", "modify_subnet_attribute", parameters{"SubnetId": "subnet-00000004",
				"MapPublicIpOnLaunch": parameters{"Value": value}}, "@")
		}
		setPublic(true)
		d.refused(t, "what starts in subnet-00000004", planning...)
		setPublic(false)
	})
	step(t, "all is made there, with the snapshot's data and a password of its own", func(t *testing.T) {
		// AWS and the provider restore no logins with IAM: the first apply stops before anything uses the database.
		d.refused(t, "logins with IAM are not restored", applying...)
		d.apply(t)
		d.proxy.expectPasswords(t, d.storedPassword(t)) // a modification after the restore
		definition := d.ask(t, "ecs", "list_task_definitions", nil, "taskDefinitionArns[0]")
		d.expectAnswers(t,
			request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"},
				"DBClusters[0].[DatabaseName, BackupRetentionPeriod, DBSubnetGroup]", []any{"given", 7, "paymentdb-dev"}},
			request{"ecs", "describe_task_definition", parameters{"taskDefinition": definition},
				"taskDefinition.runtimePlatform.cpuArchitecture", "ARM64"},
			request{"elbv2", "describe_load_balancers", nil, "LoadBalancers[0].VpcId",
				d.ask(t, "ec2", "describe_subnets", parameters{"SubnetIds": []string{"subnet-00000001"}}, "Subnets[0].VpcId")})
	})
	step(t, "what it was restored from may change or go", func(t *testing.T) {
		const other = "}, restore: {cluster: gone, time: '2026-11-25T12:00:00Z'}}\n"
		for _, source := range []string{restored, copied + "}}\n", copied + other} {
			d.synthesize(t, map[string]string{"environments/dev.yaml": source})
			d.plan(t).expect(t)
		}
	})
	step(t, "it is copied each day, and copies are kept for as long as the file says", func(t *testing.T) {
		d.configure(t, copied+", keepDays: 90}}\n")
		d.apply(t)
		d.plan(t).expect(t)
		plan := parameters{"BackupPlanId": d.ask(t, "backup", "list_backup_plans", nil, "BackupPlansList[0].BackupPlanId")}
		d.expectAnswers(t,
			request{"backup", "get_backup_plan", plan, "BackupPlan.Rules[].[TargetBackupVaultName, Lifecycle.DeleteAfterDays, " +
				"CopyActions[0].DestinationBackupVaultArn, CopyActions[0].Lifecycle.DeleteAfterDays]",
				[]any{[]any{"PaymentDB-dev", 7, "arn:aws:backup:us-west-2:123456789012:backup-vault:copies", 90}}})
	})
	step(t, "it ends without what was there before", func(t *testing.T) {
		must.Do(t, d.destroyByHand(t))
		d.expectNothingLeft(t)
	})
}

func TestLongRestoredCluster(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development+"database: {restore: {cluster: paymentdb-old}}\n")
	d.apply(t, d.target(t, "aws_rds_cluster"))
	d.expectAnswers(t, request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"},
		"DBClusters[0].DatabaseName", "given"})
}
