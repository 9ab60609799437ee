package tests

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/config"
)

// identity reports whether the statement belongs to a role, and not to what is used by roles.
func (s statement) identity() bool { return s.of.kind == "aws_iam_role_policy" }

// isImageLayers reports whether the statement is about ECR's layers: these come from a bucket of AWS's own, with
// requests that ECR signs.
func (s statement) isImageLayers() bool {
	return s.Sid == "ImageLayers" && s.of.at("vpc_endpoint_type") == "Gateway" &&
		slices.Equal(s.Action, texts{"s3:GetObject"}) && len(s.Resource) == 1 &&
		strings.HasSuffix(s.Resource[0], ":s3:::prod-"+s.of.environment.Region+"-starport-layer-bucket/*")
}

func TestEveryPolicyIsRead(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		for _, r := range s.all() {
			attribute := policyAttributes[r.kind]
			if attribute != "" && r.at(attribute) == nil {
				s.Errorf("%s has no %s: AWS would choose one", r.address(), attribute)
			}
			walk(r.attributes, nil, func(path []string, value any) {
				text, _ := value.(string)
				if r.kind == "aws_cloudwatch_log_data_protection_policy" { // says what is masked, and allows nothing
					return
				}
				if strings.Contains(text, `"Statement"`) && !slices.Equal(path, []string{attribute}) {
					s.Errorf("%s has a policy in %v, which no test reads", r.address(), path)
				}
			})
			switch r.kind {
			case "aws_iam_policy", "aws_iam_policy_attachment", "aws_iam_role_policy_attachment", "aws_iam_user",
				"aws_iam_group", "aws_iam_access_key":
				s.Errorf("%s gives permissions that no test reads", r.address())
			case "aws_iam_role":
				r.want("managed_policy_arns", nil)
				r.want("inline_policy", nil)
			}
		}
		for _, statement := range s.statements() {
			if statement.NotAction != nil || statement.NotResource != nil || statement.NotPrincipal != nil {
				s.Errorf("%s says what it is not about", statement)
			}
			if statement.Sid == "" || len(statement.Action) == 0 || statement.Effect != "Allow" && statement.Effect != "Deny" {
				s.Errorf("%s has no id, no effect or no action", statement)
			}
		}
	})
}

// exceptions are what AWS forces on policies, as kind and action, with the reason: actions that may be allowed for the
// resource *, and actions with an asterisk. Sources: the service authorization reference,
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var exceptions = map[string]string{
	"aws_iam_role_policy ecr:GetAuthorizationToken":        "signs in to the registry as a whole",
	"aws_iam_role_policy ssmmessages:CreateControlChannel": "the service takes no resource",
	"aws_iam_role_policy ssmmessages:CreateDataChannel":    "the service takes no resource",
	"aws_iam_role_policy ssmmessages:OpenControlChannel":   "the service takes no resource",
	"aws_iam_role_policy ssmmessages:OpenDataChannel":      "the service takes no resource",
	"aws_iam_role_policy logs:DescribeLogGroups":           "lists groups; ECS Exec asks without naming one",
	"aws_kms_key kms:Describe*":                            "reads what the key is",
	"aws_kms_key kms:Get*":                                 "reads the key's policy, rotation and public part",
	"aws_kms_key kms:List*":                                "reads aliases, grants, policies and tags",
	"aws_kms_key kms:Disable*":                             "administration, as in AWS's own key policy",
	"aws_kms_key kms:Enable*":                              "administration, as in AWS's own key policy",
	"aws_kms_key kms:Put*":                                 "administration, as in AWS's own key policy",
	"aws_kms_key kms:Revoke*":                              "administration, as in AWS's own key policy",
	"aws_kms_key kms:Update*":                              "administration, as in AWS's own key policy",
	"aws_kms_key kms:Decrypt*":                             "the form that CloudWatch Logs documents",
	"aws_kms_key kms:Encrypt*":                             "the form that CloudWatch Logs documents",
	"aws_kms_key kms:GenerateDataKey*":                     "with and without its plaintext",
	"aws_kms_key kms:ReEncrypt*":                           "from and to the key",
	"aws_vpc_endpoint *":                                   "the account limits it, and each caller's own policies",
}

// unlimited matches a resource that is everything, or everything of its type: an ARN whose last part is * or type/* or
// type:*.
var unlimited = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*.*)$`)

// No policy gives everything, nor lets anybody decrypt with every key (IAM.1, IAM.21, KMS.1, KMS.2).
func TestStatementsAreNarrow(t *testing.T) {
	needed := map[string]bool{}
	eachEnvironment(t, func(s stack) {
		for _, statement := range s.statements() {
			if (len(statement.Resource) == 0) != (statement.of.kind == "aws_iam_role") { // whose trust policy has none
				s.Errorf("%s names the resources %v", statement, statement.Resource)
			}
			// In a key policy * is the key itself.
			everything := statement.of.kind != "aws_kms_key" && slices.ContainsFunc(statement.Resource, unlimited.MatchString)
			for _, action := range statement.Action {
				if statement.Effect == "Deny" || !everything && !strings.Contains(action, "*") {
					continue
				}
				key := statement.of.kind + " " + action
				if needed[key] = true; exceptions[key] == "" {
					s.Errorf("%s allows %s for %v", statement, action, statement.Resource)
				}
			}
		}
	})
	for key, reason := range exceptions {
		if !needed[key] {
			t.Errorf("nothing needs the exception for %s (%s)", key, reason)
		}
	}
}

// Nothing is public or open to other accounts (KMS.5, S3.6, SNS.4).
func TestOnlyTheAccountIsAllowed(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		for _, statement := range s.statements() {
			if statement.identity() != (len(statement.Principal) == 0) {
				s.Errorf("%s has the principals %v", statement, statement.Principal)
			}
			for _, names := range statement.Principal {
				if slices.Contains(names, "*") && statement.Effect == "Allow" && !statement.isImageLayers() &&
					!statement.hasCondition("aws:PrincipalAccount", accountID) {
					s.Errorf("%s allows everybody, of any account", statement)
				}
			}
			for _, name := range statement.Principal["AWS"] {
				if name != "*" && !accountID.MatchString(name) {
					s.Errorf("%s allows %s, who is of another account", statement, name)
				}
			}
		}
	})
}

// Otherwise another customer could make the service act for them: the confused deputy,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func TestServicesActForTheAccountOnly(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		seen := map[string]bool{}
		for _, statement := range s.statements() {
			services := statement.Principal["Service"]
			for _, name := range services {
				seen[name] = true
			}
			ownAccount := statement.hasCondition("aws:SourceAccount", accountID) ||
				statement.hasCondition("aws:SourceArn", accountID) ||
				// CloudWatch Logs sends the group's ARN instead.
				statement.hasCondition("kms:EncryptionContext:aws:logs:arn", accountID) ||
				// AWS documents no condition; the topic's policy is limited to alarms of the account:
				// https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
				statement.of.kind == "aws_kms_key" && statement.Sid == "PublishAlarms"
			if len(services) > 0 && !ownAccount {
				s.Errorf("%s allows %v for any account", statement, services)
			}
		}
		if len(seen) < 6 {
			s.Errorf("only %d services are allowed anything: the test shows nothing", len(seen))
		}
	})
}

func TestRolesAreAssumedByOneService(t *testing.T) {
	services := map[string]string{
		"PaymentExecutionRole":    "ecs-tasks.amazonaws.com",
		"PaymentTaskRole":         "ecs-tasks.amazonaws.com",
		"PaymentDBMonitoringRole": "monitoring.rds.amazonaws.com", // RDS.6
		"PaymentFlowLogRole":      "vpc-flow-logs.amazonaws.com",
	}
	eachEnvironment(t, func(s stack) {
		for _, role := range s.some("aws_iam_role") {
			service := services[strings.TrimSuffix(role.text("name"), "-"+s.suffix)]
			if trust := role.policy(); len(trust) != 1 || !trust[0].allows(service, "sts:AssumeRole") ||
				len(trust[0].Principal) != 1 || len(trust[0].Action) != 1 {
				s.Errorf("%s is assumed by %v with %v", role.address(), trust[0].Principal, trust[0].Action)
			}
		}
	})
}

// permitted returns the statements of a role's permissions.
func (r resource) permitted() []statement {
	r.Helper()
	var all []statement
	for _, policy := range r.some("aws_iam_role_policy") {
		if policy.follow("role").address() == r.address() {
			all = append(all, policy.policy()...)
		}
	}
	if len(all) == 0 {
		r.Errorf("%s may do nothing", r.address())
	}
	return all
}

// permissions returns what a role may do, each as "action resource".
func permissions(role resource) []string {
	role.Helper()
	var all []string
	for _, statement := range role.permitted() {
		for _, action := range statement.Action {
			for _, resource := range statement.Resource {
				all = append(all, action+" "+resource)
			}
		}
	}
	return all
}

// What ECS needs to start a task is not what the program in it may do. Whoever logs in with a token cannot read the
// owner's password.
func TestTaskRolesHaveTheirOwnRights(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		definition := s.only("aws_ecs_task_definition")
		execution, task := definition.follow("execution_role_arn"), definition.follow("task_role_arn")
		secret := s.only("aws_secretsmanager_secret").ref("arn")
		service, master := s.environment.Service, s.environment.Database.Login == config.LoginMaster
		starts, runs := []string{"logs"}, []string{"rds-db"}
		for role, reads := range map[*resource]bool{&execution: master || len(service.Migration) > 0, &task: master} {
			for _, action := range []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"} {
				if slices.Contains(permissions(*role), action+" "+secret) != reads {
					s.Errorf("%s may %s the database's secret: %v", role.address(), action, !reads)
				}
			}
		}
		if master {
			runs = append(runs, "kms", "secretsmanager")
		}
		if master || len(service.Migration)+len(service.Secrets) > 0 {
			starts = append(starts, "kms", "secretsmanager")
		}
		group := s.container().follow("logConfiguration.options.awslogs-group").text("name")
		if !slices.ContainsFunc(permissions(execution), func(permission string) bool {
			return strings.HasPrefix(permission, "logs:PutLogEvents ") && strings.HasSuffix(permission, ":"+group+":*")
		}) {
			s.Errorf("%s may not write to %s", execution.address(), group)
		}
		if _, _, _, private := service.PrivateRepository(); private {
			starts = append(starts, "ecr")
		}
		if service.ExecuteCommand {
			runs = append(runs, "logs", "ssmmessages")
		}
		same(s, "the services that the execution role uses", services(execution), starts)
		same(s, "the services that the task role uses", services(task), runs)
	})
}

// services returns the AWS services that a role may use, as its actions name them.
func services(role resource) []string {
	var all []string
	for _, statement := range role.permitted() {
		all = append(all, statement.services()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// services returns those of one statement.
func (s statement) services() []string {
	var all []string
	for _, action := range s.Action {
		service, _, _ := strings.Cut(action, ":")
		all = append(all, service)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestTasksConnectAsTheirOwnDatabaseUser(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		cluster := s.only("aws_rds_cluster")
		var connects []string
		for _, permission := range permissions(s.only("aws_ecs_task_definition").follow("task_role_arn")) {
			if strings.HasPrefix(permission, "rds-db:") {
				connects = append(connects, aws(accountID.ReplaceAllString(permission, "123456789012")))
			}
		}
		user := cluster.ref("cluster_resource_id") + "/payment_api"
		same(s, "the users that tasks connect as", connects, []string{
			"rds-db:connect arn:aws:rds-db:" + s.environment.Region + ":123456789012:dbuser:" + user,
		})
		if cluster.at("master_username") == "payment_api" {
			s.Error("tasks connect as the master user")
		}
	})
}
