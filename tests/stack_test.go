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
		"VPCId":               "aws_vpc.id",
		"ECSClusterName":      "aws_ecs_cluster.name",
		"ECSServiceName":      "aws_ecs_service.name",
		"DBClusterIdentifier": "aws_rds_cluster.cluster_identifier",
		"DBSecretArn":         "aws_secretsmanager_secret.arn",
		"LoadBalancerArn":     "aws_lb.arn",
		"LoadBalancerDNS":     "aws_lb.dns_name",
		"TargetGroupArn":      "aws_lb_target_group.arn",
		"DashboardName":       "aws_cloudwatch_dashboard.dashboard_name",
		"WebACLArn":           "aws_wafv2_web_acl.arn",
		"AlarmTopicArn":       "aws_sns_topic.arn",
	}
	eachOwnNetwork(t, func(s stack) {
		outputs := resource{s, "output", s.suffix, s.root}.part("output")
		for name, source := range expected {
			kind, attribute, _ := strings.Cut(source, ".")
			outputs.want(name+".value", s.only(kind).ref(attribute))
			if outputs.text(name+".description") == "" {
				s.Errorf("%s says nothing of itself", name)
			}
		}
		// An acquirer allows every address that the tasks may call from.
		var addresses any
		for _, address := range s.each("aws_eip") {
			list, _ := addresses.([]string)
			addresses = append(list, address.ref("public_ip"))
		}
		outputs.want("NATAddresses.value", addresses)
	})
}

// The provider is given place and tags only: what the JSON does not say, endpoints or credentials, cannot be reviewed.
func TestEverythingIsTagged(t *testing.T) {
	eachStack(t, func(s stack) {
		expected := map[string]string{"Project": "tap", "ManagedBy": "cdktf", "Environment": "account"}
		if s.environment != nil {
			expected["Environment"] = s.suffix
			maps.Copy(expected, s.environment.Tags)
			s.provider().want("region", s.environment.Region)
		}
		for attribute := range s.provider().attributes {
			if !slices.Contains([]string{"region", "default_tags", "allowed_account_ids"}, attribute) {
				s.Errorf("the provider has the attribute %s", attribute)
			}
		}
		s.provider().want("default_tags", []any{map[string]any{"tags": expected}})
		for _, r := range s.all() {
			for _, tag := range config.OwnTags {
				if tag != config.TagName && r.at("tags."+tag) != nil {
					s.Errorf("%s has a %s of its own", r.address(), tag)
				}
			}
		}
	})
}

func TestStatesAreApart(t *testing.T) {
	seen := map[string]string{}
	eachStack(t, func(s stack) {
		state := encoded(s.terraform().at("backend"))
		if other := seen[state]; other != "" {
			s.Errorf("tap-%s has the state of tap-%s", s.suffix, other)
		}
		seen[state] = s.suffix
		if s.environment != nil && s.environment.StatesBucket == "" {
			// Above cdktf.out, whose folders the CDKTF command line may delete.
			s.terraform().want("backend.local.path", "../../../terraform.tap-"+s.suffix+".tfstate")
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
				name := r.text(attribute)
				if name == "" || name[0] == '$' || slices.Contains(shared, r.kind) {
					continue
				}
				if !strings.Contains(name, "-"+s.suffix) {
					s.Errorf("%s has the %s %s", r.address(), attribute, name)
				}
			}
		}
	})
}

// While protect is false nothing stays behind but what the class keeps: in production the last snapshot, and time to
// restore key and secret.
func TestDestroyLeavesWhatClassKeeps(t *testing.T) {
	for _, r := range development(t).all() {
		if r.at("lifecycle.prevent_destroy") == true {
			t.Errorf("%s cannot be destroyed", r.address())
		}
	}
	cluster := development(t).only("aws_rds_cluster")
	cluster.want("skip_final_snapshot", true)
	cluster.want("deletion_protection", false)
	development(t).only("aws_secretsmanager_secret").want("recovery_window_in_days", 0)
	development(t).only("aws_s3_bucket").want("force_destroy", true)

	// The other production environment has protect: false.
	for _, s := range []stack{production(t), stacks(t)["options"].in(t)} {
		cluster, deployment := s.only("aws_rds_cluster"), s.only("terraform_data")
		cluster.want("skip_final_snapshot", false)
		// The same as long as the environment is deployed, and another one for its successor.
		cluster.want("final_snapshot_identifier", "paymentdb-"+s.suffix+"-final-"+deployment.ref("id"))
		deployment.want("lifecycle.ignore_changes", []string{"input"})
		s.only("aws_kms_key").want("deletion_window_in_days", 30) // KMS.3
		s.only("aws_secretsmanager_secret").want("recovery_window_in_days", 30)
		for _, kind := range []string{"aws_vpc", "aws_subnet", "aws_rds_cluster", "aws_secretsmanager_secret", "aws_kms_key",
			"aws_s3_bucket", "aws_cloudwatch_log_group"} {
			for _, r := range s.some(kind) {
				r.want("lifecycle.prevent_destroy", s.environment.Protect)
			}
		}
	}
}

// AWS would create these groups by itself, to be kept for ever and in clear.
func TestLogGroupsExistBeforeTheirWriters(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		group := func(name string) resource { return s.find("aws_cloudwatch_log_group", "name", name) }
		cluster, tasks := s.only("aws_rds_cluster"), s.only("aws_ecs_cluster")
		cluster.want("enabled_cloudwatch_logs_exports", []string{"postgresql"}) // RDS.37
		cluster.waitsFor(group("/aws/rds/cluster/" + cluster.text("cluster_identifier") + "/postgresql"))
		tasks.waitsFor(group("/aws/ecs/containerinsights/" + tasks.text("name") + "/performance"))
	})
}
