package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// what is another, before and afterwards, and what the opposite is: harmless, not judged (?) or the same (=). What
// begins with "container" is in the task definition, and "policy" is the only statement of one.
const worse = `
Loses data
aws_cloudwatch_log_group.retention_in_days 30 7 harmless
aws_cloudwatch_log_group.retention_in_days 0 3653 harmless
aws_ecr_lifecycle_policy.policy "{\"rules\":[1]}" "{\"rules\":[2]}" =
aws_rds_cluster.backup_retention_period 35 7 harmless
aws_rds_cluster.skip_final_snapshot false true harmless
aws_s3_bucket_lifecycle_configuration.rule.expiration.days 365 1 harmless
Interrupts traffic
aws_appautoscaling_policy.target_tracking_scaling_policy_configuration.target_value 70 90 harmless
aws_appautoscaling_target.max_capacity 10 1 harmless
aws_appautoscaling_target.min_capacity 2 1 harmless
aws_ecs_service.deployment_minimum_healthy_percent 100 0 harmless
aws_ecs_service.desired_count 2 1 harmless
aws_ecs_service.health_check_grace_period_seconds 60 10 harmless
aws_ecs_service.load_balancer.container_port 80 81 =
container.healthCheck {"command":["a","b"]} {"command":["b","a"]} =
container.portMappings [{"containerPort":80}] [{"containerPort":81}] =
container.secrets [{"name":"A","valueFrom":"x"},{"name":"B","valueFrom":"x"}] [{"name":"A","valueFrom":"x"}] adds
container.stopTimeout 30 2 harmless
aws_ecs_task_definition.cpu "1024" "512" harmless
aws_ecs_task_definition.memory "1024" "512" harmless
aws_ecs_task_definition.runtime_platform.cpu_architecture "X86_64" "ARM64" =
aws_kms_key.is_enabled true false ?
aws_lb.idle_timeout 60 10 harmless
aws_lb.subnets ["a","b"] ["b"] ?
aws_lb_listener.certificate_arn "a" "b" =
aws_lb_listener.default_action.redirect.port "443" "80" =
aws_lb_listener.port 443 444 =
aws_lb_target_group.port 443 444 =
aws_rds_cluster.port 5432 5433 =
aws_lb_listener.protocol "HTTPS" "HTTP" =
aws_lb_target_group.protocol "HTTPS" "HTTP" =
aws_lb_target_group.deregistration_delay "30" "0" harmless
aws_lb_target_group.health_check.path "/" "/nope" =
aws_rds_cluster.engine_version "15.4" "16.1" =
aws_rds_cluster.master_password_wo_version 1 2 =
aws_rds_cluster.serverlessv2_scaling_configuration.max_capacity 16 8 harmless
aws_rds_cluster.serverlessv2_scaling_configuration.min_capacity 1 0 harmless
aws_rds_cluster_instance.instance_class "db.t3.medium" "db.r6g.large" =
aws_route.gateway_id "a" "b" =
aws_route.nat_gateway_id "a" "b" =
aws_route53_record.alias.name "a" "b" =
aws_route53_record.records ["a"] ["b"] =
aws_vpc.enable_dns_hostnames true false ?
aws_vpc.enable_dns_support true false ?
aws_vpc_endpoint.private_dns_enabled true false ?
aws_vpc_endpoint.route_table_ids ["a"] [] ?
aws_vpc_endpoint.subnet_ids ["a","b"] ["b"] ?
Weakens protection
aws_iam_role_policy.policy [["Allow","get"]] [["Allow","get"],["Allow","put"]] ?
aws_iam_role_policy.policy [["Allow","*"],["Deny","get"]] [["Allow","*"]] ?
aws_iam_role.assume_role_policy [["Allow","a"]] [["Allow","b"]] =
aws_iam_role.assume_role_policy [["Deny","a"]] [["Deny","b"]] =
aws_cloudwatch_log_resource_policy.policy_document [["Allow","a"]] [["Allow","b"]] =
aws_cloudwatch_log_resource_policy.policy_document [["Deny","a"]] [["Deny","b"]] =
aws_cloudwatch_log_group.kms_key_id "a" "b" =
aws_sns_topic.kms_master_key_id "a" "" =
aws_rds_cluster.performance_insights_kms_key_id "a" "b" =
aws_cloudwatch_log_data_protection_policy.policy_document [["Mask","a"]] [["Mask","b"]] =
aws_cloudwatch_metric_alarm.actions_enabled true false ?
aws_cloudwatch_metric_alarm.alarm_actions ["a","b"] ["b"] ?
aws_cloudwatch_metric_alarm.datapoints_to_alarm 1 2 harmless
aws_cloudwatch_metric_alarm.evaluation_periods 1 2 harmless
aws_cloudwatch_metric_alarm.dimensions.Role "WRITER" "READER" =
aws_cloudwatch_metric_alarm.metric_name "a" "b" =
aws_cloudwatch_metric_alarm.metric_query [{"id":"a"},{"id":"b"}] [{"id":"a"},{"id":"c"}] =
aws_cloudwatch_metric_alarm.statistic "Maximum" "Minimum" =
aws_cloudwatch_metric_alarm.threshold 5 100 harmless
aws_cloudwatch_metric_alarm.treat_missing_data "breaching" "ignore" =
aws_default_security_group.ingress [] [{"protocol":"-1"}] ?
aws_security_group.egress [{"from_port":1},{"from_port":2}] [{"from_port":1},{"from_port":3}] =
aws_ecr_repository.force_delete false true harmless
aws_s3_bucket.force_destroy false true harmless
aws_ecr_repository.image_scanning_configuration.scan_on_push true false ?
aws_ecr_repository.image_tag_mutability "IMMUTABLE" "MUTABLE" =
aws_ecs_cluster.setting [{"name":"a","value":"enhanced"}] [{"name":"a","value":"disabled"}] harmless
aws_ecs_service.alarms.alarm_names ["a","b"] ["b"] harmless
aws_ecs_service.alarms.enable true false ?
aws_ecs_service.alarms.rollback true false ?
aws_ecs_service.deployment_circuit_breaker.enable true false ?
aws_ecs_service.deployment_circuit_breaker.rollback true false ?
aws_ecs_service.enable_execute_command false true harmless
aws_ecs_service.network_configuration.assign_public_ip false true ?
aws_ecs_service.network_configuration.security_groups ["a"] ["b"] =
container.image "hub.example:443/api:1" "hub.example:443/evil:1" =
container.linuxParameters {"capabilities":{"drop":["ALL"]}} {"capabilities":{"add":["ALL"]}} =
container.logConfiguration {"logDriver":"awslogs"} {"logDriver":"none"} =
container.privileged false true ?
container.readonlyRootFilesystem true false harmless
container.user "1000:1000" "0:0" harmless
container.user "app" "root" harmless
container.user "app" null harmless
aws_iam_openid_connect_provider.client_id_list ["a"] ["a","b"] ?
aws_iam_role.permissions_boundary "a" null =
aws_kms_key.deletion_window_in_days 30 7 harmless
aws_secretsmanager_secret.recovery_window_in_days 30 0 harmless
aws_kms_key.enable_key_rotation true false harmless
aws_lb.access_logs.enabled true false ?
aws_lb.desync_mitigation_mode "defensive" "monitor" =
aws_lb.drop_invalid_header_fields true false ?
aws_lb.enable_deletion_protection true false harmless
aws_rds_cluster.deletion_protection true null harmless
aws_lb.enable_waf_fail_open false true ?
aws_lb.security_groups ["a"] ["b"] =
aws_rds_cluster.vpc_security_group_ids ["a"] ["b"] =
aws_vpc_endpoint.security_group_ids ["a"] ["b"] =
aws_lb_listener.routing_http_response_strict_transport_security_header_value "max-age=31536000" "" =
aws_lb_listener.ssl_policy "a" "b" =
aws_rds_cluster.db_cluster_parameter_group_name "a" "b" =
aws_rds_cluster.enable_http_endpoint false true ?
aws_rds_cluster.enabled_cloudwatch_logs_exports ["a"] [] ?
aws_rds_cluster.iam_database_authentication_enabled true false ?
aws_rds_cluster.performance_insights_enabled true false harmless
aws_rds_cluster_instance.performance_insights_enabled true false harmless
aws_rds_cluster_instance.auto_minor_version_upgrade true false harmless
aws_rds_cluster_instance.monitoring_interval 60 0 =
aws_rds_cluster_instance.publicly_accessible false true ?
aws_rds_cluster_parameter_group.parameter [{"name":"a","value":"1"}] [{"name":"a","value":"0"}] =
aws_rds_cluster_parameter_group.parameter [{"name":"a","value":"1"},{"name":"b","value":"1"}] [{"name":"a","value":"1"}] ?
aws_s3_bucket_public_access_block.block_public_acls true false harmless
aws_s3_bucket_public_access_block.block_public_policy true false harmless
aws_s3_bucket_public_access_block.ignore_public_acls true false harmless
aws_s3_bucket_public_access_block.restrict_public_buckets true false harmless
aws_s3_bucket_versioning.versioning_configuration.status "Enabled" "Suspended" =
aws_subnet.map_public_ip_on_launch false true ?
aws_vpc_security_group_egress_rule.cidr_ipv4 "10.0.0.0/8" "0.0.0.0/0" =
aws_vpc_security_group_egress_rule.cidr_ipv6 "fd00::/8" "::/0" =
aws_vpc_security_group_ingress_rule.from_port 443 0 =
aws_vpc_security_group_ingress_rule.to_port 443 444 =
aws_vpc_security_group_ingress_rule.ip_protocol "tcp" "-1" =
aws_vpc_security_group_ingress_rule.prefix_list_id "a" "b" =
aws_vpc_security_group_ingress_rule.referenced_security_group_id "a" "b" =
aws_wafv2_web_acl.data_protection_config.data_protection [1,2] [1,3] =
aws_wafv2_web_acl.default_action.allow [{}] [] =
aws_wafv2_web_acl.rule [{"name":"a"},{"name":"b"}] [{"name":"a"}] ?
aws_wafv2_web_acl.rule [{"name":"a","action":[{"block":[{}]}]}] [{"name":"a","action":[{"count":[{}]}]}] =
aws_wafv2_web_acl_logging_configuration.log_destination_configs ["a"] ["b"] =
aws_wafv2_web_acl_logging_configuration.logging_filter.default_behavior "KEEP" "DROP" =
aws_wafv2_web_acl_logging_configuration.redacted_fields [1,2] [1] =
Adds to what exists
container.environment [{"name":"A","value":"x"}] [{"name":"A","value":"x"},{"name":"B","value":"x"}] ?
Harmless
aws_vpc.description "a" "b" harmless
aws_vpc.tags {"Name":"a"} {"Name":"b"} harmless
aws_vpc.tags_all {"Name":"a"} {"Name":"b"} harmless
aws_vpc.timeouts.create "1m" "2m" harmless
aws_cloudwatch_dashboard.dashboard_body "{\"widgets\":[1]}" "{\"widgets\":[2]}" harmless
aws_cloudwatch_metric_alarm.alarm_description "a" "b" harmless
container.image "hub.example:443/api:1" "hub.example:443/api@sha256:0" ?
aws_rds_cluster.final_snapshot_identifier "a" "b" harmless
aws_rds_cluster.apply_immediately false true harmless
aws_rds_cluster_instance.preferred_maintenance_window "a" "b" harmless
aws_sns_topic.display_name "a" "b" harmless
Not judged: read Terraform's text
aws_wafv2_web_acl.rule [{"name":"b"}] [{"name":"a"},{"name":"b"}] Weakens protection
container.command ["a","b"] ["b","a"] ?
container.environment [{"name":"A","value":"x"}] [{"name":"A","value":"y"}] ?
aws_iam_role_policy.policy "a" "b" ?
`

// resource returns the JSON of a resource's values, and where a difference is then.
func resource(path, value string) (kind, values string) {
	kind, path, _ = strings.Cut(path, ".")
	if kind == "container" {
		kind, path, value = "aws_ecs_task_definition", "container_definitions",
			fmt.Sprintf("%q", fmt.Sprintf(`[{"name":"x","essential":true,%q:%s}]`, path, value))
	}
	if strings.HasPrefix(value, "[[") {
		var statements []string
		for _, s := range decode([]byte(value)).([]any) {
			statements = append(statements, fmt.Sprintf(`{"Effect":%q,"Action":%q}`, s.([]any)...))
		}
		text := strings.Join(statements, ",")
		if len(statements) > 1 {
			text = "[" + text + "]"
		}
		value = fmt.Sprintf("%q", `{"Statement":`+text+"}")
	}
	steps := strings.Split(path, ".")
	for _, step := range slices.Backward(steps[1:]) {
		value = fmt.Sprintf(`[{%q:%s}]`, step, value)
	}
	return kind, fmt.Sprintf(`{"id":"x","comparison_operator":"GreaterThanThreshold",%q:%s}`, steps[0], value)
}

// Each case fails without its rule, and in the other direction without what makes that harmless.
func TestRules(t *testing.T) {
	heading, names := "", map[string]string{"=": "", "?": notJudged, "adds": adds, "harmless": harmless}
	for line := range strings.Lines(strings.TrimSpace(worse)) {
		line = strings.TrimSpace(line)
		cells := strings.SplitN(line, " ", 4)
		if slices.Contains(headings, line) {
			heading = line
			continue
		}
		opposite, known := names[cells[3]]
		if !known {
			opposite = cells[3]
		} else if opposite == "" {
			opposite = heading
		}
		expect(t, cells[0], cells[1], cells[2], heading)
		expect(t, cells[0], cells[2], cells[1], opposite)
	}
}

// expect fails unless the plan of a change has one finding, below the heading, that names the attribute.
func expect(t *testing.T, path, before, after, heading string) {
	t.Helper()
	kind, was := resource(path, before)
	_, is := resource(path, after)
	var plan tfjson.Plan
	must.Do(t, json.Unmarshal([]byte(planned(change(kind, `"update"`, `"before": `+was+`, "after": `+is))), &plan))
	findings := judge(&plan, nil, false)
	attribute := strings.Split(strings.Replace(path, "container.", "x.container_definitions.x.", 1), ".")[1]
	if len(findings) != 1 || findings[0].heading != heading || findings[0].address != kind+".x" ||
		heading != harmless && !strings.Contains(findings[0].words, "`"+attribute) {
		t.Errorf("%s from %s to %s: %+v, expected it below %q", path, before, after, findings, heading)
	}
}
