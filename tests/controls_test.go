package tests

import (
	"encoding/json"
	"strings"
	"testing"
)

// What AWS Security Hub asks for, by its ids; what checkov asks for is checked by make scan. Ids that are not here are
// in the comment of the test that shows the same.

func TestControls(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		insights, owner, leastDays := "enabled", "postgres", 7
		if s.production() {
			insights, owner, leastDays = "enhanced", "payment_owner", 14
		}
		for _, control := range []struct {
			says, attribute string
			value           any
		}{
			{"ECS.1: tasks have a network of their own", "aws_ecs_task_definition.network_mode", "awsvpc"},
			{"ECS.2: tasks have no public address", "aws_ecs_service.network_configuration.assign_public_ip", false},
			{"ECS.3: tasks share no processes", "aws_ecs_task_definition.pid_mode", nil},
			{"ECS.10: tasks run on the newest platform", "aws_ecs_service.platform_version", "LATEST"},
			{"ECS.12: the cluster has Container Insights", "aws_ecs_cluster.setting",
				[]map[string]string{{"name": "containerInsights", "value": insights}}},
			{"ELB.4: invalid headers are dropped", "aws_lb.drop_invalid_header_fields", true},
			{"ELB.6: AWS refuses to delete a protected one", "aws_lb.enable_deletion_protection", s.environment.Protect},
			{"ELB.12: ambiguous requests are refused", "aws_lb.desync_mitigation_mode", "defensive"},
			{"KMS.4: the key is rotated", "aws_kms_key.enable_key_rotation", true},
			{"RDS.2: the database is not public", "aws_rds_cluster_instance.publicly_accessible", false},
			{"RDS.6: monitoring reports every minute", "aws_rds_cluster_instance.monitoring_interval", 60},
			{"RDS.7: AWS refuses to delete a protected one", "aws_rds_cluster.deletion_protection", s.environment.Protect},
			{"RDS.12: users may log in with IAM", "aws_rds_cluster.iam_database_authentication_enabled", true},
			{"RDS.13, RDS.35: AWS upgrades minors", "aws_rds_cluster_instance.auto_minor_version_upgrade", true},
			{"RDS.16: snapshots have the cluster's tags", "aws_rds_cluster.copy_tags_to_snapshot", true},
			{"RDS.24: production's owner has a name that is tried last", "aws_rds_cluster.master_username", owner},
			{"RDS.27: storage is encrypted", "aws_rds_cluster.storage_encrypted", true},
			{"RDS.50: backups are kept long enough", "aws_rds_cluster.backup_retention_period",
				max(leastDays, s.environment.Database.BackupRetentionDays)},
		} {
			s.Run(control.says, func(t *testing.T) { s.in(t).want(control.attribute, control.value) })
		}
	})
}

// Of every bucket, that of the states included: nothing in it can become public (S3.2, S3.3, S3.8), policies alone rule
// access (S3.12), which is not in clear text (S3.5), it is cleaned up (S3.13), and what is overwritten can be restored
// (S3.14).
func TestControlsOfBuckets(t *testing.T) {
	eachStack(t, func(s stack) {
		for attribute, value := range map[string]any{
			"lifecycle_configuration.rule.0.status":                                                    "Enabled",
			"lifecycle_configuration.rule.0.abort_incomplete_multipart_upload.0.days_after_initiation": 7,
			"ownership_controls.rule.object_ownership":                                                 "BucketOwnerEnforced",
			"public_access_block.block_public_acls":                                                    true,
			"public_access_block.block_public_policy":                                                  true,
			"public_access_block.ignore_public_acls":                                                   true,
			"public_access_block.restrict_public_buckets":                                              true,
			"versioning.versioning_configuration.status":                                               "Enabled",
			// Access logs are delivered to buckets with S3's own keys only:
			// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
			"server_side_encryption_configuration.rule.0.apply_server_side_encryption_by_default.sse_algorithm": "AES256",
			"policy.policy.Statement.0": json.RawMessage(`{
				"Sid": "DenyClearText", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": ["s3:*"],
				"Resource": ["${aws_s3_bucket.arn}", "${aws_s3_bucket.arn}/*"],
				"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}}`),
		} {
			kind, path, _ := strings.Cut("aws_s3_bucket_"+attribute, ".")
			s.only(kind).want("bucket", "${aws_s3_bucket.bucket}")
			s.only(kind).want(path, value)
		}
	})
}
