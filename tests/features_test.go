package tests

import (
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// feature is one choice that a class makes, read from a stack's JSON.
type feature struct {
	name                    string
	of                      func(t *testing.T, s stack) any
	development, production any
}

// same is a choice that both classes make.
func same(name string, value any, of func(t *testing.T, s stack) any) feature {
	return feature{name, of, value, value}
}

// attribute reads an attribute of the one resource of a kind.
func attribute(kind string, path ...any) func(t *testing.T, s stack) any {
	return func(t *testing.T, s stack) any { return s.only(t, kind).at(path...) }
}

// encryptedBy reports whether an attribute names the environment's own key.
func encryptedBy(kind string, path ...any) func(t *testing.T, s stack) any {
	return func(t *testing.T, s stack) any { return s.only(t, kind).at(path...) == ownKey(t, s) }
}

// instances reads an attribute of every database instance, which have to agree.
func instances(path ...any) func(t *testing.T, s stack) any {
	return func(t *testing.T, s stack) any {
		all := s.some(t, "aws_rds_cluster_instance")
		for _, instance := range all {
			instance.want(t, all[0].at(path...), path...)
		}
		return all[0].at(path...)
	}
}

// retention reads the days for which a log group is kept.
func retention(name string) func(t *testing.T, s stack) any {
	return func(t *testing.T, s stack) any {
		return logGroup(t, s, strings.ReplaceAll(name, "<suffix>", s.environment.Suffix)).at("retention_in_days")
	}
}

var features = []feature{
	same("NAT gateways", 1, func(t *testing.T, s stack) any { return len(s.each("aws_nat_gateway")) }),
	same("private route tables, one for each zone", 3, func(t *testing.T, s stack) any {
		tables := map[string]bool{}
		for _, subnet := range s.followAll(t, s.only(t, "aws_ecs_service").at("network_configuration", "subnets")) {
			tables[routes(t, s)[subnet.address()].table.address()] = true
		}
		return len(tables)
	}),
	same("flow logs: traffic", "ALL", attribute("aws_flow_log", "traffic_type")),
	{"flow logs: seconds", attribute("aws_flow_log", "max_aggregation_interval"), 600, 60},
	{"flow logs: days", retention("/tap-<suffix>/vpc-flow-logs"), 30, 365},
	same("flow logs: own key", true, func(t *testing.T, s stack) any {
		return logGroup(t, s, "/tap-"+s.environment.Suffix+"/vpc-flow-logs").at("kms_key_id") == ownKey(t, s)
	}),
	same("default security group: rules", nil, func(t *testing.T, s stack) any {
		group := s.only(t, "aws_default_security_group")
		if group.at("ingress") != nil {
			return group.at("ingress")
		}
		return group.at("egress")
	}),
	same("public subnets assign addresses", false, func(t *testing.T, s stack) any {
		return slices.ContainsFunc(s.some(t, "aws_subnet"), func(subnet resource) bool { return subnet.at("map_public_ip_on_launch") != false })
	}),
	{"VPC endpoints", func(t *testing.T, s stack) any {
		var names []string
		for _, endpoint := range s.some(t, "aws_vpc_endpoint") {
			names = append(names, strings.TrimPrefix(endpoint.at("service_name").(string), "com.amazonaws."+s.environment.Region+"."))
		}
		slices.Sort(names)
		return names
	}, []string{"s3"}, []string{"ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"}},
	same("deployment: minimum healthy percent", 100, attribute("aws_ecs_service", "deployment_minimum_healthy_percent")),
	same("deployment: maximum percent", 200, attribute("aws_ecs_service", "deployment_maximum_percent")),
	same("circuit breaker", map[string]any{"enable": true, "rollback": true}, attribute("aws_ecs_service", "deployment_circuit_breaker")),
	{"deployment alarms", func(t *testing.T, s stack) any {
		alarms := s.only(t, "aws_ecs_service").at("alarms")
		var names []string
		for _, alarm := range s.followAll(t, alarms.(map[string]any)["alarm_names"]) {
			names = append(names, strings.TrimSuffix(alarm.at("alarm_name").(string), "-"+s.environment.Suffix))
		}
		return map[string]any{"alarms": names, "enable": alarms.(map[string]any)["enable"], "rollback": alarms.(map[string]any)["rollback"]}
	}, map[string]any{"alarms": []string{"HighErrorRateAlarm", "HighLatencyAlarm"}, "enable": false, "rollback": false},
		map[string]any{"alarms": []string{"HighErrorRateAlarm", "HighLatencyAlarm"}, "enable": true, "rollback": true}},
	same("health check grace period", 60, attribute("aws_ecs_service", "health_check_grace_period_seconds")),
	{"deregistration delay", attribute("aws_lb_target_group", "deregistration_delay"), "30", "60"},
	same("rebalancing over zones", "ENABLED", attribute("aws_ecs_service", "availability_zone_rebalancing")),
	same("autoscaling: fewest tasks", 2, attribute("aws_appautoscaling_target", "min_capacity")),
	same("autoscaling: most tasks", 10, attribute("aws_appautoscaling_target", "max_capacity")),
	same("autoscaling: what is tracked", map[string]any{"ECSServiceAverageCPUUtilization": 70}, func(t *testing.T, s stack) any { return tracked(t, s) }),
	same("ECS Exec", false, attribute("aws_ecs_service", "enable_execute_command")),
	{"Container Insights", attribute("aws_ecs_cluster", "setting", 0, "value"), "enabled", "enhanced"},
	same("read-only root file system", true, func(t *testing.T, s stack) any { return s.container(t).at("readonlyRootFilesystem") }),
	{"log retention", retention("/tap-<suffix>/payment-api"), 30, 365},
	{"load balancer: deletion protection", attribute("aws_lb", "enable_deletion_protection"), false, true},
	same("load balancer: invalid headers are dropped", true, attribute("aws_lb", "drop_invalid_header_fields")),
	same("access logs", true, attribute("aws_lb", "access_logs", "enabled")),
	{"access logs: days", attribute("aws_s3_bucket_lifecycle_configuration", "rule", 0, "expiration", 0, "days"), 30, 365},
	same("firewall: managed rule groups", []string{
		"AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesAnonymousIpList", "AWSManagedRulesCommonRuleSet",
		"AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet",
	}, func(t *testing.T, s stack) any {
		var names []string
		for name, rule := range firewallRules(t, s) {
			if rule.at("statement", "managed_rule_group_statement", "name") == name {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}),
	same("firewall: logs", 1, func(t *testing.T, s stack) any { return len(s.each("aws_wafv2_web_acl_logging_configuration")) }),
	same("storage encryption with the own key", true, encryptedBy("aws_rds_cluster", "kms_key_id")),
	{"backup retention", attribute("aws_rds_cluster", "backup_retention_period"), 7, 35},
	{"database: deletion protection", attribute("aws_rds_cluster", "deletion_protection"), false, true},
	{"final snapshot is skipped", attribute("aws_rds_cluster", "skip_final_snapshot"), true, false},
	{"final snapshot has a name", func(t *testing.T, s stack) any {
		return s.only(t, "aws_rds_cluster").at("final_snapshot_identifier") != nil
	}, false, true},
	same("IAM database authentication", true, attribute("aws_rds_cluster", "iam_database_authentication_enabled")),
	same("Performance Insights", true, instances("performance_insights_enabled")),
	same("Performance Insights: own key", true, func(t *testing.T, s stack) any {
		return instances("performance_insights_kms_key_id")(t, s) == ownKey(t, s)
	}),
	same("enhanced monitoring: seconds", 60, instances("monitoring_interval")),
	same("database log export", []string{"postgresql"}, attribute("aws_rds_cluster", "enabled_cloudwatch_logs_exports")),
	{"database log export: days", retention("/aws/rds/cluster/paymentdb-<suffix>/postgresql"), 30, 365},

	// What else differs by class.
	{"prevent_destroy: database", attribute("aws_rds_cluster", "lifecycle", "prevent_destroy"), false, true},
	{"prevent_destroy: secret", attribute("aws_secretsmanager_secret", "lifecycle", "prevent_destroy"), false, true},
	{"prevent_destroy: key", attribute("aws_kms_key", "lifecycle", "prevent_destroy"), false, true},
	{"prevent_destroy: bucket", attribute("aws_s3_bucket", "lifecycle", "prevent_destroy"), false, true},
	{"force_destroy: bucket", attribute("aws_s3_bucket", "force_destroy"), true, false},
	{"deleted secret: days", attribute("aws_secretsmanager_secret", "recovery_window_in_days"), 0, 30},
	{"deleted key: days", attribute("aws_kms_key", "deletion_window_in_days"), 7, 30},
	{"changes of the database at once", attribute("aws_rds_cluster", "apply_immediately"), true, false},
	{"master user", attribute("aws_rds_cluster", "master_username"), "postgres", "payment_owner"},
}

// certificateFeatures are the choices for an environment with a certificate.
var certificateFeatures = []feature{
	same("TLS policy", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", func(t *testing.T, s stack) any { return listeners(t, s)[443].at("ssl_policy") }),
	same("HTTP to HTTPS", map[string]any{"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"}, func(t *testing.T, s stack) any {
		return listeners(t, s)[80].at("default_action", 0, "redirect")
	}),
	same("HTTPS forwards", "forward", func(t *testing.T, s stack) any { return listeners(t, s)[443].at("default_action", 0, "type") }),
}

// listeners returns the load balancer's listeners by port.
func listeners(t *testing.T, s stack) map[int]resource {
	t.Helper()
	all := map[int]resource{}
	for _, listener := range s.some(t, "aws_lb_listener") {
		listener.want(t, "${"+s.only(t, "aws_lb").address()+".arn}", "load_balancer_arn")
		all[int(listener.at("port").(float64))] = listener
	}
	return all
}

// tracked returns the target of each metric that autoscaling holds.
func tracked(t *testing.T, s stack) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, policy := range s.each("aws_appautoscaling_policy") {
		policy.want(t, "TargetTrackingScaling", "policy_type")
		metric := policy.at("target_tracking_scaling_policy_configuration", "predefined_metric_specification", "predefined_metric_type")
		all[metric.(string)] = policy.at("target_tracking_scaling_policy_configuration", "target_value")
	}
	return all
}

// minimal are the shortest files of each class; production demands an image and HTTPS.
var minimal = map[config.Class]string{
	config.Development: "class: development",
	config.Production: `class: production
service: {image: "123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api:1.0.0"}
loadBalancer: {domain: {name: api.example.com, zoneId: Z0123456789}}`,
}

// defaults are the stacks of these files, of suffix dev. They are synthesized once.
var defaults = map[config.Class]stack{}

// defaultsOf returns the stack of an environment that leaves everything to its class. Unlike those in
// the folder environments, it stays as it is when somebody changes an environment.
func defaultsOf(t *testing.T, class config.Class) stack {
	t.Helper()
	if _, done := defaults[class]; !done {
		defaults[class] = synthesize(t, parse(t, minimal[class]))["tap-dev"]
	}
	return defaults[class]
}

func TestEachClassHasItsDefaults(t *testing.T) {
	check := func(features []feature, s stack, of func(feature) any) {
		for _, feature := range features {
			t.Run(feature.name+"/"+string(s.environment.Class), func(t *testing.T) {
				if got, expected := encoded(t, feature.of(t, s)), encoded(t, of(feature)); got != expected {
					t.Errorf("is %s, expected %s", got, expected)
				}
			})
		}
	}
	development := func(f feature) any { return f.development }
	production := func(f feature) any { return f.production }
	check(features, defaultsOf(t, config.Development), development)
	check(features, defaultsOf(t, config.Production), production)
	check(certificateFeatures, stacks(t)["tap-isolated"], development)
	check(certificateFeatures, defaultsOf(t, config.Production), production)
}

// What an environment file switches on, and its default leaves off.
func TestOptionsDoWhatTheySay(t *testing.T) {
	options := stacks(t)["tap-options"]
	t.Run("tasks are also scaled by memory and by requests", func(t *testing.T) {
		expected := map[string]any{"ECSServiceAverageCPUUtilization": 70, "ECSServiceAverageMemoryUtilization": 75, "ALBRequestCountPerTarget": 600}
		if got := encoded(t, tracked(t, options)); got != encoded(t, expected) {
			t.Errorf("tracked are %s", got)
		}
		balancer, group := options.only(t, "aws_lb"), options.only(t, "aws_lb_target_group")
		label := "${" + balancer.address() + ".arn_suffix}/${" + group.address() + ".arn_suffix}"
		for _, policy := range options.each("aws_appautoscaling_policy") {
			specification := resource{policy.kind, policy.name, policy.at("target_tracking_scaling_policy_configuration", "predefined_metric_specification").(map[string]any)}
			if specification.at("predefined_metric_type") == "ALBRequestCountPerTarget" {
				specification.want(t, label, "resource_label")
			}
		}
	})
	t.Run("ECS Exec comes with its endpoint and a log of what was typed", func(t *testing.T) {
		options.only(t, "aws_ecs_service").want(t, true, "enable_execute_command")
		configuration := options.only(t, "aws_ecs_cluster").at("configuration", "execute_command_configuration").(map[string]any)
		logging := resource{"aws_ecs_cluster", "configuration", configuration}
		logging.want(t, "OVERRIDE", "logging")
		logging.want(t, true, "log_configuration", "cloud_watch_encryption_enabled")
		if group := options.follow(t, logging.at("log_configuration", "cloud_watch_log_group_name")); group.at("name") != "/tap-options/execute-command" {
			t.Errorf("sessions are logged to %v", group.at("name"))
		}
		if !slices.ContainsFunc(options.each("aws_vpc_endpoint"), func(endpoint resource) bool {
			return endpoint.at("service_name") == "com.amazonaws.eu-west-1.ssmmessages"
		}) {
			t.Error("without NAT gateway no session could be opened")
		}
	})
	t.Run("an exact minor version is kept until the file names another", func(t *testing.T) {
		s := synthesize(t, parse(t, "class: development\ndatabase:\n  engineVersion: \"15.12\"\n"))["tap-dev"]
		s.only(t, "aws_rds_cluster").want(t, "15.12", "engine_version")
		s.only(t, "aws_rds_cluster").want(t, nil, "lifecycle", "ignore_changes")
		for _, instance := range s.some(t, "aws_rds_cluster_instance") {
			instance.want(t, false, "auto_minor_version_upgrade")
		}
	})
	t.Run("a named rule only counts", func(t *testing.T) {
		for name, rule := range firewallRules(t, options) {
			counted := slices.Contains(options.environment.Firewall.Count, name)
			attribute, acts := "action", "block"
			if strings.HasPrefix(name, "AWSManagedRules") {
				attribute, acts = "override_action", "none"
			}
			if counted {
				acts = "count"
			}
			rule.want(t, map[string]any{acts: map[string]any{}}, attribute)
		}
	})
	t.Run("a serverless cluster has its capacity and its class", func(t *testing.T) {
		options.only(t, "aws_rds_cluster").want(t, map[string]any{"min_capacity": 0, "max_capacity": 16, "seconds_until_auto_pause": 300}, "serverlessv2_scaling_configuration")
		instances := options.some(t, "aws_rds_cluster_instance")
		for _, instance := range instances {
			instance.want(t, "db.serverless", "instance_class")
		}
		if len(instances) != 4 {
			t.Errorf("%d instances, expected a writer and three readers", len(instances))
		}
	})
	t.Run("another engine version brings its own parameter groups", func(t *testing.T) {
		data := options.root["data"].(map[string]any)["aws_rds_engine_version"]
		if got := encoded(t, data); !strings.Contains(got, `"parameter_group_family":"aurora-postgresql16"`) {
			t.Errorf("the newest version is that of %s", got)
		}
		options.only(t, "aws_rds_cluster_parameter_group").want(t, "aurora-postgresql16", "family")
		options.only(t, "aws_db_parameter_group").want(t, "aurora-postgresql16", "family")
	})
	t.Run("ECS runs the container's own health check", func(t *testing.T) {
		options.container(t).want(t, []string{"CMD", "/payment-api", "health"}, "healthCheck", "command")
		defaultsOf(t, config.Development).container(t).want(t, nil, "healthCheck")
	})
	t.Run("each address of the file is subscribed", func(t *testing.T) {
		var addresses []string
		for _, subscription := range options.some(t, "aws_sns_topic_subscription") {
			subscription.want(t, "email", "protocol")
			subscription.want(t, "${"+options.only(t, "aws_sns_topic").address()+".arn}", "topic_arn")
			addresses = append(addresses, subscription.at("endpoint").(string))
		}
		slices.Sort(addresses)
		if !slices.Equal(addresses, []string{"on-call@example.com", "payments@example.com"}) {
			t.Errorf("subscribed are %v", addresses)
		}
	})
	t.Run("a domain brings a certificate that is validated and renewed, and an alias record", func(t *testing.T) {
		prod := defaultsOf(t, config.Production)
		domain := prod.environment.LoadBalancer.Domain
		certificate := prod.only(t, "aws_acm_certificate")
		certificate.want(t, domain.Name, "domain_name")
		certificate.want(t, "DNS", "validation_method")
		certificate.want(t, true, "lifecycle", "create_before_destroy")
		validation := prod.only(t, "aws_acm_certificate_validation")
		validation.want(t, "${"+certificate.address()+".arn}", "certificate_arn")
		listeners(t, prod)[443].want(t, "${"+validation.address()+".certificate_arn}", "certificate_arn")
		proof := prod.followAll(t, validation.at("validation_record_fqdns"))
		proof[0].want(t, domain.ZoneID, "zone_id")
		for _, record := range prod.some(t, "aws_route53_record") {
			if record.address() == proof[0].address() {
				continue
			}
			record.want(t, domain.Name, "name")
			record.want(t, domain.ZoneID, "zone_id")
			record.want(t, "A", "type")
			record.want(t, "${"+prod.only(t, "aws_lb").address()+".dns_name}", "alias", "name")
			record.want(t, "${"+prod.only(t, "aws_lb").address()+".zone_id}", "alias", "zone_id")
		}
	})
	t.Run("without readers and scaling there are none, and nothing that watches them", func(t *testing.T) {
		plain := stacks(t)["tap-plain"]
		if instances := plain.each("aws_rds_cluster_instance"); len(instances) != 1 {
			t.Errorf("%v, expected the writer alone", addresses(instances))
		}
		if targets := plain.each("aws_appautoscaling_target"); len(targets) != 0 {
			t.Errorf("%v, expected none", addresses(targets))
		}
		for _, alarm := range plain.some(t, "aws_cloudwatch_metric_alarm") {
			if strings.HasPrefix(alarm.at("alarm_name").(string), "HighReplicaLag") {
				t.Error("an alarm watches a reader that is not there")
			}
		}
		// Terraform then owns the number of tasks.
		plain.only(t, "aws_ecs_service").want(t, nil, "lifecycle", "ignore_changes")
	})
}
