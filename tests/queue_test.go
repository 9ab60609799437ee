package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs"
	"tap/constructs/connection"
	"tap/constructs/queue"
)

// endpointsOf are the interface endpoints that a task reaches a service through, as IAM's actions name the service.
var endpointsOf = map[string][]string{
	"ecr":            {"ecr.api", "ecr.dkr"},
	"kms":            {}, // the service that has what is encrypted asks it, which the condition kms:ViaService says
	"logs":           {"logs"},
	"rds-db":         {}, // the database itself is connected to
	"secretsmanager": {"secretsmanager"},
	"sqs":            {"sqs"},
	"ssmmessages":    {"ssmmessages"},
}

// through returns the services through which statements allow to decrypt with a key.
func through(statements []statement, key string) []string {
	var services []string
	for _, statement := range statements {
		if slices.Contains(statement.Action, "kms:Decrypt") && slices.Contains(statement.Resource, key) {
			services = append(services, statement.Condition["StringEquals"]["kms:ViaService"]...)
		}
	}
	return services
}

// unusable returns what the roles of the stack's tasks may use and could not: a service that nothing leads to, and what
// is encrypted with a key that they may not use, or that the key's policy refuses.
func unusable(s stack) []string {
	s.Helper()
	key, admitted := s.only("aws_kms_key").Ref("arn"), through(s.only("aws_kms_key").policy(), "*")
	isReached, encrypted := map[string]bool{}, map[string]string{} // addresses by ARN
	for _, endpoint := range s.each("aws_vpc_endpoint") {
		isReached[strings.TrimPrefix(endpoint.Text("service_name"), "com.amazonaws."+s.environment.Region+".")] = true
	}
	for _, r := range s.all() {
		if r.Text("kms_key_id") == key || r.Text("kms_master_key_id") == key {
			encrypted[r.Ref("arn")] = r.Address()
		}
	}
	var problems []string
	problem := func(format string, values ...any) { problems = append(problems, fmt.Sprintf(format, values...)) }
	check := func(role resource, used statement, service string) {
		host := service + "." + s.environment.Region + ".amazonaws.com"
		for _, name := range used.Resource {
			reference, _, _ := strings.Cut(name, "}") // without what follows the ARN
			if address := encrypted[reference+"}"]; address != "" {
				if !slices.Contains(through(role.permitted(), key), host) {
					problem("%s may not use the key of %s", role.Address(), address)
				}
				if !slices.Contains(admitted, host) {
					problem("the key refuses %s", host)
				}
			}
		}
		needed, isKnown := endpointsOf[service]
		if !isKnown || service == "kms" && len(used.Condition["StringEquals"]["kms:ViaService"]) == 0 {
			problem("%s uses %s, of which no endpoint is known", used, service)
		}
		for _, name := range needed {
			if network := s.environment.Network; network.NATGateways == 0 && !network.IsExisting() && !isReached[name] {
				problem("%s uses %s, and there is no endpoint %s", used, service, name)
			}
		}
	}
	for _, definition := range s.some("aws_ecs_task_definition") {
		for _, attribute := range []string{"execution_role_arn", "task_role_arn"} {
			role := definition.follow(attribute)
			for _, statement := range role.permitted() {
				for _, service := range services(statement.Action) {
					check(role, statement, service)
				}
			}
		}
	}
	return problems
}

func TestTasksCanUseWhatTheyMay(t *testing.T) {
	eachEnvironment(t, func(s stack) { same(s, "what tasks cannot use", unusable(s), nil) })
}

// withQueue synthesizes tap-isolated with an extension: a queue that the API sends to, by a connection that is changed
// first.
func withQueue(t *testing.T, change func(*connection.Connection)) stack {
	t.Helper()
	environment := *stacks(t)["isolated"].environment
	return synthesize(t, []config.Environment{environment}, nil,
		func(stack cdktf.TerraformStack, platform constructs.Platform) []connection.Connection {
			send := queue.New(stack, "queue", platform.Deployment, "Payments", "PAYMENTS", "payments").Send
			change(&send)
			return []connection.Connection{send}
		})["isolated"].in(t)
}

// Whatever the queue's package does not say, nobody says: AWS would refuse every message.
func TestForgottenPartOfAConnectionIsNoticed(t *testing.T) {
	for _, test := range []struct {
		forget   func(*connection.Connection)
		problems []string
	}{
		{func(c *connection.Connection) { c.Task.KMS = nil },
			[]string{"may not use the key of aws_sqs_queue", "the key refuses sqs.us-east-1"}},
		{func(c *connection.Connection) { c.Endpoints = nil }, []string{"uses sqs, and there is no endpoint sqs"}},
	} {
		problems := strings.Join(unusable(withQueue(t, test.forget)), "\n")
		for _, expected := range test.problems {
			if !strings.Contains(problems, expected) || strings.Count(problems, "\n") != len(test.problems)-1 {
				t.Errorf("the problems are\n%s\nexpected %q", problems, expected)
			}
		}
	}
}

// A worker with its queue changes of what was there what it has to, and removes nothing. What it has is in
// attributes.yaml.
func TestWorkerChangesWhatItHasTo(t *testing.T) {
	base := stacks(t)["isolated"].in(t)
	worker := config.Worker{CPU: 256, Memory: 512, Queue: true, Command: []string{"work"}}
	worker.Scaling = config.WorkerScaling{MinimumTasks: 1, MaximumTasks: 4, MessagesPerTask: 100}
	environment := *base.environment
	environment.Workers = map[string]config.Worker{"payouts": worker}
	s := synthesize(t, []config.Environment{environment}, nil)["isolated"].in(t)
	changed := slices.DeleteFunc(s.changesFrom(base), func(name string) bool { return !strings.Contains(name, ".") })
	same(t, "the changes by a worker", changed, []string{"aws_cloudwatch_dashboard.dashboard_body",
		"aws_ecs_service.depends_on", "aws_ecs_task_definition.container_definitions", "aws_iam_role_policy.policy",
		"aws_kms_key.policy"})
	for _, address := range addresses(base.all()) {
		if !slices.Contains(addresses(s.all()), address) {
			t.Errorf("a worker removes %s", address)
		}
	}
}
