package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// What the payment API's infrastructure has to be in the environment dev, whatever its class may
// choose. The values come from the description of the original system, not from this project's code.

func dev(t *testing.T) stack { return defaultsOf(t, config.Development) }

func TestTheNetworkIsThatOfTheOriginal(t *testing.T) {
	s := dev(t)
	vpc := s.only(t, "aws_vpc")
	vpc.want(t, "10.0.0.0/16", "cidr_block")
	vpc.want(t, true, "enable_dns_hostnames")
	vpc.want(t, true, "enable_dns_support")
	vpc.want(t, "default", "instance_tenancy")
	vpc.want(t, "PaymentVPC-dev", "tags", "Name")

	got := map[string]string{}
	for address, routes := range routes(t, s) {
		side := "private"
		if routes.gateway != nil && routes.gateway.kind == "aws_internet_gateway" {
			side = "public"
		}
		zone := s.follow(t, address).at("availability_zone")
		got[fmt.Sprint(side, " ", zone)] = s.follow(t, address).at("cidr_block").(string)
	}
	expected := map[string]string{
		"public us-east-1a": "10.0.0.0/24", "public us-east-1b": "10.0.1.0/24", "public us-east-1c": "10.0.2.0/24",
		"private us-east-1a": "10.0.3.0/24", "private us-east-1b": "10.0.4.0/24", "private us-east-1c": "10.0.5.0/24",
	}
	if !maps.Equal(got, expected) {
		t.Errorf("the subnets are %v, expected %v", got, expected)
	}
	if gateways := s.each("aws_internet_gateway"); len(gateways) != 1 {
		t.Errorf("the internet gateways are %v", addresses(gateways))
	}
}

func TestNamesAreThoseOfTheOriginal(t *testing.T) {
	s := dev(t)
	for _, name := range []struct{ kind, attribute, value string }{
		{"aws_ecs_cluster", "name", "PaymentCluster-dev"},
		{"aws_ecs_service", "name", "PaymentService-dev"},
		{"aws_lb", "name", "PaymentALB-dev"},
		{"aws_wafv2_web_acl", "name", "PaymentWAF-dev"},
		{"aws_cloudwatch_dashboard", "dashboard_name", "PaymentAPI-dev"},
		{"aws_rds_cluster", "cluster_identifier", "paymentdb-dev"}, // AWS wants lower case
		{"aws_ecs_task_definition", "family", "PaymentTask-dev"},
	} {
		s.only(t, name.kind).want(t, name.value, name.attribute)
	}
	s.container(t).want(t, "PaymentContainer-dev", "name")
	for _, name := range []string{"HighErrorRateAlarm", "HighDBCPUAlarm"} {
		s.alarm(t, name)
	}
	// Every resource of one's own name ends in the suffix, or begins with it where a path or AWS wants that.
	for _, r := range s.all() {
		name, isText := r.at("name").(string)
		if isText && !strings.Contains(name, "-dev") && !strings.Contains(name, "/payment-dev") && r.kind != "aws_iam_role_policy" {
			t.Errorf("%s is named %s: two environments in one account would collide", r.address(), name)
		}
	}
}

func TestTheDatabaseIsThatOfTheOriginal(t *testing.T) {
	s := dev(t)
	cluster := s.only(t, "aws_rds_cluster")
	cluster.want(t, "aurora-postgresql", "engine")
	// The newest minor of 15 when the cluster is made, for single ones stop being offered; AWS upgrades it then.
	data := s.root["data"].(map[string]any)["aws_rds_engine_version"].(map[string]any)
	for name, version := range data {
		cluster.want(t, "${data.aws_rds_engine_version."+name+".version}", "engine_version")
		newest := resource{"aws_rds_engine_version", name, version.(map[string]any)}
		newest.want(t, "aurora-postgresql15", "parameter_group_family")
		newest.want(t, true, "latest")
	}
	cluster.want(t, []any{"engine_version"}, "lifecycle", "ignore_changes")
	cluster.want(t, 5432, "port")
	cluster.want(t, true, "storage_encrypted")
	cluster.want(t, true, "copy_tags_to_snapshot")
	cluster.want(t, nil, "serverlessv2_scaling_configuration")
	s.only(t, "aws_rds_cluster_parameter_group").want(t, "aurora-postgresql15", "family")

	tiers := map[any]any{}
	for _, instance := range s.some(t, "aws_rds_cluster_instance") {
		instance.want(t, "${"+cluster.address()+".id}", "cluster_identifier")
		instance.want(t, "aurora-postgresql", "engine")
		instance.want(t, "db.t3.medium", "instance_class")
		instance.want(t, false, "publicly_accessible")
		tiers[instance.at("identifier")] = instance.at("promotion_tier")
	}
	if got, expected := encoded(t, tiersByName(tiers)), `{"paymentdb-dev-reader-1":2,"paymentdb-dev-writer":0}`; got != expected {
		t.Errorf("instances and promotion tiers are %s, expected %s", got, expected)
	}
}

func tiersByName(tiers map[any]any) map[string]any {
	named := map[string]any{}
	for name, tier := range tiers {
		named[fmt.Sprint(name)] = tier
	}
	return named
}

func TestTheTaskIsThatOfTheOriginal(t *testing.T) {
	s := dev(t)
	definition := s.only(t, "aws_ecs_task_definition")
	definition.want(t, []string{"FARGATE"}, "requires_compatibilities")
	definition.want(t, "awsvpc", "network_mode")
	definition.want(t, "256", "cpu")
	definition.want(t, "512", "memory")

	container := s.container(t)
	container.want(t, "public.ecr.aws/nginx/nginx:latest", "image")
	container.want(t, true, "essential")
	container.want(t, []any{map[string]any{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}}, "portMappings")
	container.want(t, "awslogs", "logConfiguration", "logDriver")
	container.want(t, "payment-api", "logConfiguration", "options", "awslogs-stream-prefix")
	container.want(t, "us-east-1", "logConfiguration", "options", "awslogs-region")
	if group := s.follow(t, container.at("logConfiguration", "options", "awslogs-group")); group.at("retention_in_days") == nil {
		t.Errorf("%s keeps its events for ever", group.address())
	}
	secrets := slices.Sorted(maps.Keys(named(t, container.at("secrets"), "valueFrom")))
	variables := slices.Sorted(maps.Keys(named(t, container.at("environment"), "value")))
	if !slices.Equal(secrets, []string{"DB_PASSWORD", "DB_USERNAME"}) || !slices.Equal(variables, []string{"DB_HOST", "DB_PORT"}) {
		t.Errorf("the secrets are %v, the variables %v", secrets, variables)
	}
}

func TestTheLoadBalancerIsThatOfTheOriginal(t *testing.T) {
	s := dev(t)
	balancer := s.only(t, "aws_lb")
	balancer.want(t, false, "internal")
	balancer.want(t, "application", "load_balancer_type")

	listener, group := s.only(t, "aws_lb_listener"), s.only(t, "aws_lb_target_group")
	listener.want(t, 80, "port")
	listener.want(t, "HTTP", "protocol")
	listener.want(t, []any{map[string]any{"type": "forward", "target_group_arn": "${" + group.address() + ".arn}"}}, "default_action")

	group.want(t, 80, "port")
	group.want(t, "HTTP", "protocol")
	group.want(t, "ip", "target_type")
	group.want(t, "/health", "health_check", "path")
	group.want(t, 30, "health_check", "interval")
	group.want(t, 5, "health_check", "timeout")
	group.want(t, 2, "health_check", "healthy_threshold")
	group.want(t, 3, "health_check", "unhealthy_threshold")
	group.want(t, false, "stickiness", "enabled")
}

func TestTheServiceIsThatOfTheOriginal(t *testing.T) {
	s := dev(t)
	service := s.only(t, "aws_ecs_service")
	service.want(t, "FARGATE", "launch_type")
	service.want(t, 2, "desired_count")
	service.want(t, 60, "health_check_grace_period_seconds")
	service.want(t, 100, "deployment_minimum_healthy_percent") // the original's 50 halves capacity in every deployment
	service.want(t, 200, "deployment_maximum_percent")
	service.want(t, "SERVICE", "propagate_tags")
	service.want(t, []any{map[string]any{
		"container_name": "PaymentContainer-dev", "container_port": 80, "target_group_arn": "${" + s.only(t, "aws_lb_target_group").address() + ".arn}",
	}}, "load_balancer")

	target := s.only(t, "aws_appautoscaling_target")
	target.want(t, 2, "min_capacity")
	target.want(t, 10, "max_capacity")
	target.want(t, "ecs", "service_namespace")
	target.want(t, "ecs:service:DesiredCount", "scalable_dimension")
	target.want(t, "service/${"+s.only(t, "aws_ecs_cluster").address()+".name}/${"+service.address()+".name}", "resource_id")
	policy := s.only(t, "aws_appautoscaling_policy")
	policy.want(t, "TargetTrackingScaling", "policy_type")
	policy.want(t, map[string]any{
		"predefined_metric_specification": map[string]any{"predefined_metric_type": "ECSServiceAverageCPUUtilization"}, "target_value": 70,
	}, "target_tracking_scaling_policy_configuration")
}

// The names and priorities are a contract with logs and dashboards.
func TestTheFirewallBeginsWithTheOriginalsTwoRules(t *testing.T) {
	s := dev(t)
	acl := s.only(t, "aws_wafv2_web_acl")
	acl.want(t, "REGIONAL", "scope")
	acl.want(t, map[string]any{"allow": map[string]any{}}, "default_action")
	acl.want(t, "PaymentWAF-dev", "visibility_config", "metric_name")

	visibility := func(name string) any {
		return map[string]any{"cloudwatch_metrics_enabled": true, "metric_name": name, "sampled_requests_enabled": true}
	}
	acl.want(t, map[string]any{
		"name": "RateLimitRule", "priority": 1, "action": map[string]any{"block": map[string]any{}},
		"statement":         map[string]any{"rate_based_statement": map[string]any{"limit": 2000, "aggregate_key_type": "IP"}},
		"visibility_config": visibility("RateLimitRule"),
	}, "rule", 0)
	acl.want(t, map[string]any{
		"name": "SQLInjectionRule", "priority": 2, "action": map[string]any{"block": map[string]any{}},
		"statement": map[string]any{"sqli_match_statement": map[string]any{
			"field_to_match":      map[string]any{"body": map[string]any{"oversize_handling": "CONTINUE"}},
			"text_transformation": []any{map[string]any{"priority": 0, "type": "URL_DECODE"}},
		}},
		"visibility_config": visibility("SQLInjectionRule"),
	}, "rule", 1)
}

func TestOutputsAreExactlyTheOriginalsTen(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		expected := map[string]struct{ description, kind, attribute string }{
			"VPCId":               {"VPC ID", "aws_vpc", "id"},
			"ECSClusterName":      {"ECS cluster name", "aws_ecs_cluster", "name"},
			"ECSServiceName":      {"ECS service name", "aws_ecs_service", "name"},
			"DBClusterIdentifier": {"Aurora cluster identifier", "aws_rds_cluster", "cluster_identifier"},
			"DBSecretArn":         {"ARN of the database secret", "aws_secretsmanager_secret", "arn"},
			"LoadBalancerArn":     {"Application Load Balancer ARN", "aws_lb", "arn"},
			"LoadBalancerDNS":     {"Application Load Balancer DNS name", "aws_lb", "dns_name"},
			"TargetGroupArn":      {"Target group ARN", "aws_lb_target_group", "arn"},
			"DashboardName":       {"CloudWatch dashboard name", "aws_cloudwatch_dashboard", "dashboard_name"},
			"WebACLArn":           {"WAF web ACL ARN", "aws_wafv2_web_acl", "arn"},
		}
		outputs := s.root["output"].(map[string]any)
		for name, output := range expected {
			want := map[string]any{"description": output.description, "value": "${" + s.only(t, output.kind).address() + "." + output.attribute + "}"}
			if got := encoded(t, outputs[name]); got != encoded(t, want) {
				t.Errorf("output %s is %s, expected %s", name, got, encoded(t, want))
			}
		}
		if len(outputs) != len(expected) {
			t.Errorf("the outputs are %v", slices.Sorted(maps.Keys(outputs)))
		}
	})
}

func TestEverythingIsTaggedWithItsEnvironment(t *testing.T) {
	eachStack(t, func(t *testing.T, s stack) {
		provider := resource{"provider", "aws", map[string]any{"aws": s.root["provider"].(map[string]any)["aws"]}}
		expected := map[string]any{"Project": "tap", "ManagedBy": "cdktf", "Environment": strings.TrimPrefix(s.name, "tap-")}
		region, account := "eu-west-1", "123456789012" // of tap-state: those of the environment that names the bucket
		if s.environment != nil {
			region, account = s.environment.Region, s.environment.Account
			for key, value := range s.environment.Tags {
				expected[key] = value
			}
		}
		provider.want(t, []any{map[string]any{"tags": expected}}, "aws", 0, "default_tags")
		provider.want(t, region, "aws", 0, "region")
		if account == "" {
			provider.want(t, nil, "aws", 0, "allowed_account_ids")
		} else {
			provider.want(t, []string{account}, "aws", 0, "allowed_account_ids")
		}
		// What cannot be seen in the JSON cannot be reviewed: no endpoint, no credentials.
		provider.want(t, nil, "aws", 0, "endpoints")
		provider.want(t, nil, "aws", 0, "access_key")
		provider.want(t, nil, "aws", 0, "profile")
		if len(provider.at("aws").([]any)) != 1 {
			t.Errorf("%d providers", len(provider.at("aws").([]any)))
		}
	})
	if region := dev(t).environment.Region; region != "us-east-1" {
		t.Errorf("the default Region is %s", region)
	}
}

func TestEveryStackHasAStateOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	eachStack(t, func(t *testing.T, s stack) {
		terraform := resource{"terraform", s.name, s.root["terraform"].(map[string]any)}
		state := encoded(t, terraform.at("backend"))
		if other := seen[state]; other != "" {
			t.Errorf("%s has the state of %s", s.name, other)
		}
		seen[state] = s.name
		if s.environment == nil || s.environment.State.Bucket == "" {
			// Three levels up from cdktf.out/stacks/<stack>, which the CDKTF command line may delete.
			terraform.want(t, map[string]any{"local": map[string]any{"path": "../../../terraform." + s.name + ".tfstate"}}, "backend")
			return
		}
		terraform.want(t, map[string]any{"s3": map[string]any{
			"bucket":              s.environment.State.Bucket,
			"key":                 s.name + "/terraform.tfstate",
			"region":              s.environment.State.Region,
			"encrypt":             true,
			"use_lockfile":        true,
			"allowed_account_ids": []string{s.environment.Account},
		}}, "backend")
	})
}

func TestTheBucketOfTheStatesIsKept(t *testing.T) {
	s := stacks(t)["tap-state"]
	bucket := s.only(t, "aws_s3_bucket")
	bucket.want(t, "tap-states-123456789012", "bucket")
	bucket.want(t, true, "lifecycle", "prevent_destroy")
	bucket.want(t, false, "force_destroy")
	output := resource{"output", "StateBucket", s.root["output"].(map[string]any)}
	output.want(t, "${"+bucket.address()+".bucket}", "StateBucket", "value")
	for _, r := range s.all() {
		if !strings.HasPrefix(r.kind, "aws_s3_bucket") {
			t.Errorf("%s is more than a bucket", r.address())
		}
	}
}

func TestThereIsAStackForTheStateBucketOnlyWhereAnEnvironmentUsesOne(t *testing.T) {
	names := func(content string) []string {
		return slices.Sorted(maps.Keys(synthesize(t, parse(t, content))))
	}
	if got := names("class: development"); !slices.Equal(got, []string{"tap-dev"}) {
		t.Errorf("without a bucket the stacks are %v", got)
	}
	if got := names("class: development\nstate: {bucket: tap-states}"); !slices.Equal(got, []string{"tap-dev", "tap-state"}) {
		t.Errorf("with a bucket the stacks are %v", got)
	}
}

// Ids are what Terraform knows resources by: another suffix must not be another set of ids, or an
// environment could not be compared with its sibling.
func TestTwoEnvironmentsDifferInTheirSuffixOnly(t *testing.T) {
	sibling := parse(t, minimal[config.Development])
	sibling.Suffix = "zq9"
	other := synthesize(t, sibling)["tap-zq9"]
	s := dev(t)
	if got, expected := addresses(other.all()), addresses(s.all()); !slices.Equal(got, expected) {
		t.Errorf("the addresses are %v, expected %v", got, expected)
	}
	if renamed := strings.ReplaceAll(string(other.text), "zq9", "dev"); renamed != string(s.text) {
		t.Errorf("beside the suffix differs: %s", firstDifference([]byte(renamed), s.text))
	}
	for _, r := range other.all() {
		if strings.Contains(r.address(), "zq9") {
			t.Errorf("%s holds the suffix", r.address())
		}
	}
}

// widgetOf returns the properties of a dashboard's widget by its title.
func widgetsOf(t *testing.T, s stack) map[string]resource {
	t.Helper()
	dashboard := s.only(t, "aws_cloudwatch_dashboard")
	var body struct {
		Widgets []map[string]any `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(dashboard.at("dashboard_body").(string)), &body); err != nil {
		t.Fatalf("the dashboard's body is no JSON: %v", err)
	}
	all := map[string]resource{}
	for _, widget := range body.Widgets {
		r := resource{dashboard.kind, "widget", widget}
		title := r.at("properties", "title").(string)
		r.name = title
		if _, twice := all[title]; twice {
			t.Errorf("two widgets are titled %s", title)
		}
		all[title] = r
	}
	return all
}

// metricsOf lists a widget's metrics as "namespace name statistic", and expressions as they are.
func metricsOf(t *testing.T, widget resource) []string {
	t.Helper()
	var all []string
	for _, line := range widget.at("properties", "metrics").([]any) {
		parts := line.([]any)
		options := parts[len(parts)-1].(map[string]any)
		if expression, isExpression := options["expression"].(string); isExpression {
			all = append(all, expression)
			continue
		}
		all = append(all, fmt.Sprintf("%v %v %v", parts[0], parts[1], options["stat"]))
	}
	return all
}

func TestTheDashboardShowsOnOneScreenWhatAnOnCallEngineerAsksFirst(t *testing.T) {
	expected := map[string][]string{
		"Traffic":                  {"AWS/ApplicationELB RequestCount Sum", "AWS/ApplicationELB HTTPCode_Target_4XX_Count Sum", "AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum", "AWS/ApplicationELB HTTPCode_ELB_5XX_Count Sum"},
		"API Latency":              {"AWS/ApplicationELB TargetResponseTime Average", "AWS/ApplicationELB TargetResponseTime p50", "AWS/ApplicationELB TargetResponseTime p90", "AWS/ApplicationELB TargetResponseTime p99"},
		"Error Rate":               {"IF(requests >= 1, 100 * FILL(errors, 0) / requests, 0)", "AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum", "AWS/ApplicationELB RequestCount Sum"},
		"Targets":                  {"AWS/ApplicationELB HealthyHostCount Minimum", "AWS/ApplicationELB UnHealthyHostCount Maximum"},
		"Tasks":                    {"ECS/ContainerInsights DesiredTaskCount Average", "ECS/ContainerInsights RunningTaskCount Average"},
		"Service CPU":              {"AWS/ECS CPUUtilization Average"},
		"Service Memory":           {"AWS/ECS MemoryUtilization Average"},
		"Firewall":                 {"AWS/WAFV2 AllowedRequests Sum", "AWS/WAFV2 BlockedRequests Sum"},
		"Database CPU":             {"AWS/RDS CPUUtilization Average"},
		"Database Connections":     {"AWS/RDS DatabaseConnections Average"},
		"Database Freeable Memory": {"AWS/RDS FreeableMemory Minimum"},
		"Replica Lag":              {"AWS/RDS AuroraReplicaLagMaximum Maximum"},
	}
	eachEnvironment(t, func(t *testing.T, s stack) {
		widgets := widgetsOf(t, s)
		for title, metrics := range expected {
			if got := metricsOf(t, widgets[title]); !slices.Equal(got, metrics) {
				t.Errorf("%s shows %q, expected %q", title, got, metrics)
			}
			widgets[title].want(t, 60, "properties", "period")
			widgets[title].want(t, s.environment.Region, "properties", "region")
		}
		if _, shown := widgets["Database Capacity"]; shown != s.environment.Database.IsServerless() {
			t.Errorf("the capacity is shown: %v", shown)
		}

		var shown []resource
		for _, arn := range widgets["Alarms"].at("properties", "alarms").([]any) {
			shown = append(shown, s.follow(t, arn))
		}
		if got, all := addresses(shown), addresses(s.some(t, "aws_cloudwatch_metric_alarm")); !slices.Equal(got, all) {
			t.Errorf("the state of %v is shown, expected every alarm", got)
		}
		for title, widget := range widgets {
			x, y := widget.at("x").(float64), widget.at("y").(float64)
			width, height := widget.at("width").(float64), widget.at("height").(float64)
			for otherTitle, other := range widgets {
				ox, oy := other.at("x").(float64), other.at("y").(float64)
				if title != otherTitle && ox >= x && ox < x+width && oy >= y && oy < y+height {
					t.Errorf("%s lies over %s", otherTitle, title)
				}
			}
			if x+width > 24 {
				t.Errorf("%s reaches over the edge of the screen", title)
			}
		}
	})
}
