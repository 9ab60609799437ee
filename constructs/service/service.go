// Package service runs containers: an ECS cluster, Fargate services, their tasks, what these may do, and how many there
// are.
package service

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/appautoscalingpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/appautoscalingtarget"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecscluster"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecsservice"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecstaskdefinition"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/logs"
	"tap/constructs/network"
)

//go:embed signals.yaml
var signalsFile string

// Cluster is an ECS cluster for any number of services.
type Cluster struct {
	Name *string // output ECSClusterName

	id *string
}

// NewCluster creates the cluster with Container Insights (ECS.12, CKV_AWS_65), whose mode is enabled or enhanced. The
// log group of ECS Exec's sessions exists whether or not anybody may open one: switching ECS Exec off does not delete
// the evidence.
func NewCluster(scope constructs.Construct, id, name string, d deployment.Deployment,
	containerInsights string) Cluster {
	this := constructs.NewConstruct(scope, jsii.String(id))
	kind := name + "Cluster"
	name = d.Name(kind)
	insights := logs.NewGroup(this, "container-insights-logs", d, "/aws/ecs/containerinsights/"+name+"/performance")
	sessions := logs.NewMaskedGroup(this, "sessions-logs", d, logs.Name(d, sessionsLog))
	cluster := ecscluster.NewEcsCluster(this, jsii.String("cluster"), &ecscluster.EcsClusterConfig{
		Name: jsii.String(name),
		Setting: []*ecscluster.EcsClusterSetting{
			{Name: jsii.String("containerInsights"), Value: jsii.String(containerInsights)},
		},
		Configuration: &ecscluster.EcsClusterConfiguration{
			ExecuteCommandConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfiguration{
				Logging: jsii.String("OVERRIDE"),
				LogConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfigurationLogConfiguration{
					CloudWatchLogGroupName: sessions.Name(), CloudWatchEncryptionEnabled: jsii.Bool(true),
				},
			},
		},
		Tags:      d.Tags(kind),
		DependsOn: &[]cdktf.ITerraformDependable{insights},
	})
	return Cluster{Name: cluster.Name(), id: cluster.Id()}
}

const sessionsLog = "execute-command"

// Props configures New.
type Props struct {
	Deployment deployment.Deployment
	Name       string // begins the names of the service's resources, for example Payment of PaymentService-<suffix>
	LogName    string // ends the name of the log group, /tap-<suffix>/<LogName>, and begins its streams
	Config     config.Service
	Cluster    Cluster
	Network    *network.Network
	Ingress    *connection.Ingress // the way in to the tasks; nil for a worker, which nobody calls
	// Uses is what the containers use; no two set the same variable. MigrationUses is what only the migration, or a job,
	// uses: its variables are set instead of those of Uses.
	Uses, MigrationUses []connection.Connection
	// DeploymentAlarms roll a deployment back when one of them is raised, if Config.DeploymentAlarms is set.
	DeploymentAlarms []*string
	// Backlog is how many messages wait for a worker, of which scaling maintains MessagesPerTask for each running task; 0
	// leaves them out.
	Backlog         cloudwatch.Metric
	MessagesPerTask int
	Sidecars        map[string]config.Sidecar
	Section         string // of the environment file, for what alarms say; empty: service
	job             bool   // it ends by itself
}

// Service is a running service.
type Service struct {
	Name    *string // output ECSServiceName
	Signals cloudwatch.Signals
	Running connection.Connection // with which other tasks start only after these run
}

// New creates a service whose tasks can use everything in Uses: permissions, endpoints, use of the key, security group
// rules and variables follow from the connections. With at most 0 tasks there is everything but the service.
func New(scope constructs.Construct, id string, props Props) Service {
	this := constructs.NewConstruct(scope, jsii.String(id))
	d := props.Deployment
	definition, group, ready := newTask(this, props)
	if props.Config.Scaling.MaximumTasks == 0 {
		return Service{}
	}
	service := &ecsservice.EcsServiceConfig{
		Name: jsii.String(d.Name(props.Name + "Service")), Cluster: props.Cluster.id, TaskDefinition: definition.Arn(),
		LaunchType:      jsii.String("FARGATE"),
		PlatformVersion: jsii.String("LATEST"), // ECS.10, CKV_AWS_332
		DesiredCount:    jsii.Number(props.Config.Scaling.MinimumTasks),
		// New tasks start beside all of the old ones. Rebalancing over zones needs more than 100 %:
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
		DeploymentMinimumHealthyPercent: jsii.Number(100), DeploymentMaximumPercent: jsii.Number(200),
		DeploymentCircuitBreaker: &ecsservice.EcsServiceDeploymentCircuitBreaker{
			Enable: jsii.Bool(true), Rollback: jsii.Bool(true),
		},
		AvailabilityZoneRebalancing: jsii.String("ENABLED"), EnableExecuteCommand: jsii.Bool(props.Config.ExecuteCommand),
		PropagateTags: jsii.String("SERVICE"), WaitForSteadyState: jsii.Bool(true),
		NetworkConfiguration: &ecsservice.EcsServiceNetworkConfiguration{
			Subnets: &props.Network.PrivateSubnets, SecurityGroups: &[]*string{group.ID},
			AssignPublicIp: jsii.Bool(false), // ECS.2, CKV_AWS_333
		},
		Tags: d.Tags(props.Name + "Service"),
		// An image that does not start is noticed by the circuit breaker after a few tries, and the apply should not
		// wait for longer: see the service's events and the stopped tasks.
		Timeouts:  &ecsservice.EcsServiceTimeouts{Create: jsii.String("15m"), Update: jsii.String("15m")},
		DependsOn: &ready,
		Lifecycle: &cdktf.TerraformResourceLifecycle{
			// A deployment that the circuit breaker rolled back ends in a steady state too.
			Postcondition: &[]*cdktf.Postcondition{{
				Condition: cdktf.Op_Eq(cdktf.TerraformSelf_GetString(jsii.String("task_definition")), definition.Arn()),
				ErrorMessage: jsii.String("the service was rolled back: it does not run the new task definition; " +
					"see the service's events and the stopped tasks"),
			}},
		},
	}
	if len(props.DeploymentAlarms) > 0 {
		// Declared whether or not they are enabled: ECS keeps what an update leaves out.
		service.Alarms = &ecsservice.EcsServiceAlarms{
			AlarmNames: &props.DeploymentAlarms, Enable: jsii.Bool(props.Config.DeploymentAlarms),
			Rollback: jsii.Bool(props.Config.DeploymentAlarms),
		}
	}
	if ingress := props.Ingress; ingress != nil {
		ready = append(ready, ingress.Ready)
		ready = append(ready, network.Allow(this, "from-load-balancer", ingress.SecurityGroup, group, props.Config.Port)...)
		service.HealthCheckGracePeriodSeconds = jsii.Number(props.Config.HealthCheck.GracePeriodSeconds)
		service.LoadBalancer = []*ecsservice.EcsServiceLoadBalancer{{
			TargetGroupArn: ingress.TargetGroupARN, ContainerName: jsii.String(d.Name(props.Name + "Container")),
			ContainerPort: jsii.Number(props.Config.Port),
		}}
	}
	if props.Config.Scaling.Scales() {
		// An apply does not undo what autoscaling did.
		service.Lifecycle.IgnoreChanges = jsii.Strings("desired_count")
	}
	created := ecsservice.NewEcsService(this, jsii.String("service"), service)
	signals := cloudwatch.Read(signalsFile, props.Name, map[string]any{
		"cluster": props.Cluster.Name, "service": created.Name(), "config": props.Config, "ingress": props.Ingress,
		"log": logs.Name(d, props.LogName), "prefix": deployment.Prefix(props.Name),
		"section": cmp.Or(props.Section, "service"),
	})
	signals.After = []cdktf.ITerraformDependable{created}
	if props.Config.Scaling.Scales() {
		newScaling(this, props, created.Name(), signals.Metrics["running"])
	}
	return Service{
		Name: created.Name(), Signals: signals, Running: connection.Connection{Name: id, Ready: signals.After},
	}
}

// newTask creates the definition of a task, its roles and its security group, and returns what has to exist before one
// starts.
func newTask(this constructs.Construct, props Props) (definition ecstaskdefinition.EcsTaskDefinition,
	group network.SecurityGroup, ready []cdktf.ITerraformDependable) {
	d := props.Deployment
	if len(props.Config.Migration) == 0 && !props.job {
		props.MigrationUses = nil
	}
	props.Uses = append(platform(props), props.Uses...)
	refuseSharedVariables(props.Uses)
	all := slices.Concat(props.Uses, props.MigrationUses)

	group = props.Network.NewSecurityGroup(this, "security-group", props.Name+"Service",
		"Tasks of the service "+props.LogName)
	execution, task := newRoles(this, props, all)
	ready = []cdktf.ITerraformDependable{execution.Permissions, task.Permissions}
	for _, use := range all {
		props.Network.EnsureEndpoints(use.Endpoints...)
		d.Key.AllowVia(slices.Collect(maps.Keys(use.Execution.KMS))...)
		d.Key.AllowVia(slices.Collect(maps.Keys(use.Task.KMS))...)
		if use.Port != 0 {
			ready = append(ready, network.Allow(this, "to-"+use.Name, group, use.Group, use.Port)...)
		}
		ready = append(ready, use.Ready...)
	}
	ready = append(ready, props.Network.AllowAWS(this, "to-aws", group)...)
	ready = append(ready, props.Network.Ready...)
	return newTaskDefinition(this, props, execution.ARN, task.ARN), group, ready
}

// refuseSharedVariables panics when two connections set the same variable: the program would not get what the other
// one, or the environment file, says.
func refuseSharedVariables(uses []connection.Connection) {
	by := map[string]string{}
	for _, use := range uses {
		names := slices.Concat(slices.Collect(maps.Keys(use.Variables)), slices.Collect(maps.Keys(use.Secrets)))
		for _, name := range slices.Sorted(slices.Values(names)) {
			if other, taken := by[name]; taken {
				panic(fmt.Sprintf("the variable %s is set by %s and by %s: rename one", name, other, use.Name))
			}
			by[name] = use.Name
		}
	}
}

// predefinedMetric is short for a name of the bindings.
type predefinedMetric = appautoscalingpolicy.
	AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification

// newScaling lets target tracking choose the number of tasks. Of several policies the one that asks for most wins:
// https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
func newScaling(scope constructs.Construct, props Props, service *string, running cloudwatch.Metric) {
	this := constructs.NewConstruct(scope, jsii.String("scaling"))
	scaling := props.Config.Scaling
	target := appautoscalingtarget.NewAppautoscalingTarget(this, jsii.String("target"), &appautoscalingtarget.AppautoscalingTargetConfig{
		ServiceNamespace: jsii.String("ecs"), ScalableDimension: jsii.String("ecs:service:DesiredCount"),
		ResourceId:  jsii.Sprintf("service/%s/%s", *props.Cluster.Name, *service),
		MinCapacity: jsii.Number(scaling.MinimumTasks), MaxCapacity: jsii.Number(scaling.MaximumTasks),
	})
	track := func(id, name string, value int, metric *predefinedMetric) appautoscalingpolicy.AppautoscalingPolicy {
		return appautoscalingpolicy.NewAppautoscalingPolicy(this, jsii.String(id), &appautoscalingpolicy.AppautoscalingPolicyConfig{
			Name:             jsii.String(props.Deployment.Name(deployment.Prefix(props.Name) + name)),
			PolicyType:       jsii.String("TargetTrackingScaling"),
			ServiceNamespace: target.ServiceNamespace(), ScalableDimension: target.ScalableDimension(),
			ResourceId: target.ResourceId(),
			TargetTrackingScalingPolicyConfiguration: &appautoscalingpolicy.AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration{
				TargetValue: jsii.Number(value), PredefinedMetricSpecification: metric,
			},
		})
	}
	metric := func(name string, label *string) *predefinedMetric {
		return &predefinedMetric{PredefinedMetricType: jsii.String(name), ResourceLabel: label}
	}
	track("cpu", "CPUScaling", scaling.CPUPercent, metric("ECSServiceAverageCPUUtilization", nil))
	if scaling.MemoryPercent > 0 {
		track("memory", "MemoryScaling", scaling.MemoryPercent, metric("ECSServiceAverageMemoryUtilization", nil))
	}
	if scaling.RequestsPerTarget > 0 && props.Ingress != nil {
		label := jsii.Sprintf("%s/%s", *props.Ingress.LoadBalancer, *props.Ingress.TargetGroup)
		track("requests", "RequestScaling", scaling.RequestsPerTarget, metric("ALBRequestCountPerTarget", label))
	}
	if props.MessagesPerTask > 0 {
		// https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html
		track("messages", "MessageScaling", props.MessagesPerTask, nil).AddOverride(
			jsii.String("target_tracking_scaling_policy_configuration.customized_metric_specification.metrics"), []any{
				operand("messages", props.Backlog), operand("running", running),
				map[string]any{"id": "result", "expression": "messages / running", "return_data": true},
			})
	}
}

// operand is a metric in the expression of a scaling policy, for which the bindings have very long names.
func operand(id string, m cloudwatch.Metric) map[string]any {
	var dimensions []map[string]any
	for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
		dimensions = append(dimensions, map[string]any{"name": name, "value": m.Dimensions[name]})
	}
	return map[string]any{"id": id, "return_data": false, "metric_stat": map[string]any{
		"stat":   m.Statistic,
		"metric": map[string]any{"namespace": m.Namespace, "metric_name": m.Name, "dimensions": dimensions},
	}}
}
