package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tap/config"
)

// data is what CloudWatch has for one period, by the id of a metric; what is absent was not reported.
type data map[string]float64

// evaluate computes a metric math expression as CloudWatch does: arithmetic with a missing value gives
// none, and FILL replaces one. Metric math reads like a Go expression, so Go parses it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
func evaluate(t *testing.T, expression string, values data) (result float64, reported bool) {
	t.Helper()
	parsed, err := parser.ParseExpr(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	var compute func(node ast.Expr) (float64, bool)
	compute = func(node ast.Expr) (float64, bool) {
		switch node := node.(type) {
		case *ast.BasicLit:
			value, err := strconv.ParseFloat(node.Value, 64)
			return value, err == nil
		case *ast.Ident:
			value, found := values[node.Name]
			return value, found
		case *ast.ParenExpr:
			return compute(node.X)
		case *ast.BinaryExpr:
			x, hasX := compute(node.X)
			y, hasY := compute(node.Y)
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
				if x >= y {
					return 1, true
				}
				return 0, true
			}
		case *ast.CallExpr:
			switch fmt.Sprint(node.Fun) {
			case "FILL":
				if value, found := compute(node.Args[0]); found {
					return value, true
				}
				return compute(node.Args[1])
			case "IF":
				condition, found := compute(node.Args[0])
				if !found {
					return 0, false
				}
				if condition != 0 {
					return compute(node.Args[1])
				}
				return compute(node.Args[2])
			}
		}
		t.Fatalf("%s holds %T, which this test cannot compute", expression, node)
		panic("unreachable")
	}
	return compute(parsed)
}

// raises reports whether one period's data counts towards the alarm.
func raises(t *testing.T, alarm resource, values data) bool {
	t.Helper()
	value, reported := 0.0, false
	queries, _ := alarm.at("metric_query").([]any)
	if queries == nil {
		value, reported = values["value"]
	}
	for _, query := range queries {
		q := resource{alarm.kind, alarm.name, query.(map[string]any)}
		if q.at("return_data") == true {
			value, reported = evaluate(t, q.at("expression").(string), values)
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
	t.Fatalf("%s compares by %v", alarm.address(), alarm.at("comparison_operator"))
	panic("unreachable")
}

func TestAnAlarmIsRaisedByWhatACustomerWouldFeel(t *testing.T) {
	s := defaultsOf(t, config.Production)
	for _, example := range []struct {
		says, alarm string
		values      data
		raised      bool
	}{
		{"every twentieth request fails", "HighErrorRateAlarm", data{"requests": 100, "errors": 5}, true},
		{"fewer fail", "HighErrorRateAlarm", data{"requests": 100, "errors": 4}, false},
		{"many fail, of very many", "HighErrorRateAlarm", data{"requests": 100_000, "errors": 400}, false},
		{"all fail, but there are hardly any", "HighErrorRateAlarm", data{"requests": 19, "errors": 19}, false},
		{"all fail of just enough", "HighErrorRateAlarm", data{"requests": 20, "errors": 20}, true},
		{"nothing fails, which is reported by no data", "HighErrorRateAlarm", data{"requests": 1000}, false},
		{"nobody calls", "HighErrorRateAlarm", data{}, false},

		{"requests are slow", "HighLatencyAlarm", data{"requests": 20, "latency": 2}, true},
		{"requests are quick", "HighLatencyAlarm", data{"requests": 2000, "latency": 1.9}, false},
		{"one request is slow, and it is nearly the only one", "HighLatencyAlarm", data{"requests": 19, "latency": 30}, false},
		{"nobody calls", "HighLatencyAlarm", data{}, false},

		// Requests that the load balancer answers itself are not among those it counts.
		{"the load balancer answers all by itself", "HighLoadBalancerErrorRateAlarm", data{"errors": 20}, true},
		{"the load balancer answers a few by itself", "HighLoadBalancerErrorRateAlarm", data{"requests": 96, "errors": 4}, false},
		{"the load balancer answers one in twenty by itself", "HighLoadBalancerErrorRateAlarm", data{"requests": 95, "errors": 5}, true},
		{"the load balancer answers the only requests by itself", "HighLoadBalancerErrorRateAlarm", data{"errors": 19}, false},
		{"nobody calls", "HighLoadBalancerErrorRateAlarm", data{}, false},

		{"a target is healthy", "NoHealthyTargetAlarm", data{"value": 1}, false},
		{"no target is healthy", "NoHealthyTargetAlarm", data{"value": 0}, true},
		{"no target is even registered, which is reported by no data", "NoHealthyTargetAlarm", data{}, true},

		{"all tasks run", "ServiceBelowDesiredCountAlarm", data{"desired": 2, "running": 2}, false},
		{"one task is missing", "ServiceBelowDesiredCountAlarm", data{"desired": 2, "running": 1}, true},
		{"no task runs, which is reported by no data", "ServiceBelowDesiredCountAlarm", data{"desired": 2}, true},
		{"more tasks run than are wanted, in a deployment", "ServiceBelowDesiredCountAlarm", data{"desired": 2, "running": 4}, false},

		{"the database is busy", "HighDBCPUAlarm", data{"value": 80}, true},
		{"the database is not that busy", "HighDBCPUAlarm", data{"value": 79}, false},
		{"a serverless database sleeps", "HighDBCPUAlarm", data{}, false},
		{"the database has no memory left", "LowDBMemoryAlarm", data{"value": 256 << 20}, true},
		{"the database has memory", "LowDBMemoryAlarm", data{"value": 257 << 20}, false},
		{"connections run out", "HighDBConnectionsAlarm", data{"value": 300}, true},
		{"a reader is behind", "HighReplicaLagAlarm", data{"value": 1000}, true},
		{"a reader keeps up", "HighReplicaLagAlarm", data{"value": 20}, false},
		{"tasks are busy", "HighServiceCPUAlarm", data{"value": 90}, true},
		{"tasks are full", "HighServiceMemoryAlarm", data{"value": 90}, true},
		{"the firewall blocks many", "ManyBlockedRequestsAlarm", data{"value": 1000}, true},
		{"the firewall blocks nobody, which is reported by no data", "ManyBlockedRequestsAlarm", data{}, false},
		{"the certificate ends soon", "ExpiringCertificateAlarm", data{"value": 30}, true},
		{"the certificate is renewed in time", "ExpiringCertificateAlarm", data{"value": 59}, false},
	} {
		t.Run(example.alarm+": "+example.says, func(t *testing.T) {
			if got := raises(t, s.alarm(t, example.alarm), example.values); got != example.raised {
				t.Errorf("%v raises the alarm: %v, expected %v", example.values, got, example.raised)
			}
		})
	}
}

func TestAnAlarmWatchesTheRightMetricForLongEnough(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		lb := map[string]any{"LoadBalancer": "${" + s.only(t, "aws_lb").address() + ".arn_suffix}"}
		targets := map[string]any{"LoadBalancer": lb["LoadBalancer"], "TargetGroup": "${" + s.only(t, "aws_lb_target_group").address() + ".arn_suffix}"}
		cluster := map[string]any{"DBClusterIdentifier": "${" + s.only(t, "aws_rds_cluster").address() + ".cluster_identifier}"}
		service := map[string]any{"ClusterName": "${" + s.only(t, "aws_ecs_cluster").address() + ".name}", "ServiceName": "${" + s.only(t, "aws_ecs_service").address() + ".name}"}
		waf := map[string]any{"Region": s.environment.Region, "Rule": "ALL", "WebACL": "PaymentWAF-" + s.environment.Suffix}

		type metric struct {
			name, statistic string
			dimensions      map[string]any
		}
		type alarm struct {
			period, periods int
			metrics         []metric
		}
		expected := map[string]alarm{
			"HighErrorRateAlarm":             {300, 1, []metric{{"AWS/ApplicationELB HTTPCode_Target_5XX_Count", "Sum", lb}, {"AWS/ApplicationELB RequestCount", "Sum", lb}}},
			"HighLatencyAlarm":               {300, 1, []metric{{"AWS/ApplicationELB TargetResponseTime", "p99", lb}, {"AWS/ApplicationELB RequestCount", "Sum", lb}}},
			"HighLoadBalancerErrorRateAlarm": {300, 1, []metric{{"AWS/ApplicationELB HTTPCode_ELB_5XX_Count", "Sum", lb}, {"AWS/ApplicationELB RequestCount", "Sum", lb}}},
			"NoHealthyTargetAlarm":           {60, 3, []metric{{"AWS/ApplicationELB HealthyHostCount", "Maximum", targets}}},
			"ServiceBelowDesiredCountAlarm":  {60, 10, []metric{{"ECS/ContainerInsights DesiredTaskCount", "Average", service}, {"ECS/ContainerInsights RunningTaskCount", "Average", service}}},
			"HighServiceCPUAlarm":            {300, 2, []metric{{"AWS/ECS CPUUtilization", "Average", service}}},
			"HighServiceMemoryAlarm":         {300, 2, []metric{{"AWS/ECS MemoryUtilization", "Average", service}}},
			"HighDBCPUAlarm":                 {300, 2, []metric{{"AWS/RDS CPUUtilization", "Average", cluster}}},
			"HighDBConnectionsAlarm":         {300, 2, []metric{{"AWS/RDS DatabaseConnections", "Maximum", cluster}}},
			"LowDBMemoryAlarm":               {300, 2, []metric{{"AWS/RDS FreeableMemory", "Minimum", cluster}}},
			"ManyBlockedRequestsAlarm":       {300, 1, []metric{{"AWS/WAFV2 BlockedRequests", "Sum", waf}}},
		}
		if s.environment.Database.Readers > 0 {
			expected["HighReplicaLagAlarm"] = alarm{60, 5, []metric{{"AWS/RDS AuroraReplicaLagMaximum", "Maximum", cluster}}}
		}
		if s.environment.LoadBalancer.HTTPS() {
			certificate := map[string]any{"CertificateArn": listeners(t, s)[443].at("certificate_arn")}
			expected["ExpiringCertificateAlarm"] = alarm{86400, 1, []metric{{"AWS/CertificateManager DaysToExpiry", "Minimum", certificate}}}
		}

		for name, want := range expected {
			got := s.alarm(t, name)
			got.want(t, want.periods, "evaluation_periods")
			got.want(t, want.periods, "datapoints_to_alarm")
			seen := []resource{got}
			statistic := "statistic"
			if queries, isExpression := got.at("metric_query").([]any); isExpression {
				seen = nil
				statistic = "stat"
				results := 0
				for _, query := range queries {
					if metric, isMetric := query.(map[string]any)["metric"].(map[string]any); isMetric {
						seen = append(seen, resource{got.kind, got.name, metric})
					}
					if query.(map[string]any)["return_data"] == true {
						results++
					}
				}
				if results != 1 {
					t.Errorf("%s has %d results, of which CloudWatch takes one", name, results)
				}
			}
			if len(seen) != len(want.metrics) {
				t.Errorf("%s watches %d metrics, expected %d", name, len(seen), len(want.metrics))
				continue
			}
			for i, metric := range want.metrics {
				if got := fmt.Sprint(seen[i].at("namespace"), " ", seen[i].at("metric_name")); got != metric.name {
					t.Errorf("%s watches %s, expected %s", name, got, metric.name)
				}
				seen[i].want(t, metric.statistic, statistic)
				seen[i].want(t, metric.dimensions, "dimensions")
				seen[i].want(t, want.period, "period")
			}
		}
		if all := s.some(t, "aws_cloudwatch_metric_alarm"); len(all) != len(expected) {
			t.Errorf("%d alarms, expected %d: %v", len(all), len(expected), addresses(all))
		}
	})
}

func TestEveryAlarmSaysWhatToDoFirst(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		for _, alarm := range s.some(t, "aws_cloudwatch_metric_alarm") {
			symptom, advice, found := strings.Cut(alarm.at("alarm_description").(string), " First: ")
			if !found || len(symptom) < 20 || len(advice) < 20 || !strings.HasSuffix(advice, ".") {
				t.Errorf("%s says %q", alarm.address(), alarm.at("alarm_description"))
			}
			if !slices.Contains([]any{"breaching", "notBreaching"}, alarm.at("treat_missing_data")) {
				t.Errorf("%s leaves open what missing data means", alarm.address())
			}
		}
	})
}

func TestThresholdsComeFromTheFile(t *testing.T) {
	s := synthesize(t, parse(t, `class: development
monitoring:
  errorRatePercent: 2.5
  minimumRequests: 7
  latencySeconds: 0.25
  serviceCpuPercent: 61
  serviceMemoryPercent: 62
  databaseCpuPercent: 63
  databaseConnections: 64
  databaseFreeableMemoryMiB: 65
  replicaLagMilliseconds: 66
  blockedRequests: 67`))["tap-dev"]
	for name, threshold := range map[string]float64{
		"HighErrorRateAlarm": 2.5, "HighLoadBalancerErrorRateAlarm": 2.5, "HighLatencyAlarm": 0.25,
		"HighServiceCPUAlarm": 61, "HighServiceMemoryAlarm": 62, "HighDBCPUAlarm": 63, "HighDBConnectionsAlarm": 64,
		"LowDBMemoryAlarm": 65 << 20, "HighReplicaLagAlarm": 66, "ManyBlockedRequestsAlarm": 67,
	} {
		s.alarm(t, name).want(t, threshold, "threshold")
	}
	for _, name := range []string{"HighErrorRateAlarm", "HighLoadBalancerErrorRateAlarm", "HighLatencyAlarm"} {
		few, enough := data{"requests": 6, "errors": 6, "latency": 9}, data{"requests": 7, "errors": 7, "latency": 9}
		if name == "HighLoadBalancerErrorRateAlarm" {
			few, enough = data{"errors": 6}, data{"errors": 7}
		}
		if alarm := s.alarm(t, name); raises(t, alarm, few) || !raises(t, alarm, enough) {
			t.Errorf("%s is not raised from 7 requests on", name)
		}
	}
}
