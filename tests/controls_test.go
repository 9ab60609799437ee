package tests

import (
	"regexp"
	"slices"
	"testing"
)

// What AWS Security Hub asks for, by its ids; what checkov asks for is checked by make scan. Ids that are not here are
// in the comment of the test that shows the same.

// attributeControls are an attribute that every resource of a kind has.
var attributeControls = []struct {
	id, says, kind, path string
	value                any
}{
	{"EC2.6", "all traffic is recorded", "aws_flow_log", "traffic_type", "ALL"},
	{"EC2.15", "nothing in a subnet gets a public address", "aws_subnet", "map_public_ip_on_launch", false},
	{"ECS.1", "tasks have a network of their own", "aws_ecs_task_definition", "network_mode", "awsvpc"},
	{"ECS.2", "tasks have no public address", "aws_ecs_service", "network_configuration.assign_public_ip", false},
	{"ECS.3", "tasks share no processes", "aws_ecs_task_definition", "pid_mode", nil},
	{"ECS.10", "tasks run on the newest platform", "aws_ecs_service", "platform_version", "LATEST"},
	{"ELB.4", "invalid headers are dropped", "aws_lb", "drop_invalid_header_fields", true},
	{"ELB.12", "ambiguous requests are refused", "aws_lb", "desync_mitigation_mode", "defensive"},
	{"KMS.4", "the key is rotated", "aws_kms_key", "enable_key_rotation", true},
	{"RDS.2", "the database is not public", "aws_rds_cluster_instance", "publicly_accessible", false},
	{"RDS.6", "monitoring reports every minute", "aws_rds_cluster_instance", "monitoring_interval", 60},
	{"RDS.12", "users may log in with IAM", "aws_rds_cluster", "iam_database_authentication_enabled", true},
	{"RDS.13, RDS.35", "AWS upgrades minors", "aws_rds_cluster_instance", "auto_minor_version_upgrade", true},
	{"RDS.16", "snapshots have the cluster's tags", "aws_rds_cluster", "copy_tags_to_snapshot", true},
	{"RDS.27", "storage is encrypted", "aws_rds_cluster", "storage_encrypted", true},
}

func TestControlsOfAttributes(t *testing.T) {
	for _, control := range attributeControls {
		t.Run(control.id+": "+control.says, func(t *testing.T) {
			eachOwnNetwork(t, func(s stack) {
				for _, r := range s.some(control.kind) {
					r.want(control.path, control.value)
				}
			})
		})
	}
}

// controls are those that need more than one attribute.
var controls = []struct {
	id, says string
	check    func(s stack)
}{
	{"ECS.5", "the root file system is read-only but for ECS Exec, which writes to it", func(s stack) {
		for _, container := range s.containers() {
			container.want("readonlyRootFilesystem", !s.environment.Service.ExecuteCommand)
		}
		s.only("aws_ecs_service").want("enable_execute_command", s.environment.Service.ExecuteCommand)
	}},
	{"ECS.20", "a real image does not run as root; the placeholder does, to listen on port 80", func(s stack) {
		notRoot := regexp.MustCompile(`^[1-9][0-9]*(:[1-9][0-9]*)?$`)
		for _, container := range s.containers() {
			if user := container.text("user"); notRoot.MatchString(user) == s.environment.Service.IsPlaceholder() {
				s.Errorf("the user is %q with the image %v", user, container.at("image"))
			}
		}
	}},
	{"ECS.12", "the cluster has Container Insights", func(s stack) {
		setting := s.only("aws_ecs_cluster").part("setting.0")
		setting.want("name", "containerInsights")
		if !slices.Contains([]any{"enabled", "enhanced"}, setting.at("value")) {
			s.Errorf("Container Insights are %v", setting.at("value"))
		}
	}},
	{"ELB.6", "AWS refuses to delete a protected load balancer", func(s stack) {
		s.only("aws_lb").want("enable_deletion_protection", s.environment.Protect)
	}},
	{"RDS.7", "AWS refuses to delete a protected cluster", func(s stack) {
		s.only("aws_rds_cluster").want("deletion_protection", s.environment.Protect)
	}},
	{"RDS.15", "production has a reader in another zone", func(s stack) {
		if instances := s.each("aws_rds_cluster_instance"); s.production() && len(instances) < 2 {
			s.Errorf("the instances are %v", addresses(instances))
		}
	}},
	{"RDS.24", "production's master user is not the one that an attacker tries first", func(s stack) {
		if s.production() {
			s.only("aws_rds_cluster").want("master_username", "payment_owner")
		}
	}},
	{"RDS.50", "backups are kept for 7 days or more, in production for 14 or more", func(s stack) {
		least := 7.0
		if s.production() {
			least = 14
		}
		if days, _ := s.only("aws_rds_cluster").at("backup_retention_period").(float64); days < least {
			s.Errorf("backups are kept for %v days", days)
		}
	}},
}

func TestControls(t *testing.T) {
	for _, control := range controls {
		t.Run(control.id+": "+control.says, func(t *testing.T) { eachEnvironment(t, control.check) })
	}
}

// bucketControls are the settings of every bucket, that of the states included: nothing in it can become public (S3.2,
// S3.3, S3.8), policies alone rule access (S3.12), it is cleaned up (S3.13), and what is overwritten can be restored
// (S3.14).
var bucketControls = map[string]map[string]any{
	"aws_s3_bucket_lifecycle_configuration": {
		"rule.0.status": "Enabled", "rule.0.abort_incomplete_multipart_upload.0.days_after_initiation": 7,
	},
	"aws_s3_bucket_ownership_controls": {"rule.object_ownership": "BucketOwnerEnforced"},
	"aws_s3_bucket_public_access_block": {
		"block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true,
	},
	"aws_s3_bucket_server_side_encryption_configuration": {
		// Access logs are delivered to buckets with S3's own keys only:
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
		"rule.0.apply_server_side_encryption_by_default.sse_algorithm": "AES256",
	},
	"aws_s3_bucket_versioning": {"versioning_configuration.status": "Enabled"},
}

func TestControlsOfBuckets(t *testing.T) {
	eachStack(t, func(s stack) {
		bucket := s.only("aws_s3_bucket")
		for kind, values := range bucketControls {
			for path, value := range values {
				s.only(kind).want("bucket", bucket.ref("bucket"))
				s.only(kind).want(path, value)
			}
		}
		arn := bucket.ref("arn")
		if !slices.ContainsFunc(s.only("aws_s3_bucket_policy").policy(), func(statement statement) bool { // S3.5
			return statement.Effect == "Deny" && len(statement.Condition) == 1 &&
				slices.Equal(statement.Action, texts{"s3:*"}) &&
				slices.Equal(statement.Principal["AWS"], texts{"*"}) &&
				slices.Equal(statement.Resource, texts{arn, arn + "/*"}) &&
				slices.Equal(statement.Condition["Bool"]["aws:SecureTransport"], texts{"false"})
		}) {
			s.Errorf("no statement denies clear text to %s", bucket.address())
		}
	})
}
