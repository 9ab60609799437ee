package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// Scripts and people read these: the original ones and the topic; further ones may be added.
func TestOutputsAreTheResources(t *testing.T) {
	expected := map[string]string{
		"ECSClusterName":      "aws_ecs_cluster.name",
		"DBClusterIdentifier": "aws_rds_cluster.cluster_identifier",
		"DBSecretArn":         "aws_secretsmanager_secret.arn",
		"LoadBalancerArn":     "aws_lb.arn",
		"LoadBalancerDNS":     "aws_lb.dns_name",
		"TargetGroupArn":      "aws_lb_target_group.arn",
		"DashboardName":       "aws_cloudwatch_dashboard.dashboard_name",
		"WebACLArn":           "aws_wafv2_web_acl.arn",
		"AlarmTopicArn":       "aws_sns_topic.arn",
	}
	eachEnvironment(t, func(s stack) {
		outputs := s.only("output")
		outputs.want("ECSServiceName.value", s.service().Ref("name"))
		for name, source := range expected {
			outputs.want(name+".value", "${"+source+"}")
		}
		if !s.environment.Network.IsExisting() {
			outputs.want("VPCId.value", "${aws_vpc.id}")
		}
		for name := range outputs.Attributes {
			if outputs.Text(name+".description") == "" {
				s.Errorf("%s says nothing of itself", name)
			}
		}
		var addresses []string // an acquirer allows every address that the tasks may call from
		for _, address := range s.each("aws_eip") {
			addresses = append(addresses, address.Ref("public_ip"))
		}
		outputs.want("NATAddresses.value", addresses)
	})
}

// The provider is given place and tags only: what the JSON does not say, endpoints or credentials, cannot be reviewed.
func TestEverythingIsTagged(t *testing.T) {
	eachStack(t, func(s stack) {
		provider := s.only("provider")
		expected := map[string]string{"Project": "tap", "ManagedBy": "cdktf", "Environment": "account"}
		if s.environment != nil {
			expected["Environment"] = s.suffix
			maps.Copy(expected, s.environment.Tags)
			provider.want("region", s.environment.Region)
		}
		for attribute := range provider.Attributes {
			if !slices.Contains([]string{"region", "default_tags", "allowed_account_ids"}, attribute) {
				s.Errorf("the provider has the attribute %s", attribute)
			}
		}
		if s.environment != nil { // a later plan in another Region is refused
			s.want("terraform_data.input.region", s.environment.Region)
			s.want("terraform_data.lifecycle.postcondition.2.condition",
				"${self.output[\"region\"] == \""+s.environment.Region+"\"}")
		}
		provider.want("default_tags", []any{map[string]any{"tags": expected}})
		for _, r := range s.all() {
			for _, tag := range config.OwnTags {
				// A role of a pipeline has the tag of its environment.
				if tag != config.TagName && (s.environment != nil || r.Kind != "aws_iam_role") {
					r.want("tags."+tag, nil)
				}
			}
		}
	})
}

func TestStatesAreApart(t *testing.T) {
	seen := map[string]string{}
	eachStack(t, func(s stack) {
		state := encoded(s.only("terraform").At("backend"))
		if other := seen[state]; other != "" && other != s.suffix {
			s.Errorf("tap-%s has the state of tap-%s", s.suffix, other)
		}
		seen[state] = s.suffix
		if s.environment != nil && !s.environment.InAccountStack() {
			// Above cdktf.out, whose folders the CDKTF command line may delete.
			s.want("terraform.backend.local.path", "../../../terraform.tap-"+s.suffix+".tfstate")
		}
	})
}

// Two environments in one account would collide otherwise.
func TestNamesHaveSuffix(t *testing.T) {
	attributes := []string{
		"name", "alarm_name", "bucket", "cluster_identifier", "dashboard_name", "identifier", "policy_name",
	}
	shared := []string{"aws_iam_role_policy", "aws_route53_record"} // of the role, and the name that customers call
	eachEnvironment(t, func(s stack) {
		for _, r := range s.all() {
			for _, attribute := range attributes {
				name := r.Text(attribute)
				isLiteral := name != "" && name[0] != '$' && !slices.Contains(shared, r.Kind)
				if isLiteral && !strings.Contains(name, "-"+s.suffix) {
					s.Errorf("%s has the %s %s", r.Address(), attribute, name)
				}
			}
		}
	})
}

// While protect is false nothing stays behind but what the class keeps: in production the last snapshot, and time to
// restore key and secret.
func TestDestroyLeavesWhatClassKeeps(t *testing.T) {
	dev := development(t)
	for _, r := range dev.all() {
		if r.At("lifecycle.prevent_destroy") == true {
			t.Errorf("%s cannot be destroyed", r.Address())
		}
	}
	dev.want("aws_rds_cluster.skip_final_snapshot", true)
	dev.want("aws_rds_cluster.deletion_protection", false)
	dev.want("aws_secretsmanager_secret.recovery_window_in_days", 0)
	dev.want("aws_s3_bucket.force_destroy", true)

	// The other production environment has protect: false.
	for _, s := range []stack{production(t), stacks(t)["options"].in(t)} {
		s.want("aws_rds_cluster.skip_final_snapshot", false)
		// The same as long as the environment is deployed, and another one for its successor.
		s.want("aws_rds_cluster.final_snapshot_identifier", "paymentdb-"+s.suffix+"-final-${terraform_data.id}")
		s.want("terraform_data.lifecycle.ignore_changes", []string{"input"})
		s.want("aws_kms_key.deletion_window_in_days", 30) // KMS.3
		s.want("aws_secretsmanager_secret.recovery_window_in_days", 30)
		for _, kind := range []string{"aws_vpc", "aws_subnet", "aws_rds_cluster", "aws_secretsmanager_secret", "aws_kms_key",
			"aws_s3_bucket", "aws_cloudwatch_log_group"} {
			s.want(kind+".lifecycle.prevent_destroy", s.environment.Protect)
		}
	}
}

// AWS would create these groups by itself, to be kept for ever and in clear.
func TestLogGroupsExistBeforeTheirWriters(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		group := func(name string) resource { return s.find("aws_cloudwatch_log_group", "name", name) }
		s.want("aws_cloudwatch_log_group.retention_in_days", s.environment.Logs.RetentionDays)
		cluster, tasks := s.only("aws_rds_cluster"), s.only("aws_ecs_cluster")
		cluster.want("enabled_cloudwatch_logs_exports", []string{"postgresql"}) // RDS.37
		cluster.waitsFor(group("/aws/rds/cluster/" + cluster.Text("cluster_identifier") + "/postgresql"))
		tasks.waitsFor(group("/aws/ecs/containerinsights/" + tasks.Text("name") + "/performance"))
	})
}
