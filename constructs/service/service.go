// Package service runs the payment API: an ECS cluster, one Fargate service, its tasks, what they
// may do, and how many there are.
package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecsservice"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/database"
	"tap/constructs/internal/loggroup"
	"tap/constructs/loadbalancer"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// Props says what runs, where, and what it is connected to.
type Props struct {
	Suffix       string
	Account      policy.Account
	Network      network.Network
	Database     database.Database
	LoadBalancer loadbalancer.LoadBalancer
	Service      config.Service
	KeyARN       *string // decrypts the secret
	Logs         loggroup.Retention
	// DeploymentAlarms roll a deployment back when one of them is raised, if the service asks for it.
	DeploymentAlarms []*string
}

// Service is a running service.
type Service struct {
	ClusterName *string // output ECSClusterName
	Name        *string // output ECSServiceName
	// Running is there once the first tasks are healthy.
	Running cdktf.ITerraformDependable
}

// New creates the cluster and the service.
func New(scope constructs.Construct, id string, props Props) Service {
	this := constructs.NewConstruct(scope, jsii.String(id))
	settings := props.Service

	group := props.Network.NewSecurityGroup(this, "security-group", "PaymentService-"+props.Suffix, "Tasks of the payment API")
	ready := network.Allow(this, "from-load-balancer", props.LoadBalancer.SecurityGroup, group, settings.Port)
	ready = append(ready, network.Allow(this, "to-database", group, props.Database.SecurityGroup, database.Port)...)
	ready = append(ready, props.Network.AllowAWS(this, "to-aws", group)...)
	ready = append(ready, props.Network.Routes...)
	ready = append(ready, props.Database.Writer)
	ready = append(ready, props.LoadBalancer.Listener)

	cluster := newCluster(this, props)
	roles := newRoles(this, props)
	ready = append(ready, roles.execution.Permissions, roles.task.Permissions)
	definition := newTaskDefinition(this, props, roles)

	lifecycle := &cdktf.TerraformResourceLifecycle{
		// A deployment that the circuit breaker rolled back ends in a steady state too.
		Postcondition: &[]*cdktf.Postcondition{{
			Condition:    cdktf.Op_Eq(cdktf.TerraformSelf_GetString(jsii.String("task_definition")), definition.Arn()),
			ErrorMessage: jsii.String("the service was rolled back: it does not run the new task definition; see the service's events and the stopped tasks"),
		}},
	}
	if settings.Scaling.Enabled {
		// An apply does not undo what autoscaling did.
		lifecycle.IgnoreChanges = jsii.Strings("desired_count")
	}
	service := &ecsservice.EcsServiceConfig{
		Name:                            jsii.String("PaymentService-" + props.Suffix),
		Cluster:                         cluster.Id(),
		TaskDefinition:                  definition.Arn(),
		LaunchType:                      jsii.String("FARGATE"),
		PlatformVersion:                 jsii.String("LATEST"), // ECS.10, CKV_AWS_332
		DesiredCount:                    jsii.Number(settings.DesiredCount),
		DeploymentMinimumHealthyPercent: jsii.Number(settings.MinimumHealthyPercent),
		DeploymentMaximumPercent:        jsii.Number(settings.MaximumPercent),
		DeploymentCircuitBreaker: &ecsservice.EcsServiceDeploymentCircuitBreaker{
			Enable: jsii.Bool(true), Rollback: jsii.Bool(true),
		},
		// Written also where they are not asked for: ECS keeps what an update does not say.
		Alarms: &ecsservice.EcsServiceAlarms{
			AlarmNames: &props.DeploymentAlarms,
			Enable:     jsii.Bool(settings.DeploymentAlarms),
			Rollback:   jsii.Bool(settings.DeploymentAlarms),
		},
		AvailabilityZoneRebalancing:   jsii.String("ENABLED"),
		HealthCheckGracePeriodSeconds: jsii.Number(settings.HealthCheck.GracePeriodSeconds),
		EnableExecuteCommand:          jsii.Bool(settings.ExecuteCommand),
		PropagateTags:                 jsii.String("SERVICE"),
		WaitForSteadyState:            jsii.Bool(true),
		LoadBalancer: []*ecsservice.EcsServiceLoadBalancer{{
			TargetGroupArn: props.LoadBalancer.TargetGroupARN,
			ContainerName:  jsii.String(containerName(props.Suffix)),
			ContainerPort:  jsii.Number(settings.Port),
		}},
		NetworkConfiguration: &ecsservice.EcsServiceNetworkConfiguration{
			Subnets:        &props.Network.PrivateSubnets,
			SecurityGroups: &[]*string{group.ID},
			AssignPublicIp: jsii.Bool(false), // ECS.2, CKV_AWS_333
		},
		Tags:      &map[string]*string{"Name": jsii.String("PaymentService-" + props.Suffix)},
		DependsOn: &ready,
		Lifecycle: lifecycle,
	}
	created := ecsservice.NewEcsService(this, jsii.String("service"), service)
	if settings.Scaling.Enabled {
		newScaling(this, props, cluster.Name(), created.Name())
	}
	return Service{ClusterName: cluster.Name(), Name: created.Name(), Running: created}
}

func containerName(suffix string) string {
	return "PaymentContainer-" + suffix
}

// roles are the two sides of a task: what ECS needs to start it, and what the program in it may do
// (CKV_AWS_249 asks that they differ).
type roles struct {
	execution, task policy.Role
}
