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
	"tap/constructs/service"
	"tap/tests/queue"
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
			if s.environment.Network.NATGateways == 0 && !isReached[name] {
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

var extended = map[string]stack{}

// withWorker returns an environment of stacks with a queue that the API fills and a worker reads.
func withWorker(t *testing.T, suffix string) stack {
	t.Helper()
	if _, done := extended[suffix]; !done {
		environment := *stacks(t)[suffix].environment
		worker := addWorker(environment, func(*connection.Connection) {})
		extended[suffix] = synthesize(t, []config.Environment{environment}, nil, worker)[suffix]
	}
	return extended[suffix]
}

// addWorker is the example of an extension: a queue that the API fills, and a worker that reads it. Both connections
// are changed first.
func addWorker(environment config.Environment, change func(*connection.Connection)) constructs.Extension {
	return func(stack cdktf.TerraformStack, platform constructs.Platform) []connection.Connection {
		payments := queue.New(stack, "queue", platform.Deployment, "Payments")
		change(&payments.Send)
		change(&payments.Receive)
		config := environment.Service
		config.Command, config.Migration = []string{"/payment-api", "work"}, nil
		worker := service.New(stack, "worker", service.Props{
			Deployment: platform.Deployment, Name: "Worker", LogName: "worker", Config: config, Cluster: platform.Cluster,
			Network: platform.Network, Uses: []connection.Connection{payments.Receive},
		})
		platform.Monitoring.Watch(stack, "worker-alarms", worker.Signals)
		return []connection.Connection{payments.Send}
	}
}

// withQueue synthesizes tap-isolated with a queue that the API fills and a worker reads. Both connections are changed
// first.
func withQueue(t *testing.T, change func(*connection.Connection)) stack {
	t.Helper()
	environment := *stacks(t)["isolated"].environment
	all := synthesize(t, []config.Environment{environment}, nil, addWorker(environment, change))
	return all["isolated"].in(t)
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
			// Of the API and of the worker, and nothing else.
			if strings.Count(problems, expected) != 2 || strings.Count(problems, "\n") != 2*len(test.problems)-1 {
				t.Errorf("the problems are\n%s\nexpected %q", problems, expected)
			}
		}
	}
}

// Key policy, endpoint, permissions, variables, security groups and the log follow from the connections alone, and what
// an extension changes of what was there is what it has to.
func TestEverythingFollowsFromConnections(t *testing.T) {
	s, base := withQueue(t, func(*connection.Connection) {}), stacks(t)["isolated"].in(t)
	queue, key := s.only("aws_sqs_queue"), s.only("aws_kms_key").Ref("arn")
	same(t, "what tasks cannot use", unusable(s), nil)
	endpoint, arn := s.find("aws_vpc_endpoint", "service_name", "com.amazonaws.us-east-1.sqs"), " "+queue.Ref("arn")
	for name, allowed := range map[string][]string{
		"Payment": {"sqs:SendMessage" + arn, "kms:Decrypt " + key, "kms:GenerateDataKey " + key},
		"Worker": {"sqs:ChangeMessageVisibility" + arn, "sqs:DeleteMessage" + arn, "sqs:ReceiveMessage" + arn,
			"kms:Decrypt " + key},
	} {
		definition := s.find("aws_ecs_task_definition", "family", name+"Task-isolated")
		variables := definition.containers()[name+"Container"].named("environment", "value")
		if url := variables["QUEUE_URL"]; url != queue.Ref("url") {
			t.Errorf("%s: the variable is %q", name, url)
		}
		got := slices.DeleteFunc(permissions(definition.follow("task_role_arn").permitted()...),
			func(permission string) bool { return strings.HasPrefix(permission, "rds-db:") })
		same(t, "the permissions of "+name, got, allowed)
		s.find("aws_ecs_service", "name", name+"Service-isolated").waitsFor(endpoint)
	}

	worker := s.find("aws_ecs_task_definition", "family", "WorkerTask-isolated").containers()["WorkerContainer"]
	s.find("aws_ecs_service", "name", "WorkerService-isolated").want("load_balancer", nil)
	worker.want("portMappings", nil)
	worker.want("secrets", []any{})
	log := worker.follow("logConfiguration.options.awslogs-group")
	log.want("name", "/tap-isolated/worker")
	log.want("kms_key_id", key)
	reaches := slices.DeleteFunc(connections(s),
		func(open string) bool { return !strings.Contains(open, "WorkerService") })
	same(t, "the connections of the worker", reaches, []string{
		"tasks of WorkerService-isolated -> S3:443", "tasks of WorkerService-isolated -> endpoints:443",
	})

	changed := slices.DeleteFunc(s.changesFrom(base), func(name string) bool { return !strings.Contains(name, ".") })
	same(t, "the changes by an extension", changed, []string{
		"aws_cloudwatch_dashboard.dashboard_body", "aws_ecs_service.depends_on",
		"aws_ecs_task_definition.container_definitions", "aws_iam_role_policy.policy",
		"aws_kms_key.policy",
	})
	for _, address := range addresses(base.all()) {
		if !slices.Contains(addresses(s.all()), address) {
			t.Errorf("an extension removes %s", address)
		}
	}
}
