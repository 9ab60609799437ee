package tests

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// policyAttributes are the attributes that hold a policy, by kind of resource. The tests below fail
// when a policy stands anywhere else.
var policyAttributes = map[string]string{
	"aws_cloudwatch_log_resource_policy": "policy_document",
	"aws_iam_role":                       "assume_role_policy",
	"aws_iam_role_policy":                "policy",
	"aws_kms_key":                        "policy",
	"aws_s3_bucket_policy":               "policy",
	"aws_sns_topic_policy":               "policy",
	"aws_vpc_endpoint":                   "policy",
}

// statement is one statement of a policy.
type statement struct {
	of        resource // the resource that holds the policy
	Sid       string
	Effect    string
	Action    texts
	Resource  texts
	Principal map[string]texts
	Condition map[string]map[string]texts

	// Nothing here uses these; a statement that did would escape the tests.
	NotAction, NotResource, NotPrincipal any
}

// texts is what a policy writes as a string or as a list of strings.
type texts []string

func (l *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

func (s statement) String() string { return s.of.address() + ", statement " + s.Sid }

// hasCondition reports whether the statement compares a key, in whichever way, with values that all
// match the expression.
func (s statement) hasCondition(key string, expression *regexp.Regexp) bool {
	for _, keys := range s.Condition {
		for name, values := range keys {
			if strings.EqualFold(name, key) && len(values) > 0 && !slices.ContainsFunc(values, func(value string) bool { return !expression.MatchString(value) }) {
				return true
			}
		}
	}
	return false
}

// statementsOf returns the statements of the policy that a resource holds.
func statementsOf(t *testing.T, r resource) []statement {
	t.Helper()
	var policy struct {
		Version   string
		Statement []statement
	}
	text, _ := r.at(policyAttributes[r.kind]).(string)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&policy); err != nil || policy.Version != "2012-10-17" || len(policy.Statement) == 0 {
		t.Fatalf("%s: %q is no policy of version 2012-10-17 with a statement: %v", r.address(), text, err)
	}
	for i := range policy.Statement {
		policy.Statement[i].of = r
	}
	return policy.Statement
}

// statements returns every statement of every policy in the stack.
func statements(t *testing.T, s stack) []statement {
	t.Helper()
	var all []statement
	for _, r := range s.all() {
		if policyAttributes[r.kind] != "" && r.at(policyAttributes[r.kind]) != nil {
			all = append(all, statementsOf(t, r)...)
		}
	}
	return all
}

// identity reports whether the statement belongs to a role, and not to what is used by roles.
func (s statement) identity() bool { return s.of.kind == "aws_iam_role_policy" }

func TestEveryPolicyIsOneThatTheseTestsRead(t *testing.T) {
	eachStack(t, func(t *testing.T, s stack) {
		for _, r := range s.all() {
			if attribute := policyAttributes[r.kind]; attribute != "" && r.at(attribute) == nil {
				// ECR's layers come from a bucket of AWS's own account: the gateway endpoint to S3 keeps the policy that AWS gives it.
				if r.kind != "aws_vpc_endpoint" || r.at("vpc_endpoint_type") != "Gateway" {
					t.Errorf("%s has no %s: AWS would choose one", r.address(), attribute)
				}
			}
			walk(r.attributes, nil, func(path []string, value any) {
				text, _ := value.(string)
				if strings.Contains(text, `"Statement"`) && !slices.Equal(path, []string{policyAttributes[r.kind]}) {
					t.Errorf("%s has a policy in %v, which no test reads", r.address(), path)
				}
			})
			switch r.kind {
			case "aws_iam_policy", "aws_iam_policy_attachment", "aws_iam_role_policy_attachment", "aws_iam_user", "aws_iam_group", "aws_iam_access_key":
				t.Errorf("%s gives permissions that no test reads", r.address())
			case "aws_iam_role":
				r.want(t, nil, "managed_policy_arns")
				r.want(t, nil, "inline_policy")
			}
		}
		for _, statement := range statements(t, s) {
			if statement.NotAction != nil || statement.NotResource != nil || statement.NotPrincipal != nil {
				t.Errorf("%s says what it does not speak of", statement)
			}
			if statement.Sid == "" || statement.Effect != "Allow" && statement.Effect != "Deny" || len(statement.Action) == 0 {
				t.Errorf("%s has no id, no effect or no action", statement)
			}
		}
	})
}

// exception is something that AWS forces on a policy, with the reason.
type exception struct {
	kind   string // of resource that holds the policy
	action string // or the statement's id
	reason string
}

// resourceExceptions are the actions that may be allowed for the resource *; an action * stands for
// any. Sources: the service authorization reference of each service,
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
var resourceExceptions = []exception{
	{"aws_iam_role_policy", "ecr:GetAuthorizationToken", "signs in to the registry as a whole and takes no resource"},
	{"aws_iam_role_policy", "ssmmessages:CreateControlChannel", "the Session Manager message service takes no resource"},
	{"aws_iam_role_policy", "ssmmessages:CreateDataChannel", "the Session Manager message service takes no resource"},
	{"aws_iam_role_policy", "ssmmessages:OpenControlChannel", "the Session Manager message service takes no resource"},
	{"aws_iam_role_policy", "ssmmessages:OpenDataChannel", "the Session Manager message service takes no resource"},
	{"aws_iam_role_policy", "logs:DescribeLogGroups", "lists groups; ECS Exec asks without naming one"},
	{"aws_kms_key", "*", "in a key policy * is the key itself"},
	{"aws_vpc_endpoint", "*", "who comes through is limited by the account; what they may use is said by their own policies"},
}

// actionExceptions are the actions that may be allowed with an asterisk.
var actionExceptions = []exception{
	{"aws_kms_key", "kms:Describe*", "reads what the key is"},
	{"aws_kms_key", "kms:Get*", "reads the key's policy, rotation and public part"},
	{"aws_kms_key", "kms:List*", "reads aliases, grants, policies and tags"},
	{"aws_kms_key", "kms:Disable*", "administration, as in AWS's own key policy"},
	{"aws_kms_key", "kms:Enable*", "administration, as in AWS's own key policy"},
	{"aws_kms_key", "kms:Put*", "administration, as in AWS's own key policy"},
	{"aws_kms_key", "kms:Revoke*", "administration, as in AWS's own key policy"},
	{"aws_kms_key", "kms:Update*", "administration, as in AWS's own key policy"},
	{"aws_kms_key", "kms:Decrypt*", "the form that CloudWatch Logs documents"},
	{"aws_kms_key", "kms:Encrypt*", "the form that CloudWatch Logs documents"},
	{"aws_kms_key", "kms:GenerateDataKey*", "with and without its plaintext"},
	{"aws_kms_key", "kms:ReEncrypt*", "from and to the key"},
	{"aws_vpc_endpoint", "*", "what a principal may do is said by its own policies"},
}

// excepted reports whether the exceptions cover an action, and notes which one was needed.
func excepted(exceptions []exception, used map[exception]bool, kind, action string) bool {
	for _, e := range exceptions {
		if e.kind == kind && (e.action == action || e.action == "*") {
			used[e] = true
			return true
		}
	}
	return false
}

// unlimited matches a resource that is everything, or everything of its type: an ARN whose last part is
// * or type/* or type:*.
var unlimited = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*.*)$`)

func TestEveryStatementNamesItsResourcesButForWhatAWSForces(t *testing.T) {
	used := map[exception]bool{}
	eachStack(t, func(t *testing.T, s stack) {
		for _, statement := range statements(t, s) {
			if statement.of.kind == "aws_iam_role" {
				continue // a trust policy has no resource
			}
			if len(statement.Resource) == 0 {
				t.Errorf("%s names no resource", statement)
			}
			for _, resource := range statement.Resource {
				if !unlimited.MatchString(resource) || statement.Effect == "Deny" {
					continue
				}
				for _, action := range statement.Action {
					if !excepted(resourceExceptions, used, statement.of.kind, action) {
						t.Errorf("%s allows %s for %s", statement, action, resource)
					}
				}
			}
		}
	})
	for _, e := range resourceExceptions {
		if !used[e] {
			t.Errorf("the exception for %s in %s is needed by nothing (%s)", e.action, e.kind, e.reason)
		}
	}
}

func TestNoStatementAllowsActionsByAsteriskButForTheListedOnes(t *testing.T) {
	used := map[exception]bool{}
	eachStack(t, func(t *testing.T, s stack) {
		for _, statement := range statements(t, s) {
			for _, action := range statement.Action {
				wildcard := exception{kind: statement.of.kind, action: action}
				listed := slices.ContainsFunc(actionExceptions, func(e exception) bool { return e.kind == wildcard.kind && e.action == wildcard.action })
				if strings.Contains(action, "*") && statement.Effect == "Allow" && !listed {
					t.Errorf("%s allows %s", statement, action)
				}
				used[wildcard] = true
			}
		}
	})
	for _, e := range actionExceptions {
		if !used[exception{kind: e.kind, action: e.action}] {
			t.Errorf("the exception for %s in %s is needed by nothing (%s)", e.action, e.kind, e.reason)
		}
	}
}

func TestEverybodyIsOnlyDeniedOrOfTheOwnAccount(t *testing.T) {
	eachStack(t, func(t *testing.T, s stack) {
		for _, statement := range statements(t, s) {
			if statement.identity() != (len(statement.Principal) == 0) {
				t.Errorf("%s has the principals %v", statement, statement.Principal)
			}
			for _, names := range statement.Principal {
				if slices.Contains(names, "*") && statement.Effect == "Allow" && !statement.hasCondition("aws:PrincipalAccount", accountID) {
					t.Errorf("%s allows everybody, of any account", statement)
				}
			}
			for _, name := range statement.Principal["AWS"] {
				if name != "*" && !accountID.MatchString(name) {
					t.Errorf("%s allows %s, who is not of the own account", statement, name)
				}
			}
		}
	})
}

// serviceExceptions are the services that AWS documents no condition of the account for.
var serviceExceptions = []exception{
	{"aws_kms_key", "PublishAlarms", "what may be published is said by the topic's policy, which is limited to alarms of the account: https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns"},
}

// Without it another customer could make the service act for him: the confused deputy,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html.
func TestAnAWSServiceIsOnlyAllowedWhatItDoesForTheOwnAccount(t *testing.T) {
	used := map[exception]bool{}
	eachStack(t, func(t *testing.T, s stack) {
		seen := map[string]bool{}
		for _, statement := range statements(t, s) {
			for kind, names := range statement.Principal {
				if kind != "Service" {
					continue
				}
				for _, name := range names {
					seen[name] = true
				}
				ownAccount := statement.hasCondition("aws:SourceAccount", accountID) ||
					statement.hasCondition("aws:SourceArn", accountID) ||
					// What CloudWatch Logs sends instead: the ARN of the group.
					statement.hasCondition("kms:EncryptionContext:aws:logs:arn", accountID)
				if !ownAccount && !excepted(serviceExceptions, used, statement.of.kind, statement.Sid) {
					t.Errorf("%s allows %v for any account", statement, names)
				}
			}
		}
		if s.environment != nil && len(seen) < 7 {
			t.Errorf("only %d services are allowed anything: the test shows nothing", len(seen))
		}
	})
	for _, e := range serviceExceptions {
		if !used[e] {
			t.Errorf("the exception for %s in %s is needed by nothing (%s)", e.action, e.kind, e.reason)
		}
	}
}

func TestARoleIsTakenOnByTheOneServiceThatItIsFor(t *testing.T) {
	services := map[string]string{
		"PaymentExecutionRole":    "ecs-tasks.amazonaws.com",
		"PaymentTaskRole":         "ecs-tasks.amazonaws.com",
		"PaymentDBMonitoringRole": "monitoring.rds.amazonaws.com",
		"PaymentFlowLogRole":      "vpc-flow-logs.amazonaws.com",
	}
	eachEnvironment(t, func(t *testing.T, s stack) {
		roles := s.some(t, "aws_iam_role")
		if len(roles) != len(services) {
			t.Errorf("%d roles, expected %d", len(roles), len(services))
		}
		for _, role := range roles {
			name := strings.TrimSuffix(role.at("name").(string), "-"+s.environment.Suffix)
			trust := statementsOf(t, role)
			if len(trust) != 1 || !slices.Equal(trust[0].Action, texts{"sts:AssumeRole"}) || fmt.Sprint(trust[0].Principal) != fmt.Sprintf("map[Service:[%s]]", services[name]) {
				t.Errorf("%s is taken on by %v with %v", role.address(), trust[0].Principal, trust[0].Action)
			}
		}
	})
}

// permissions returns what a role may do: "action resource".
func permissions(t *testing.T, s stack, role resource) []string {
	t.Helper()
	var all []string
	for _, policy := range s.some(t, "aws_iam_role_policy") {
		if s.follow(t, policy.at("role")).address() != role.address() {
			continue
		}
		for _, statement := range statementsOf(t, policy) {
			for _, action := range statement.Action {
				for _, resource := range statement.Resource {
					all = append(all, action+" "+resource)
				}
			}
		}
	}
	if len(all) == 0 {
		t.Errorf("%s may do nothing", role.address())
	}
	return all
}

func TestATaskMayConnectAsOneDatabaseUserWhoIsNotTheMasterUser(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		cluster := s.only(t, "aws_rds_cluster")
		user := s.environment.Database.IAMUsername
		expected := regexp.MustCompile(`^rds-db:connect arn:[^:]+:rds-db:` + s.environment.Region + `:` + accountID.String() +
			`:dbuser:` + regexp.QuoteMeta("${"+cluster.address()+".cluster_resource_id}/"+user) + `$`)
		var connects []string
		for _, permission := range permissions(t, s, s.follow(t, s.only(t, "aws_ecs_task_definition").at("task_role_arn"))) {
			if strings.HasPrefix(permission, "rds-db:") {
				connects = append(connects, permission)
			}
		}
		if len(connects) != 1 || !expected.MatchString(connects[0]) || user == cluster.at("master_username") {
			t.Errorf("tasks may %q, expected one connection as %s", connects, user)
		}
	})
}

func TestStartingATaskAndBeingATaskAreDifferentRights(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		definition := s.only(t, "aws_ecs_task_definition")
		execution, task := s.follow(t, definition.at("execution_role_arn")), s.follow(t, definition.at("task_role_arn"))
		if execution.address() == task.address() {
			t.Fatalf("one role for both, %s", task.address())
		}
		secret := "${" + s.only(t, "aws_secretsmanager_secret").address() + ".arn}"
		group := "log-group:/tap-" + s.environment.Suffix + "/payment-api:*"
		mayWriteLogs := func(role resource) bool {
			return slices.ContainsFunc(permissions(t, s, role), func(p string) bool {
				return strings.HasPrefix(p, "logs:PutLogEvents ") && strings.HasSuffix(p, group)
			})
		}
		if !mayWriteLogs(execution) || mayWriteLogs(task) {
			t.Error("the execution role, and not the task, writes the task's log")
		}
		for _, role := range []resource{execution, task} {
			for _, action := range []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"} {
				if !slices.Contains(permissions(t, s, role), action+" "+secret) {
					t.Errorf("%s may not %s the database secret", role.address(), action)
				}
			}
		}
		for _, permission := range permissions(t, s, execution) {
			if strings.HasPrefix(permission, "rds-db:") || strings.HasPrefix(permission, "ssmmessages:") {
				t.Errorf("the execution role may %s", permission)
			}
		}
		for _, permission := range permissions(t, s, task) {
			if strings.HasPrefix(permission, "ecr:") {
				t.Errorf("a task may %s", permission)
			}
			if strings.HasPrefix(permission, "ssmmessages:") && !s.environment.Service.ExecuteCommand {
				t.Errorf("a task may %s without ECS Exec", permission)
			}
		}
	})
}

// The service's own account may give rights on the key to its principals by IAM policies; what the key's policy
// allows outright is this.
func TestTheKeyIsUsedByLogsAndAlarmsAndThroughDatabaseAndSecretsOnly(t *testing.T) {
	usesData := regexp.MustCompile(`^kms:(Decrypt|Encrypt|GenerateDataKey|ReEncrypt|CreateGrant|\*)`)
	eachEnvironment(t, func(t *testing.T, s stack) {
		region := s.environment.Region
		used := map[string]bool{}
		for _, statement := range statementsOf(t, s.only(t, "aws_kms_key")) {
			if !slices.ContainsFunc(statement.Action, usesData.MatchString) {
				continue
			}
			for _, service := range statement.Principal["Service"] {
				used[service] = true
			}
			for range statement.Principal["AWS"] {
				via := statement.Condition["StringEquals"]["kms:ViaService"]
				if len(via) == 0 || !statement.hasCondition("kms:CallerAccount", accountID) {
					t.Errorf("%s lets principals of the account use the key directly", statement)
				}
				for _, service := range via {
					used["via "+service] = true
				}
			}
		}
		for _, service := range []string{"logs." + region + ".amazonaws.com", "cloudwatch.amazonaws.com", "via rds." + region + ".amazonaws.com", "via secretsmanager." + region + ".amazonaws.com"} {
			if !used[service] {
				t.Errorf("%s may not use the key", service)
			}
			delete(used, service)
		}
		if len(used) > 0 {
			t.Errorf("%v may use the key as well", used)
		}
	})
}

func TestATopicIsPublishedToByTheAccountsAlarmsOnly(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, s stack) {
		topic := s.only(t, "aws_sns_topic")
		var publishers []string
		for _, statement := range statementsOf(t, s.only(t, "aws_sns_topic_policy")) {
			if statement.Effect != "Allow" {
				continue
			}
			publishers = append(publishers, fmt.Sprint(statement.Principal, statement.Action, statement.Resource))
			if !statement.hasCondition("aws:SourceArn", regexp.MustCompile(`^arn:[^:]+:cloudwatch:`+s.environment.Region+`:`+accountID.String()+`:alarm:\*$`)) {
				t.Errorf("%s is not limited to alarms", statement)
			}
		}
		if expected := fmt.Sprintf("map[Service:[cloudwatch.amazonaws.com]] [sns:Publish] [${%s.arn}]", topic.address()); !slices.Equal(publishers, []string{expected}) {
			t.Errorf("the topic is published to by %q, expected %q", publishers, expected)
		}
	})
}
