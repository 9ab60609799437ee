package tests

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/tests/terraform"
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
			if !slices.Contains(logged, prefix) {
				s.Errorf("nobody notices that %s writes no log", service.Address())
			}
			alarms := watched[service.Ref("name")]
			slices.Sort(alarms)
			same(s, "the alarms on "+service.Address()+" (cloudwatch.Signals that monitoring watches)", slices.Compact(alarms),
				[]string{prefix + "HighServiceCPUAlarm", prefix + "HighServiceMemoryAlarm",
					prefix + "ServiceBelowDesiredCountAlarm"})
		}
		for name, exists := range map[string]bool{
			"HighDBReaderCPUAlarm":     s.environment.Database.Readers > 0,
			"HighReplicaLagAlarm":      s.environment.Database.Readers > 0,
			"ExpiringCertificateAlarm": s.environment.LoadBalancer.HTTPS(),
			"LowTrafficAlarm":          s.environment.Monitoring.ExpectedRequests > 0,
			"UnreachableAlarm":         s.environment.LoadBalancer.Domain.Name != "",
		} {
			if slices.Contains(names, name) != exists {
				s.Errorf("there is %s: %v", name, !exists)
			}
		}
	})
}

// advice is what an alarm says: what is bad, when somebody is to do something, and what.
var advice = regexp.MustCompile(`^(.{20,}\.) (First|Tomorrow): (.{20,}\.)$`)

// tomorrow are the alarms that wake nobody, without the name of a worker.
var tomorrow = []string{"ExpiringCertificateAlarm", "HighDBCPUAlarm", "HighDBConnectionsAlarm",
	"HighDBReaderCPUAlarm", "HighReplicaLagAlarm", "HighServiceCPUAlarm", "HighServiceMemoryAlarm", "LowDBMemoryAlarm",
	"ManyBlockedRequestsAlarm", "SilentLogAlarm", "SlowBurnAlarm"}

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
			if slices.ContainsFunc(tomorrow, func(name string) bool {
				return strings.HasSuffix(alarm.alarmName(), name)
			}) != (said[2] == "Tomorrow") {
				s.Errorf("%s is heard %s", alarm.alarmName(), said[2])
			}
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
		for _, policy := range s.some("aws_sns_topic_policy") {
			region := s.environment.Region
			if policy.At("provider") != nil {
				region = "us-east-1"
			}
			alarms := regexp.MustCompile(`^arn:[^:]+:cloudwatch:` + region + `:` + accountID.String() + `:alarm:\*$`)
			for _, statement := range policy.policy() {
				isOther := statement.Effect == "Allow" && statement.Sid != "PublishEvents"
				if isOther && (!statement.Allows("cloudwatch.amazonaws.com", "sns:Publish") ||
					len(statement.Principal) != 1 || !statement.HasCondition("aws:SourceArn", alarms)) {
					s.Errorf("%s lets others publish than alarms of the account", statement)
				}
				if !slices.Equal(statement.Resource, texts{policy.Text("arn")}) {
					s.Errorf("%s is about %s, expected the topic that has it", statement, statement.Resource)
				}
			}
		}
	})
}

// Only what Route 53 reports to is in us-east-1, with the account and the tags of everything else.
func TestOutsideIsWatchedWhereRoute53Reports(t *testing.T) {
	for suffix, expected := range map[string]string{"prod": "", "options": "", "existing": "aws_cloudwatch_metric_alarm " +
		"aws_kms_key aws_sns_topic aws_sns_topic_policy aws_sns_topic_subscription"} {
		s, there := stacks(t)[suffix].in(t), []string(nil)
		for _, r := range s.all() {
			if r.At("provider") != nil {
				there = append(there, r.Kind)
				r.want("provider", "aws.outside")
			}
		}
		same(t, suffix+": what is in us-east-1", there, strings.Fields(expected))
		stack := terraform.Resource{Attributes: s.root}
		other, _ := stack.At("provider.aws.1").(map[string]any)
		if (other != nil) != (s.environment.Region != "us-east-1") {
			t.Errorf("%s in %s has the second provider %v", suffix, s.environment.Region, other)
		} else if other != nil {
			want := maps.Clone(s.only("provider").Attributes)
			want["alias"], want["region"] = "outside", "us-east-1"
			same(t, suffix+": the second provider", []string{encoded(other)}, []string{encoded(want)})
		}
	}
	s := stacks(t)["existing"].in(t)
	key := s.find("aws_kms_key", "provider", "aws.outside")
	key.want("enable_key_rotation", true, "KMS.4")
	key.want("policy.Statement.1.Principal", map[string]any{"Service": "cloudwatch.amazonaws.com"})
	s.find("aws_sns_topic", "provider", "aws.outside").want("kms_master_key_id", key.Ref("arn"))
	s.find("aws_sns_topic_policy", "provider", "aws.outside").want("policy.Statement.0.Effect", "Deny")
	s.want("output.OutsideTopicArn.value", s.find("aws_sns_topic", "provider", "aws.outside").Ref("arn"))
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
