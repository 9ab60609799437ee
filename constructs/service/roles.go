package service

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"tap/config"
	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/logs"
	"tap/constructs/policy"
)

// newRoles creates the two roles of a task with the permissions of the connections: what ECS needs to start it, and
// what the program in it may do (CKV_AWS_249 asks that they differ).
func newRoles(scope constructs.Construct, props Props, uses []connection.Connection) (execution, task deployment.Role) {
	d := props.Deployment
	newRole := func(id, kind, description string, accesses []connection.Access) deployment.Role {
		return d.NewRole(scope, id, deployment.RoleProps{
			Name: props.Name + kind, Description: description + props.LogName, Service: "ecs-tasks.amazonaws.com",
			Conditions: d.ARNs.Sources("ecs", "*"), Statements: statements(d, accesses),
		})
	}
	var ofExecution, ofTask []connection.Access
	for _, use := range uses {
		ofExecution, ofTask = append(ofExecution, use.Execution), append(ofTask, use.Task)
	}
	return newRole("execution-role", "ExecutionRole", "Starts tasks (image, secrets, logs) of the service ", ofExecution),
		newRole("task-role", "TaskRole", "What the program itself may do in the service ", ofTask)
}

// statements are those of the accesses, each once, and the use of the key that goes with them.
func statements(d deployment.Deployment, accesses []connection.Access) []policy.Statement {
	var all []policy.Statement
	key := map[string][]string{}
	for _, access := range accesses {
		for _, statement := range access.Statements {
			if !slices.ContainsFunc(all, func(s policy.Statement) bool { return reflect.DeepEqual(s, statement) }) {
				all = append(all, statement)
			}
		}
		for service, actions := range access.KMS {
			key[service] = append(key[service], actions...)
		}
	}
	for _, service := range slices.Sorted(maps.Keys(key)) {
		actions := slices.Compact(slices.Sorted(slices.Values(key[service])))
		all = append(all, policy.Allow("UseKeyThrough"+strings.ToUpper(service[:1])+service[1:], actions...).
			On(d.Key.ARN).If(policy.Equals("kms:ViaService", d.ARNs.Endpoint(service))))
	}
	return all
}

// platform is what every task uses: its log group, the repository of its image, the variables and secrets of the
// environment file, and ECS Exec.
func platform(props Props) []connection.Connection {
	arns, every := props.Deployment.ARNs, jsii.String("*") // where AWS takes no resource
	events := func(name string) *string {
		return arns.ARN("logs", "log-group:"+logs.Name(props.Deployment, name)+":*")
	}
	uses := []connection.Connection{{
		Name: "logs",
		Execution: connection.Access{Statements: []policy.Statement{
			policy.Allow("WriteLogs", "logs:CreateLogStream", "logs:PutLogEvents").On(events(props.LogName)),
		}},
		Endpoints: []string{"logs"},
	}, {
		Name: "service.environment", Variables: props.Config.Environment,
	}}
	images, references := []string{props.Config.Image}, slices.Collect(maps.Values(props.Config.Secrets))
	for _, name := range slices.Sorted(maps.Keys(props.Sidecars)) {
		images = append(images, props.Sidecars[name].Image)
		references = slices.AppendSeq(references, maps.Values(props.Sidecars[name].Secrets))
	}
	repositories, secrets := map[string]bool{}, map[string]bool{} // by ARN
	for _, image := range images {
		if owner, region, name, private := config.PrivateRepository(image); private {
			repositories[fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", *arns.Partition, region, owner, name)] = true
		}
	}
	for _, reference := range references {
		parts := strings.Split(reference, ":") // seven of an ARN; what follows selects a value of the secret
		secrets[strings.Join(parts[:7], ":")] = true
	}
	if len(repositories) > 0 {
		uses = append(uses, connection.Connection{
			Name: "image",
			Execution: connection.Access{Statements: []policy.Statement{
				policy.Allow("SignInToECR", "ecr:GetAuthorizationToken").On(every),
				policy.Allow("PullImage", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
					"ecr:GetDownloadUrlForLayer").On(*jsii.Strings(slices.Sorted(maps.Keys(repositories))...)...),
			}},
			Endpoints: []string{"ecr.api", "ecr.dkr"},
		})
	}
	if len(secrets) > 0 {
		uses = append(uses, connection.Connection{
			Name: "service.secrets", Secrets: props.Config.Secrets,
			Execution: connection.Access{
				Statements: []policy.Statement{policy.Allow("ReadFurtherSecrets", "secretsmanager:GetSecretValue").
					On(*jsii.Strings(slices.Sorted(maps.Keys(secrets))...)...)},
				KMS: map[string][]string{"secretsmanager": {"kms:Decrypt"}},
			},
			Endpoints: []string{"secretsmanager"},
		})
	}
	if props.Config.ExecuteCommand {
		// With logged sessions: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
		uses = append(uses, connection.Connection{
			Name: "sessions",
			Task: connection.Access{Statements: []policy.Statement{
				policy.Allow("OpenSessions", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
					"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel").On(every),
				policy.Allow("FindSessionLog", "logs:DescribeLogGroups").On(arns.ARN("logs", "log-group:*")),
				policy.Allow("LogSessions", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents").
					On(events(sessionsLog)),
			}},
			Endpoints: []string{"logs", "ssmmessages"},
		})
	}
	return uses
}
