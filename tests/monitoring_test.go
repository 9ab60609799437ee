package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// data is what CloudWatch has for one period, by the id of a metric; what is absent was not reported.
type data map[string]float64

// evaluate computes a metric math expression as CloudWatch does: arithmetic with a missing value gives none, and FILL
// replaces one. Metric math reads like a Go expression, so Go parses it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
func evaluate(t *testing.T, node ast.Expr, values data) (result float64, reported bool) {
	t.Helper()
	switch node := node.(type) {
	case *ast.BasicLit:
		value, err := strconv.ParseFloat(node.Value, 64)
		return value, err == nil
	case *ast.Ident:
		value, found := values[node.Name]
		return value, found
	case *ast.ParenExpr:
		return evaluate(t, node.X, values)
	case *ast.BinaryExpr:
		x, hasX := evaluate(t, node.X, values)
		y, hasY := evaluate(t, node.Y, values)
		if !hasX || !hasY {
			return 0, false
		}
		switch node.Op {
		case token.ADD:
			return x + y, true
		case token.SUB:
			return x - y, true
		case token.MUL:
			return x * y, true
		case token.QUO:
			return x / y, y != 0
		case token.GEQ:
			return truth(x >= y), true
		case token.LAND:
			return truth(x != 0 && y != 0), true
		}
	case *ast.CallExpr:
		first, found := evaluate(t, node.Args[0], values)
		switch fmt.Sprint(node.Fun) {
		case "FILL":
			if !found {
				return evaluate(t, node.Args[1], values)
			}
			return first, true
		case "IF":
			switch {
			case !found:
				return 0, false
			case first != 0:
				return evaluate(t, node.Args[1], values)
			}
			return evaluate(t, node.Args[2], values)
		}
	}
	t.Fatalf("this test cannot compute %T", node)
	panic("unreachable")
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// raises reports whether one period's data counts towards the alarm.
func raises(alarm resource, values data) bool {
	alarm.Helper()
	value, reported := values["value"]
	for _, query := range alarm.parts("metric_query") {
		if query.at("return_data") == true {
			expression, err := parser.ParseExpr(query.text("expression"))
			if err != nil {
				alarm.Fatalf("%s: %v", query.at("expression"), err)
			}
			value, reported = evaluate(alarm.T, expression, values)
		}
	}
	if !reported {
		return alarm.at("treat_missing_data") == "breaching"
	}
	threshold := alarm.at("threshold").(float64)
	switch alarm.at("comparison_operator") {
	case "GreaterThanOrEqualToThreshold":
		return value >= threshold
	case "LessThanOrEqualToThreshold":
		return value <= threshold
	case "LessThanThreshold":
		return value < threshold
	}
	alarm.Fatalf("%s compares by %v", alarm.address(), alarm.at("comparison_operator"))
	panic("unreachable")
}

// Just below a threshold nothing is raised, and at it the alarm is: those of production, and of errors and latency what
// a key of the file sets. What else may happen, and what missing data mean, is in scenarios_test.go.
func TestAlarmsAreRaisedAtTheirThresholds(t *testing.T) {
	const few, errors, latency = "monitoring.minimumRequests", "monitoring.errorRatePercent", "monitoring.latencySeconds"
	const availability, defaults = "monitoring.availabilityPercent", minimalProduction
	for _, test := range []struct {
		alarm, key string
		below, at  data
	}{
		{"HighErrorRateAlarm", defaults, data{"requests": 100, "errors": 4}, data{"requests": 100, "errors": 5}},
		{"HighErrorRateAlarm", defaults, data{"requests": 19, "errors": 19}, data{"requests": 20, "errors": 20}},
		{"HighErrorRateAlarm", defaults, data{"requests": 20, "errors": 2}, data{"requests": 20, "errors": 3}},
		{"HighErrorRateAlarm", errors, data{"requests": 1000, "errors": 24}, data{"requests": 1000, "errors": 25}},
		{"HighErrorRateAlarm", few, data{"requests": 6, "errors": 6}, data{"requests": 7, "errors": 7}},
		{"HighLatencyAlarm", defaults, data{"requests": 2000, "latency": 1.9}, data{"requests": 1000, "latency": 2}},
		{"HighLatencyAlarm", defaults, data{"requests": 999, "latency": 30}, data{"requests": 1000, "latency": 30}},
		{"HighLatencyAlarm", latency, data{"requests": 1000, "latency": 0.24}, data{"requests": 1000, "latency": 0.25}},
		// Requests that the load balancer answers itself are not among those it counts.
		{"HighLoadBalancerErrorRateAlarm", defaults,
			data{"requests": 96, "unanswered": 4}, data{"requests": 95, "unanswered": 5}},
		{"HighLoadBalancerErrorRateAlarm", defaults, data{"unanswered": 19}, data{"unanswered": 20}},
		{"HighLoadBalancerErrorRateAlarm", errors,
			data{"requests": 976, "unanswered": 24}, data{"requests": 975, "unanswered": 25}},
		{"HighLoadBalancerErrorRateAlarm", few, data{"unanswered": 6}, data{"unanswered": 7}},
		// 14.4 and 6 times the 0.1 % that the availability allows.
		{"FastBurnAlarm", defaults, data{"requests": 9900, "errors": 43, "unanswered": 100},
			data{"requests": 9900, "errors": 44, "unanswered": 100}},
		{"FastBurnAlarm", availability, data{"requests": 1000, "errors": 71}, data{"requests": 1000, "errors": 72}},
		{"SlowBurnAlarm", defaults, data{"requests": 10_000, "errors": 59}, data{"requests": 10_000, "errors": 60}},
		{"SlowBurnAlarm", availability, data{"requests": 1000, "errors": 29}, data{"requests": 1000, "errors": 30}},
		{"NoHealthyTargetAlarm", defaults, data{"value": 1}, data{"value": 0}},
		{"HighDBCPUAlarm", defaults, data{"value": 79}, data{"value": 80}},
		{"LowDBMemoryAlarm", defaults, data{"value": 257 << 20}, data{"value": 256 << 20}},
		{"HighDBConnectionsAlarm", defaults, data{"value": 299}, data{"value": 300}},
		{"HighReplicaLagAlarm", defaults, data{"value": 999}, data{"value": 1000}},
		{"HighServiceCPUAlarm", defaults, data{"value": 89}, data{"value": 90}},
		{"HighServiceMemoryAlarm", defaults, data{"value": 89}, data{"value": 90}},
		{"ManyBlockedRequestsAlarm", defaults, data{"value": 999}, data{"value": 1000}},
		{"ExpiringCertificateAlarm", defaults, data{"value": 31}, data{"value": 30}},
	} {
		alarm := example(t, test.key).alarm(test.alarm)
		for raised, values := range map[bool]data{false: test.below, true: test.at} {
			if raises(alarm, values) != raised {
				t.Errorf("%s of %q: %v raises it: %v", test.alarm, test.key, values, !raised)
			}
		}
	}
}

// An alarm on what does not exist is never raised.
func TestAlarmsWatchThisEnvironment(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		balancer := s.only("aws_lb").ref("arn_suffix")
		service := map[string]any{
			"ClusterName": s.only("aws_ecs_cluster").ref("name"), "ServiceName": s.only("aws_ecs_service").ref("name"),
		}
		dimensions := map[string]any{
			"AWS/ApplicationELB": map[string]any{"LoadBalancer": balancer},
			"AWS/ECS":            service,
			"AWS/RDS":            map[string]any{"DBClusterIdentifier": s.only("aws_rds_cluster").ref("cluster_identifier")},
			"AWS/WAFV2": map[string]any{
				"Region": s.environment.Region, "Rule": "ALL", "WebACL": s.only("aws_wafv2_web_acl").at("name"),
			},
			"ECS/ContainerInsights": service,
		}
		if s.environment.LoadBalancer.HTTPS() {
			certificate := s.listener(443).at("certificate_arn")
			dimensions["AWS/CertificateManager"] = map[string]any{"CertificateArn": certificate}
		}
		names := map[any]bool{}
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			names[alarm.at("alarm_name")] = true
			metrics := []resource{alarm}
			if queries := alarm.parts("metric_query"); len(queries) > 0 {
				metrics = nil
				for _, query := range queries[1:] { // the first is the expression
					metrics = append(metrics, query.part("metric"))
				}
			}
			for _, metric := range metrics {
				expected := dimensions[metric.text("namespace")]
				if metric.at("metric_name") == "HealthyHostCount" {
					group := s.only("aws_lb_target_group").ref("arn_suffix")
					expected = map[string]any{"LoadBalancer": balancer, "TargetGroup": group}
				}
				if alarm.at("metric_name") == "CPUUtilization" && metric.text("namespace") == "AWS/RDS" {
					// Over all instances an idle reader hides a busy writer.
					role := map[string]string{"HighDBCPUAlarm": "WRITER", "HighDBReaderCPUAlarm": "READER"}
					expected = map[string]any{
						"DBClusterIdentifier": s.only("aws_rds_cluster").ref("cluster_identifier"),
						"Role":                role[strings.TrimSuffix(alarm.text("alarm_name"), "-"+s.suffix)],
					}
				}
				metric.want("dimensions", expected)
			}
		}
		for name, expected := range map[string]bool{
			"HighDBReaderCPUAlarm":     s.environment.Database.Readers > 0,
			"HighReplicaLagAlarm":      s.environment.Database.Readers > 0,
			"ExpiringCertificateAlarm": s.environment.LoadBalancer.HTTPS(),
		} {
			if names[name+"-"+s.suffix] != expected {
				s.Errorf("there is %s: %v", name, !expected)
			}
		}
	})
}

func TestAlarmsAreHeard(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		topic := s.only("aws_sns_topic")
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			alarm.want("alarm_actions", []string{topic.ref("arn")})
			alarm.want("ok_actions", []string{topic.ref("arn")})
			alarm.want("actions_enabled", nil) // true by default
			symptom, advice, found := strings.Cut(alarm.text("alarm_description"), " First: ")
			if !found || len(symptom) < 20 || len(advice) < 20 || !strings.HasSuffix(advice, ".") {
				s.Errorf("%s does not say what to do first: %q", alarm.address(), alarm.at("alarm_description"))
			}
			if missing := alarm.text("treat_missing_data"); missing != "breaching" && missing != "notBreaching" {
				s.Errorf("%s leaves open what missing data mean", alarm.address())
			}
		}
		var heard []string
		for _, subscription := range s.each("aws_sns_topic_subscription") {
			subscription.want("topic_arn", topic.ref("arn"))
			heard = append(heard, subscription.text("endpoint"))
		}
		same(s, "those who hear alarms", heard, s.environment.Monitoring.Emails)
		alarms := regexp.MustCompile(
			`^arn:[^:]+:cloudwatch:` + s.environment.Region + `:` + accountID.String() + `:alarm:\*$`)
		for _, statement := range s.only("aws_sns_topic_policy").policy() {
			if statement.Effect == "Allow" && (!statement.allows("cloudwatch.amazonaws.com", "sns:Publish") ||
				len(statement.Principal) != 1 || !statement.hasCondition("aws:SourceArn", alarms)) {
				s.Errorf("%s lets others publish than alarms of the account", statement)
			}
		}
	})
}

func TestDashboardShowsEveryAlarmAndNoOverlap(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		dashboard := s.only("aws_cloudwatch_dashboard")
		dashboard.attributes = object(s.T, dashboard.text("dashboard_body"))
		widgets := dashboard.parts("widgets")
		shown := widgets[0].followAll("properties.alarms")
		same(s, "the alarms that are shown", addresses(shown), addresses(s.some("aws_cloudwatch_metric_alarm")))
		watched := map[string]bool{} // a metric, its statistic and the threshold of an alarm on it
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			watched[fmt.Sprint(alarm.at("metric_name"), alarm.at("statistic"), alarm.at("threshold"))] = true
			for _, query := range alarm.parts("metric_query") {
				watched[fmt.Sprint(query.at("metric.metric_name"), query.at("metric.stat"), alarm.at("threshold"))] = true
			}
		}
		if strings.Contains(encoded(dashboard.attributes), "ReplicaLag") != (s.environment.Database.Readers > 0) {
			s.Errorf("there are %d readers, which the dashboard does not know", s.environment.Database.Readers)
		}
		taken := map[[2]float64]any{} // cells of the grid
		for _, widget := range widgets {
			title := widget.at("properties.title")
			x, y := widget.at("x").(float64), widget.at("y").(float64)
			for column := x; column < x+widget.at("width").(float64); column++ {
				for row := y; row < y+widget.at("height").(float64); row++ {
					if other := taken[[2]float64{column, row}]; other != nil || column >= 24 {
						s.Errorf("%v is over %v or the edge of the screen", title, other)
					}
					taken[[2]float64{column, row}] = title
				}
			}
			if widget.at("type") == "metric" {
				widget.want("properties.region", s.environment.Region)
				widget.want("properties.yAxis.left.min", 0)
				for _, threshold := range widget.parts("properties.annotations.horizontal") {
					if !slices.ContainsFunc(widget.at("properties.metrics").([]any), func(line any) bool {
						metric := line.([]any)
						options := metric[len(metric)-1].(map[string]any)
						return len(metric) > 1 && watched[fmt.Sprint(metric[1], options["stat"], threshold.at("value"))]
					}) {
						s.Errorf("%v has a threshold, %v, of no alarm on it", title, threshold.at("value"))
					}
				}
			}
		}
	})
}
