package tests

import (
	"fmt"
	"regexp"
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
	"logs":           {"logs"},
	"secretsmanager": {"secretsmanager"},
	"sqs":            {"sqs"},
	"ssmmessages":    {"ssmmessages"},
}

// unreached are services that a task needs no endpoint for, with the reason.
var unreached = map[string]string{
	"kms":    "the service that has what is encrypted asks it, which the condition kms:ViaService says",
	"rds-db": "the database itself is connected to",
}

var referenceToARN = regexp.MustCompile(`^\$\{([a-z0-9_]+)\.([A-Za-z0-9_-]+)\.arn\}`)

// unusable returns what the roles of the stack's tasks may use and could not: a service that nothing leads to, and what
// is encrypted with a key that they may not use, or that the key's policy refuses.
func unusable(s stack) []string {
	s.Helper()
	key := s.only("aws_kms_key")
	reached, admitted := map[string]bool{}, map[string]bool{}
	for _, endpoint := range s.each("aws_vpc_endpoint") {
		reached[strings.TrimPrefix(endpoint.text("service_name"), "com.amazonaws."+s.environment.Region+".")] = true
	}
	for _, statement := range key.policy() {
		for _, service := range statement.Condition["StringEquals"]["kms:ViaService"] {
			admitted[service] = true
		}
	}
	var problems []string
	check := func(role resource, used statement, service string, decrypts map[string]bool) {
		host := service + "." + s.environment.Region + ".amazonaws.com"
		for _, name := range used.Resource {
			match := referenceToARN.FindStringSubmatch(name)
			if match == nil {
				continue
			}
			for _, r := range s.each(match[1]) {
				isEncrypted := r.text("kms_key_id") == key.ref("arn") || r.text("kms_master_key_id") == key.ref("arn")
				if r.name != match[2] || !isEncrypted {
					continue
				}
				if !decrypts[host] {
					problems = append(problems, fmt.Sprintf("%s may not use the key of %s", role.address(), r.address()))
				}
				if !admitted[host] {
					problems = append(problems, fmt.Sprintf("the key refuses %s", host))
				}
			}
		}
		needed, known := endpointsOf[service]
		limited := service != "kms" || len(used.Condition["StringEquals"]["kms:ViaService"]) > 0
		if unreached[service] != "" && limited {
			return
		}
		if !known {
			problems = append(problems, fmt.Sprintf("%s uses %s, of which no endpoint is known", used, service))
		}
		for _, name := range needed {
			if s.environment.Network.NATGateways == 0 && !reached[name] {
				problems = append(problems, fmt.Sprintf("%s uses %s, and there is no endpoint %s", used, service, name))
			}
		}
	}
	for _, definition := range s.some("aws_ecs_task_definition") {
		for _, attribute := range []string{"execution_role_arn", "task_role_arn"} {
			role, decrypts := definition.follow(attribute), map[string]bool{}
			for _, statement := range role.permitted() {
				if slices.Contains(statement.Action, "kms:Decrypt") && slices.Contains(statement.Resource, key.ref("arn")) {
					for _, service := range statement.Condition["StringEquals"]["kms:ViaService"] {
						decrypts[service] = true
					}
				}
			}
			for _, statement := range role.permitted() {
				for _, service := range statement.services() {
					check(role, statement, service, decrypts)
				}
			}
		}
	}
	return problems
}

func TestTasksCanUseWhatTheyMay(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		if problems := unusable(s); len(problems) > 0 {
			s.Error(strings.Join(problems, "\n"))
		}
	})
}

// withQueue synthesizes tap-isolated with a queue that the API fills and a worker reads. Both connections are changed
// first.
func withQueue(t *testing.T, change func(*connection.Connection)) stack {
	t.Helper()
	environment := *stacks(t)["isolated"].environment
	all, err := synthesizeAll(t, []config.Environment{environment}, nil,
		func(stack cdktf.TerraformStack, areas constructs.Areas) []connection.Connection {
			payments := queue.New(stack, "queue", areas.Deployment, "Payments")
			change(&payments.Send)
			change(&payments.Receive)
			worker := environment.Service
			worker.Command, worker.Migration = []string{"/payment-api", "work"}, nil
			service.New(stack, "worker", service.Props{
				Deployment: areas.Deployment,
				Name:       "Worker",
				LogName:    "worker",
				Config:     worker,
				Cluster:    areas.Cluster,
				Network:    areas.Network,
				Key:        areas.Key,
				Uses:       []connection.Connection{payments.Receive},
			})
			return []connection.Connection{payments.Send}
		})
	noError(t, err)
	return all["isolated"].in(t)
}

// Whatever the queue's package does not say, nobody says: AWS would refuse every message.
func TestForgottenPartOfAConnectionIsNoticed(t *testing.T) {
	for forgotten, test := range map[string]struct {
		forget   func(*connection.Connection)
		problems []string
	}{
		"nothing": {func(*connection.Connection) {}, nil},
		"key": {func(c *connection.Connection) { c.Run.Key = nil }, []string{
			"may not use the key of aws_sqs_queue", "the key refuses sqs.us-east-1",
		}},
		"endpoint": {func(c *connection.Connection) { c.Endpoints = nil }, []string{
			"uses sqs, and there is no endpoint sqs",
		}},
	} {
		t.Run(forgotten, func(t *testing.T) {
			problems := unusable(withQueue(t, test.forget))
			// Of the API and of the worker.
			if len(problems) != 2*len(test.problems) {
				t.Errorf("the problems are %q", problems)
			}
			for _, expected := range test.problems {
				if !strings.Contains(strings.Join(problems, "\n"), expected) {
					t.Errorf("the problems are %q, expected %q", problems, expected)
				}
			}
		})
	}
}

// Key policy, endpoint, permissions, variables, security groups and the log follow from the connections alone.
func TestEverythingFollowsFromConnections(t *testing.T) {
	s := withQueue(t, func(*connection.Connection) {})
	queue, key := s.only("aws_sqs_queue"), s.only("aws_kms_key").ref("arn")
	queue.want("kms_master_key_id", key)
	endpoint := s.find("aws_vpc_endpoint", "service_name", "com.amazonaws.us-east-1.sqs")
	for name, allowed := range map[string][]string{
		"Payment": {"sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"},
		"Worker":  {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "kms:Decrypt"},
	} {
		definition := s.find("aws_ecs_task_definition", "family", name+"Task-isolated")
		variables := definition.containers()[name+"Container"].named("environment", "value")
		if url := variables["QUEUE_URL"]; url != queue.ref("url") {
			t.Errorf("%s: the variable is %q", name, url)
		}
		var expected []string
		for _, action := range allowed {
			of := queue.ref("arn")
			if strings.HasPrefix(action, "kms:") {
				of = key
			}
			expected = append(expected, action+" "+of)
		}
		var got []string
		for _, permission := range permissions(definition.follow("task_role_arn")) {
			if !strings.HasPrefix(permission, "rds-db:") {
				got = append(got, permission)
			}
		}
		same(t, "the permissions of "+name, got, expected)
		s.find("aws_ecs_service", "name", name+"Service-isolated").waitsFor(endpoint)
	}

	worker := s.find("aws_ecs_task_definition", "family", "WorkerTask-isolated").containers()["WorkerContainer"]
	s.find("aws_ecs_service", "name", "WorkerService-isolated").want("load_balancer", nil)
	worker.want("portMappings", nil)
	worker.want("secrets", []any{})
	log := worker.follow("logConfiguration.options.awslogs-group")
	log.want("name", "/tap-isolated/worker")
	log.want("kms_key_id", key)
	var reaches []string
	for _, open := range connections(s) {
		if strings.Contains(open, "WorkerService") {
			reaches = append(reaches, open)
		}
	}
	same(t, "the connections of the worker", reaches, []string{
		"tasks of WorkerService-isolated -> S3:443", "tasks of WorkerService-isolated -> endpoints:443",
	})
}

// What an addition changes of what was there is what it has to.
func TestAdditionLeavesTheRestAlone(t *testing.T) {
	s, base := withQueue(t, func(*connection.Connection) {}), stacks(t)["isolated"].in(t)
	changed := slices.DeleteFunc(s.changesFrom(base), func(name string) bool { return !strings.Contains(name, ".") })
	same(t, "the changes by an addition", changed, []string{
		"aws_ecs_service.depends_on", container, rolePolicies, "aws_kms_key.policy",
	})
	for _, address := range addresses(base.all()) {
		if !slices.Contains(addresses(s.all()), address) {
			t.Errorf("an addition removes %s", address)
		}
	}
}
