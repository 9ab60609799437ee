package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// Ten things that users of comparable systems suffer from, each by its number, and how it is kept away.

func TestPain1AnApplyLeavesTheNumberOfTasksToAutoscaling(t *testing.T) {
	scaled := map[bool]int{}
	eachEnvironment(t, func(t *testing.T, s stack) {
		service := s.only(t, "aws_ecs_service")
		on := s.environment.Service.Scaling.Enabled
		scaled[on]++
		if on {
			service.want(t, []string{"desired_count"}, "lifecycle", "ignore_changes")
		} else {
			service.want(t, nil, "lifecycle", "ignore_changes")
		}
		if targets := s.each("aws_appautoscaling_target"); (len(targets) == 1) != on {
			t.Errorf("the autoscaling targets are %v", addresses(targets))
		}
	})
	if scaled[true] == 0 || scaled[false] == 0 {
		t.Errorf("autoscaling is %v: one of both is not tested", scaled)
	}
}

func TestPain2TerraformOwnsAnImageThatNobodyMoves(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		image := s.container(t).at("image").(string)
		immutable := regexp.MustCompile(`(@sha256:[0-9a-f]{64}|:[^/:]+)$`).MatchString(image) && !strings.HasSuffix(image, ":latest")
		if s.production() && !immutable {
			t.Errorf("production runs %s, which may be another image tomorrow", image)
		}
		service := s.only(t, "aws_ecs_service")
		service.want(t, "${"+s.only(t, "aws_ecs_task_definition").address()+".arn}", "task_definition")
		if ignored, _ := service.at("lifecycle", "ignore_changes").([]any); slices.Contains(ignored, any("task_definition")) {
			t.Error("Terraform would not notice another image")
		}
	})
}

func TestPain3ADeploymentThatWasRolledBackIsAFailure(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		service := s.only(t, "aws_ecs_service")
		service.want(t, true, "deployment_circuit_breaker", "rollback")
		service.want(t, true, "wait_for_steady_state")
		service.want(t, "${(self.task_definition == "+s.only(t, "aws_ecs_task_definition").address()+".arn)}", "lifecycle", "postcondition", 0, "condition")
		if message, _ := service.at("lifecycle", "postcondition", 0, "error_message").(string); !strings.Contains(message, "rolled back") {
			t.Errorf("the failure says %q", message)
		}
		// The old revision has to be there to be rolled back to.
		s.only(t, "aws_ecs_task_definition").want(t, true, "lifecycle", "create_before_destroy")
	})
}

func TestPain4ATargetGroupInUseIsReplacedAfterItsSuccessor(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		group := s.only(t, "aws_lb_target_group")
		group.want(t, nil, "name") // a fixed name would collide with the successor's
		group.want(t, true, "lifecycle", "create_before_destroy")
		if prefix, _ := group.at("name_prefix").(string); len(prefix) == 0 || len(prefix) > 6 {
			t.Errorf("the prefix of the name is %q; AWS takes up to 6 characters", prefix)
		}
		// A service cannot be attached to a target group that no listener forwards to.
		var forwards string
		for _, listener := range s.some(t, "aws_lb_listener") {
			if listener.at("default_action", 0, "type") == "forward" {
				forwards = listener.address()
			}
		}
		if !slices.Contains(s.only(t, "aws_ecs_service").at("depends_on").([]any), any(forwards)) {
			t.Errorf("the service does not wait for %q", forwards)
		}
	})
}

func TestPain5TheFirewallKeepsItsRulesApartAndItsLogAllowed(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		var names []string
		var last float64
		for _, rule := range s.only(t, "aws_wafv2_web_acl").at("rule").([]any) {
			rule := rule.(map[string]any)
			priority := rule["priority"].(float64)
			if priority <= last || strings.HasPrefix(rule["name"].(string), "AWSManagedRules") && priority < last+8 {
				t.Errorf("%v has the priority %v behind %v: no room for another rule", rule["name"], priority, last)
			}
			last = priority
			names = append(names, fmt.Sprint(rule["name"], " ", priority))
		}
		// A contract with logs, dashboards and the environment files: add, never renumber.
		expected := []string{
			"RateLimitRule 1", "SQLInjectionRule 2", "AWSManagedRulesAmazonIpReputationList 10", "AWSManagedRulesAnonymousIpList 20",
			"AWSManagedRulesCommonRuleSet 30", "AWSManagedRulesKnownBadInputsRuleSet 40", "AWSManagedRulesSQLiRuleSet 50",
		}
		if !slices.Equal(names, expected) {
			t.Errorf("the rules are %q, expected %q", names, expected)
		}
		// Bodies over 8 KB would get a 403.
		firewallRules(t, s)["AWSManagedRulesCommonRuleSet"].want(t, []any{map[string]any{"name": "SizeRestrictions_BODY", "action_to_use": map[string]any{"count": map[string]any{}}}},
			"statement", "managed_rule_group_statement", "rule_action_override")

		logging, policy := s.only(t, "aws_wafv2_web_acl_logging_configuration"), s.only(t, "aws_cloudwatch_log_resource_policy")
		logging.want(t, []string{policy.address()}, "depends_on")
		group := s.followAll(t, logging.at("log_destination_configs"))[0]
		statements := statementsOf(t, policy)
		if len(statements) != 1 || !slices.Equal(statements[0].Resource, texts{"${" + group.address() + ".arn}:*"}) ||
			!slices.Equal(statements[0].Principal["Service"], texts{"delivery.logs.amazonaws.com"}) {
			t.Errorf("the delivery of logs is allowed by %v", statements)
		}
	})
}

func TestPain6NoSecretStandsInAStateAndARotationReplacesTasks(t *testing.T) {
	before := defaultsOf(t, config.Development)
	after := synthesize(t, parse(t, minimal[config.Development]+"\ndatabase: {passwordVersion: 2}"))["tap-dev"]
	earlier := map[string]string{}
	for _, r := range before.all() {
		earlier[r.address()] = encoded(t, r.attributes)
	}
	var changed []string
	for _, r := range after.all() {
		if earlier[r.address()] != encoded(t, r.attributes) {
			changed = append(changed, r.kind)
		}
	}
	// The version's new id then gives another task definition, and that another deployment.
	if !slices.Equal(changed, []string{"aws_rds_cluster", "aws_secretsmanager_secret_version"}) {
		t.Errorf("a rotation changes %v", changed)
	}
	for _, secret := range named(t, after.container(t).at("secrets"), "valueFrom") {
		if !strings.Contains(secret, "${"+after.only(t, "aws_secretsmanager_secret_version").address()+".version_id}") {
			t.Errorf("tasks read %s, whatever its version", secret)
		}
	}
}

func TestPain7NothingReplacesTheClusterByAccident(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		cluster := s.only(t, "aws_rds_cluster")
		cluster.want(t, nil, "availability_zones") // Aurora adds zones by itself, and the next plan would take them away
		cluster.want(t, nil, "cluster_identifier_prefix")
		for _, kind := range []string{"aws_rds_cluster_parameter_group", "aws_db_parameter_group"} {
			group := s.only(t, kind)
			group.want(t, nil, "name")
			group.want(t, "paymentdb-"+s.environment.Suffix+"-", "name_prefix")
			group.want(t, true, "lifecycle", "create_before_destroy")
		}
	})
}

func TestPain8ADestroyLeavesNothingInDevelopmentAndASnapshotInProduction(t *testing.T) {
	development, production := defaultsOf(t, config.Development), defaultsOf(t, config.Production)
	cluster := development.only(t, "aws_rds_cluster")
	cluster.want(t, true, "skip_final_snapshot")
	cluster.want(t, nil, "final_snapshot_identifier")
	cluster.want(t, false, "deletion_protection")
	development.only(t, "aws_secretsmanager_secret").want(t, 0, "recovery_window_in_days")
	development.only(t, "aws_lb").want(t, false, "enable_deletion_protection")
	development.only(t, "aws_s3_bucket").want(t, true, "force_destroy")
	for _, r := range development.all() {
		if r.at("lifecycle", "prevent_destroy") == true {
			t.Errorf("%s cannot be destroyed", r.address())
		}
	}

	cluster = production.only(t, "aws_rds_cluster")
	cluster.want(t, false, "skip_final_snapshot")
	// The same as long as the environment is deployed, and another one for its successor.
	unique := production.only(t, "terraform_data")
	cluster.want(t, "paymentdb-dev-final-${"+unique.address()+".id}", "final_snapshot_identifier")
	unique.want(t, []any{"input"}, "lifecycle", "ignore_changes")
	for _, kind := range []string{"aws_vpc", "aws_subnet", "aws_rds_cluster", "aws_secretsmanager_secret", "aws_kms_key", "aws_s3_bucket", "aws_cloudwatch_log_group"} {
		for _, r := range production.some(t, kind) {
			r.want(t, true, "lifecycle", "prevent_destroy")
		}
	}

	// AWS would create these by itself, to be kept for ever.
	for group, writer := range map[string]string{
		"/aws/ecs/containerinsights/PaymentCluster-dev/performance": "aws_ecs_cluster",
		"/aws/rds/cluster/paymentdb-dev/postgresql":                 "aws_rds_cluster",
	} {
		address := logGroup(t, development, group).address()
		if dependencies, _ := development.only(t, writer).at("depends_on").([]any); !slices.Contains(dependencies, any(address)) {
			t.Errorf("%s does not wait for %s", writer, group)
		}
	}
}

func TestPain9WhatIsEncryptedIsStillHeard(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		key := s.only(t, "aws_kms_key")
		may := func(service, action string) bool {
			return slices.ContainsFunc(statementsOf(t, key), func(statement statement) bool {
				return statement.Effect == "Allow" && slices.Equal(statement.Principal["Service"], texts{service}) && slices.Contains(statement.Action, action)
			})
		}
		for _, use := range [][2]string{
			{"cloudwatch.amazonaws.com", "kms:Decrypt"},
			{"cloudwatch.amazonaws.com", "kms:GenerateDataKey*"},
			{"logs." + s.environment.Region + ".amazonaws.com", "kms:Encrypt*"},
			{"logs." + s.environment.Region + ".amazonaws.com", "kms:Decrypt*"},
			{"logs." + s.environment.Region + ".amazonaws.com", "kms:GenerateDataKey*"},
			{"logs." + s.environment.Region + ".amazonaws.com", "kms:ReEncrypt*"},
			{"logs." + s.environment.Region + ".amazonaws.com", "kms:Describe*"},
		} {
			if !may(use[0], use[1]) {
				t.Errorf("%s may not %s", use[0], use[1])
			}
		}
	})
}

func TestPain10NATGatewaysAreAChoiceBetweenCostAndTheLossOfAZone(t *testing.T) {
	chosen := map[int]bool{}
	eachEnvironment(t, func(t *testing.T, s stack) {
		chosen[len(s.each("aws_nat_gateway"))] = true
		gateways := 0
		for _, endpoint := range s.some(t, "aws_vpc_endpoint") {
			if endpoint.at("vpc_endpoint_type") == "Gateway" {
				gateways++
				endpoint.want(t, "com.amazonaws."+s.environment.Region+".s3", "service_name")
				continue
			}
			endpoint.want(t, true, "private_dns_enabled") // else the tasks' calls would still go through the NAT gateway
		}
		if gateways != 1 {
			t.Errorf("%d gateway endpoints, expected that of S3, which costs nothing", gateways)
		}
	})
	if !chosen[0] || !chosen[1] || !chosen[3] {
		t.Errorf("the environments have %v NAT gateways, expected 0, 1 and 3", chosen)
	}
}
