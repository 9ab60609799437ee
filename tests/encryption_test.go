package tests

import (
	"regexp"
	"slices"
	"testing"
)

// What uses the key without a permission in its policy fails at AWS only: a log group is not created, an alarm stays
// silent. Principals of the account use it through the services that store data, and never directly. Sources:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html,
// https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
func TestKeyIsUsedByItsServicesOnly(t *testing.T) {
	usesData := regexp.MustCompile(`^kms:(Decrypt|Encrypt|GenerateDataKey|ReEncrypt|CreateGrant|\*)`)
	throughStore := texts{
		"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
	}
	eachEnvironment(t, func(s stack) {
		service := func(name string) string { return name + "." + s.environment.Region + ".amazonaws.com" }
		uses := map[string]texts{}
		for _, statement := range s.only("aws_kms_key").policy() {
			if !slices.ContainsFunc(statement.Action, usesData.MatchString) {
				continue
			}
			for _, name := range statement.Principal["Service"] {
				uses[name] = statement.Action
			}
			if len(statement.Principal["AWS"]) == 0 {
				continue
			}
			via := statement.Condition["StringEquals"]["kms:ViaService"]
			if len(via) == 0 || !statement.hasCondition("kms:CallerAccount", accountID) {
				s.Errorf("%s lets principals of the account use the key directly", statement)
			}
			for _, name := range via {
				uses["through "+name] = statement.Action
			}
		}
		expected := map[string]texts{
			"cloudwatch.amazonaws.com": {"kms:Decrypt", "kms:GenerateDataKey*"},
			service("logs"): {
				"kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*",
			},
			"through " + service("rds"):            throughStore,
			"through " + service("secretsmanager"): throughStore,
		}
		if encoded(uses) != encoded(expected) {
			s.Errorf("the key is used by %v, expected %v", uses, expected)
		}
	})
}

func TestKeyPolicyCanBeChanged(t *testing.T) {
	root := regexp.MustCompile(`:iam::` + accountID.String() + `:root$`)
	eachEnvironment(t, func(s stack) {
		if !slices.ContainsFunc(s.only("aws_kms_key").policy(), func(statement statement) bool {
			principals := statement.Principal["AWS"]
			return len(principals) == 1 && root.MatchString(principals[0]) && len(statement.Condition) == 0 &&
				slices.Contains(statement.Action, "kms:Put*")
		}) {
			s.Error("nobody could change the key's policy again")
		}
	})
}

func TestEverythingStoredIsUnderTheKey(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		key := s.only("aws_kms_key").ref("arn")
		for kind, attribute := range map[string]string{
			"aws_cloudwatch_log_group":  "kms_key_id",
			"aws_rds_cluster":           "kms_key_id",
			"aws_rds_cluster_instance":  "performance_insights_kms_key_id",
			"aws_secretsmanager_secret": "kms_key_id",
			"aws_sns_topic":             "kms_master_key_id",
		} {
			for _, r := range s.some(kind) {
				r.want(attribute, key)
			}
		}
	})
}
