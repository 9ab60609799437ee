package tests

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
)

const (
	image      = "service: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api:1.0.0}\n"
	domain     = "loadBalancer: {domain: {name: api.example.com, zoneId: Z0123456789}}\n"
	iam        = "database: {login: iam}\n"
	serverless = "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 1}}\n"

	existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}}\n"
	ownRange = "network: {cidr: 10.20.0.0/16}\n"

	// The shortest files of each class; production demands an image, HTTPS and a range of its own.
	minimalDevelopment = "class: development\n"
	minimalProduction  = "class: production\n" + image + domain + ownRange
)

// variant is another value of one key.
type variant struct {
	key   string
	value any
	// changes are all in which the stack differs from that of the base: kind.attribute, or the kind of what is more or
	// less.
	changes string
	// base is a file in which the key matters; of class development unless it sets another.
	base string
}

const (
	container    = "aws_ecs_task_definition.container_definitions"
	rolePolicies = "aws_iam_role_policy.policy"
	threshold    = "aws_cloudwatch_metric_alarm.alarm_description aws_cloudwatch_metric_alarm.threshold"
	tracking     = "aws_appautoscaling_policy.target_tracking_scaling_policy_configuration"
	capacity     = "aws_rds_cluster.serverlessv2_scaling_configuration"
	deployed     = "terraform_data.input terraform_data.lifecycle "
)

var variants = []variant{
	{"class", "production", "aws_cloudwatch_log_group.lifecycle aws_cloudwatch_log_group.retention_in_days " +
		"aws_ecs_cluster.setting aws_ecs_service.alarms aws_ecs_service.depends_on aws_eip aws_nat_gateway " +
		"aws_flow_log.max_aggregation_interval aws_kms_key.deletion_window_in_days aws_kms_key.lifecycle " +
		"aws_lb.enable_deletion_protection aws_lb_target_group.deregistration_delay aws_route.nat_gateway_id " +
		"aws_rds_cluster.backup_retention_period aws_rds_cluster.deletion_protection aws_rds_cluster.lifecycle " +
		"aws_rds_cluster.final_snapshot_identifier aws_rds_cluster.master_username aws_rds_cluster.skip_final_snapshot " +
		"aws_rds_cluster_instance.apply_immediately aws_s3_bucket.force_destroy aws_s3_bucket.lifecycle " +
		"aws_s3_bucket_lifecycle_configuration.rule aws_secretsmanager_secret.lifecycle aws_subnet.lifecycle " +
		"aws_secretsmanager_secret.recovery_window_in_days aws_secretsmanager_secret_version.secret_string_wo " +
		"aws_security_group aws_vpc_endpoint aws_vpc_security_group_egress_rule aws_vpc_security_group_ingress_rule " +
		"aws_vpc.lifecycle aws_wafv2_web_acl.rule " + deployed + container + " " + rolePolicies + " " + threshold,
		image + domain + ownRange},
	{"region", "eu-west-1", "aws_cloudwatch_dashboard.dashboard_body aws_cloudwatch_log_resource_policy.policy_document " +
		"aws_cloudwatch_metric_alarm.dimensions aws_iam_role.assume_role_policy aws_kms_key.policy aws_s3_bucket.bucket " +
		"aws_s3_bucket_policy.policy aws_sns_topic_policy.policy aws_subnet.availability_zone aws_vpc_endpoint.policy " +
		"aws_vpc_endpoint.service_name provider.region " + deployed + container + " " + rolePolicies, ""},
	{"account", "123456789012", "provider.allowed_account_ids", ""},
	{"tags", map[string]string{"CostCenter": "payments"}, "provider.default_tags", ""},
	{"protect", true, "aws_cloudwatch_log_group.lifecycle aws_kms_key.lifecycle aws_lb.enable_deletion_protection " +
		"aws_rds_cluster.deletion_protection aws_rds_cluster.lifecycle aws_s3_bucket.force_destroy " +
		"aws_s3_bucket.lifecycle aws_secretsmanager_secret.lifecycle aws_subnet.lifecycle aws_vpc.lifecycle", ""},
	{"logs.retentionDays", 90,
		"aws_cloudwatch_log_group.retention_in_days aws_s3_bucket_lifecycle_configuration.rule", ""},

	{"network.cidr", "172.16.0.0/20", deployed + "aws_subnet.cidr_block aws_vpc.cidr_block", ""},
	{"network.zones", []string{"us-east-1b", "us-east-1d"}, "aws_db_subnet_group.subnet_ids aws_ecs_service.depends_on " +
		"aws_ecs_service.network_configuration aws_lb.depends_on aws_lb.subnets aws_route aws_route_table " +
		"aws_route_table_association aws_subnet aws_subnet.availability_zone aws_vpc_endpoint.route_table_ids", ""},
	{"network.natGateways", 3, "aws_eip aws_nat_gateway aws_route.nat_gateway_id", ""},
	{"network.interfaceEndpoints", true, "aws_ecs_service.depends_on aws_security_group aws_vpc_endpoint " +
		"aws_vpc_security_group_egress_rule aws_vpc_security_group_ingress_rule", ""},
	{"network.existing.publicSubnets", []string{"subnet-000000a1", "subnet-000000a2"}, "aws_lb.subnets", existing},
	{"network.existing.privateSubnets", []string{"subnet-000000a1", "subnet-000000a2"}, deployed +
		"aws_db_subnet_group.subnet_ids aws_ecs_service.network_configuration aws_lb_target_group.vpc_id " +
		"aws_security_group.vpc_id", existing},

	{"database.engineVersion", "15.12", "aws_rds_cluster.engine_version aws_rds_cluster.lifecycle " +
		"aws_rds_cluster_instance.auto_minor_version_upgrade", ""},
	{"database.instanceClass", "db.r6g.large", "aws_rds_cluster_instance.instance_class", ""},
	{"database.name", "payments", container, ""},
	{"database.login", "iam", container + " " + rolePolicies, image},
	{"database.serverless.minimumCapacity", 2, capacity, serverless},
	{"database.serverless.maximumCapacity", 8, capacity, serverless},
	{"database.readers", 2, "aws_rds_cluster_instance", ""},
	{"database.passwordVersion", 2, "aws_rds_cluster.master_password_wo_version " +
		"aws_secretsmanager_secret_version.secret_string_wo_version", ""},
	{"database.backupRetentionDays", 8, "aws_rds_cluster.backup_retention_period", ""},
	{"database.backupWindow", "01:00-02:00", "aws_rds_cluster.preferred_backup_window", ""},
	{"database.maintenanceWindow", "mon:03:00-mon:04:00", "aws_rds_cluster.preferred_maintenance_window " +
		"aws_rds_cluster_instance.preferred_maintenance_window", ""},
	{"database.restore.snapshot", "noon", "aws_rds_cluster.lifecycle aws_rds_cluster.snapshot_identifier", ""},
	{"database.restore.cluster", "paymentdb-prod",
		"aws_rds_cluster.lifecycle aws_rds_cluster.restore_to_point_in_time", ""},
	{"database.restore.time", "2026-11-25T12:00:00Z", "aws_rds_cluster.restore_to_point_in_time",
		"database: {restore: {cluster: paymentdb-prod}}"},

	{"service.image", "example.com/api:2", container + " aws_vpc_endpoint.policy " + rolePolicies, image},
	{"service.command", []string{"serve"}, container, image},
	{"service.migration", []string{"migrate"}, container + " " + rolePolicies, image + iam},
	{"service.port", 8081, container + " aws_ecs_service.load_balancer aws_lb_target_group.port " +
		"aws_vpc_security_group_egress_rule.from_port aws_vpc_security_group_egress_rule.to_port " +
		"aws_vpc_security_group_ingress_rule.from_port aws_vpc_security_group_ingress_rule.to_port", ""},
	{"service.user", "1001", container, image},
	{"service.readonlyRootFilesystem", false, container, ""},
	{"service.tmpfsMiB", 65, container, ""},
	{"service.architecture", "arm64", "aws_ecs_task_definition.runtime_platform", ""},
	{"service.cpu", 512, "aws_ecs_task_definition.cpu", "service: {memory: 1024}"},
	{"service.memory", 1024, "aws_ecs_task_definition.memory", ""},
	{"service.scaling.minimumTasks", 3, "aws_appautoscaling_target.min_capacity aws_ecs_service.desired_count", ""},
	{"service.scaling.maximumTasks", 11, "aws_appautoscaling_target.max_capacity", ""},
	{"service.scaling.cpuPercent", 71, tracking, ""},
	{"service.scaling.memoryPercent", 72, "aws_appautoscaling_policy", ""},
	{"service.scaling.requestsPerTarget", 73, "aws_appautoscaling_policy", ""},
	{"service.healthCheck.path", "/alive", container + " aws_lb_target_group.health_check", ""},
	{"service.healthCheck.intervalSeconds", 31, "aws_lb_target_group.health_check", ""},
	{"service.healthCheck.gracePeriodSeconds", 61, "aws_ecs_service.health_check_grace_period_seconds", ""},
	{"service.containerHealthCheck", []string{"CMD", "true"}, container, ""},
	{"service.stopTimeoutSeconds", 31, container, ""},
	{"service.deregistrationDelaySeconds", 31, "aws_lb_target_group.deregistration_delay", ""},
	{"service.environment", map[string]string{"LOG_LEVEL": "info"}, container, ""},
	{"service.secrets", map[string]string{
		"KEY": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acquirer-AbCdEf:key::",
	}, container + " " + rolePolicies, ""},
	{"service.executeCommand", true, "aws_ecs_service.enable_execute_command " + rolePolicies,
		"service: {readonlyRootFilesystem: false}"},

	{"loadBalancer.certificateArn",
		"arn:aws:acm:us-east-1:123456789012:certificate/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0",
		"aws_cloudwatch_dashboard.dashboard_body aws_cloudwatch_metric_alarm aws_ecs_service.depends_on " +
			"aws_lb.depends_on aws_lb_listener aws_lb_listener.default_action aws_lb_listener.depends_on " +
			"aws_vpc_security_group_ingress_rule", ""},
	{"loadBalancer.domain.name", "www.example.com", "aws_acm_certificate.domain_name aws_route53_record.name", domain},
	{"loadBalancer.domain.zoneId", "Z9", "aws_route53_record.zone_id", domain},
	{"loadBalancer.allowPlainHttp", true, "", minimalProduction}, // which is only refused or not
	{"loadBalancer.idleTimeoutSeconds", 61, "aws_lb.idle_timeout", ""},

	{"firewall.rateLimit", 2001, "aws_wafv2_web_acl.rule", ""},
	{"firewall.count", []string{config.SQLInjectionRule}, "aws_wafv2_web_acl.rule", ""},

	{"monitoring.emails", []string{"on-call@example.com"}, "aws_sns_topic_subscription", ""},
	{"monitoring.errorRatePercent", 2.5, threshold + " aws_cloudwatch_dashboard.dashboard_body", ""},
	{"monitoring.minimumRequests", 7, "aws_cloudwatch_metric_alarm.metric_query", ""},
	{"monitoring.availabilityPercent", 99.5, threshold, ""},
	{"monitoring.latencySeconds", 0.25, threshold + " aws_cloudwatch_dashboard.dashboard_body", ""},
}

// sibling names the stack of minimalDevelopment under another suffix.
const sibling = "sibling"

var synthesized map[string]stack

// examples are the stack of every variant by its key, and of every base by its content. They are synthesized once.
func examples(t *testing.T) map[string]stack {
	t.Helper()
	if synthesized != nil {
		return synthesized
	}
	var environments []config.Environment
	suffixes := map[string]string{} // of names
	add := func(name, content string) {
		if suffixes[name] == "" {
			suffixes[name] = fmt.Sprintf("zq%02d", len(suffixes)) // found nowhere else, and all of one length
			environments = append(environments, parse(t, suffixes[name], content))
		}
	}
	add(minimalDevelopment, minimalDevelopment)
	add(minimalProduction, minimalProduction)
	add(sibling, minimalDevelopment)
	for _, v := range variants {
		base, changed := v.files(t)
		add(cmp.Or(v.base, minimalDevelopment), base)
		add(v.key, changed)
	}
	all := synthesize(t, environments...)
	synthesized = map[string]stack{}
	for name, suffix := range suffixes {
		synthesized[name] = all[suffix]
	}
	return synthesized
}

// example returns one of the examples.
func example(t *testing.T, name string) stack {
	t.Helper()
	s, found := examples(t)[name]
	if !found {
		t.Fatalf("there is no example %q", name)
	}
	return s.in(t)
}

// development and production are the stacks of environments that leave everything to their class. Unlike those in the
// repository's folder environments, they stay as they are when somebody changes an environment.
func development(t *testing.T) stack { return example(t, minimalDevelopment) }
func production(t *testing.T) stack  { return example(t, minimalProduction) }

// files returns the base, and the base with the variant's value.
func (v variant) files(t *testing.T) (base, changed string) {
	t.Helper()
	file := map[string]any{"class": "development"}
	must.Do(t, yaml.Unmarshal([]byte(v.base), &file))
	base = string(must.Get(yaml.Marshal(file))(t))
	within, steps := file, strings.Split(v.key, ".")
	for _, step := range steps[:len(steps)-1] {
		if within[step] == nil {
			within[step] = map[string]any{}
		}
		within = within[step].(map[string]any)
	}
	within[steps[len(steps)-1]] = v.value
	return base, string(must.Get(yaml.Marshal(file))(t))
}

func TestEveryKeyDoesItsPart(t *testing.T) {
	var keys, tried []string
	for _, key := range config.Keys() {
		keys = append(keys, key.Path)
	}
	for _, v := range variants {
		tried = append(tried, v.key)
		changed := example(t, v.key).changesFrom(example(t, cmp.Or(v.base, minimalDevelopment)))
		same(t, fmt.Sprintf("the changes by %s: %v", v.key, v.value), changed, strings.Fields(v.changes))
	}
	same(t, "the keys with a line in keys_test.go", tried, keys)
}

// Ids are what Terraform knows resources by: one with the suffix in it would replace a resource when an environment is
// named otherwise.
func TestEnvironmentsDifferInSuffixOnly(t *testing.T) {
	one, other := development(t), example(t, sibling)
	if renamed := strings.ReplaceAll(other.json, other.suffix, one.suffix); renamed != one.json {
		t.Error(firstDifference(renamed, one.json))
	}
	same(t, "the addresses", addresses(other.all()), addresses(one.all()))
}
