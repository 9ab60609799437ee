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

func TestAlarmsAreRaisedByWhatCustomersFeel(t *testing.T) {
	for _, test := range []struct {
		says, alarm string
		values      data
		raised      bool
	}{
		{"every twentieth request fails", "HighErrorRateAlarm", data{"requests": 100, "errors": 5}, true},
		{"fewer fail", "HighErrorRateAlarm", data{"requests": 100, "errors": 4}, false},
		{"many fail, of very many", "HighErrorRateAlarm", data{"requests": 100_000, "errors": 400}, false},
		{"all fail, but there are hardly any", "HighErrorRateAlarm", data{"requests": 19, "errors": 19}, false},
		{"all fail of just enough", "HighErrorRateAlarm", data{"requests": 20, "errors": 20}, true},
		{"none fails, which is reported by no data", "HighErrorRateAlarm", data{"requests": 1000}, false},
		{"nobody calls", "HighErrorRateAlarm", data{}, false},

		{"two fail of just enough", "HighErrorRateAlarm", data{"requests": 20, "errors": 2}, false},

		{"requests are slow", "HighLatencyAlarm", data{"requests": 1000, "latency": 2}, true},
		{"requests are quick", "HighLatencyAlarm", data{"requests": 2000, "latency": 1.9}, false},
		{"too few for a percentile are slow", "HighLatencyAlarm", data{"requests": 999, "latency": 30}, false},
		{"nobody calls", "HighLatencyAlarm", data{}, false},

		// Requests that the load balancer answers itself are not among those it counts.
		{"it answers all by itself", "HighLoadBalancerErrorRateAlarm", data{"unanswered": 20}, true},
		{"it answers a few by itself", "HighLoadBalancerErrorRateAlarm", data{"requests": 96, "unanswered": 4}, false},
		{"it answers every twentieth", "HighLoadBalancerErrorRateAlarm", data{"requests": 95, "unanswered": 5}, true},
		{"it answers the only ones", "HighLoadBalancerErrorRateAlarm", data{"unanswered": 19}, false},
		{"nobody calls", "HighLoadBalancerErrorRateAlarm", data{}, false},

		// 14.4 and 6 times the 0.1 % that the availability allows.
		{"failures of both kinds", "FastBurnAlarm", data{"requests": 9900, "errors": 44, "unanswered": 100}, true},
		{"just fewer", "FastBurnAlarm", data{"requests": 9900, "errors": 43, "unanswered": 100}, false},
		{"a few of many", "SlowBurnAlarm", data{"requests": 10_000, "errors": 60}, true},
		{"just fewer", "SlowBurnAlarm", data{"requests": 10_000, "errors": 59}, false},

		{"a target is healthy", "NoHealthyTargetAlarm", data{"value": 1}, false},
		{"none is healthy", "NoHealthyTargetAlarm", data{"value": 0}, true},
		{"none is registered, which is reported by no data", "NoHealthyTargetAlarm", data{}, true},

		{"all tasks run", "ServiceBelowDesiredCountAlarm", data{"desired": 2, "running": 2}, false},
		{"one task is missing", "ServiceBelowDesiredCountAlarm", data{"desired": 2, "running": 1}, true},
		{"no task runs, which is reported by no data", "ServiceBelowDesiredCountAlarm", data{"desired": 2}, true},

		{"the database is busy", "HighDBCPUAlarm", data{"value": 80}, true},
		{"the database is not that busy", "HighDBCPUAlarm", data{"value": 79}, false},
		{"the database has no memory left", "LowDBMemoryAlarm", data{"value": 256 << 20}, true},
		{"the database has memory", "LowDBMemoryAlarm", data{"value": 257 << 20}, false},
		{"connections run out", "HighDBConnectionsAlarm", data{"value": 300}, true},
		{"a reader is behind", "HighReplicaLagAlarm", data{"value": 1000}, true},
		{"tasks are busy", "HighServiceCPUAlarm", data{"value": 90}, true},
		{"tasks are full", "HighServiceMemoryAlarm", data{"value": 90}, true},
		{"the firewall blocks many", "ManyBlockedRequestsAlarm", data{"value": 1000}, true},
		{"the certificate ends soon", "ExpiringCertificateAlarm", data{"value": 30}, true},
		{"the certificate is renewed in time", "ExpiringCertificateAlarm", data{"value": 59}, false},
	} {
		t.Run(test.alarm+": "+test.says, func(t *testing.T) {
			if got := raises(production(t).alarm(test.alarm), test.values); got != test.raised {
				t.Errorf("%v raises the alarm: %v, expected %v", test.values, got, test.raised)
			}
		})
	}
}

// The thresholds of errors and latency, and the requests from which on errors count, are the file's.
func TestRequestAlarmsFollowTheFile(t *testing.T) {
	for _, test := range []struct {
		key, alarm string
		below, at  data
	}{
		{"monitoring.errorRatePercent", "HighErrorRateAlarm",
			data{"requests": 1000, "errors": 24}, data{"requests": 1000, "errors": 25}},
		{"monitoring.errorRatePercent", "HighLoadBalancerErrorRateAlarm",
			data{"requests": 976, "unanswered": 24}, data{"requests": 975, "unanswered": 25}},
		{"monitoring.latencySeconds", "HighLatencyAlarm",
			data{"requests": 1000, "latency": 0.24}, data{"requests": 1000, "latency": 0.25}},
		{"monitoring.minimumRequests", "HighErrorRateAlarm",
			data{"requests": 6, "errors": 6}, data{"requests": 7, "errors": 7}},
		{"monitoring.minimumRequests", "HighLoadBalancerErrorRateAlarm", data{"unanswered": 6}, data{"unanswered": 7}},
		{"monitoring.availabilityPercent", "FastBurnAlarm",
			data{"requests": 1000, "errors": 71}, data{"requests": 1000, "errors": 72}},
		{"monitoring.availabilityPercent", "SlowBurnAlarm",
			data{"requests": 1000, "errors": 29}, data{"requests": 1000, "errors": 30}},
	} {
		t.Run(test.key+": "+test.alarm, func(t *testing.T) {
			alarm := example(t, test.key).alarm(test.alarm)
			if raises(alarm, test.below) || !raises(alarm, test.at) {
				t.Errorf("%v raises it: %v, %v: %v", test.below, raises(alarm, test.below),
					test.at, raises(alarm, test.at))
			}
		})
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
		slices.Sort(heard)
		if expected := slices.Sorted(slices.Values(s.environment.Monitoring.Emails)); !slices.Equal(heard, expected) {
			s.Errorf("alarms are heard by %v, expected %v", heard, expected)
		}
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
		shown := addresses(widgets[0].followAll("properties.alarms"))
		if all := addresses(s.some("aws_cloudwatch_metric_alarm")); !slices.Equal(shown, all) {
			s.Errorf("the state of %v is shown, expected every alarm", shown)
		}
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
