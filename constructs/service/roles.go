package service

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"

	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// newRoles creates the two roles of a task with the permissions of the connections: what ECS needs to start it, and
// what the program in it may do (CKV_AWS_249 asks that they differ).
func newRoles(scope constructs.Construct, props Props, uses []connection.Connection) (execution, task policy.Role) {
	d := props.Deployment
	newRole := func(id, kind, description string, access func(connection.Connection) connection.Access) policy.Role {
		return d.NewRole(scope, id, policy.RoleProps{
			Name:        props.Name + kind,
			Description: description + props.LogName,
			Service:     "ecs-tasks.amazonaws.com",
			// Only ECS, and only for this account.
			Conditions: []policy.Condition{
				policy.Equals("aws:SourceAccount", d.Account.ID),
				policy.ARNLike("aws:SourceArn", d.Account.ARN("ecs", "*")),
			},
			Statements: statements(d, uses, access),
		})
	}
	execution = newRole("execution-role", "ExecutionRole", "Starts tasks (image, secrets, logs) of the service ",
		func(use connection.Connection) connection.Access { return use.Start })
	task = newRole("task-role", "TaskRole", "What the program itself may do in the service ",
		func(use connection.Connection) connection.Access { return use.Run })
	return execution, task
}

// statements are those of all connections, and the use of the key that goes with them. A statement that two connections
// share is there once.
func statements(d deployment.Deployment, uses []connection.Connection,
	access func(connection.Connection) connection.Access) []policy.Statement {
	var all []policy.Statement
	key := map[string][]string{}
	for _, use := range uses {
		for _, statement := range access(use).Statements {
			if !slices.ContainsFunc(all, func(s policy.Statement) bool { return reflect.DeepEqual(s, statement) }) {
				all = append(all, statement)
			}
		}
		for service, actions := range access(use).Key {
			key[service] = append(key[service], actions...)
		}
	}
	for _, service := range slices.Sorted(maps.Keys(key)) {
		slices.Sort(key[service])
		all = append(all, policy.Statement{
			Sid:        "UseKeyThrough" + strings.ToUpper(service[:1]) + service[1:],
			Actions:    slices.Compact(key[service]),
			Resources:  []*string{d.KeyARN},
			Conditions: []policy.Condition{policy.Equals("kms:ViaService", d.Account.Endpoint(service))},
		})
	}
	return all
}
