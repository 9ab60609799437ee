package deploy

import (
	"os"
	"strings"
	"testing"

	"tap/tests/must"
)

// expectWorkloads deploys work beside the API, changes it and pauses a part of it.
func (d *deployment) expectWorkloads(t *testing.T) {
	t.Helper()
	beside := string(must.Get(os.ReadFile("testdata/workloads.yaml"))(t))
	d.configure(t, beside)
	d.apply(t)
	step(t, "a second plan with work beside the API is empty", func(t *testing.T) { d.plan(t).expect(t) })
	step(t, "a message goes from the API to its worker", d.expectMessage)
	step(t, "a job's task is started by what its schedule has", d.expectRun)
	step(t, "a renamed worker loses its messages, which the plan says", func(t *testing.T) {
		d.configure(t, strings.Replace(beside, "settlement", "settling", 1))
		d.expectWords(t, 12, "queue-settlement_queue destroyed its messages are lost")
	})
	step(t, "a paused worker keeps its queue", func(t *testing.T) {
		d.configure(t, strings.Replace(beside, "maximumTasks: 4", "maximumTasks: 0", 1))
		d.apply(t)
		d.expectAnswers(t, request{"sqs", "list_queues", parameters{"QueueNamePrefix": "WorkerSettlementQueue"},
			"length(QueueUrls)", 1}, request{"ecs", "describe_services", parameters{"cluster": "PaymentCluster-dev",
			"services": []string{"WorkerSettlementService-dev"}}, "services[0].status", "INACTIVE"})
	})
}

// expectRun starts a job's task with exactly the input of its schedule, whose names begin with capitals there.
func (d *deployment) expectRun(t *testing.T) {
	t.Helper()
	schedule := parameters{"Name": "JobReconciliationSchedule-dev", "GroupName": "JobReconciliationSchedule-dev"}
	answer := d.answers(t, request{"scheduler", "get_schedule", schedule, `Target.{cluster: Arn,
		taskDefinition: EcsParameters.TaskDefinitionArn, launchType: EcsParameters.LaunchType,
		platformVersion: EcsParameters.PlatformVersion, propagateTags: EcsParameters.PropagateTags,
		networkConfiguration: {awsvpcConfiguration: EcsParameters.NetworkConfiguration.awsvpcConfiguration.{
			subnets: Subnets, securityGroups: SecurityGroups, assignPublicIp: AssignPublicIp}}}`, nil})[0]
	d.expectAnswers(t, request{"ecs", "run_task", parameters(answer.(map[string]any)),
		"[length(tasks), length(failures), tasks[0].group]", []any{1, 0, "family:JobReconciliationTask-dev"}})
	tasks := parameters{"cluster": "PaymentCluster-dev", "family": "JobReconciliationTask-dev"}
	started := d.ask(t, "ecs", "list_tasks", tasks, "taskArns[0]")
	d.ask(t, "ecs", "stop_task", parameters{"cluster": "PaymentCluster-dev", "task": started}, "task.taskArn")
	network := d.outputs(t)["Jobs"] // for a run by hand
	for _, part := range []string{"awsvpcConfiguration={subnets=[subnet-", "cron(30 2 * * ? *)", "Europe/Berlin"} {
		if !strings.Contains(network, part) {
			t.Errorf("the output %s has no %s", network, part)
		}
	}
}

// expectMessage sends a message as the API's variables and role allow, and receives it as those of the worker do.
func (d *deployment) expectMessage(t *testing.T) {
	t.Helper()
	variable := func(task, name string) string {
		return d.ask(t, "ecs", "describe_task_definition", parameters{"taskDefinition": task},
			"taskDefinition.containerDefinitions[].environment[]|[?name=='"+name+"'].value|[0]")
	}
	sender := variable("PaymentTask-dev", "SETTLEMENT_QUEUE_URL")
	receiver := variable("WorkerSettlementTask-dev", "QUEUE_URL")
	d.ask(t, "sqs", "send_message", parameters{"QueueUrl": sender, "MessageBody": "settle 42"}, "MessageId")
	d.expectAnswers(t, request{"sqs", "receive_message", parameters{"QueueUrl": receiver}, "Messages[].Body",
		[]string{"settle 42"}})
	arn := d.ask(t, "sqs", "get_queue_attributes", parameters{"QueueUrl": sender, "AttributeNames": []string{"QueueArn"}},
		"Attributes.QueueArn")
	for role, actions := range map[string]string{
		"PaymentTaskRole-dev":          "[sqs:SendMessage]",
		"WorkerSettlementTaskRole-dev": "[sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:ReceiveMessage]",
	} {
		d.expectAnswers(t, request{"iam", "get_role_policy", parameters{"RoleName": role, "PolicyName": "permissions"},
			"sort(PolicyDocument.Statement[?contains(Resource, '" + arn + "')].Action[])", actions})
	}
}
