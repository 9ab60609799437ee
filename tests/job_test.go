package tests

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/constructs/service"
	"tap/tests/must"
	"tap/tests/terraform"
)

// selects reports whether a pattern of EventBridge matches, of its language what the stacks use. All that it says of
// the elements of a list has to be true of one of them: https://github.com/aws/event-ruler#json-array-matching
func selects(pattern, event any) bool {
	if list, isList := event.([]any); isList {
		return slices.ContainsFunc(list, func(item any) bool { return selects(pattern, item) })
	}
	if values, isLeaf := pattern.([]any); isLeaf {
		return slices.ContainsFunc(values, func(value any) bool {
			if test, isTest := value.(map[string]any); isTest {
				return event != nil && !slices.Contains(test["anything-but"].([]any), event)
			}
			return value == event
		})
	}
	object, _ := event.(map[string]any)
	for key, part := range pattern.(map[string]any) {
		if key == "$or" {
			if !slices.ContainsFunc(part.([]any), func(one any) bool { return selects(one, event) }) {
				return false
			}
		} else if !selects(part, object[key]) {
			return false
		}
	}
	return true
}

func TestFailedRunsAreSaid(t *testing.T) {
	s := stacks(t)["workloads"].in(t)
	rule := s.find("aws_cloudwatch_event_rule", "name", "JobReconciliationFailure-workloads")
	var cases []struct {
		Happens string
		Failed  bool
		Event   any
	}
	text := strings.ReplaceAll(read(t, "events.yaml"), "CLUSTER", s.only("aws_ecs_cluster").Ref("id"))
	must.Do(t, yaml.Unmarshal([]byte(text), &cases))
	for _, test := range cases {
		event := terraform.Open(encoded(test.Event)) // numbers as JSON has them
		if said := selects(terraform.Open(rule.Text("event_pattern")), event); said != test.Failed {
			t.Errorf("%s: it is said to have failed: %v", test.Happens, said)
		}
	}
	target := s.find("aws_cloudwatch_event_target", "rule", rule.Ref("name")).part("input_transformer")
	target.want("input_template", `{"failed": "job job-reconciliation of workloads", "reason": <reason>, "task": <task>, `+
		`"log": "/tap-workloads/job-reconciliation"}`)
	target.want("input_paths", map[string]string{"reason": "$.detail.stoppedReason", "task": "$.detail.taskArn"})
}

// What starts a job can start nothing else, and starts it once for each time of the schedule.
func TestScheduleStartsItsJobOnly(t *testing.T) {
	s := stacks(t)["workloads"].in(t)
	schedule := s.only("aws_scheduler_schedule")
	definition := s.find("aws_ecs_task_definition", "family", "JobReconciliationTask-workloads")
	schedule.want("schedule_expression", "cron(30 2 * * ? *)")
	schedule.want("schedule_expression_timezone", "Europe/Berlin")
	schedule.want("flexible_time_window.mode", "OFF")
	schedule.want("target.arn", s.only("aws_ecs_cluster").Ref("id"))
	schedule.want("target.ecs_parameters.task_count", nil) // one
	schedule.want("target.ecs_parameters.task_definition_arn", definition.Ref("arn"))
	schedule.waitsFor(s.service()) // whose tasks have run the migration
	role := schedule.follow("target.role_arn")
	var may []string
	for _, permission := range permissions(role.permitted()...) {
		may = append(may, aws(permission))
	}
	const here = "arn:aws:ecs:eu-west-1:123456789012:"
	same(t, "what the role may", may, []string{
		"ecs:RunTask " + here + "task-definition/JobReconciliationTask-workloads:*",
		"ecs:TagResource " + here + "task/" + s.only("aws_ecs_cluster").Ref("name") + "/*",
		"iam:PassRole " + definition.Text("execution_role_arn"), "iam:PassRole " + definition.Text("task_role_arn"),
	})
	var conditions []map[string]texts
	for _, statement := range role.permitted() {
		for _, keys := range statement.Condition {
			conditions = append(conditions, keys)
		}
	}
	cluster := texts{s.only("aws_ecs_cluster").Ref("id")}
	if want := []map[string]texts{{"ecs:cluster": cluster}, {"ecs:CreateAction": {"RunTask"}},
		{"iam:PassedToService": {"ecs-tasks.amazonaws.com"}}}; !reflect.DeepEqual(conditions, want) {
		t.Errorf("the conditions are %v", conditions)
	}
	byHand := s.find("aws_ecs_task_definition", "family", "JobMigrationTask-workloads").
		containers()["JobMigrationContainer"]
	owner := s.only("aws_secretsmanager_secret").Ref("arn") + ":password::"
	if got := byHand.named("secrets", "valueFrom")["DB_PASSWORD"]; got != owner {
		t.Errorf("the password of the database's owner is %q, expected %s", got, owner)
	}
}

// A sidecar has what its section says and none of the program's secrets; its end is not the task's.
func TestSidecarIsBesideEveryProgram(t *testing.T) {
	s, tasks := stacks(t)["workloads"].in(t), 0
	for _, definition := range s.some("aws_ecs_task_definition") {
		tasks++
		var program resource
		for name, container := range definition.containers() {
			if strings.HasSuffix(name, "Container") {
				program = container
			}
		}
		sidecar := definition.containers()["CollectorSidecar"]
		program.want("dependsOn.0", map[string]string{"containerName": sidecar.Text("name"), "condition": "START"})
		sidecar.want("essential", false)
		sidecar.want("restartPolicy", map[string]any{"enabled": true, "restartAttemptPeriod": 60})
		sidecar.want("memory", 128)
		sidecar.want("command", []string{"--config=env:CONFIG"})
		sidecar.want("environment", []map[string]string{{"name": "CONFIG", "value": "receivers: {}"}})
		sidecar.want("portMappings", nil)
		const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tap/workloads/collector-AbCdEf"
		sidecar.want("secrets", []map[string]string{{"name": "API_KEY", "valueFrom": secret + ":key::"}})
		for _, shared := range []string{"user", "readonlyRootFilesystem", "linuxParameters", "stopTimeout"} {
			sidecar.want(shared, program.At(shared))
		}
		may := permissions(definition.follow("execution_role_arn").permitted()...)
		for _, needed := range []string{"secretsmanager:GetSecretValue " + secret,
			"ecr:BatchGetImage arn:aws:ecr:eu-west-1:210987654321:repository/collector",
			"ecr:BatchGetImage arn:aws:ecr:eu-west-1:123456789012:repository/payment-api"} {
			if !slices.ContainsFunc(may, func(permission string) bool { return aws(permission) == needed }) {
				t.Errorf("%s may not %s", definition.Text("family"), needed)
			}
		}
	}
	if tasks != 5 {
		t.Errorf("there are %d tasks", tasks)
	}
}

// Without an image a workload says so; no server is started.
func TestPlaceholderOfWorkloadsIdles(t *testing.T) {
	environment := parse(t, "idle", minimalDevelopment+"workers: {a: {command: [a]}}\njobs: {b: {command: [b]}}\n")
	s := synthesize(t, []config.Environment{environment}, nil)["idle"].in(t)
	for kind, ends := range map[string]string{"worker-a": "infinity", "job-b": "0"} {
		family := map[string]string{"worker-a": "WorkerA", "job-b": "JobB"}[kind]
		container := s.find("aws_ecs_task_definition", "family", family+"Task-idle").containers()[family+"Container"]
		container.want("image", service.PlaceholderImage)
		container.want("command",
			[]string{"sh", "-c", "echo 'placeholder of " + kind + ": set service.image'; exec sleep " + ends})
		container.want("linuxParameters.capabilities.drop", []string{"ALL"})
	}
}
