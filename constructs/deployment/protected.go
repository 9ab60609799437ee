package deployment

import (
	"slices"
	"strings"
)

// Holding is what a resource has that its destruction takes away.
type Holding int

// From the worst to lose to the least.
const (
	Data       Holding = iota // data or evidence that is nowhere else
	Traffic                   // requests pass through it, or cannot be served without it
	Protection                // it guards, records or raises an alarm
	Nothing                   // it can be made again without a loss
)

// Kind returns what resources of a Terraform type hold. It does not know types that no stack contains: anything might
// be in them.
func Kind(resourceType string) (holds Holding, known bool) {
	for holds, types := range kinds {
		if slices.Contains(strings.Fields(types), resourceType) {
			return holds, true
		}
	}
	return Data, false
}

var kinds = map[Holding]string{
	Data: `aws_cloudwatch_log_group aws_ecr_repository aws_kms_key aws_rds_cluster aws_s3_bucket
		aws_secretsmanager_secret`,
	// The address of an aws_eip is on the allow-lists of others. Tasks have the password of the version of a secret
	// until they are replaced.
	Traffic: `aws_acm_certificate aws_acm_certificate_validation aws_ecs_cluster aws_ecs_service aws_eip aws_iam_role
		aws_iam_role_policy aws_internet_gateway aws_lb aws_lb_listener aws_lb_target_group aws_nat_gateway
		aws_rds_cluster_instance aws_route aws_route53_record aws_route_table aws_route_table_association
		aws_secretsmanager_secret_version aws_security_group aws_subnet aws_vpc aws_vpc_endpoint
		aws_vpc_security_group_egress_rule aws_vpc_security_group_ingress_rule`,
	Protection: `aws_cloudwatch_event_rule aws_cloudwatch_event_target aws_cloudwatch_log_data_protection_policy
		aws_cloudwatch_log_resource_policy aws_cloudwatch_metric_alarm aws_default_security_group
		aws_ecr_registry_scanning_configuration aws_flow_log aws_iam_openid_connect_provider aws_iam_policy
		aws_iam_role_policy_attachment
		aws_s3_bucket_ownership_controls aws_s3_bucket_policy aws_s3_bucket_public_access_block
		aws_s3_bucket_server_side_encryption_configuration aws_s3_bucket_versioning aws_sns_topic aws_sns_topic_policy
		aws_sns_topic_subscription aws_wafv2_web_acl aws_wafv2_web_acl_association
		aws_wafv2_web_acl_logging_configuration terraform_data`,
	// Tasks that run keep their aws_ecs_task_definition, which every release replaces; AWS deletes no group that is in
	// use; without a lifecycle a bucket or repository keeps everything.
	Nothing: `aws_appautoscaling_policy aws_appautoscaling_target aws_cloudwatch_dashboard aws_db_parameter_group
		aws_db_subnet_group aws_ecr_lifecycle_policy aws_ecs_task_definition aws_kms_alias aws_rds_cluster_parameter_group
		aws_s3_bucket_lifecycle_configuration`,
}
