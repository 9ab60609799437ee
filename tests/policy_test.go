package tests

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
	"tap/tests/terraform"
)

// isImageLayers reports whether the statement is about ECR's layers: these come from a bucket of AWS's own, with
// requests that ECR signs.
func isImageLayers(s statement, region string) bool {
	return s.Sid == "ImageLayers" && s.Of.At("vpc_endpoint_type") == "Gateway" &&
		slices.Equal(s.Action, texts{"s3:GetObject"}) && len(s.Resource) == 1 &&
		strings.HasSuffix(s.Resource[0], ":s3:::prod-"+region+"-starport-layer-bucket/*")
}

func TestEveryPolicyIsRead(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		for _, r := range s.all() {
			attribute := terraform.PolicyAttributes[r.Kind]
			if attribute != "" && r.At(attribute) == nil {
				s.Errorf("%s has no %s: AWS would choose one", r.Address(), attribute)
			}
			walk(r.Attributes, nil, func(path []string, value any) {
				text, _ := value.(string)
				if r.Kind == "aws_cloudwatch_log_data_protection_policy" { // says what is masked, and allows nothing
					return
				}
				if strings.Contains(text, `"Statement"`) && !slices.Equal(path, []string{attribute}) {
					s.Errorf("%s has a policy in %v, which no test reads", r.Address(), path)
				}
			})
			switch r.Kind {
			case "aws_iam_policy", "aws_iam_policy_attachment", "aws_iam_role_policy_attachment", "aws_iam_user",
				"aws_iam_group", "aws_iam_access_key":
				s.Errorf("%s gives permissions that no test reads", r.Address())
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

// unlimited matches a resource that is everything, or everything of its type: an ARN whose last part is * or type/* or
// type:*.
var unlimited = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*.*)$`)

// No policy gives everything, nor lets anybody decrypt with every key.
func TestStatementsAreNarrow(t *testing.T) {
	needed, exceptions := map[string]bool{}, map[string][]string{}
	must.Do(t, yaml.Unmarshal([]byte(read(t, "exceptions.yaml")), &exceptions))
	eachEnvironment(t, func(s stack) {
		for _, statement := range s.statements() {
			if (len(statement.Resource) == 0) != (statement.Of.Kind == "aws_iam_role") { // whose trust policy has none
				s.Errorf("%s names the resources %v", statement, statement.Resource)
			}
			// In a key policy * is the key itself.
			everything := statement.Of.Kind != "aws_kms_key" && slices.ContainsFunc(statement.Resource, unlimited.MatchString)
			for _, action := range statement.Action {
				if statement.Effect == "Deny" || !everything && !strings.Contains(action, "*") {
					continue
				}
				if !slices.Contains(exceptions[statement.Of.Kind], action) {
					s.Errorf("%s allows %s for %v (IAM.1, IAM.21, KMS.1, KMS.2)", statement, action, statement.Resource)
				}
				needed[statement.Of.Kind+action] = true
			}
		}
	})
	for kind, actions := range exceptions {
		for _, action := range actions {
			if !needed[kind+action] {
				t.Errorf("exceptions.yaml: nothing needs %s of %s", action, kind)
			}
		}
	}
}

// Nothing is public or open to other accounts, and no service acts for one. Otherwise another customer could make it
// act for them: the confused deputy,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func TestOnlyTheAccountIsAllowed(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		services := map[string]bool{}
		for _, statement := range s.statements() {
			if isIdentity := statement.Of.Kind == "aws_iam_role_policy"; isIdentity != (len(statement.Principal) == 0) {
				s.Errorf("%s has the principals %v", statement, statement.Principal)
			}
			for _, names := range statement.Principal {
				if slices.Contains(names, "*") && statement.Effect == "Allow" && !isImageLayers(statement, s.environment.Region) &&
					!statement.HasCondition("aws:PrincipalAccount", accountID) {
					s.Errorf("%s allows everybody, of any account (KMS.5, S3.6, SNS.4)", statement)
				}
			}
			for _, name := range statement.Principal["AWS"] {
				_, copies := s.environment.Database.BackupCopy.Place()
				forCopies := copies != "" && strings.HasSuffix(name, "::"+copies+":root") && strings.Contains(statement.Sid, "Cop")
				if name != "*" && !accountID.MatchString(name) && !forCopies {
					s.Errorf("%s allows %s, who is of another account", statement, name)
				}
			}
			ownAccount := statement.HasCondition("aws:SourceAccount", accountID) ||
				statement.HasCondition("aws:SourceArn", accountID) ||
				// CloudWatch Logs sends the group's ARN instead.
				statement.HasCondition("kms:EncryptionContext:aws:logs:arn", accountID) ||
				// AWS documents no condition; the topic's policy is limited to alarms of the account:
				// https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
				statement.Of.Kind == "aws_kms_key" && statement.Sid == "PublishAlarms" ||
				statement.Sid == "PublishEvents" // EventBridge supports none: see monitoring.PublishEvents
			for _, name := range statement.Principal["Service"] {
				if services[name] = true; !ownAccount {
					s.Errorf("%s allows %s for any account", statement, name)
				}
			}
		}
		if len(services) < 5 {
			s.Errorf("only %d services are allowed anything: the test shows nothing", len(services))
		}
	})
}

func TestRolesAreAssumedByOneService(t *testing.T) {
	services := map[string]string{ // by how the name of a role ends, before the suffix
		"ExecutionRole":    "ecs-tasks.amazonaws.com",
		"TaskRole":         "ecs-tasks.amazonaws.com",
		"DBMonitoringRole": "monitoring.rds.amazonaws.com",
		"DBBackupRole":     "backup.amazonaws.com",
		"FlowLogRole":      "vpc-flow-logs.amazonaws.com",
		"ScheduleRole":     "scheduler.amazonaws.com",
	}
	eachEnvironment(t, func(s stack) {
		for _, role := range s.some("aws_iam_role") {
			service := ""
			for kind, principal := range services {
				if strings.HasSuffix(role.Text("name"), kind+"-"+s.suffix) {
					service = principal
				}
			}
			if trust := role.policy(); len(trust) != 1 || !trust[0].Allows(service, "sts:AssumeRole") ||
				len(trust[0].Principal) != 1 || len(trust[0].Action) != 1 {
				s.Errorf("%s is assumed by %v with %v", role.Address(), trust[0].Principal, trust[0].Action)
			}
		}
	})
}

// permitted returns the statements of a role's permissions.
func (r resource) permitted() []statement {
	r.Helper()
	var all []statement
	for _, policy := range r.some("aws_iam_role_policy") {
		if policy.follow("role").Address() == r.Address() {
			all = append(all, policy.policy()...)
		}
	}
	if len(all) == 0 {
		r.Errorf("%s may do nothing", r.Address())
	}
	return all
}

// permissions returns what statements are about, each as "action resource".
func permissions(statements ...statement) (all []string) {
	for _, statement := range statements {
		for _, action := range statement.Action {
			for _, resource := range statement.Resource {
				all = append(all, action+" "+resource)
			}
		}
	}
	return all
}

// services returns the AWS services of permissions or actions, as these name them.
func services(permissions []string) []string {
	var all []string
	for _, permission := range permissions {
		service, _, _ := strings.Cut(permission, ":")
		all = append(all, service)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// What ECS needs to start a task is not what the program in it may do. Whoever logs in with a token cannot read the
// owner's password.
func TestTaskRolesHaveTheirOwnRights(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		definition, cluster := s.service().follow("task_definition"), s.only("aws_rds_cluster")
		execution, task := definition.follow("execution_role_arn"), definition.follow("task_role_arn")
		starting, running := permissions(execution.permitted()...), permissions(task.permitted()...)
		service, master := s.environment.Service, s.environment.Database.Login == config.LoginMaster
		starts, runs := []string{"logs"}, []string{"rds-db"}
		if master {
			runs = append(runs, "kms", "secretsmanager")
		}
		if master || len(service.Migration)+len(service.Secrets) > 0 {
			starts = append(starts, "kms", "secretsmanager")
		}
		if _, _, _, private := config.PrivateRepository(service.Image); private {
			starts = append(starts, "ecr")
		}
		if service.ExecuteCommand {
			runs = append(runs, "logs", "ssmmessages")
		}
		if len(s.each("aws_sqs_queue")) > 0 {
			runs = append(runs, "kms", "sqs")
		}
		same(s, "the services that the execution role uses", services(starting), starts)
		same(s, "the services that the task role uses", services(running), slices.Compact(slices.Sorted(slices.Values(runs))))

		for _, action := range []string{"secretsmanager:DescribeSecret ", "secretsmanager:GetSecretValue "} {
			permission := action + s.only("aws_secretsmanager_secret").Ref("arn")
			if slices.Contains(starting, permission) != (master || len(service.Migration) > 0) ||
				slices.Contains(running, permission) != master {
				s.Errorf("of %s and %s the wrong one may %s", execution.Address(), task.Address(), permission)
			}
		}
		group := s.container().follow("logConfiguration.options.awslogs-group").Text("name")
		if !slices.ContainsFunc(starting, func(permission string) bool {
			return strings.HasPrefix(permission, "logs:PutLogEvents ") && strings.HasSuffix(permission, ":"+group+":*")
		}) {
			s.Errorf("%s may not write to %s", execution.Address(), group)
		}
		for _, permission := range running {
			expected := "rds-db:connect arn:aws:rds-db:" + s.environment.Region + ":121212121212:dbuser:" +
				cluster.Ref("cluster_resource_id") + "/payment_api"
			if strings.HasPrefix(permission, "rds-db:") && aws(permission) != expected {
				s.Errorf("%s may %s, expected %s", task.Address(), permission, expected)
			}
		}
		if cluster.At("master_username") == "payment_api" {
			s.Errorf("tasks connect as the master user")
		}
	})
}
