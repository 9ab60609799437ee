package tests

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tap/config"
)

// control is what auditors ask for, under the ids that they ask by: Security Hub's (EC2.2) and checkov's
// (CKV_AWS_130).
type control struct {
	ids  []string
	says string
	// check holds for every environment, unless relaxed is given: then it holds for class production, and
	// relaxed for the defaults of class development, which leaves the control on purpose.
	check, relaxed func(t *testing.T, s stack)
}

var controls = []control{
	// Network.
	{
		ids: []string{"EC2.2", "CKV2_AWS_12"}, says: "the default security group lets nothing in or out",
		check: func(t *testing.T, s stack) {
			group := s.only(t, "aws_default_security_group")
			group.want(t, "${"+s.only(t, "aws_vpc").address()+".id}", "vpc_id")
			group.want(t, nil, "ingress")
			group.want(t, nil, "egress")
		},
	},
	{
		ids: []string{"EC2.6", "CKV2_AWS_11"}, says: "all traffic of the VPC is recorded",
		check: func(t *testing.T, s stack) {
			log := s.only(t, "aws_flow_log")
			log.want(t, "${"+s.only(t, "aws_vpc").address()+".id}", "vpc_id")
			log.want(t, "ALL", "traffic_type")
			if target := s.follow(t, log.at("log_destination")); target.kind != "aws_cloudwatch_log_group" {
				t.Errorf("flow logs go to %s", target.address())
			}
		},
	},
	{
		ids: []string{"EC2.15", "CKV_AWS_130"}, says: "nothing gets a public address by standing in a subnet",
		check: func(t *testing.T, s stack) {
			for _, subnet := range s.some(t, "aws_subnet") {
				subnet.want(t, false, "map_public_ip_on_launch")
			}
		},
	},
	{
		ids: []string{"EC2.18", "EC2.19"}, says: "the world may come in on 80 and 443 of the load balancer, and to the database come groups only",
		check: func(t *testing.T, s stack) {
			names := groupNames(t, s)
			for _, rule := range s.some(t, "aws_vpc_security_group_ingress_rule") {
				group := names[s.follow(t, rule.at("security_group_id")).address()]
				port := rule.at("from_port")
				if rule.at("cidr_ipv4") != nil && (group != "load balancer" || port != 80.0 && port != 443.0) {
					t.Errorf("%s opens port %v of %s to %v", rule.address(), port, group, rule.at("cidr_ipv4"))
				}
				rule.want(t, nil, "cidr_ipv6")
				rule.want(t, nil, "prefix_list_id")
				if group == "database" && rule.at("referenced_security_group_id") == nil {
					t.Errorf("%s lets in others than a security group", rule.address())
				}
			}
		},
	},
	{
		ids: []string{"CKV_AWS_23"}, says: "every security group and rule says what it is for",
		check: func(t *testing.T, s stack) {
			all := s.some(t, "aws_security_group")
			all = append(all, s.some(t, "aws_vpc_security_group_ingress_rule")...)
			all = append(all, s.some(t, "aws_vpc_security_group_egress_rule")...)
			for _, r := range all {
				if description, _ := r.at("description").(string); len(description) < 5 || description == "Managed by Terraform" {
					t.Errorf("%s has the description %q", r.address(), description)
				}
			}
		},
	},
	{
		ids: []string{"CKV_AWS_382"}, says: "nothing may go out on all ports or protocols",
		check: func(t *testing.T, s stack) {
			for _, kind := range []string{"aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule"} {
				for _, rule := range s.some(t, kind) {
					rule.want(t, "tcp", "ip_protocol")
					if rule.at("from_port") == nil || rule.at("from_port") != rule.at("to_port") {
						t.Errorf("%s allows the ports %v to %v", rule.address(), rule.at("from_port"), rule.at("to_port"))
					}
				}
			}
		},
	},

	// Load balancer.
	{
		ids: []string{"ELB.4", "CKV_AWS_131"}, says: "headers that are not valid are dropped",
		check: func(t *testing.T, s stack) { s.only(t, "aws_lb").want(t, true, "drop_invalid_header_fields") },
	},
	{
		ids: []string{"ELB.12", "CKV_AWS_328"}, says: "requests that a proxy and the service could read differently are refused",
		check: func(t *testing.T, s stack) { s.only(t, "aws_lb").want(t, "defensive", "desync_mitigation_mode") },
	},
	{
		ids: []string{"ELB.5", "CKV_AWS_91"}, says: "every request is recorded in a bucket that the load balancer may write to",
		check: func(t *testing.T, s stack) {
			balancer := s.only(t, "aws_lb")
			balancer.want(t, true, "access_logs", "enabled")
			bucket := s.follow(t, balancer.at("access_logs", "bucket"))
			policy := s.only(t, "aws_s3_bucket_policy")
			if s.follow(t, policy.at("bucket")).address() != bucket.address() {
				t.Errorf("the policy is that of another bucket")
			}
			// The load balancer tries to write when it is told of the bucket.
			if !slices.Contains(balancer.at("depends_on").([]any), any(policy.address())) {
				t.Errorf("%s does not wait for %s", balancer.address(), policy.address())
			}
			delivers := slices.ContainsFunc(statementsOf(t, policy), func(statement statement) bool {
				return statement.Effect == "Allow" && slices.Equal(statement.Action, texts{"s3:PutObject"}) &&
					slices.Equal(statement.Principal["Service"], texts{"logdelivery.elasticloadbalancing.amazonaws.com"}) &&
					len(statement.Resource) == 1 && regexp.MustCompile(`^\$\{`+regexp.QuoteMeta(bucket.address())+`\.arn\}/AWSLogs/`+accountID.String()+`/\*$`).MatchString(statement.Resource[0])
			})
			if !delivers {
				t.Error("no statement lets the load balancer deliver its logs")
			}
		},
	},
	{
		ids: []string{"ELB.6", "CKV_AWS_150"}, says: "AWS refuses to delete the load balancer",
		check:   func(t *testing.T, s stack) { s.only(t, "aws_lb").want(t, true, "enable_deletion_protection") },
		relaxed: func(t *testing.T, s stack) { s.only(t, "aws_lb").want(t, false, "enable_deletion_protection") },
	},
	{
		ids: []string{"ELB.13"}, says: "the load balancer stands in a subnet of every zone",
		check: func(t *testing.T, s stack) {
			zones := map[any]bool{}
			subnets := s.followAll(t, s.only(t, "aws_lb").at("subnets"))
			for _, subnet := range subnets {
				zones[subnet.at("availability_zone")] = true
			}
			if expected := len(s.environment.Network.Zones); len(zones) != expected || len(subnets) != expected || expected < 2 {
				t.Errorf("%d subnets in %d zones, expected one in each of %d", len(subnets), len(zones), expected)
			}
		},
	},
	{
		ids: []string{"ELB.16", "CKV2_AWS_28"}, says: "the web ACL is attached to the load balancer",
		check: func(t *testing.T, s stack) {
			association := s.only(t, "aws_wafv2_web_acl_association")
			association.want(t, "${"+s.only(t, "aws_lb").address()+".arn}", "resource_arn")
			association.want(t, "${"+s.only(t, "aws_wafv2_web_acl").address()+".arn}", "web_acl_arn")
		},
	},
	{
		ids: []string{"ELB.17"}, says: "HTTPS is TLS 1.3 or 1.2 with forward secrecy, and nothing else is served beside it",
		check: func(t *testing.T, s stack) {
			for _, listener := range s.some(t, "aws_lb_listener") {
				switch listener.at("protocol") {
				case "HTTPS":
					listener.want(t, "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ssl_policy")
				default:
					kind := "forward"
					if s.environment.LoadBalancer.HTTPS() {
						kind = "redirect"
					}
					listener.want(t, kind, "default_action", 0, "type")
				}
			}
			if s.production() && !s.environment.LoadBalancer.HTTPS() {
				t.Error("production without HTTPS")
			}
		},
	},
	{
		ids: []string{"CKV_AWS_261"}, says: "targets are checked for their health",
		check: func(t *testing.T, s stack) {
			group := s.only(t, "aws_lb_target_group")
			group.want(t, true, "health_check", "enabled")
			group.want(t, s.environment.Service.HealthCheck.Path, "health_check", "path")
			group.want(t, "200", "health_check", "matcher")
		},
	},

	// Service.
	{
		ids: []string{"ECS.2", "CKV_AWS_333"}, says: "tasks have no public address",
		check: func(t *testing.T, s stack) {
			s.only(t, "aws_ecs_service").want(t, false, "network_configuration", "assign_public_ip")
		},
	},
	{
		ids: []string{"ECS.10", "CKV_AWS_332"}, says: "tasks run on the newest platform version",
		check: func(t *testing.T, s stack) { s.only(t, "aws_ecs_service").want(t, "LATEST", "platform_version") },
	},
	{
		ids: []string{"ECS.5", "CKV_AWS_336"}, says: "the root file system of a container is read-only, except for ECS Exec, which writes to it",
		check: func(t *testing.T, s stack) {
			s.container(t).want(t, !s.environment.Service.ExecuteCommand, "readonlyRootFilesystem")
			s.only(t, "aws_ecs_service").want(t, s.environment.Service.ExecuteCommand, "enable_execute_command")
		},
	},
	{
		ids: []string{"ECS.20"}, says: "a real image does not run as root; the placeholder does, to listen on port 80",
		check: func(t *testing.T, s stack) {
			user, _ := s.container(t).at("user").(string)
			notRoot := regexp.MustCompile(`^[1-9][0-9]*(:[1-9][0-9]*)?$`).MatchString(user)
			if placeholder := s.environment.Service.IsPlaceholder(); notRoot == placeholder || placeholder && user != "" {
				t.Errorf("the user is %q with the image %q", user, s.container(t).at("image"))
			}
			if s.production() && !notRoot {
				t.Errorf("production runs as %q", user)
			}
		},
	},
	{
		ids: []string{"ECS.8"}, says: "credentials reach a container as secrets",
		check: func(t *testing.T, s stack) {
			secrets, variables := named(t, s.container(t).at("secrets"), "valueFrom"), named(t, s.container(t).at("environment"), "value")
			for _, name := range []string{"DB_USERNAME", "DB_PASSWORD"} {
				if _, plain := variables[name]; plain || !strings.Contains(secrets[name], "aws_secretsmanager_secret.") {
					t.Errorf("%s comes from %q", name, secrets[name])
				}
			}
		},
	},
	{
		ids: []string{"ECS.12", "CKV_AWS_65"}, says: "the cluster has Container Insights",
		check: func(t *testing.T, s stack) {
			cluster := s.only(t, "aws_ecs_cluster")
			cluster.want(t, []any{map[string]any{"name": "containerInsights", "value": s.environment.Service.ContainerInsights}}, "setting")
			if value := s.environment.Service.ContainerInsights; value != "enabled" && value != "enhanced" {
				t.Errorf("Container Insights are %q", value)
			}
		},
	},
	{
		ids: []string{"CKV_AWS_249"}, says: "execution role and task role differ",
		check: func(t *testing.T, s stack) {
			definition := s.only(t, "aws_ecs_task_definition")
			if execution, task := s.follow(t, definition.at("execution_role_arn")), s.follow(t, definition.at("task_role_arn")); execution.address() == task.address() {
				t.Errorf("both are %s", task.address())
			}
		},
	},
	{
		ids: []string{"CKV_AWS_97"}, says: "no task mounts a network file system, which would have to be encrypted in transit",
		check: func(t *testing.T, s stack) {
			walk(s.only(t, "aws_ecs_task_definition").at("volume"), nil, func(path []string, _ any) {
				if len(path) > 0 && strings.HasSuffix(path[len(path)-1], "_volume_configuration") {
					t.Errorf("a volume has %v", path)
				}
			})
		},
	},

	// Database.
	{
		ids: []string{"RDS.27", "CKV_AWS_96", "CKV_AWS_327"}, says: "storage is encrypted with the environment's own key",
		check: func(t *testing.T, s stack) {
			cluster := s.only(t, "aws_rds_cluster")
			cluster.want(t, true, "storage_encrypted")
			cluster.want(t, ownKey(t, s), "kms_key_id")
		},
	},
	{
		ids: []string{"RDS.7", "CKV_AWS_139"}, says: "AWS refuses to delete the cluster",
		check:   func(t *testing.T, s stack) { s.only(t, "aws_rds_cluster").want(t, true, "deletion_protection") },
		relaxed: func(t *testing.T, s stack) { s.only(t, "aws_rds_cluster").want(t, false, "deletion_protection") },
	},
	{
		ids: []string{"RDS.12", "CKV_AWS_162"}, says: "database users may log in with IAM tokens",
		check: func(t *testing.T, s stack) {
			s.only(t, "aws_rds_cluster").want(t, true, "iam_database_authentication_enabled")
		},
	},
	{
		ids: []string{"RDS.16", "CKV_AWS_313"}, says: "snapshots carry the tags of the cluster",
		check: func(t *testing.T, s stack) {
			s.only(t, "aws_rds_cluster").want(t, true, "copy_tags_to_snapshot")
			for _, instance := range s.some(t, "aws_rds_cluster_instance") {
				instance.want(t, true, "copy_tags_to_snapshot")
			}
		},
	},
	{
		ids: []string{"RDS.37", "CKV_AWS_324"}, says: "the database's log is exported to a group that the stack owns",
		check: func(t *testing.T, s stack) {
			cluster := s.only(t, "aws_rds_cluster")
			cluster.want(t, []any{"postgresql"}, "enabled_cloudwatch_logs_exports")
			group := logGroup(t, s, "/aws/rds/cluster/"+cluster.at("cluster_identifier").(string)+"/postgresql")
			cluster.want(t, []any{group.address()}, "depends_on") // else AWS makes the group itself, for ever and in clear
		},
	},
	{
		ids: []string{"RDS.24"}, says: "the master user has not the name that an attacker tries first",
		check: func(t *testing.T, s stack) {
			if name := s.only(t, "aws_rds_cluster").at("master_username"); name == "postgres" || name == "admin" || name == nil {
				t.Errorf("the master user is %v", name)
			}
		},
		relaxed: func(t *testing.T, s stack) { s.only(t, "aws_rds_cluster").want(t, "postgres", "master_username") },
	},
	{
		ids: []string{"RDS.13", "RDS.35", "CKV_AWS_226"}, says: "minor versions are upgraded by AWS",
		check: func(t *testing.T, s stack) {
			for _, instance := range s.some(t, "aws_rds_cluster_instance") {
				instance.want(t, true, "auto_minor_version_upgrade")
			}
		},
	},
	{
		ids: []string{"RDS.2", "CKV_AWS_17"}, says: "the database has no public address",
		check: func(t *testing.T, s stack) {
			for _, instance := range s.some(t, "aws_rds_cluster_instance") {
				instance.want(t, false, "publicly_accessible")
			}
		},
	},
	{
		ids: []string{"RDS.6", "CKV_AWS_118"}, says: "enhanced monitoring reports every minute or oftener, by a role that may",
		check: func(t *testing.T, s stack) {
			for _, instance := range s.some(t, "aws_rds_cluster_instance") {
				if interval, _ := instance.at("monitoring_interval").(float64); interval < 1 || interval > 60 {
					t.Errorf("%s is monitored every %v seconds", instance.address(), interval)
				}
				role := s.follow(t, instance.at("monitoring_role_arn"))
				if trust := statementsOf(t, role); !slices.Equal(trust[0].Principal["Service"], texts{"monitoring.rds.amazonaws.com"}) {
					t.Errorf("%s is for %v", role.address(), trust[0].Principal)
				}
			}
		},
	},
	{
		ids: []string{"CKV_AWS_353", "CKV_AWS_354"}, says: "Performance Insights are on, encrypted with the environment's own key",
		check: func(t *testing.T, s stack) {
			days := map[string]int{"standard": 7, "advanced": 465}[s.environment.Database.Insights]
			for _, r := range append(s.some(t, "aws_rds_cluster_instance"), s.only(t, "aws_rds_cluster")) {
				r.want(t, true, "performance_insights_enabled")
				r.want(t, ownKey(t, s), "performance_insights_kms_key_id")
				r.want(t, days, "performance_insights_retention_period")
			}
			s.only(t, "aws_rds_cluster").want(t, s.environment.Database.Insights, "database_insights_mode")
		},
	},
	{
		ids: []string{"RDS.50"}, says: "backups are kept for 7 days or more, in production for 14 or more",
		check: func(t *testing.T, s stack) {
			least := 7.0
			if s.production() {
				least = 14
			}
			if days, _ := s.only(t, "aws_rds_cluster").at("backup_retention_period").(float64); days < least {
				t.Errorf("backups are kept for %v days", days)
			}
		},
	},
	{
		ids: []string{"CKV2_AWS_27"}, says: "changes of the schema and slow statements are logged, never the values in them, and only TLS is spoken",
		check: func(t *testing.T, s stack) {
			cluster, parameters := s.only(t, "aws_rds_cluster"), s.only(t, "aws_rds_cluster_parameter_group")
			cluster.want(t, "${"+parameters.address()+".name}", "db_cluster_parameter_group_name")
			values := named(t, parameters.at("parameter"), "value")
			for name, expected := range map[string]string{
				"log_statement":                     "ddl",
				"log_min_duration_statement":        strconv.Itoa(s.environment.Database.SlowStatementMilliseconds),
				"log_parameter_max_length":          "0",
				"log_parameter_max_length_on_error": "0",
				"rds.force_ssl":                     "1",
			} {
				if values[name] != expected {
					t.Errorf("%s is %q, expected %q", name, values[name], expected)
				}
			}
		},
	},

	// Secrets, keys, roles.
	{
		ids: []string{"CKV_AWS_149"}, says: "the secret is encrypted with the environment's own key",
		check: func(t *testing.T, s stack) {
			s.only(t, "aws_secretsmanager_secret").want(t, ownKey(t, s), "kms_key_id")
		},
	},
	{
		// The controls ask for a rotation by a function on a schedule; here it is one number in the environment's
		// file, so that the database, the secret and the tasks change together.
		ids: []string{"CKV2_AWS_57", "SecretsManager.1"}, says: "the password is rotated by raising one number",
		check: func(t *testing.T, s stack) {
			version := s.environment.Database.PasswordVersion
			s.only(t, "aws_secretsmanager_secret_version").want(t, version, "secret_string_wo_version")
			s.only(t, "aws_rds_cluster").want(t, version, "master_password_wo_version")
		},
	},
	{
		ids: []string{"KMS.4", "CKV_AWS_7"}, says: "AWS rotates the key",
		check: func(t *testing.T, s stack) { s.only(t, "aws_kms_key").want(t, true, "enable_key_rotation") },
	},
	{
		ids: []string{"KMS.3"}, says: "a deleted key can be restored for 30 days, and a plan that deletes it is refused",
		check: func(t *testing.T, s stack) {
			s.only(t, "aws_kms_key").want(t, 30, "deletion_window_in_days")
			s.only(t, "aws_kms_key").want(t, s.environment.PreventDestroy, "lifecycle", "prevent_destroy")
		},
		relaxed: func(t *testing.T, s stack) {
			s.only(t, "aws_kms_key").want(t, 7, "deletion_window_in_days")
			s.only(t, "aws_kms_key").want(t, false, "lifecycle", "prevent_destroy")
		},
	},
	{
		ids: []string{"CKV2_AWS_64"}, says: "the key has a policy of its own that lets the account administer it",
		check: func(t *testing.T, s stack) {
			administers := slices.ContainsFunc(statementsOf(t, s.only(t, "aws_kms_key")), func(statement statement) bool {
				root := regexp.MustCompile(`:iam::` + accountID.String() + `:root$`)
				return len(statement.Principal["AWS"]) == 1 && root.MatchString(statement.Principal["AWS"][0]) &&
					slices.Contains(statement.Action, "kms:Put*") && len(statement.Condition) == 0
			})
			if !administers {
				t.Error("nobody could change the key's policy again")
			}
		},
	},

	// Firewall.
	{
		ids: []string{"WAF.12"}, says: "the web ACL and every rule has a metric and samples",
		check: func(t *testing.T, s stack) {
			acl := s.only(t, "aws_wafv2_web_acl")
			visible := func(holder resource, metric any) {
				holder.want(t, map[string]any{"cloudwatch_metrics_enabled": true, "sampled_requests_enabled": true, "metric_name": metric}, "visibility_config")
			}
			visible(acl, "PaymentWAF-"+s.environment.Suffix)
			for name, rule := range firewallRules(t, s) {
				visible(rule, name)
			}
		},
	},
	{
		ids: []string{"WAF.11", "CKV2_AWS_31"}, says: "what the firewall saw is logged, without what identifies a session",
		check: func(t *testing.T, s stack) {
			logging := s.only(t, "aws_wafv2_web_acl_logging_configuration")
			logging.want(t, "${"+s.only(t, "aws_wafv2_web_acl").address()+".arn}", "resource_arn")
			header := func(name string) any { return map[string]any{"single_header": map[string]any{"name": name}} }
			logging.want(t, []any{header("authorization"), header("cookie")}, "redacted_fields")
			groups := s.followAll(t, logging.at("log_destination_configs"))
			if name := groups[0].at("name").(string); len(groups) != 1 || !strings.HasPrefix(name, "aws-waf-logs-") {
				t.Errorf("the log goes to %s; AWS takes groups whose name begins with aws-waf-logs- only", name)
			}
		},
	},
	{
		ids: []string{"CKV_AWS_192"}, says: "known bad inputs (Log4j among them) are blocked",
		check: func(t *testing.T, s stack) {
			rule := firewallRules(t, s)["AWSManagedRulesKnownBadInputsRuleSet"]
			rule.want(t, map[string]any{"none": map[string]any{}}, "override_action")
			rule.want(t, map[string]any{"vendor_name": "AWS", "name": "AWSManagedRulesKnownBadInputsRuleSet"}, "statement", "managed_rule_group_statement")
		},
	},
	{
		ids: []string{"CKV2_AWS_76"}, says: "anonymous addresses are blocked, but merchants' servers in a cloud only counted",
		check: func(t *testing.T, s stack) {
			rule := firewallRules(t, s)["AWSManagedRulesAnonymousIpList"]
			rule.want(t, map[string]any{"none": map[string]any{}}, "override_action")
			rule.want(t, []any{map[string]any{"name": "HostingProviderIPList", "action_to_use": map[string]any{"count": map[string]any{}}}},
				"statement", "managed_rule_group_statement", "rule_action_override")
		},
	},

	// Logs, alarms, buckets.
	{
		ids: []string{"CKV_AWS_158"}, says: "every log group is encrypted with the environment's own key",
		check: func(t *testing.T, s stack) {
			for _, group := range s.some(t, "aws_cloudwatch_log_group") {
				group.want(t, ownKey(t, s), "kms_key_id")
			}
		},
	},
	{
		ids: []string{"CKV_AWS_338"}, says: "logs are kept for a year",
		check: func(t *testing.T, s stack) {
			for _, group := range s.some(t, "aws_cloudwatch_log_group") {
				group.want(t, 365, "retention_in_days")
				group.want(t, s.environment.PreventDestroy, "lifecycle", "prevent_destroy")
			}
		},
		relaxed: func(t *testing.T, s stack) {
			for _, group := range s.some(t, "aws_cloudwatch_log_group") {
				group.want(t, 30, "retention_in_days")
				group.want(t, false, "lifecycle", "prevent_destroy")
			}
		},
	},
	{
		ids: []string{"CKV_AWS_319"}, says: "somebody hears every alarm, and hears when it is over",
		check: func(t *testing.T, s stack) {
			topic := []any{"${" + s.only(t, "aws_sns_topic").address() + ".arn}"}
			for _, alarm := range s.some(t, "aws_cloudwatch_metric_alarm") {
				alarm.want(t, topic, "alarm_actions")
				alarm.want(t, topic, "ok_actions")
				alarm.want(t, nil, "actions_enabled") // true by default
			}
		},
	},
	{
		ids: []string{"CKV_AWS_26"}, says: "the topic is encrypted with a key that alarms may use",
		check: func(t *testing.T, s stack) {
			s.only(t, "aws_sns_topic").want(t, ownKey(t, s), "kms_master_key_id")
			used := slices.ContainsFunc(statementsOf(t, s.only(t, "aws_kms_key")), func(statement statement) bool {
				return slices.Equal(statement.Principal["Service"], texts{"cloudwatch.amazonaws.com"}) &&
					slices.Contains(statement.Action, "kms:Decrypt") && slices.Contains(statement.Action, "kms:GenerateDataKey*")
			})
			if !used {
				t.Error("alarms may not use the key, and would stay silent")
			}
		},
	},
}

// bucketControls hold for every bucket, that of the states included.
var bucketControls = []struct {
	ids   []string
	says  string
	check func(t *testing.T, s stack, bucket resource)
}{
	{
		[]string{"S3.8", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV2_AWS_6"}, "nothing in a bucket can be made public",
		func(t *testing.T, s stack, bucket resource) {
			block := ofBucket(t, s, bucket, "aws_s3_bucket_public_access_block")
			for _, attribute := range []string{"block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"} {
				block.want(t, true, attribute)
			}
		},
	},
	{
		[]string{"S3.5"}, "a bucket answers over TLS only",
		func(t *testing.T, s stack, bucket resource) {
			arn := "${" + bucket.address() + ".arn}"
			denies := slices.ContainsFunc(statementsOf(t, ofBucket(t, s, bucket, "aws_s3_bucket_policy")), func(statement statement) bool {
				return statement.Effect == "Deny" && slices.Equal(statement.Action, texts{"s3:*"}) && slices.Equal(statement.Principal["AWS"], texts{"*"}) &&
					slices.Equal(statement.Resource, texts{arn, arn + "/*"}) && slices.Equal(statement.Condition["Bool"]["aws:SecureTransport"], texts{"false"}) && len(statement.Condition) == 1
			})
			if !denies {
				t.Error("no statement denies clear text")
			}
		},
	},
	{
		[]string{"S3.12", "CKV2_AWS_65"}, "access is a matter of policies, not of access control lists",
		func(t *testing.T, s stack, bucket resource) {
			ofBucket(t, s, bucket, "aws_s3_bucket_ownership_controls").want(t, "BucketOwnerEnforced", "rule", "object_ownership")
			if len(s.each("aws_s3_bucket_acl")) > 0 {
				t.Error("a bucket has an access control list")
			}
		},
	},
	{
		[]string{"S3.13", "CKV2_AWS_61", "CKV_AWS_300"}, "old versions and unfinished uploads are removed",
		func(t *testing.T, s stack, bucket resource) {
			lifecycle := ofBucket(t, s, bucket, "aws_s3_bucket_lifecycle_configuration")
			lifecycle.want(t, "Enabled", "rule", 0, "status")
			lifecycle.want(t, 7, "rule", 0, "abort_incomplete_multipart_upload", 0, "days_after_initiation")
			if s.environment == nil { // states are kept; overwritten ones for a year
				lifecycle.want(t, nil, "rule", 0, "expiration")
				lifecycle.want(t, 365, "rule", 0, "noncurrent_version_expiration", 0, "noncurrent_days")
				return
			}
			lifecycle.want(t, s.environment.LoadBalancer.AccessLogRetentionDays, "rule", 0, "expiration", 0, "days")
			lifecycle.want(t, s.environment.LoadBalancer.AccessLogRetentionDays, "rule", 0, "noncurrent_version_expiration", 0, "noncurrent_days")
		},
	},
	{
		[]string{"S3.14", "CKV_AWS_21"}, "what is overwritten can be restored",
		func(t *testing.T, s stack, bucket resource) {
			ofBucket(t, s, bucket, "aws_s3_bucket_versioning").want(t, "Enabled", "versioning_configuration", "status")
		},
	},
	{
		// Access logs are delivered to buckets with S3's own keys only:
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html.
		// A state is encrypted by the backend as well, and has to outlive every environment's key.
		[]string{"CKV_AWS_145"}, "objects are encrypted with S3's own keys, the only ones that access logs allow",
		func(t *testing.T, s stack, bucket resource) {
			encryption := ofBucket(t, s, bucket, "aws_s3_bucket_server_side_encryption_configuration")
			encryption.want(t, map[string]any{"sse_algorithm": "AES256"}, "rule", 0, "apply_server_side_encryption_by_default")
		},
	},
}

func TestEveryControlOfTheAuditorsHolds(t *testing.T) {
	for _, control := range controls {
		for _, id := range control.ids {
			t.Run(id, func(t *testing.T) {
				t.Log(control.says)
				eachEnvironment(t, func(t *testing.T, s stack) {
					if control.relaxed == nil || s.production() {
						control.check(t, s)
					}
				})
				t.Run("defaults", func(t *testing.T) {
					control.check(t, defaultsOf(t, config.Production))
					if control.relaxed != nil {
						control.relaxed(t, defaultsOf(t, config.Development))
					} else {
						control.check(t, defaultsOf(t, config.Development))
					}
				})
			})
		}
	}
	for _, control := range bucketControls {
		for _, id := range control.ids {
			t.Run(id, func(t *testing.T) {
				t.Log(control.says)
				buckets := 0
				eachStack(t, func(t *testing.T, s stack) {
					for _, bucket := range s.some(t, "aws_s3_bucket") {
						buckets++
						control.check(t, s, bucket)
					}
				})
				if buckets != len(stacks(t)) {
					t.Errorf("%d buckets in %d stacks", buckets, len(stacks(t)))
				}
			})
		}
	}
}

func TestNoControlIsListedTwice(t *testing.T) {
	seen := map[string]bool{}
	note := func(ids []string) {
		for _, id := range ids {
			if seen[id] {
				t.Errorf("%s is listed twice", id)
			}
			seen[id] = true
		}
	}
	for _, control := range controls {
		note(control.ids)
	}
	for _, control := range bucketControls {
		note(control.ids)
	}
}

// ownKey is the reference to the environment's own key.
func ownKey(t *testing.T, s stack) string {
	t.Helper()
	return "${" + s.only(t, "aws_kms_key").address() + ".arn}"
}

// logGroup returns the log group of a name.
func logGroup(t *testing.T, s stack, name string) resource {
	t.Helper()
	for _, group := range s.each("aws_cloudwatch_log_group") {
		if group.at("name") == name {
			return group
		}
	}
	t.Fatalf("%s has no log group %s", s.name, name)
	panic("unreachable")
}

// ofBucket returns the one resource of a kind that belongs to a bucket.
func ofBucket(t *testing.T, s stack, bucket resource, kind string) resource {
	t.Helper()
	var found []resource
	for _, r := range s.each(kind) {
		if s.follow(t, r.at("bucket")).address() == bucket.address() {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d resources of kind %s, expected one", bucket.address(), len(found), kind)
	}
	return found[0]
}

// firewallRules returns the rules of the web ACL by name.
func firewallRules(t *testing.T, s stack) map[string]resource {
	t.Helper()
	acl := s.only(t, "aws_wafv2_web_acl")
	all := map[string]resource{}
	for _, rule := range acl.at("rule").([]any) {
		name := rule.(map[string]any)["name"].(string)
		all[name] = resource{acl.kind, acl.name + " rule " + name, rule.(map[string]any)}
	}
	if len(all) != len(config.FirewallRules()) {
		t.Fatalf("%s has %d rules, expected %d", acl.address(), len(all), len(config.FirewallRules()))
	}
	return all
}
