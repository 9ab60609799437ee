package service

import (
	"slices"
	"strings"

	"github.com/aws/jsii-runtime-go"

	"tap/constructs/connection"
	"tap/constructs/policy"
)

func logGroup(props Props) string { return "/tap-" + props.Deployment.Suffix + "/" + props.LogName }

// platform is what every task uses: its log group, the repository of its image, the variables and secrets of the
// environment file, and ECS Exec.
func platform(props Props) []connection.Connection {
	account := props.Deployment.Account
	uses := []connection.Connection{{
		Name: "logs",
		Start: connection.Access{Statements: []policy.Statement{{
			Sid: "WriteLogs", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []*string{jsii.String(*account.ARN("logs", "log-group:"+logGroup(props)) + ":*")},
		}}},
		Endpoints: []string{"logs"},
	}, {
		Name: "service.environment", Variables: props.Config.Environment,
	}}
	if owner, region, repository, private := props.Config.PrivateRepository(); private {
		uses = append(uses, connection.Connection{
			Name: "image",
			Start: connection.Access{Statements: []policy.Statement{
				{
					// AWS takes no resource for it.
					Sid: "SignInToECR", Resources: *jsii.Strings("*"),
					Actions: []string{"ecr:GetAuthorizationToken"},
				},
				{
					Sid:     "PullImage",
					Actions: []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
					Resources: []*string{
						jsii.Sprintf("arn:%s:ecr:%s:%s:repository/%s", *account.Partition, region, owner, repository),
					},
				},
			}},
			Endpoints: []string{"ecr.api", "ecr.dkr"},
		})
	}
	if len(props.Config.Secrets) > 0 {
		uses = append(uses, connection.Connection{
			Name:    "service.secrets",
			Secrets: props.Config.Secrets,
			Start: connection.Access{
				Statements: []policy.Statement{{
					Sid: "ReadFurtherSecrets", Resources: *jsii.Strings(secretARNs(props.Config.Secrets)...),
					Actions: []string{"secretsmanager:GetSecretValue"},
				}},
				Key: map[string][]string{"secretsmanager": {"kms:Decrypt"}},
			},
			Endpoints: []string{"secretsmanager"},
		})
	}
	if props.Config.ExecuteCommand {
		uses = append(uses, executeCommand(props))
	}
	return uses
}

// executeCommand is what a task needs for ECS Exec with logged sessions:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
func executeCommand(props Props) connection.Connection {
	account := props.Deployment.Account
	group := *account.ARN("logs", "log-group:"+sessionsLogGroup(props.Deployment.Suffix))
	return connection.Connection{
		Name: "sessions",
		Run: connection.Access{Statements: []policy.Statement{
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
		}},
		Endpoints: []string{"logs", "ssmmessages"},
	}
}

// secretARNs are the secrets that the references of an environment file name, without the JSON keys, each once and in
// order.
func secretARNs(references map[string]string) []string {
	var arns []string
	for _, reference := range references {
		// arn:aws:secretsmanager:region:account:secret:name, seven parts; what follows selects a value.
		parts := strings.SplitN(reference, ":", 8)
		arns = append(arns, strings.Join(parts[:min(len(parts), 7)], ":"))
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}
