// Package monitoring tells people: an alarm for each symptom that a customer would feel, and one
// dashboard for whoever is woken by it.
package monitoring

import (
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/database"
	"tap/constructs/firewall"
	"tap/constructs/loadbalancer"
	"tap/constructs/service"
)

// Props says what is watched, and from what value on it is too bad.
type Props struct {
	Suffix       string
	Region       string
	Topic        Topic
	Requests     Requests
	LoadBalancer loadbalancer.LoadBalancer
	Service      service.Service
	Database     database.Database
	Firewall     firewall.Firewall
	Settings     config.Database // how many readers there are, and whether capacity is serverless
	Monitoring   config.Monitoring
}

// Monitoring is the dashboard; its alarms speak for themselves.
type Monitoring struct {
	DashboardName *string // output DashboardName
}

// New creates the alarms on the service, the database and the firewall, and the dashboard.
func New(scope constructs.Construct, id string, props Props) Monitoring {
	this := constructs.NewConstruct(scope, jsii.String(id))
	arns := props.Requests.arns
	for _, alarm := range alarms(props) {
		arns = append(arns, alarm.create(this, props.Suffix, props.Topic).Arn())
	}
	return Monitoring{DashboardName: newDashboard(this, props, arns)}
}

func alarms(props Props) []alarm {
	tasks, data := tasksOf(props.Service), databaseOf(props.Database)
	thresholds := props.Monitoring
	all := []alarm{
		{
			id: "no-healthy-target", name: "NoHealthyTargetAlarm",
			description: "No task passes the load balancer's health check: the API is down. First: read why tasks stopped (aws ecs describe-tasks) and the service's events.",
			metric:      trafficOf(props.LoadBalancer).healthyTargets, statistic: "Maximum",
			// Without a registered target the load balancer reports nothing at all: no data is the worst case.
			comparison: below, threshold: 1, period: 60, periods: 3, missing: missingAlarms,
			after: []cdktf.ITerraformDependable{props.Service.Running},
		},
		{
			id: "tasks", name: "ServiceBelowDesiredCountAlarm",
			description: "Fewer tasks run than the service wants, for 10 minutes. First: read the service's events and the reasons for which tasks stopped.",
			// Container Insights reports no running tasks by reporting nothing.
			expression: "desired - FILL(running, 0)",
			operands:   []operand{{"desired", tasks.desired, "Average"}, {"running", tasks.running, "Average"}},
			// No data of both means that the service has just been made: NoHealthyTargetAlarm watches over that.
			comparison: atLeast, threshold: 1, period: 60, periods: 10, missing: missingIsFine,
		},
		{
			id: "service-cpu", name: "HighServiceCPUAlarm",
			description: fmt.Sprintf("Tasks use %d %% of their CPU on average for 10 minutes although tasks are added. First: compare the number of tasks with service.scaling.maximumTasks.", thresholds.ServiceCPUPercent),
			metric:      tasks.cpu, statistic: "Average",
			// No task, no data: NoHealthyTargetAlarm watches over that, here and for memory.
			comparison: atLeast, threshold: float64(thresholds.ServiceCPUPercent), period: 300, periods: 2, missing: missingIsFine,
		},
		{
			id: "service-memory", name: "HighServiceMemoryAlarm",
			description: fmt.Sprintf("Tasks use %d %% of their memory on average for 10 minutes and may soon be killed. First: look for a leak since the last deployment, or raise service.memory.", thresholds.ServiceMemoryPercent),
			metric:      tasks.memory, statistic: "Average",
			comparison: atLeast, threshold: float64(thresholds.ServiceMemoryPercent), period: 300, periods: 2, missing: missingIsFine,
		},
		{
			id: "database-cpu", name: "HighDBCPUAlarm",
			description: fmt.Sprintf("The database's CPU is at %d %% or more for 10 minutes. First: look at the top statements in Database Insights.", thresholds.DatabaseCPUPercent),
			metric:      data.cpu, statistic: "Average",
			// A paused serverless cluster reports nothing, here and below.
			comparison: atLeast, threshold: float64(thresholds.DatabaseCPUPercent), period: 300, periods: 2, missing: missingIsFine,
		},
		{
			id: "database-connections", name: "HighDBConnectionsAlarm",
			description: fmt.Sprintf("An instance of the database holds %d connections or more for 10 minutes; at its limit it refuses new ones. First: look for tasks that leak connections.", thresholds.DatabaseConnections),
			metric:      data.connections, statistic: "Maximum",
			comparison: atLeast, threshold: float64(thresholds.DatabaseConnections), period: 300, periods: 2, missing: missingIsFine,
		},
		{
			id: "database-memory", name: "LowDBMemoryAlarm",
			description: fmt.Sprintf("An instance of the database has %d MiB of free memory or less for 10 minutes. First: look at connections and large sorts; then consider a larger database.instanceClass.", thresholds.DatabaseFreeableMemoryMiB),
			metric:      data.freeableMemory, statistic: "Minimum",
			comparison: atMost, threshold: float64(thresholds.DatabaseFreeableMemoryMiB) * 1024 * 1024, period: 300, periods: 2, missing: missingIsFine,
		},
		{
			id: "firewall", name: "ManyBlockedRequestsAlarm",
			description: fmt.Sprintf("The firewall blocked %d requests or more in 5 minutes: an attack, or a rule that blocks customers. First: see in the firewall's log which rule blocks whom; a rule can be set to count in firewall.count.", thresholds.BlockedRequests),
			metric:      wafMetric(props, "BlockedRequests"), statistic: "Sum",
			// The metric is only there when something was blocked.
			comparison: atLeast, threshold: float64(thresholds.BlockedRequests), period: 300, periods: 1, missing: missingIsFine,
		},
	}
	if props.Settings.Readers > 0 {
		all = append(all, alarm{
			id: "replica-lag", name: "HighReplicaLagAlarm",
			description: fmt.Sprintf("A reader of the database lags %d ms or more behind for 5 minutes: reads are stale. First: look at the writer's write load and at long statements on the reader.", thresholds.ReplicaLagMilliseconds),
			metric:      data.replicaLag, statistic: "Maximum",
			comparison: atLeast, threshold: float64(thresholds.ReplicaLagMilliseconds), period: 60, periods: 5, missing: missingIsFine,
		})
	}
	return all
}

// tasks are the metrics of an ECS service:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
type tasks struct {
	desired, running, cpu, memory metric
}

func tasksOf(service service.Service) tasks {
	dimensions := []dimension{{"ClusterName", service.ClusterName}, {"ServiceName", service.Name}}
	return tasks{
		desired: metric{"ECS/ContainerInsights", "DesiredTaskCount", dimensions},
		running: metric{"ECS/ContainerInsights", "RunningTaskCount", dimensions},
		cpu:     metric{"AWS/ECS", "CPUUtilization", dimensions},
		memory:  metric{"AWS/ECS", "MemoryUtilization", dimensions},
	}
}

// data are the metrics of an Aurora cluster, over its instances:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
type data struct {
	cpu, connections, freeableMemory, replicaLag, capacity metric
}

func databaseOf(database database.Database) data {
	dimensions := []dimension{{"DBClusterIdentifier", database.Identifier}}
	const namespace = "AWS/RDS"
	return data{
		cpu:            metric{namespace, "CPUUtilization", dimensions},
		connections:    metric{namespace, "DatabaseConnections", dimensions},
		freeableMemory: metric{namespace, "FreeableMemory", dimensions},
		replicaLag:     metric{namespace, "AuroraReplicaLagMaximum", dimensions},
		capacity:       metric{namespace, "ServerlessDatabaseCapacity", dimensions},
	}
}

// wafMetric is a metric over all rules of the web ACL:
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
func wafMetric(props Props, name string) metric {
	return metric{"AWS/WAFV2", name, []dimension{
		{"Region", jsii.String(props.Region)}, {"Rule", jsii.String("ALL")}, {"WebACL", jsii.String(props.Firewall.Name)},
	}}
}
