package tests

import (
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
				others, _ := test["anything-but"].([]any) // else it is to exist
				return event != nil && !slices.Contains(others, event)
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
	target.want("input_template", `{"failed": "job-reconciliation of workloads", "reason": <reason>, "task": <task>, `+
		`"log": "/tap-workloads/job-reconciliation"}`)
	target.want("input_paths", map[string]string{"reason": "$.detail.stoppedReason", "task": "$.detail.taskArn"})
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
