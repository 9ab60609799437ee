package tests

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// accountStack returns the stack of the tests' account.
func accountStack(t *testing.T) stack { return stacks(t)["account-123456789012"].in(t) }

func TestAccountKeepsStates(t *testing.T) {
	s := accountStack(t)
	bucket, states := s.only("aws_s3_bucket"), "tap-states-123456789012-eu-west-1"
	bucket.want("bucket", states)
	bucket.want("lifecycle.prevent_destroy", true)
	bucket.want("force_destroy", false)
	resource{s, "import", "block", s.root}.want("import", []any{map[string]any{"id": states, "to": bucket.address()}})
	rule := s.only("aws_s3_bucket_lifecycle_configuration").part("rule.0")
	rule.want("noncurrent_version_expiration.0.noncurrent_days", 365)
	rule.want("expiration.0.expired_object_delete_marker", true) // each lock leaves a marker
	for _, of := range []struct {
		stack
		key string
	}{{s, "account"}, {stacks(t)["options"].in(t), "tap-options"}} {
		of.terraform().want("backend", map[string]any{"s3": map[string]any{
			"bucket": states, "key": of.key + "/terraform.tfstate", "region": "eu-west-1", "encrypt": true,
			"use_lockfile": true, "allowed_account_ids": []string{"123456789012"},
		}})
		of.provider().want("allowed_account_ids", []string{"123456789012"})
	}
}

func TestAccountHasRepositoryAndLogDelivery(t *testing.T) {
	s := accountStack(t)
	repository := s.only("aws_ecr_repository") // ECR.1, ECR.2, ECR.3
	repository.want("name", "payment-api")
	repository.want("image_tag_mutability", "IMMUTABLE")
	repository.want("image_scanning_configuration.scan_on_push", true)
	repository.want("encryption_configuration.0.encryption_type", "KMS")
	repository.want("lifecycle.prevent_destroy", true)
	delivery := s.only("aws_cloudwatch_log_resource_policy").policy()
	if len(delivery) != 1 || !delivery[0].allows("delivery.logs.amazonaws.com", "logs:PutLogEvents") ||
		!strings.HasSuffix(delivery[0].Resource[0], ":123456789012:log-group:aws-waf-logs-tap-*:*") ||
		!delivery[0].hasCondition("aws:SourceAccount", regexp.MustCompile("^123456789012$")) {
		s.Errorf("the delivery of logs is allowed by %v", delivery)
	}
}

// Subjects are compared as a whole: with an asterisk any branch, or a GitHub environment that nobody protects, would
// do.
func TestRolesTrustExactSubjects(t *testing.T) {
	s := accountStack(t)
	const repository, main = "repo:example@11/payments@22:", "ref:refs/heads/main"
	subjects := map[string][]string{
		"planner":   {repository + "pull_request", repository + main},
		"deployer":  {repository + "environment:tap-options"},
		"inspector": {repository + main},
		"publisher": {repository + main},
	}
	for name, subjects := range subjects {
		const issuer = "token.actions.githubusercontent.com"
		expected := map[string]map[string]texts{"StringEquals": {
			issuer + ":aud": {"sts.amazonaws.com"}, issuer + ":repository_id": {"22"}, issuer + ":sub": subjects,
		}}
		if name != "planner" {
			expected["StringEquals"][issuer+":ref"] = texts{"refs/heads/main"}
		}
		role := s.find("aws_iam_role", "name", "tap-"+name)
		trust := role.policy()
		if len(trust) != 1 || encoded(trust[0].Condition) != encoded(expected) ||
			!slices.Equal(trust[0].Action, texts{"sts:AssumeRoleWithWebIdentity"}) ||
			encoded(trust[0].Principal) != encoded(map[string]texts{"Federated": {
				s.only("aws_iam_openid_connect_provider").ref("arn")}}) {
			s.Errorf("%s is trusted to %v on %v", name, trust[0].Principal, trust[0].Condition)
		}
	}
	existing := accountWith(t, func(a *config.Account) { a.GitHub.ProviderExists = true })
	if existing.each("aws_iam_openid_connect_provider") != nil {
		s.Error("an account can have one provider of GitHub only")
	}
	trust := existing.find("aws_iam_role", "name", "tap-planner").policy()[0].Principal["Federated"]
	if !strings.HasSuffix(trust[0], ":iam::123456789012:oidc-provider/token.actions.githubusercontent.com") {
		s.Errorf("the existing provider is %v", trust)
	}
}

// accountWith returns the stack of the account after a change of what the file says.
func accountWith(t *testing.T, change func(*config.Account)) stack {
	t.Helper()
	_, accounts := load(t, "environments")
	change(&accounts[0])
	all, err := synthesizeAll(t, nil, accounts)
	noError(t, err)
	return all["account-123456789012"].in(t)
}

// The deployer may only create roles that have it.
func TestSharedRolesHaveBoundary(t *testing.T) {
	for suffix, shared := range map[string]bool{"options": true, "prod": false} {
		s := stacks(t)[suffix].in(t)
		for _, role := range s.some("aws_iam_role") {
			boundary := accountID.ReplaceAllString(role.text("permissions_boundary"), "123456789012")
			within := strings.HasSuffix(boundary, ":iam::123456789012:policy/tap-boundary")
			if within != shared || !shared && boundary != "" {
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

// aws writes out the partition, the one part of the policies that Terraform inserts.
func aws(text string) string { return partition.ReplaceAllString(text, "aws") }

var partition = regexp.MustCompile(`\$\{data\.aws_partition\.[A-Za-z0-9_-]+\.partition\}`)

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

// may reports whether the policies of a role allow a call, which is an action, a resource and then key=value.
func (s stack) may(role, call string) bool {
	s.Helper()
	parts := strings.Fields(call)
	keys := map[string]string{}
	for _, part := range parts[2:] {
		name, value, _ := strings.Cut(part, "=")
		keys[name] = value
	}
	return slices.ContainsFunc(s.policies(role), func(statement statement) bool {
		allowed := matches(statement.Action, parts[0]) && matches(statement.Resource, parts[1])
		for test, conditions := range statement.Condition {
			for key, values := range conditions {
				value, present := keys[key]
				allowed = allowed && holds(test, values, value, present)
			}
		}
		return allowed
	})
}

// policies returns the statements of all policies of a role.
func (s stack) policies(role string) []statement {
	s.Helper()
	var all []statement
	for _, attachment := range s.some("aws_iam_role_policy_attachment") {
		if attachment.follow("role").text("name") == "tap-"+role {
			all = append(all, attachment.follow("policy_arn").policy()...)
		}
	}
	return all
}

// calls writes out the parts of ARNs that are always the same.
func calls(list string) []string {
	list = strings.NewReplacer(
		"IAM:", "arn:aws:iam::123456789012:", "KEY", "arn:aws:kms:eu-west-1:123456789012:key/1",
		"S3:", "arn:aws:s3:::", "STATES", "arn:aws:s3:::tap-states-123456789012-eu-west-1",
		"BOUNDARY", "iam:PermissionsBoundary=arn:aws:iam::123456789012:policy/tap-boundary",
		"OWN", "aws:ResourceTag/Project=tap aws:ResourceTag/Environment=prod",
		"NEW", "aws:RequestTag/Project=tap aws:RequestTag/Environment=prod",
		"HERE:", ":eu-west-1:123456789012:",
	).Replace(list)
	return strings.Split(strings.TrimSpace(list), "\n")
}

// forbidden are calls that neither planner, deployer nor inspector may make.
var forbidden = calls(`
iam:CreateUser IAM:user/x
iam:CreateAccessKey IAM:user/x
iam:AttachRolePolicy IAM:role/PaymentTaskRole-prod
iam:CreateRole IAM:role/PaymentTaskRole-prod
iam:CreateRole IAM:role/PaymentTaskRole-prod iam:PermissionsBoundary=arn:aws:iam::aws:policy/AdministratorAccess
iam:CreateRole IAM:role/other BOUNDARY
iam:PutRolePolicy IAM:role/PaymentTaskRole-prod
iam:PutRolePolicy IAM:role/tap-deployer BOUNDARY
iam:DeleteRolePermissionsBoundary IAM:role/PaymentTaskRole-prod BOUNDARY
iam:CreatePolicyVersion IAM:policy/tap-boundary
iam:DeletePolicy IAM:policy/tap-boundary
iam:SetDefaultPolicyVersion IAM:policy/tap-deployer-access
iam:UpdateAssumeRolePolicy IAM:role/tap-deployer
iam:PassRole IAM:role/admin iam:PassedToService=ecs-tasks.amazonaws.com
iam:PassRole IAM:role/PaymentAdmin-prod iam:PassedToService=ecs-tasks.amazonaws.com
iam:PassRole IAM:role/PaymentTaskRole-prod iam:PassedToService=lambda.amazonaws.com
iam:CreateServiceLinkedRole IAM:role/aws-service-role/x iam:AWSServiceName=guardduty.amazonaws.com
iam:CreateOpenIDConnectProvider IAM:oidc-provider/x
iam:UpdateOpenIDConnectProviderThumbprint IAM:oidc-provider/token.actions.githubusercontent.com
sts:AssumeRole IAM:role/admin
secretsmanager:GetSecretValue arn:aws:secretsmanagerHERE:secret:other-AbCdEf
secretsmanager:GetSecretValue arn:aws:secretsmanagerHERE:secret:tap/acquirer-AbCdEf
secretsmanager:PutResourcePolicy arn:aws:secretsmanagerHERE:secret:PaymentDB-prod-x-AbCdEf
kms:Decrypt KEY OWN
kms:Decrypt KEY kms:ViaService=secretsmanager.eu-west-1.amazonaws.com
kms:Decrypt KEY OWN kms:ViaService=s3.eu-west-1.amazonaws.com
kms:ScheduleKeyDeletion KEY
kms:PutKeyPolicy KEY aws:ResourceTag/Project=other aws:ResourceTag/Environment=prod
kms:CreateKey *
s3:DeleteBucket STATES
s3:PutBucketPolicy STATES
s3:PutBucketVersioning STATES
s3:DeleteObject STATES/tap-prod/terraform.tfstate
s3:DeleteObjectVersion STATES/tap-prod/terraform.tfstate
s3:GetObject STATES/account/terraform.tfstate
s3:PutObject STATES/account/terraform.tfstate
s3:GetObject S3:other/x
s3:DeleteBucket S3:payment-alb-logs-prod-210987654321-eu-west-1
cloudtrail:StopLogging arn:aws:cloudtrailHERE:trail/x
guardduty:DeleteDetector arn:aws:guarddutyHERE:detector/x
config:StopConfigurationRecorder *
rds:DeleteDBCluster arn:aws:rdsHERE:cluster:other
rds:ModifyDBClusterSnapshotAttribute arn:aws:rdsHERE:cluster-snapshot:paymentdb-prod-final-1
rds:RestoreDBClusterFromSnapshot arn:aws:rdsHERE:cluster:paymentdb-prod
rds-db:connect arn:aws:rds-dbHERE:dbuser:cluster-X/payment_api
ecr:PutImage arn:aws:ecrHERE:repository/payment-api
ecr:DeleteRepository arn:aws:ecrHERE:repository/payment-api
ecs:RunTask arn:aws:ecsHERE:task-definition/PaymentTask-prod:1
ecs:ExecuteCommand arn:aws:ecsHERE:task/PaymentCluster-prod/x
ecs:DeregisterTaskDefinition *
ecs:UpdateService arn:aws:ecsHERE:service/other/x
ec2:RunInstances arn:aws:ec2HERE:instance/i OWN
ec2:DeleteVpc arn:aws:ec2HERE:vpc/v
ec2:CreateTags arn:aws:ec2HERE:vpc/v NEW
ec2:AuthorizeSecurityGroupIngress arn:aws:ec2HERE:security-group/g aws:ResourceTag/Project=other
logs:DeleteLogGroup arn:aws:logsHERE:log-group:/other/x
logs:PutResourcePolicy *
logs:GetLogEvents arn:aws:logsHERE:log-group:/tap-prod/payment-api:log-stream:x
route53:ChangeResourceRecordSets arn:aws:route53:::hostedzone/ZOTHER route53:ChangeResourceRecordSetsRecordTypes=A
route53:DeleteHostedZone arn:aws:route53:::hostedzone/ZOTHER
sns:Publish arn:aws:snsHERE:PaymentAlarms-prod
wafv2:DeleteWebACL arn:aws:wafv2HERE:regional/webacl/other/x
lambda:CreateFunction *
organizations:LeaveOrganization *
`)

// deploying are calls of a deployment: one at least of each way in which the policies recognize what is the project's.
var deploying = calls(`
s3:ListBucket STATES
s3:GetObject STATES/tap-prod/terraform.tfstate
s3:PutObject STATES/tap-prod/terraform.tfstate.tflock
s3:DeleteObject STATES/tap-prod/terraform.tfstate.tflock
s3:PutObject STATES/tap-prod/terraform.tfstate
iam:CreateRole IAM:role/PaymentTaskRole-prod BOUNDARY
iam:PutRolePolicy IAM:role/PaymentTaskRole-prod BOUNDARY
iam:PassRole IAM:role/PaymentTaskRole-prod iam:PassedToService=ecs-tasks.amazonaws.com
iam:PassRole IAM:role/PaymentDBMonitoringRole-prod iam:PassedToService=monitoring.rds.amazonaws.com
kms:CreateKey * NEW
kms:PutKeyPolicy KEY OWN
kms:CreateAlias arn:aws:kmsHERE:alias/payment-prod
kms:Decrypt KEY OWN kms:ViaService=secretsmanager.eu-west-1.amazonaws.com
ec2:CreateVpc arn:aws:ec2HERE:vpc/* NEW
ec2:CreateSubnet arn:aws:ec2HERE:vpc/v OWN
ec2:CreateTags arn:aws:ec2HERE:vpc/v NEW ec2:CreateAction=CreateVpc
ec2:DeleteVpc arn:aws:ec2HERE:vpc/v OWN
rds:CreateDBCluster arn:aws:rdsHERE:cluster:paymentdb-prod
rds:DeleteDBInstance arn:aws:rdsHERE:db:paymentdb-prod-1
secretsmanager:CreateSecret arn:aws:secretsmanagerHERE:secret:PaymentDB-prod-x-AbCdEf
secretsmanager:GetSecretValue arn:aws:secretsmanagerHERE:secret:PaymentDB-prod-x-AbCdEf
logs:PutDataProtectionPolicy arn:aws:logsHERE:log-group:/tap-prod/payment-api
logs:CreateLogGroup arn:aws:logsHERE:log-group:aws-waf-logs-tap-prod
s3:CreateBucket S3:payment-alb-logs-prod-123456789012-eu-west-1
ecs:UpdateService arn:aws:ecsHERE:service/PaymentCluster-prod/PaymentService-prod
ecs:RegisterTaskDefinition arn:aws:ecsHERE:task-definition/PaymentTask-prod:*
elasticloadbalancing:CreateLoadBalancer arn:aws:elasticloadbalancingHERE:loadbalancer/app/PaymentALB-prod/x
elasticloadbalancing:CreateTargetGroup arn:aws:elasticloadbalancingHERE:targetgroup/PayTG-prod/x
wafv2:UpdateWebACL arn:aws:wafv2HERE:regional/webacl/PaymentWAF-prod/x
cloudwatch:PutMetricAlarm arn:aws:cloudwatchHERE:alarm:HighDBCPUAlarm-prod
sns:CreateTopic arn:aws:snsHERE:PaymentAlarms-prod
acm:RequestCertificate * NEW
application-autoscaling:RegisterScalableTarget * OWN
`)

// planning are all calls of a plan without refresh and lock that need a permission: none of a secret's value.
var planning = calls(`
s3:ListBucket STATES
s3:GetObject STATES/tap-prod/terraform.tfstate
rds:DescribeDBEngineVersions *
secretsmanager:GetRandomPassword *
`)

// inspecting are those of a refresh.
var inspecting = calls(`
secretsmanager:GetSecretValue arn:aws:secretsmanagerHERE:secret:PaymentDB-prod-x-AbCdEf
kms:Decrypt KEY OWN kms:ViaService=secretsmanager.eu-west-1.amazonaws.com
`)

func TestRolesMayWhatTheyNeedOnly(t *testing.T) {
	s := accountStack(t)
	for _, call := range forbidden {
		for _, role := range []string{"planner", "deployer", "inspector"} {
			if s.may(role, call) {
				s.Errorf("the %s may %s", role, call)
			}
		}
	}
	for _, call := range deploying {
		if !s.may("deployer", call) {
			s.Errorf("the deployer may not %s", call)
		}
		if s.may("planner", call) != slices.Contains(planning, call) {
			s.Errorf("the planner may %s", call)
		}
		if s.may("inspector", call) != (slices.Contains(planning, call) || slices.Contains(inspecting, call)) {
			s.Errorf("what the inspector may is not to %s", call)
		}
	}
	for _, call := range planning {
		if !s.may("planner", call) || !s.may("deployer", call) {
			s.Errorf("the planner or the deployer may not %s", call)
		}
	}
	const push = "ecr:PutImage arn:aws:ecr:eu-west-1:123456789012:repository/"
	for _, call := range append(forbidden, append(deploying, push+"other")...) {
		if s.may("publisher", call) && !strings.HasPrefix(call, push+"payment-api") {
			s.Errorf("the publisher may %s", call)
		}
	}
	if !s.may("publisher", push+"payment-api") {
		s.Error("the publisher may not push")
	}
}

// actions are those that AWS asks for, where an operation does not have its action's name.
var actions = map[string]string{
	"s3:DeleteObjects": "s3:DeleteObject", "s3:HeadBucket": "s3:ListBucket", "s3:HeadObject": "s3:GetObject",
	"s3:ListObjectVersions": "s3:ListBucketVersions", "s3:ListObjectsV2": "s3:ListBucket",
	"s3:DeleteBucketEncryption":           "s3:PutEncryptionConfiguration",
	"s3:DeleteBucketLifecycle":            "s3:PutLifecycleConfiguration",
	"s3:DeleteBucketOwnershipControls":    "s3:PutBucketOwnershipControls",
	"s3:DeletePublicAccessBlock":          "s3:PutBucketPublicAccessBlock",
	"s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
	"s3:GetBucketEncryption":              "s3:GetEncryptionConfiguration",
	"s3:GetBucketLifecycleConfiguration":  "s3:GetLifecycleConfiguration",
	"s3:GetBucketReplication":             "s3:GetReplicationConfiguration",
	"s3:GetObjectLockConfiguration":       "s3:GetBucketObjectLockConfiguration",
	"s3:GetPublicAccessBlock":             "s3:GetBucketPublicAccessBlock",
	"s3:PutBucketEncryption":              "s3:PutEncryptionConfiguration",
	"s3:PutBucketLifecycleConfiguration":  "s3:PutLifecycleConfiguration",
	"s3:PutPublicAccessBlock":             "s3:PutBucketPublicAccessBlock",
}

// operations.txt has those that were called while the tests of the folder deploy ran, without what only the tests
// themselves call, what is an administrator's (restoring a database) and what the account's stack has (log policies).
func TestDeployerMayCallEveryOperation(t *testing.T) {
	operations := strings.Fields(read(t, "operations.txt"))
	allowed := accountStack(t).policies("deployer")
	for _, operation := range operations {
		action := cmp.Or(actions[operation], strings.Replace(operation, "elbv2:", "elasticloadbalancing:", 1))
		if !slices.ContainsFunc(allowed, func(s statement) bool { return matches(s.Action, action) }) {
			t.Errorf("the deployer may not %s, which %s needs", action, operation)
		}
	}
	if len(operations) < 150 {
		t.Errorf("%d operations are too few to show anything", len(operations))
	}
}

// What a role of an environment is allowed has to be within the boundary, which is the most that AWS lets it do.
func TestBoundaryTakesNothingFromRoles(t *testing.T) {
	s, account := stacks(t)["options"].in(t), accountStack(t)
	boundary := account.find("aws_iam_policy", "name", "tap-boundary").policy()
	concrete := strings.NewReplacer(s.only("aws_secretsmanager_secret").ref("arn"),
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:PaymentDB-options-x-AbCdEf",
		s.only("aws_kms_key").ref("arn"), "arn:aws:kms:eu-west-1:123456789012:key/1",
		s.only("aws_rds_cluster").ref("cluster_resource_id"), "cluster-X")
	const logs = "arn:aws:logs:eu-west-1:123456789012:log-group:"
	found := 0
	for _, role := range s.some("aws_iam_role") {
		for _, permission := range permissions(role) {
			action, on, _ := strings.Cut(permission, " ")
			on = aws(accountID.ReplaceAllString(concrete.Replace(on), "123456789012"))
			for _, group := range s.each("aws_cloudwatch_log_group") {
				on = strings.ReplaceAll(on, group.ref("arn"), logs+group.text("name"))
			}
			if !slices.ContainsFunc(boundary, func(b statement) bool {
				return matches(b.Action, action) && matches(b.Resource, on)
			}) {
				s.Errorf("the boundary takes %s on %s from %s", action, on, role.text("name"))
			}
			found++
		}
	}
	if found < 15 {
		s.Errorf("%d permissions are too few to show anything", found)
	}
}
