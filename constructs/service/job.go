package service

import (
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatcheventtarget"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/schedulerschedule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/schedulerschedulegroup"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/deployment"
	"tap/constructs/logs"
	"tap/constructs/monitoring"
	"tap/constructs/policy"
)

//go:embed job.yaml
var jobFile string

// failureFile is the pattern of the events of failed runs, by the schedule or by hand: the job's own container ended
// with another status than 0, or for a reason of ECS's, as without any status, or the task before it. EventBridge
// matches what is in one element of the list only: https://github.com/aws/event-ruler#json-array-matching
//
//go:embed failure.json
var failureFile string

// NewJob creates a task that EventBridge Scheduler starts by the job's schedule, and a rule that tells the topic of a
// run that has failed. It returns what the schedule can be watched by, and for a run by hand the value of
// aws ecs run-task --network-configuration.
func NewJob(scope constructs.Construct, id string, props Props, job config.Job,
	topicARN *string) (signals cloudwatch.Signals, networkConfiguration string) {
	this, d := constructs.NewConstruct(scope, jsii.String(id)), props.Deployment
	props.job = true
	definition, group, ready := newTask(this, props)
	networkConfiguration = *policy.JSON(map[string]any{"awsvpcConfiguration": map[string]any{
		"subnets": props.Network.PrivateSubnets, "securityGroups": []*string{group.ID},
	}})
	log := logs.Name(d, props.LogName)
	family, name := d.Name(props.Name+"Task"), jsii.String(d.Name(props.Name+"Schedule"))
	failure := strings.NewReplacer("${cluster}", *props.Cluster.id, "${family}", family,
		"${container}", d.Name(props.Name+"Container")).Replace(failureFile)
	monitoring.NewRule(this, d.Name(props.Name+"Failure"), topicARN, json.RawMessage(failure),
		&cloudwatcheventtarget.CloudwatchEventTargetInputTransformer{
			InputPaths: &map[string]*string{
				"task": jsii.String("$.detail.taskArn"), "reason": jsii.String("$.detail.stoppedReason"),
			},
			// Without quotes around them, EventBridge writes the values as JSON.
			InputTemplate: jsii.Sprintf(`{"failed": %q, "reason": <reason>, "task": <task>, "log": %q}`,
				id+" of "+d.Suffix, log),
		})
	if job.Schedule == "" {
		return signals, networkConfiguration
	}

	// A group for each schedule: Scheduler's metrics have no other dimension.
	grouped := schedulerschedulegroup.NewSchedulerScheduleGroup(this, jsii.String("group"), &schedulerschedulegroup.SchedulerScheduleGroupConfig{
		Name: name,
	})
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
	role := d.NewRole(this, "schedule-role", deployment.RoleProps{
		Name: props.Name + "ScheduleRole", Description: "Starts tasks of " + props.LogName,
		Service: "scheduler.amazonaws.com", Conditions: d.ARNs.Sources("scheduler", "schedule-group/"+*name),
		Statements: []policy.Statement{
			policy.Allow("RunTask", "ecs:RunTask").On(d.ARNs.ARN("ecs", "task-definition/"+family+":*")).
				If(policy.ARNLike("ecs:cluster", props.Cluster.id)),
			policy.Allow("TagTask", "ecs:TagResource").On(d.ARNs.ARN("ecs", "task/"+*props.Cluster.Name+"/*")).
				If(policy.Equals("ecs:CreateAction", jsii.String("RunTask"))),
			policy.Allow("PassRoles", "iam:PassRole").
				On(definition.ExecutionRoleArnInput(), definition.TaskRoleArnInput()).
				If(policy.Equals("iam:PassedToService", jsii.String("ecs-tasks.amazonaws.com"))),
		},
	})
	ready = append(ready, role.Permissions)
	schedulerschedule.NewSchedulerSchedule(this, jsii.String("schedule"), &schedulerschedule.SchedulerScheduleConfig{
		Name: name, GroupName: grouped.Name(), DependsOn: &ready,
		ScheduleExpression: jsii.String(job.Schedule), ScheduleExpressionTimezone: jsii.String(job.TimeZone),
		FlexibleTimeWindow: &schedulerschedule.SchedulerScheduleFlexibleTimeWindow{Mode: jsii.String("OFF")},
		Target: &schedulerschedule.SchedulerScheduleTarget{
			Arn: props.Cluster.id, RoleArn: role.ARN,
			// An hour, if AWS refuses to start it.
			RetryPolicy: &schedulerschedule.SchedulerScheduleTargetRetryPolicy{MaximumEventAgeInSeconds: jsii.Number(60 * 60)},
			EcsParameters: &schedulerschedule.SchedulerScheduleTargetEcsParameters{
				TaskDefinitionArn: definition.Arn(), LaunchType: jsii.String("FARGATE"),
				PlatformVersion: jsii.String("LATEST"), PropagateTags: jsii.String("TASK_DEFINITION"),
				NetworkConfiguration: &schedulerschedule.SchedulerScheduleTargetEcsParametersNetworkConfiguration{
					Subnets: &props.Network.PrivateSubnets, SecurityGroups: &[]*string{group.ID},
					AssignPublicIp: jsii.Bool(false),
				},
			},
		},
	})
	signals = cloudwatch.Read(jobFile, props.Name, map[string]any{"group": grouped.Name(), "log": log})
	return signals, networkConfiguration
}
