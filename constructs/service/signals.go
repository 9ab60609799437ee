package service

import (
	"cmp"
	"fmt"

	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/cloudwatch"
	"tap/constructs/deployment"
	"tap/constructs/logs"
)

// Both mean that a limit is near, whatever the environment.
const (
	highCPUPercent    = 90
	highMemoryPercent = 90
)

const containerInsights = "ECS/ContainerInsights"

// metrics are those of a service.
func metrics(props Props, service *string, namespace string) func(name, statistic string) cloudwatch.Metric {
	return cloudwatch.Metrics(namespace,
		map[string]*string{"ClusterName": props.Cluster.Name, "ServiceName": service})
}

// newSignals are those of a service and its tasks:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
func newSignals(props Props, name *string, running cdktf.ITerraformDependable) cloudwatch.Signals {
	ecs, insights := metrics(props, name, "AWS/ECS"), metrics(props, name, containerInsights)
	desired, tasks := insights("DesiredTaskCount", "Average"), insights("RunningTaskCount", "Average")
	cpu, memory := ecs("CPUUtilization", "Average"), ecs("MemoryUtilization", "Average")
	section := cmp.Or(props.Section, "service")
	signals := cloudwatch.Signals{Alarms: []cloudwatch.Alarm{{
		ID: "tasks", Name: "ServiceBelowDesiredCountAlarm",
		Description: "Fewer tasks run than the service wants, for 10 minutes: those that do answer still, or work.",
		Advice:      "read the service's events and the reasons for which tasks stopped.",
		// Container Insights reports no running tasks by reporting nothing. No data of both means that the service has
		// just been created: NoHealthyTargetAlarm covers that.
		Expression: "desired - FILL(running, 0)",
		Operands:   []cloudwatch.Operand{{ID: "desired", Metric: desired}, {ID: "running", Metric: tasks}},
		Threshold:  1, Period: 60, Periods: 10,
	}, {
		ID: "service-cpu", Name: "HighServiceCPUAlarm",
		Description: fmt.Sprintf("Tasks use %d %% of their CPU on average for 10 minutes although tasks are added.",
			highCPUPercent),
		Advice: "compare the number of tasks with " + section + ".scaling.maximumTasks.", Tomorrow: true,
		// No task, no data: NoHealthyTargetAlarm covers that, here and for memory.
		Metric: cpu, Threshold: highCPUPercent, Period: 300, Periods: 2,
	}, {
		ID: "service-memory", Name: "HighServiceMemoryAlarm",
		Description: fmt.Sprintf("Tasks use %d %% of their memory on average for 10 minutes and may soon be killed.",
			highMemoryPercent),
		Advice: "look for a leak since the last deployment, or raise " + section + ".memory.", Tomorrow: true,
		Metric: memory, Threshold: highMemoryPercent, Period: 300, Periods: 2,
	}}, Graphs: []cloudwatch.Graph{
		{Row: cloudwatch.Tasks, Title: "Tasks", Lines: [][]any{
			cloudwatch.Line("desired", desired), cloudwatch.Line("running", tasks),
		}},
		{Row: cloudwatch.Tasks, Title: "Service CPU", Threshold: highCPUPercent, Lines: [][]any{
			cloudwatch.Line("average task", cpu),
		}},
		{Row: cloudwatch.Tasks, Title: "Service Memory", Threshold: highMemoryPercent, Lines: [][]any{
			cloudwatch.Line("average task", memory),
		}},
	}}
	if props.Ingress != nil || !props.Config.IsPlaceholder() {
		group := logs.Name(props.Deployment, props.LogName)
		signals.Alarms = append(signals.Alarms, cloudwatch.Alarm{
			ID: "silent-log", Name: "SilentLogAlarm",
			Description: "Nothing has arrived in the log group " + group + " for a day.",
			Advice:      "see whether tasks run, and whether their program still writes to its standard output.", Tomorrow: true,
			Metric: cloudwatch.Metrics("AWS/Logs", map[string]*string{"LogGroupName": jsii.String(group)})(
				"IncomingLogEvents", "Sum"),
			NoDataIsBad: true, Comparison: cloudwatch.Below, Threshold: 1, Period: 86400,
			After: []cdktf.ITerraformDependable{running},
		})
	}
	if ingress := props.Ingress; ingress != nil {
		signals.Alarms = append([]cloudwatch.Alarm{{
			ID: "no-healthy-target", Name: "NoHealthyTargetAlarm",
			Description: "No task passes the load balancer's health check: " + cmp.Or(deployment.Prefix(props.Name), "the API") +
				" is down.",
			Advice: "read why tasks stopped (aws ecs describe-tasks) and the service's events.",
			// Without a registered target the load balancer reports nothing at all: no data is the worst case.
			Metric: ingress.HealthyTargets.By("Maximum"), NoDataIsBad: true,
			Comparison: cloudwatch.Below, Threshold: 1, Period: 60, Periods: 3,
			After: []cdktf.ITerraformDependable{running},
		}}, signals.Alarms...)
		signals.Graphs = append(signals.Graphs, cloudwatch.Graph{Title: "Targets", Lines: [][]any{
			cloudwatch.Line("healthy", ingress.HealthyTargets), cloudwatch.Line("unhealthy", ingress.UnhealthyTargets),
		}})
	}
	return signals.Of(props.Name)
}
