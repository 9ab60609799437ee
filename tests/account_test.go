package tests

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// accountStack returns the stack of the tests' account.
func accountStack(t *testing.T) stack { return stacks(t)["account-123456789012"].in(t) }

// accountWith returns the stack of the account after a change of what the file says.
func accountWith(t *testing.T, change func(*config.Account)) stack {
	t.Helper()
	_, accounts := load(t, "environments")
	change(&accounts[0])
	return synthesize(t, nil, accounts)["account-123456789012"].in(t)
}

func TestAccountHasWhatEnvironmentsShare(t *testing.T) {
	s, states := accountStack(t), "tap-states-123456789012-eu-west-1"
	s.want("aws_s3_bucket.bucket", states)
	s.want("aws_s3_bucket.lifecycle.prevent_destroy", true)
	s.want("aws_s3_bucket.force_destroy", false)
	s.want("aws_s3_bucket_lifecycle_configuration.rule.0.noncurrent_version_expiration.0.noncurrent_days", 365)
	// Each lock leaves a marker.
	s.want("aws_s3_bucket_lifecycle_configuration.rule.0.expiration.0.expired_object_delete_marker", true)
	s.want("aws_ecr_repository.name", "payment-api") // ECR.1, ECR.2, ECR.3
	s.want("aws_ecr_repository.lifecycle.prevent_destroy", true)
	s.want("aws_ecr_repository.image_tag_mutability", "IMMUTABLE")
	s.want("aws_ecr_repository.image_scanning_configuration.scan_on_push", true)
	s.want("aws_ecr_repository.encryption_configuration.0.encryption_type", "KMS")
	imported := map[string]any{"id": states, "to": s.only("aws_s3_bucket").address()}
	resource{s, "import", "block", s.root}.want("import", []any{imported})
	for key, of := range map[string]stack{"account": s, "tap-options": stacks(t)["options"].in(t)} {
		of.want("terraform.backend", map[string]any{"s3": map[string]any{
			"bucket": states, "key": key + "/terraform.tfstate", "region": "eu-west-1", "encrypt": true,
			"use_lockfile": true, "allowed_account_ids": []string{"123456789012"},
		}})
		of.want("provider.allowed_account_ids", []string{"123456789012"})
	}
	delivery := s.only("aws_cloudwatch_log_resource_policy").policy()
	if len(delivery) != 1 || !delivery[0].allows("delivery.logs.amazonaws.com", "logs:PutLogEvents") ||
		!strings.HasSuffix(delivery[0].Resource[0], ":123456789012:log-group:aws-waf-logs-tap-*:*") ||
		!delivery[0].hasCondition("aws:SourceAccount", regexp.MustCompile("^123456789012$")) {
		s.Errorf("the delivery of logs is allowed by %v", delivery)
	}
}

// Images are not scanned once only (Inspector.2). EventBridge would send nothing to the topic if its
// statement in either policy had a condition:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
func TestFindingsInImagesAreHeard(t *testing.T) {
	s := accountStack(t)
	s.want("aws_ecr_registry_scanning_configuration.scan_type", "ENHANCED")
	s.want("aws_ecr_registry_scanning_configuration.rule", json.RawMessage(`[{
		"scan_frequency": "CONTINUOUS_SCAN", "repository_filter": [{"filter": "*", "filter_type": "WILDCARD"}]}]`))
	s.want("aws_cloudwatch_event_rule.event_pattern", `{"detail":{"severity":["HIGH","CRITICAL"],"status":["ACTIVE"]},`+
		`"detail-type":["Inspector2 Finding"],"source":["aws.inspector2"]}`)
	s.want("aws_cloudwatch_event_target.rule", "${aws_cloudwatch_event_rule.name}")
	s.want("aws_cloudwatch_event_target.arn", "${aws_sns_topic.arn}")
	s.want("aws_sns_topic.kms_master_key_id", "${aws_kms_key.arn}")
	s.want("aws_sns_topic_policy.policy.Statement.1", json.RawMessage(`{"Sid": "PublishFindings", "Effect": "Allow",
		"Principal": {"Service": "events.amazonaws.com"}, "Action": ["sns:Publish"], "Resource": ["${aws_sns_topic.arn}"]}`))
	s.want("aws_kms_key.enable_key_rotation", true)
	s.want("aws_kms_key.policy.Statement.1", json.RawMessage(`{"Sid": "PublishFindings", "Effect": "Allow",
		"Principal": {"Service": "events.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
		"Resource": ["*"]}`))
	s.want("aws_sns_topic_subscription.endpoint", "security@example.com")
}

// Subjects are compared as a whole: with an asterisk any branch, or a GitHub environment that nobody protects, would
// do.
func TestRolesTrustExactSubjects(t *testing.T) {
	const issuer, repository = "token.actions.githubusercontent.com", "repo:example@11/payments@22:"
	s, main := accountStack(t), repository+"ref:refs/heads/main"
	for name, subjects := range map[string]texts{
		"planner":   {repository + "pull_request", main},
		"deployer":  {repository + "environment:tap-options"},
		"inspector": {main},
		"publisher": {main},
	} {
		equal := map[string]texts{
			issuer + ":aud": {"sts.amazonaws.com"}, issuer + ":repository_id": {"22"}, issuer + ":sub": subjects,
		}
		if name != "planner" {
			equal[issuer+":ref"] = texts{"refs/heads/main"}
		}
		provider := map[string]texts{"Federated": {s.only("aws_iam_openid_connect_provider").ref("arn")}}
		trust := s.find("aws_iam_role", "name", "tap-"+name).policy()
		if len(trust) != 1 || encoded(trust[0].Condition) != encoded(map[string]any{"StringEquals": equal}) ||
			!slices.Equal(trust[0].Action, texts{"sts:AssumeRoleWithWebIdentity"}) ||
			encoded(trust[0].Principal) != encoded(provider) {
			s.Errorf("%s is trusted to %v on %v", name, trust[0].Principal, trust[0].Condition)
		}
	}
	s.want("aws_iam_openid_connect_provider.client_id_list", []string{"sts.amazonaws.com"})
	s.want("aws_iam_role.max_session_duration", 7200)
	existing := accountWith(t, func(a *config.Account) { a.GitHub.ProviderExists = true })
	if existing.each("aws_iam_openid_connect_provider") != nil {
		s.Error("an account can have one provider of GitHub only")
	}
	trust := existing.find("aws_iam_role", "name", "tap-planner").policy()[0].Principal["Federated"]
	if !strings.HasSuffix(trust[0], ":iam::123456789012:oidc-provider/"+issuer) {
		s.Errorf("the existing provider is %v", trust)
	}
}

// The deployer may only create roles that have it.
func TestSharedRolesHaveBoundary(t *testing.T) {
	for suffix, expected := range map[string]string{
		"options": "arn:aws:iam::123456789012:policy/tap-boundary", "prod": "",
	} {
		s := stacks(t)[suffix].in(t)
		for _, role := range s.some("aws_iam_role") {
			if boundary := aws(role.text("permissions_boundary")); boundary != expected {
				s.Errorf("%s has the boundary %q", role.address(), boundary)
			}
		}
	}
	accountWith(t, func(a *config.Account) { a.GitHub = config.GitHub{} }).find("aws_iam_policy", "name", "tap-boundary")
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters a policy.
func TestPoliciesFitIAM(t *testing.T) {
	s := accountStack(t)
	for _, policy := range s.some("aws_iam_policy") {
		if size := len(aws(policy.text("policy"))); size > 6144 {
			s.Errorf("%s has %d characters, at most 6,144", policy.text("name"), size)
		}
		for _, statement := range policy.policy() {
			if statement.Effect != "Allow" || statement.NotAction != nil || statement.NotResource != nil {
				s.Errorf("%s is more than a permission, which may() does not understand", statement)
			}
		}
	}
}

var partition = regexp.MustCompile(`\$\{data\.aws_partition\.[A-Za-z0-9_-]+\.partition\}`)

// aws writes out the partition and the account, which Terraform inserts into policies.
func aws(text string) string {
	return accountID.ReplaceAllString(partition.ReplaceAllString(text, "aws"), "123456789012")
}

// matches reports whether one of the patterns, with asterisks, matches the text.
func matches(patterns texts, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		expression := strings.ReplaceAll(regexp.QuoteMeta(aws(pattern)), `\*`, ".*")
		return regexp.MustCompile("^(?i:" + expression + ")$").MatchString(text)
	})
}

// holds reports whether a condition of a statement is true of a request with these keys.
func holds(test string, values texts, value string, present bool) bool {
	switch test {
	case "Null":
		return (values[0] == "true") != present
	case "StringEquals":
		return present && slices.ContainsFunc(values, func(other string) bool { return aws(other) == value })
	case "StringLike":
		return present && matches(values, value)
	case "ForAllValues:StringEquals":
		return !present || slices.Contains(values, value)
	}
	panic("a test that AWS may have: " + test)
}

// policies returns the statements of all policies of a role, or of the boundary.
func (s stack) policies(role string) []statement {
	s.Helper()
	if role == "boundary" {
		return s.find("aws_iam_policy", "name", "tap-boundary").policy()
	}
	var all []statement
	for _, attachment := range s.some("aws_iam_role_policy_attachment") {
		if attachment.follow("role").text("name") == "tap-"+role {
			all = append(all, attachment.follow("policy_arn").policy()...)
		}
	}
	return all
}

// allowed reports whether one of the statements allows a call: an action, a resource, and then key=value.
func allowed(statements []statement, call string) bool {
	parts, keys := strings.Fields(call), map[string]string{}
	for _, part := range parts[2:] {
		key, value, _ := strings.Cut(part, "=")
		keys[key] = value
	}
	return slices.ContainsFunc(statements, func(statement statement) bool {
		for test, conditions := range statement.Condition {
			for key, values := range conditions {
				if value, present := keys[key]; !holds(test, values, value, present) {
					return false
				}
			}
		}
		return matches(statement.Action, parts[0]) && matches(statement.Resource, parts[1])
	})
}

// abbreviations are the parts of calls.txt that are always the same.
var abbreviations = strings.NewReplacer(
	"IAM:", "arn:aws:iam::123456789012:", "KEY", "arn:aws:kms:eu-west-1:123456789012:key/1",
	"S3:", "arn:aws:s3:::", "STATES", "arn:aws:s3:::tap-states-123456789012-eu-west-1",
	"BOUNDARY", "iam:PermissionsBoundary=arn:aws:iam::123456789012:policy/tap-boundary",
	"OWN", "aws:ResourceTag/Project=tap aws:ResourceTag/Environment=prod",
	"NEW", "aws:RequestTag/Project=tap aws:RequestTag/Environment=prod",
	"HERE:", ":eu-west-1:123456789012:",
)

func TestRolesMayWhatTheyNeedOnly(t *testing.T) {
	s, who := accountStack(t), ""
	for line := range strings.Lines(abbreviations.Replace(read(t, "calls.txt"))) {
		call := strings.TrimSpace(line)
		if roles, isHeading := strings.CutSuffix(call, ":"); isHeading {
			who = roles
		} else if call != "" && call[0] != '#' {
			for _, role := range []string{"planner", "deployer", "inspector", "publisher", "boundary"} {
				if may := allowed(s.policies(role), call); may == !strings.Contains(who, role) {
					s.Errorf("the %s may %s: %v", role, call, may)
				}
			}
		}
	}
}

// operations.txt has those that were called while the tests of the folder deploy ran, and the action that AWS asks for
// where it is named otherwise, without what only the tests themselves call, what is an administrator's (restoring a
// database) and what the account's stack has (log policies).
func TestDeployerMayCallEveryOperation(t *testing.T) {
	deployer, count := accountStack(t).policies("deployer"), 0
	for line := range strings.Lines(read(t, "operations.txt")) {
		words := strings.Fields(line)
		action := strings.Replace(words[len(words)-1], "elbv2:", "elasticloadbalancing:", 1)
		if !slices.ContainsFunc(deployer, func(s statement) bool { return matches(s.Action, action) }) {
			t.Errorf("the deployer may not %s, which %s needs", action, words[0])
		}
		count++
	}
	if count < 150 {
		t.Errorf("%d operations are too few to show anything", count)
	}
}

// What a role of an environment is allowed has to be within the boundary, which is the most that AWS lets it do.
func TestBoundaryTakesNothingFromRoles(t *testing.T) {
	s, account, found := stacks(t)["options"].in(t), accountStack(t), 0
	boundary := account.find("aws_iam_policy", "name", "tap-boundary").policy()
	const here = ":eu-west-1:123456789012:"
	concrete := []string{
		s.only("aws_secretsmanager_secret").ref("arn"), "arn:aws:secretsmanager" + here + "secret:PaymentDB-options-x-AbCdEf",
		s.only("aws_kms_key").ref("arn"), "arn:aws:kms" + here + "key/1",
		s.only("aws_rds_cluster").ref("cluster_resource_id"), "cluster-X",
	}
	for _, group := range s.each("aws_cloudwatch_log_group") {
		concrete = append(concrete, group.ref("arn"), "arn:aws:logs"+here+"log-group:"+group.text("name"))
	}
	for _, role := range s.some("aws_iam_role") {
		for _, permission := range permissions(role) {
			call := aws(strings.NewReplacer(concrete...).Replace(permission))
			if !allowed(boundary, call+" kms:ViaService=secretsmanager.eu-west-1.amazonaws.com") {
				s.Errorf("the boundary takes %s from %s", call, role.text("name"))
			}
			found++
		}
	}
	if found < 15 {
		s.Errorf("%d permissions are too few to show anything", found)
	}
}
