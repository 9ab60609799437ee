package service

import (
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"tap/constructs/policy"
)

// roles are the two roles of a task: what ECS needs to start it, and what the program in it may do (CKV_AWS_249 asks
// that they differ).
type roles struct {
	execution, task policy.Role
}

// newRoles creates them.
func newRoles(scope constructs.Construct, props Props) roles {
	d := props.Deployment
	// Only ECS, and only for this account.
	trust := []policy.Condition{
		policy.Equals("aws:SourceAccount", d.Account.ID),
		policy.ARNLike("aws:SourceArn", d.Account.ARN("ecs", "*")),
	}
	readSecret := policy.Statement{
		Sid:       "ReadDatabaseSecret",
		Actions:   []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"},
		Resources: []*string{props.Database.Secret.ARN},
	}
	decrypt := policy.Statement{
		Sid: "DecryptSecrets", Actions: []string{"kms:Decrypt"}, Resources: []*string{d.KeyARN},
		Conditions: []policy.Condition{policy.Equals("kms:ViaService", d.Account.Endpoint("secretsmanager"))},
	}

	execution := []policy.Statement{
		{
			Sid: "WriteLogs", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []*string{jsii.String(*d.Account.ARN("logs", "log-group:"+serviceLogGroup(d.Suffix)) + ":*")},
		},
		readSecret, decrypt,
	}
	if arns := secretARNs(props.Config.Secrets); len(arns) > 0 {
		execution = append(execution, policy.Statement{
			Sid: "ReadFurtherSecrets", Resources: *jsii.Strings(arns...),
			Actions: []string{"secretsmanager:GetSecretValue"},
		})
	}
	if account, region, repository, ok := props.Config.PrivateRepository(); ok {
		execution = append(execution,
			policy.Statement{
				// AWS takes no resource for it.
				Sid: "SignInToECR", Resources: *jsii.Strings("*"),
				Actions: []string{"ecr:GetAuthorizationToken"},
			},
			policy.Statement{
				Sid:     "PullImage",
				Actions: []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
				Resources: []*string{
					jsii.Sprintf("arn:%s:ecr:%s:%s:repository/%s", *d.Account.Partition, region, account, repository),
				},
			})
	}

	task := []policy.Statement{
		readSecret, decrypt,
		{
			Sid: "ConnectToDatabase", Actions: []string{"rds-db:connect"}, Resources: []*string{props.Database.IAMUserARN},
		},
	}
	if props.Config.ExecuteCommand {
		task = append(task, executeCommandStatements(props)...)
	}

	return roles{
		execution: policy.NewRole(scope, "execution-role", policy.RoleProps{
			Name:        d.Name("PaymentExecutionRole"),
			Description: "Starts tasks of the payment API: image, secrets, logs",
			Service:     "ecs-tasks.amazonaws.com",
			Conditions:  trust,
			Statements:  execution,
		}),
		task: policy.NewRole(scope, "task-role", policy.RoleProps{
			Name:        d.Name("PaymentTaskRole"),
			Description: "What the payment API itself may do",
			Service:     "ecs-tasks.amazonaws.com",
			Conditions:  trust,
			Statements:  task,
		}),
	}
}

// executeCommandStatements is what a task needs for ECS Exec with logged sessions:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
func executeCommandStatements(props Props) []policy.Statement {
	account := props.Deployment.Account
	group := *account.ARN("logs", "log-group:"+sessionsLogGroup(props.Deployment.Suffix))
	return []policy.Statement{
		{
			// AWS takes no resource for these.
			Sid: "OpenSessions", Resources: *jsii.Strings("*"),
			Actions: []string{
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
				"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			},
		},
		{
			Sid: "FindSessionLog", Resources: []*string{account.ARN("logs", "log-group:*")},
			Actions: []string{"logs:DescribeLogGroups"},
		},
		{
			Sid: "LogSessions", Resources: []*string{jsii.String(group + ":*")},
			Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
		},
	}
}

// secretARNs are the secrets that the references of an environment file name, without the JSON keys, each once and
// in order.
func secretARNs(references map[string]string) []string {
	var arns []string
	seen := map[string]bool{}
	for _, name := range sortedKeys(references) {
		// arn:aws:secretsmanager:region:account:secret:name, seven parts; what follows selects a value.
		parts := strings.SplitN(references[name], ":", 8)
		arn := strings.Join(parts[:min(len(parts), 7)], ":")
		if !seen[arn] {
			seen[arn] = true
			arns = append(arns, arn)
		}
	}
	return arns
}
