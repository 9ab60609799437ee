package tests

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An alarm on what does not exist is never raised.
func TestAlarmsWatchThisEnvironment(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		type dimensions map[string]string
		const balancer, cluster = "${aws_lb.arn_suffix}", "${aws_rds_cluster.cluster_identifier}"
		firewall := s.only("aws_wafv2_web_acl").Text("name")
		expected := map[string]any{ // of an alarm, a metric or a namespace
			"AWS/ApplicationELB": dimensions{"LoadBalancer": balancer},
			"HealthyHostCount":   dimensions{"LoadBalancer": balancer, "TargetGroup": "${aws_lb_target_group.arn_suffix}"},
			"AWS/RDS":            dimensions{"DBClusterIdentifier": cluster},
			// Over all instances an idle reader hides a busy writer.
			"HighDBCPUAlarm":       dimensions{"DBClusterIdentifier": cluster, "Role": "WRITER"},
			"HighDBReaderCPUAlarm": dimensions{"DBClusterIdentifier": cluster, "Role": "READER"},
			"AWS/Route53":          dimensions{"HealthCheckId": "${aws_route53_health_check.id}"},
			"AWS/WAFV2":            dimensions{"Region": s.environment.Region, "Rule": "ALL", "WebACL": firewall},
		}
		if s.environment.LoadBalancer.HTTPS() {
			listener := s.find("aws_lb_listener", "port", 443.0)
			expected["AWS/CertificateManager"] = dimensions{"CertificateArn": listener.Text("certificate_arn")}
		}
		var names, logged []string
		watched := map[string][]string{} // names of alarms by the name of a service
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			name := alarm.alarmName()
			names = append(names, name)
			for _, metric := range metrics(alarm) {
				if metric.Text("namespace") == "AWS/Logs" {
					s.find("aws_cloudwatch_log_group", "name", metric.Text("dimensions.LogGroupName"))
					logged = append(logged, strings.TrimSuffix(name, "SilentLogAlarm"))
					continue
				}
				if service := metric.Text("dimensions.ServiceName"); service != "" {
					metric.want("dimensions.ClusterName", "${aws_ecs_cluster.name}")
					watched[service] = append(watched[service], name)
					continue
				}
				if metric.Text("namespace") == "AWS/Scheduler" {
					metric.follow("dimensions.ScheduleGroup").want("name",
						strings.Replace(name, "DroppedRunAlarm", "Schedule", 1)+"-"+s.suffix)
					continue
				}
				if metric.Text("namespace") == "AWS/SQS" {
					queue := strings.NewReplacer("OldMessageAlarm", "Queue", "DeadLetterAlarm", "DeadLetters").Replace(name)
					metric.follow("dimensions.QueueName").want("name", queue+"-"+s.suffix)
					continue
				}
				metric.want("dimensions",
					cmp.Or(expected[name], expected[metric.Text("metric_name")], expected[metric.Text("namespace")]))
			}
		}
		for _, service := range s.some("aws_ecs_service") {
			prefix := strings.TrimPrefix(strings.TrimSuffix(service.Text("name"), "Service-"+s.suffix), "Payment")
			says := prefix == "" || !s.environment.Service.IsPlaceholder() // the placeholder of a worker says one line
			if says && !slices.Contains(logged, prefix) {
				s.Errorf("nobody notices that %s writes no log", service.Address())
			}
			alarms := watched[service.Ref("name")]
			slices.Sort(alarms)
			same(s, "the alarms on "+service.Address()+" (cloudwatch.Signals that monitoring watches)", slices.Compact(alarms),
				[]string{prefix + "HighServiceCPUAlarm", prefix + "HighServiceMemoryAlarm",
					prefix + "ServiceBelowDesiredCountAlarm"}, ": if meant, name it in tests/monitoring_test.go")
		}
		for name, exists := range map[string]bool{
			"HighDBReaderCPUAlarm":     s.environment.Database.Readers > 0,
			"HighReplicaLagAlarm":      s.environment.Database.Readers > 0,
			"ExpiringCertificateAlarm": s.environment.LoadBalancer.HTTPS(),
			"LowTrafficAlarm":          s.environment.Monitoring.ExpectedRequests > 0,
			"UnreachableAlarm":         isCalledFromOutside(s.environment),
		} {
			if slices.Contains(names, name) != exists {
				s.Errorf("there is %s: %v", name, !exists)
			}
		}
	})
}

// advice is what an alarm says: what is bad, when somebody is to do something, and what.
var advice = regexp.MustCompile(`^(.{20,}\.) (First|Tomorrow): (.{20,}\.)$`)

func TestAlarmsAreHeard(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		kinds := map[string]string{"First": "PaymentAlarms-", "Tomorrow": "PaymentMorningAlarms-"}
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			said := advice.FindStringSubmatch(alarm.Text("alarm_description"))
			if said == nil {
				s.Fatalf("%s does not say what to do first, or tomorrow: %q", alarm.Address(),
					alarm.At("alarm_description"))
			}
			kind := kinds[said[2]]
			if alarm.At("provider") != nil {
				kind = "PaymentOutsideAlarms-"
			}
			topic := []string{s.find("aws_sns_topic", "name", kind+s.suffix).Ref("arn")}
			alarm.want("alarm_actions", topic)
			alarm.want("ok_actions", topic)
			if missing := alarm.Text("treat_missing_data"); missing != "breaching" && missing != "notBreaching" {
				s.Errorf("%s leaves open what missing data mean", alarm.Address())
			}
		}
		for _, topic := range s.some("aws_sns_topic") {
			var heard []string
			for _, subscription := range s.each("aws_sns_topic_subscription") {
				if subscription.follow("topic_arn").Name == topic.Name {
					heard = append(heard, subscription.Text("endpoint"))
				}
			}
			same(s, "those who hear "+topic.Text("name"), heard, s.environment.Monitoring.Emails)
		}
	})
}

func TestDashboardShowsEveryAlarmAndNoOverlap(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		dashboard := s.only("aws_cloudwatch_dashboard").part("dashboard_body")
		widgets := dashboard.parts("widgets")
		shown := widgets[0].followAll("properties.alarms")
		same(s, "the alarms that are shown", addresses(shown), addresses(s.some("aws_cloudwatch_metric_alarm")))
		watched := map[string]bool{} // a metric, its statistic and the threshold of an alarm on it
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			for _, metric := range metrics(alarm) {
				watched[fmt.Sprint(metric.At("metric_name"), statistic(metric), alarm.At("threshold"))] = true
			}
		}
		if strings.Contains(encoded(dashboard.Attributes), "ReplicaLag") != (s.environment.Database.Readers > 0) {
			s.Errorf("there are %d readers, which the dashboard does not know", s.environment.Database.Readers)
		}
		taken := map[[2]float64]any{} // cells of the grid
		for _, widget := range widgets {
			title := widget.At("properties.title")
			x, y := widget.At("x").(float64), widget.At("y").(float64)
			for column := x; column < x+widget.At("width").(float64); column++ {
				for row := y; row < y+widget.At("height").(float64); row++ {
					if other := taken[[2]float64{column, row}]; other != nil || column >= 24 {
						s.Errorf("%v is over %v or the edge of the screen", title, other)
					}
					taken[[2]float64{column, row}] = title
				}
			}
			if widget.At("type") == "metric" {
				region := s.environment.Region
				if widget.At("properties.title") == "Reached from Outside" {
					region = "us-east-1" // where Route 53 reports
				}
				widget.want("properties.region", region)
				widget.want("properties.yAxis.left.min", 0)
				for _, threshold := range widget.parts("properties.annotations.horizontal") {
					if !slices.ContainsFunc(widget.At("properties.metrics").([]any), func(line any) bool {
						metric := line.([]any)
						options := metric[len(metric)-1].(map[string]any)
						return len(metric) > 1 && watched[fmt.Sprint(metric[1], options["stat"], threshold.At("value"))]
					}) {
						s.Errorf("%v has a threshold, %v, of no alarm on it", title, threshold.At("value"))
					}
				}
			}
		}
	})
}
