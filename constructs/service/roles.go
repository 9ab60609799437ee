package service

import (
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"tap/constructs/policy"
)

// newRoles creates the execution role and the task role.
func newRoles(scope constructs.Construct, props Props) roles {
	// Only ECS, and only for this account.
	trust := []policy.Condition{
		policy.Equals("aws:SourceAccount", props.Account.ID),
		policy.ARNLike("aws:SourceArn", props.Account.ARN("ecs", "*")),
	}
	readSecret := policy.Statement{
		Sid:       "ReadDatabaseSecret",
		Actions:   []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"},
		Resources: []*string{props.Database.Secret.ARN},
	}
	decrypt := policy.Statement{
		Sid: "DecryptSecrets", Actions: []string{"kms:Decrypt"}, Resources: []*string{props.KeyARN},
		Conditions: []policy.Condition{policy.Equals("kms:ViaService", jsii.String("secretsmanager."+props.Account.Region+".amazonaws.com"))},
	}

	execution := []policy.Statement{
		{
			Sid: "WriteLogs", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []*string{jsii.String(*props.Account.ARN("logs", "log-group:"+serviceLogGroup(props.Suffix)) + ":*")},
		},
		readSecret, decrypt,
	}
	if arns := secretARNs(props.Service.Secrets); len(arns) > 0 {
		execution = append(execution, policy.Statement{
			Sid: "ReadFurtherSecrets", Actions: []string{"secretsmanager:GetSecretValue"}, Resources: *jsii.Strings(arns...),
		})
	}
	if account, region, repository, ok := props.Service.PrivateRepository(); ok {
		execution = append(execution,
			policy.Statement{
				// AWS takes no resource for it.
				Sid: "SignInToECR", Actions: []string{"ecr:GetAuthorizationToken"}, Resources: *jsii.Strings("*"),
			},
			policy.Statement{
				Sid:       "PullImage",
				Actions:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
				Resources: []*string{jsii.Sprintf("arn:%s:ecr:%s:%s:repository/%s", *props.Account.Partition, region, account, repository)},
			})
	}

	task := []policy.Statement{
		readSecret, decrypt,
		{
			Sid: "ConnectToDatabase", Actions: []string{"rds-db:connect"}, Resources: []*string{props.Database.IAMUserARN},
		},
	}
	if props.Service.ExecuteCommand {
		task = append(task, executeCommandStatements(props)...)
	}

	return roles{
		execution: policy.NewRole(scope, "execution-role", policy.RoleProps{
			Name:        "PaymentExecutionRole-" + props.Suffix,
			Description: "Starts tasks of the payment API: image, secrets, logs",
			Service:     "ecs-tasks.amazonaws.com",
			Conditions:  trust,
			Statements:  execution,
		}),
		task: policy.NewRole(scope, "task-role", policy.RoleProps{
			Name:        "PaymentTaskRole-" + props.Suffix,
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
	group := *props.Account.ARN("logs", "log-group:"+sessionsLogGroup(props.Suffix))
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
			Sid: "FindSessionLog", Actions: []string{"logs:DescribeLogGroups"}, Resources: []*string{props.Account.ARN("logs", "log-group:*")},
		},
		{
			Sid: "LogSessions", Resources: []*string{jsii.String(group + ":*")},
			Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
		},
	}
}

// secretARNs are the secrets behind the references of an environment file, without the JSON keys,
// each once and in order.
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
