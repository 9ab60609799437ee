package tests

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
)

// What AWS Security Hub asks for, by its ids; what checkov asks for is checked by make scan. Ids that are not here are
// in the comment of the test that shows the same.

func TestControls(t *testing.T) {
	attributes := map[string]string{}
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
			{"ELB.6: AWS keeps a protected load balancer", "aws_lb.enable_deletion_protection", s.environment.Protect},
			{"ELB.12: ambiguous requests are refused", "aws_lb.desync_mitigation_mode", "defensive"},
			{"KMS.4: the key is rotated", "aws_kms_key.enable_key_rotation", true},
			{"RDS.2: the database is not public", "aws_rds_cluster_instance.publicly_accessible", false},
			{"RDS.6: monitoring reports every minute", "aws_rds_cluster_instance.monitoring_interval", 60},
			{"RDS.7: AWS keeps a protected cluster", "aws_rds_cluster.deletion_protection", s.environment.Protect},
			{"RDS.12: users may log in with IAM", "aws_rds_cluster.iam_database_authentication_enabled", true},
			{"RDS.13, RDS.35: AWS upgrades minors", "aws_rds_cluster_instance.auto_minor_version_upgrade", true},
			{"RDS.16: snapshots have the cluster's tags", "aws_rds_cluster.copy_tags_to_snapshot", true},
			{"RDS.24: production's master user is not the name tried first", "aws_rds_cluster.master_username", owner},
			{"RDS.27: storage is encrypted", "aws_rds_cluster.storage_encrypted", true},
			{"RDS.50: backups are kept long enough", "aws_rds_cluster.backup_retention_period",
				max(leastDays, s.environment.Database.BackupRetentionDays)},
		} {
			s.Run(control.says, func(t *testing.T) { s.in(t).want(control.attribute, control.value) })
			attributes[control.says] = control.attribute
		}
	})
	for says, attribute := range attributes {
		kind, path, _ := strings.Cut(attribute, ".")
		controls, _, _ := strings.Cut(says, ":")
		explained := regexp.MustCompile(`(?m)^\| ` + controls + ` \|[^|]+\|[^|]+\|$`).MatchString(read(t, "../docs/audit.md"))
		one, other := development(t).some(kind)[0].At(path), production(t).some(kind)[0].At(path)
		if differs := encoded(one) != encoded(other); differs != explained {
			t.Errorf("%s is %v in development and %v in production; docs/audit.md explains it: %v", says, one, other, explained)
		}
	}
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
				"Condition": {"Bool": {"aws:SecureTransport": "false"}}}`),
		} {
			kind, path, _ := strings.Cut("aws_s3_bucket_"+attribute, ".")
			s.only(kind).want("bucket", "${aws_s3_bucket.bucket}")
			s.only(kind).want(path, value)
		}
	})
}

// Every control that applies is named by the test that shows it, or accepted in docs/audit.md.
func TestEveryControlIsTestedOrAccepted(t *testing.T) {
	id := regexp.MustCompile(`\b(ACM|EC2|ECR|ECS|ELB|IAM|Inspector|KMS|RDS|S3|SNS|SQS|SecretsManager|WAF)\.[1-9][0-9]*\b`)
	var judges map[string]string
	must.Do(t, yaml.Unmarshal([]byte(read(t, "securityhub.yaml")), &judges))
	tested, accepted, kinds, applies := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, file := range must.Get(filepath.Glob("*_test.go"))(t) {
		for _, name := range id.FindAllString(read(t, file), -1) {
			tested[name] = true
		}
	}
	rowOfTwo := regexp.MustCompile(`(?m)^\|([^|]*)\|[^|]*\|$`)
	for _, row := range rowOfTwo.FindAllStringSubmatch(read(t, "../docs/audit.md"), -1) {
		for _, name := range id.FindAllString(row[1], -1) {
			accepted[name] = true
		}
	}
	eachStack(t, func(s stack) {
		for _, r := range s.all() {
			kinds[r.Kind] = true
		}
	})
	for kind := range kinds {
		controls, known := judges[kind]
		if !known {
			t.Errorf("%s is new: add the controls that judge it to securityhub.yaml", kind)
		}
		for _, name := range strings.Fields(controls) {
			if applies[name] = true; !tested[name] && !accepted[name] {
				t.Errorf("%s applies to %s: name it in the test that shows it, or accept it in docs/audit.md", name, kind)
			}
		}
	}
	for name := range accepted {
		if !applies[name] {
			t.Errorf("docs/audit.md accepts %s, which applies to nothing", name)
		}
	}
}

// What a production file weakens is accepted in docs/audit.md, by stack and key: tap-prod: `protect`.
func TestWeakerProductionIsAccepted(t *testing.T) {
	audit := read(t, "../docs/audit.md")
	standard := config.Preset(config.Production)
	if !standard.Protect || standard.Logs.RetentionDays < 365 || standard.Database.Login != config.LoginIAM ||
		standard.Database.ApplyInstancesImmediately || len(standard.Firewall.Count) > 0 ||
		standard.Firewall.RateLimit > 2000 {
		t.Error("production's defaults, which files are compared with, are weaker themselves")
	}
	environments, _ := load(t, "../environments")
	for _, e := range environments {
		if e.Class != config.Production {
			continue
		}
		for key, weaker := range map[string]bool{
			"database.backupRetentionDays":   e.Database.BackupRetentionDays < standard.Database.BackupRetentionDays,
			"database.login":                 e.Database.Login != standard.Database.Login,
			"database.readers":               e.Database.Readers < standard.Database.Readers,
			"firewall.count":                 len(e.Firewall.Count) > len(standard.Firewall.Count),
			"firewall.rateLimit":             e.Firewall.RateLimit > standard.Firewall.RateLimit,
			"loadBalancer.allowPlainHttp":    e.LoadBalancer.AllowPlainHTTP,
			"logs.retentionDays":             e.Logs.RetentionDays < standard.Logs.RetentionDays,
			"monitoring.availabilityPercent": e.Monitoring.AvailabilityPercent < standard.Monitoring.AvailabilityPercent,
			"monitoring.emails":              len(e.Monitoring.Emails) == 0,
			"monitoring.errorRatePercent":    e.Monitoring.ErrorRatePercent > standard.Monitoring.ErrorRatePercent,
			"monitoring.latencySeconds":      e.Monitoring.LatencySeconds > standard.Monitoring.LatencySeconds,
			"monitoring.minimumRequests":     e.Monitoring.MinimumRequests > standard.Monitoring.MinimumRequests,
			"protect":                        e.Protect != standard.Protect,
			"service.executeCommand":         e.Service.ExecuteCommand,
			"service.readonlyRootFilesystem": !e.Service.ReadonlyRootFilesystem,
		} {
			entry := "tap-" + e.Suffix + ": `" + key + "`"
			if accepted := strings.Contains(audit, entry); weaker && !accepted {
				t.Errorf("%s is weaker than production's default: mend it, or say why under %s in docs/audit.md", key, entry)
			} else if accepted && !weaker {
				t.Errorf("docs/audit.md accepts %s, which is as strong as the default", entry)
			}
		}
	}
}
