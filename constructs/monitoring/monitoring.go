// Package monitoring notifies people: an alarm for each symptom that a customer would feel, and one dashboard for
// whoever it wakes.
package monitoring

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/database"
	"tap/constructs/firewall"
	"tap/constructs/service"
)

// Thresholds of the resources. They mean that a limit is near, whatever the environment.
const (
	serviceCPUPercent         = 90
	serviceMemoryPercent      = 90
	databaseCPUPercent        = 80  // the original system's
	databaseConnections       = 300 // of some 400 that db.t3.medium takes
	databaseFreeableMemoryMiB = 256 // of 4 GiB of db.t3.medium
	replicaLagMilliseconds    = 1000
	blockedRequests           = 1000 // in 5 minutes
)

// Props configures New.
type Props struct {
	Requests // with the deployment, the topic and the load balancer of them all
	Service  service.Service
	Database database.Database
	Firewall firewall.Firewall
}

// Monitoring is the dashboard and the alarms on the service, the database and the firewall.
type Monitoring struct {
	DashboardName *string // output DashboardName
}

// New creates the alarms and the dashboard.
func New(scope constructs.Construct, id string, props Props) Monitoring {
	this := constructs.NewConstruct(scope, jsii.String(id))
	arns := props.Requests.arns
	for _, alarm := range alarms(props) {
		arns = append(arns, alarm.create(this, props.Deployment, props.TopicARN).Arn())
	}
	return Monitoring{DashboardName: newDashboard(this, props, arns)}
}

func alarms(props Props) []alarm {
	tasks, data := tasksOf(props.Service), databaseOf(props.Database)
	all := []alarm{{
		id: "no-healthy-target", name: "NoHealthyTargetAlarm",
		description: "No task passes the load balancer's health check: the API is down. " +
			"First: read why tasks stopped (aws ecs describe-tasks) and the service's events.",
		// Without a registered target the load balancer reports nothing at all: no data is the worst case.
		metric: trafficOf(props.LoadBalancer).healthyTargets.by("Maximum"), noDataIsBad: true,
		comparison: below, threshold: 1, period: 60, periods: 3,
		after: []cdktf.ITerraformDependable{props.Service.Running},
	}, {
		id: "tasks", name: "ServiceBelowDesiredCountAlarm",
		description: "Fewer tasks run than the service wants, for 10 minutes. " +
			"First: read the service's events and the reasons for which tasks stopped.",
		// Container Insights reports no running tasks by reporting nothing. No data of both means that the service has
		// just been created: NoHealthyTargetAlarm covers that.
		expression: "desired - FILL(running, 0)",
		operands:   []operand{{"desired", tasks.desired}, {"running", tasks.running}},
		threshold:  1, period: 60, periods: 10,
	}, {
		id: "service-cpu", name: "HighServiceCPUAlarm",
		description: fmt.Sprintf("Tasks use %d %% of their CPU on average for 10 minutes although tasks are added. "+
			"First: compare the number of tasks with service.scaling.maximumTasks.", serviceCPUPercent),
		// No task, no data: NoHealthyTargetAlarm covers that, here and for memory.
		metric: tasks.cpu, threshold: serviceCPUPercent, period: 300, periods: 2,
	}, {
		id: "service-memory", name: "HighServiceMemoryAlarm",
		description: fmt.Sprintf("Tasks use %d %% of their memory on average for 10 minutes and may soon be killed. "+
			"First: look for a leak since the last deployment, or raise service.memory.", serviceMemoryPercent),
		metric: tasks.memory, threshold: serviceMemoryPercent, period: 300, periods: 2,
	}, {
		id: "database-cpu", name: "HighDBCPUAlarm",
		description: fmt.Sprintf("The CPU of the database's writer is at %d %% or more for 10 minutes. "+
			"First: look at the top statements in Database Insights.", databaseCPUPercent),
		// A paused serverless cluster reports nothing, here and below.
		metric: data.writerCPU, threshold: databaseCPUPercent, period: 300, periods: 2,
	}, {
		id: "database-connections", name: "HighDBConnectionsAlarm",
		description: fmt.Sprintf("An instance of the database has %d connections or more for 10 minutes; at its limit it "+
			"refuses new ones. First: look for tasks that leak connections.", databaseConnections),
		metric: data.connections, threshold: databaseConnections, period: 300, periods: 2,
	}, {
		id: "database-memory", name: "LowDBMemoryAlarm",
		description: fmt.Sprintf("An instance of the database has %d MiB of free memory or less for 10 minutes. First: "+
			"look at connections and large sorts; then consider a larger database.instanceClass.", databaseFreeableMemoryMiB),
		metric: data.freeableMemory, comparison: atMost, threshold: databaseFreeableMemoryMiB << 20, period: 300, periods: 2,
	}, {
		id: "firewall", name: "ManyBlockedRequestsAlarm",
		description: fmt.Sprintf("The firewall blocked %d requests or more in 5 minutes: an attack, or a rule that "+
			"blocks customers. First: see in the firewall's log which rule blocks whom; firewall.count can set a rule to "+
			"count.", blockedRequests),
		// There is no data when nothing was blocked.
		metric: wafMetric(props, "BlockedRequests"), threshold: blockedRequests, period: 300,
	}}
	if props.Database.Readers == 0 {
		return all
	}
	return append(all, alarm{
		id: "reader-cpu", name: "HighDBReaderCPUAlarm",
		description: fmt.Sprintf("The CPU of the database's readers is at %d %% or more on average for 10 minutes. First: "+
			"look at the readers' top statements in Database Insights, or raise database.readers.", databaseCPUPercent),
		metric: data.readerCPU, threshold: databaseCPUPercent, period: 300, periods: 2,
	}, alarm{
		id: "replica-lag", name: "HighReplicaLagAlarm",
		description: fmt.Sprintf("A reader of the database lags %d ms or more behind for 5 minutes: reads are stale. "+
			"First: look at the writer's write load and at long statements on the reader.", replicaLagMilliseconds),
		metric: data.replicaLag, threshold: replicaLagMilliseconds, period: 60, periods: 5,
	})
}

// tasks are the metrics of an ECS service:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
type tasks struct{ desired, running, cpu, memory metric }

func tasksOf(service service.Service) tasks {
	dimensions := map[string]*string{"ClusterName": service.ClusterName, "ServiceName": service.Name}
	return tasks{
		desired: metric{"ECS/ContainerInsights", "DesiredTaskCount", "Average", dimensions},
		running: metric{"ECS/ContainerInsights", "RunningTaskCount", "Average", dimensions},
		cpu:     metric{"AWS/ECS", "CPUUtilization", "Average", dimensions},
		memory:  metric{"AWS/ECS", "MemoryUtilization", "Average", dimensions},
	}
}

// data are the metrics of an Aurora cluster, over its instances:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
type data struct{ writerCPU, readerCPU, connections, freeableMemory, replicaLag, capacity metric }

func databaseOf(database database.Database) data {
	const namespace, cluster = "AWS/RDS", "DBClusterIdentifier"
	dimensions := map[string]*string{cluster: database.Identifier}
	role := func(name string) map[string]*string {
		return map[string]*string{cluster: database.Identifier, "Role": jsii.String(name)}
	}
	return data{
		// Over both roles an idle reader would hide a busy writer.
		writerCPU:      metric{namespace, "CPUUtilization", "Average", role("WRITER")},
		readerCPU:      metric{namespace, "CPUUtilization", "Average", role("READER")},
		connections:    metric{namespace, "DatabaseConnections", "Maximum", dimensions},
		freeableMemory: metric{namespace, "FreeableMemory", "Minimum", dimensions},
		replicaLag:     metric{namespace, "AuroraReplicaLagMaximum", "Maximum", dimensions},
		capacity:       metric{namespace, "ServerlessDatabaseCapacity", "Average", dimensions},
	}
}

// wafMetric is a metric over all rules of the web ACL:
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
func wafMetric(props Props, name string) metric {
	return metric{"AWS/WAFV2", name, "Sum", map[string]*string{
		"Region": jsii.String(props.Deployment.Account.Region), "Rule": jsii.String("ALL"),
		"WebACL": jsii.String(props.Firewall.Name),
	}}
}
