// Package service runs the payment API: an ECS cluster, one Fargate service, its tasks, what they may do, and how
// many there are.
package service

import (
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecsservice"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/database"
	"tap/constructs/deployment"
	"tap/constructs/loadbalancer"
	"tap/constructs/network"
)

// A deployment starts new tasks beside all of the old ones. Rebalancing over zones needs more than 100 %:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
const (
	minimumHealthyPercent = 100
	maximumPercent        = 200
)

// Props configures New.
type Props struct {
	Deployment   deployment.Deployment
	Network      network.Network
	Database     database.Database
	LoadBalancer loadbalancer.LoadBalancer
	Config       config.Service
	// DeploymentAlarms roll a deployment back when one of them is raised, if Config.DeploymentAlarms is set.
	DeploymentAlarms []*string
}

// Service is a running service.
type Service struct {
	ClusterName *string // output ECSClusterName
	Name        *string // output ECSServiceName
	// Running completes when the first tasks are healthy: depend on it to wait for them.
	Running cdktf.ITerraformDependable
}

// New creates the cluster and the service.
func New(scope constructs.Construct, id string, props Props) Service {
	this := constructs.NewConstruct(scope, jsii.String(id))
	d := props.Deployment

	group := props.Network.NewSecurityGroup(this, "security-group", d.Name("PaymentService"), "Tasks of the payment API")
	cluster := newCluster(this, props)
	roles := newRoles(this, props)
	definition := newTaskDefinition(this, props, roles)
	ready := slices.Concat(
		// A task that cannot reach these does not start, and the deployment fails.
		network.Allow(this, "from-load-balancer", props.LoadBalancer.SecurityGroup, group, props.Config.Port),
		network.Allow(this, "to-database", group, props.Database.SecurityGroup, database.Port),
		props.Network.AllowAWS(this, "to-aws", group),
		props.Network.Ready,
		[]cdktf.ITerraformDependable{
			props.Database.Writer,
			props.LoadBalancer.Listener,
			roles.execution.Permissions, roles.task.Permissions,
		},
	)

	lifecycle := &cdktf.TerraformResourceLifecycle{
		// A deployment that the circuit breaker rolled back ends in a steady state too.
		Postcondition: &[]*cdktf.Postcondition{{
			Condition: cdktf.Op_Eq(cdktf.TerraformSelf_GetString(jsii.String("task_definition")), definition.Arn()),
			ErrorMessage: jsii.String("the service was rolled back: it does not run the new task definition; " +
				"see the service's events and the stopped tasks"),
		}},
	}
	if props.Config.Scaling.Scales() {
		// An apply does not undo what autoscaling did.
		lifecycle.IgnoreChanges = jsii.Strings("desired_count")
	}
	service := ecsservice.NewEcsService(this, jsii.String("service"), &ecsservice.EcsServiceConfig{
		Name:                            jsii.String(d.Name("PaymentService")),
		Cluster:                         cluster.Id(),
		TaskDefinition:                  definition.Arn(),
		LaunchType:                      jsii.String("FARGATE"),
		PlatformVersion:                 jsii.String("LATEST"), // ECS.10, CKV_AWS_332
		DesiredCount:                    jsii.Number(props.Config.Scaling.MinimumTasks),
		DeploymentMinimumHealthyPercent: jsii.Number(minimumHealthyPercent),
		DeploymentMaximumPercent:        jsii.Number(maximumPercent),
		DeploymentCircuitBreaker: &ecsservice.EcsServiceDeploymentCircuitBreaker{
			Enable: jsii.Bool(true), Rollback: jsii.Bool(true),
		},
		// Always declared: ECS keeps what an update leaves out.
		Alarms: &ecsservice.EcsServiceAlarms{
			AlarmNames: &props.DeploymentAlarms,
			Enable:     jsii.Bool(props.Config.DeploymentAlarms),
			Rollback:   jsii.Bool(props.Config.DeploymentAlarms),
		},
		AvailabilityZoneRebalancing:   jsii.String("ENABLED"),
		HealthCheckGracePeriodSeconds: jsii.Number(props.Config.HealthCheck.GracePeriodSeconds),
		EnableExecuteCommand:          jsii.Bool(props.Config.ExecuteCommand),
		PropagateTags:                 jsii.String("SERVICE"),
		WaitForSteadyState:            jsii.Bool(true),
		LoadBalancer: []*ecsservice.EcsServiceLoadBalancer{{
			TargetGroupArn: props.LoadBalancer.TargetGroupARN,
			ContainerName:  jsii.String(d.Name(container)),
			ContainerPort:  jsii.Number(props.Config.Port),
		}},
		NetworkConfiguration: &ecsservice.EcsServiceNetworkConfiguration{
			Subnets:        &props.Network.PrivateSubnets,
			SecurityGroups: &[]*string{group.ID},
			AssignPublicIp: jsii.Bool(false), // ECS.2, CKV_AWS_333
		},
		Tags:      d.Tags("PaymentService"),
		DependsOn: &ready,
		Lifecycle: lifecycle,
	})
	if props.Config.Scaling.Scales() {
		newScaling(this, props, cluster.Name(), service.Name())
	}
	return Service{ClusterName: cluster.Name(), Name: service.Name(), Running: service}
}
