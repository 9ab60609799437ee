package tests

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
	"tap/tests/must"
)

// securityHub has, by kind of resource, the controls of the standards AWS Foundational Security Best Practices v1.0.0
// and PCI DSS v4.0.1 that judge it or what AWS makes with it, without those of other database engines. Read on
// 25 November 2026:
// https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html
// https://docs.aws.amazon.com/securityhub/latest/userguide/pci-standard.html
// https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html, ecs-controls.html, rds-controls.html
var securityHub = map[string]string{
	"aws_acm_certificate":        "ACM.1 ACM.2",
	"aws_default_security_group": "EC2.2",
	"aws_ecr_repository":         "ECR.1 ECR.2 ECR.3",
	"aws_ecs_cluster":            "ECS.12",
	"aws_ecs_service":            "ECS.2 ECS.10",
	"aws_ecs_task_definition":    "ECS.1 ECS.3 ECS.4 ECS.5 ECS.8 ECS.9 ECS.20",
	"aws_iam_policy":             "IAM.1 IAM.21 KMS.1",
	"aws_iam_role_policy":        "KMS.2",
	"aws_kms_key":                "KMS.3 KMS.4 KMS.5",
	"aws_lb":                     "ELB.1 ELB.4 ELB.5 ELB.6 ELB.12 ELB.13 ELB.16",
	"aws_lb_listener":            "ELB.17 ELB.18",
	"aws_lb_target_group":        "ELB.21 ELB.22",
	"aws_rds_cluster": "RDS.1 RDS.4 RDS.7 RDS.12 RDS.15 RDS.16 RDS.19 RDS.20 RDS.21 RDS.22 RDS.24 RDS.27 RDS.35 RDS.37 " +
		"RDS.50",
	"aws_rds_cluster_instance": "RDS.2 RDS.3 RDS.5 RDS.6 RDS.8 RDS.9 RDS.10 RDS.11 RDS.13 RDS.17 RDS.23 RDS.25 RDS.36 " +
		"RDS.46",
	"aws_s3_bucket":             "S3.1 S3.2 S3.3 S3.5 S3.6 S3.8 S3.9 S3.12 S3.13 S3.15 S3.17 S3.22 S3.23",
	"aws_secretsmanager_secret": "SecretsManager.1 SecretsManager.2 SecretsManager.3 SecretsManager.4",
	"aws_security_group":        "EC2.13 EC2.14 EC2.18 EC2.19 EC2.53 EC2.54",
	"aws_sns_topic":             "SNS.4",
	"aws_subnet":                "EC2.15",
	"aws_vpc":                   "EC2.6 EC2.10 EC2.16 EC2.21 EC2.55 EC2.56 EC2.57 EC2.58 EC2.60 EC2.172",
	"aws_wafv2_web_acl":         "WAF.10 WAF.11 WAF.12",
}

// withoutControls are the other kinds.
const withoutControls = `aws_acm_certificate_validation aws_appautoscaling_policy aws_appautoscaling_target
	aws_cloudwatch_dashboard aws_cloudwatch_log_data_protection_policy aws_cloudwatch_log_group
	aws_cloudwatch_log_resource_policy aws_cloudwatch_metric_alarm aws_db_parameter_group aws_db_subnet_group
	aws_ecr_lifecycle_policy aws_eip aws_flow_log aws_iam_openid_connect_provider aws_iam_role
	aws_iam_role_policy_attachment aws_internet_gateway aws_kms_alias aws_nat_gateway aws_rds_cluster_parameter_group
	aws_route aws_route53_record aws_route_table aws_route_table_association aws_s3_bucket_lifecycle_configuration
	aws_s3_bucket_ownership_controls aws_s3_bucket_policy aws_s3_bucket_public_access_block
	aws_s3_bucket_server_side_encryption_configuration aws_s3_bucket_versioning aws_secretsmanager_secret_version
	aws_sns_topic_policy aws_sns_topic_subscription aws_vpc_endpoint aws_vpc_security_group_egress_rule
	aws_vpc_security_group_ingress_rule aws_wafv2_web_acl_association aws_wafv2_web_acl_logging_configuration
	terraform_data`

// Every control that applies is named by the test that shows it, or accepted in docs/audit.md.
func TestEveryControlIsTestedOrAccepted(t *testing.T) {
	id := regexp.MustCompile(`\b(ACM|EC2|ECR|ECS|ELB|IAM|KMS|RDS|S3|SNS|SecretsManager|WAF)\.[1-9][0-9]*\b`)
	tested, accepted, kinds, applies := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, file := range must.Get(filepath.Glob("*_test.go"))(t) {
		for _, name := range id.FindAllString(read(t, file), -1) {
			tested[name] = tested[name] || file != "securityhub_test.go"
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
			kinds[r.kind] = true
		}
	})
	for kind := range kinds {
		if securityHub[kind] == "" && !slices.Contains(strings.Fields(withoutControls), kind) {
			t.Errorf("%s is new: add the controls of Security Hub that judge it", kind)
		}
		for _, name := range strings.Fields(securityHub[kind]) {
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
