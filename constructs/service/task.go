package service

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecstaskdefinition"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/database"
	"tap/constructs/policy"
)

// container is the name of the API's container, without the suffix.
const container = "PaymentContainer"

func serviceLogGroup(suffix string) string { return "/tap-" + suffix + "/payment-api" }

// containerDefinition is the part of ECS's container definition that is used here:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
type containerDefinition struct {
	Name                   string           `json:"name"`
	Image                  string           `json:"image"`
	Essential              bool             `json:"essential"`
	Command                []string         `json:"command,omitempty"`
	User                   string           `json:"user,omitempty"`
	ReadonlyRootFilesystem bool             `json:"readonlyRootFilesystem"`
	StopTimeout            int              `json:"stopTimeout"`
	PortMappings           []portMapping    `json:"portMappings"`
	Environment            []variable       `json:"environment"`
	Secrets                []secretVariable `json:"secrets"`
	HealthCheck            *healthCheck     `json:"healthCheck,omitempty"`
	LinuxParameters        linuxParameters  `json:"linuxParameters"`
	LogConfiguration       logConfiguration `json:"logConfiguration"`
}

type portMapping struct {
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
	Protocol      string `json:"protocol"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type secretVariable struct {
	Name      string `json:"name"`
	ValueFrom string `json:"valueFrom"`
}

type healthCheck struct {
	Command []string `json:"command"`
}

type linuxParameters struct {
	// InitProcessEnabled runs an init process that reaps the children of sessions and of programs that were not
	// written to be process 1.
	InitProcessEnabled bool    `json:"initProcessEnabled"`
	Tmpfs              []tmpfs `json:"tmpfs"`
}

type tmpfs struct {
	ContainerPath string   `json:"containerPath"`
	Size          int      `json:"size"` // MiB
	MountOptions  []string `json:"mountOptions"`
}

type logConfiguration struct {
	LogDriver string            `json:"logDriver"`
	Options   map[string]string `json:"options"`
}

// newTaskDefinition creates the task definition and the log group of its container.
func newTaskDefinition(scope constructs.Construct, props Props, roles roles) ecstaskdefinition.EcsTaskDefinition {
	d := props.Deployment
	logs := d.NewLogGroup(scope, "logs", serviceLogGroup(d.Suffix))
	return ecstaskdefinition.NewEcsTaskDefinition(scope, jsii.String("task-definition"), &ecstaskdefinition.EcsTaskDefinitionConfig{
		Family:                  jsii.String(d.Name("PaymentTask")),
		RequiresCompatibilities: jsii.Strings("FARGATE"),
		NetworkMode:             jsii.String("awsvpc"),
		Cpu:                     jsii.String(strconv.Itoa(props.Config.CPU)),
		Memory:                  jsii.String(strconv.Itoa(props.Config.Memory)),
		ExecutionRoleArn:        roles.execution.ARN,
		TaskRoleArn:             roles.task.ARN,
		RuntimePlatform: &ecstaskdefinition.EcsTaskDefinitionRuntimePlatform{
			OperatingSystemFamily: jsii.String("LINUX"), CpuArchitecture: jsii.String("X86_64"),
		},
		ContainerDefinitions: policy.JSON([]containerDefinition{newContainer(props, *logs.Name())}),
		// A deployment that fails is rolled back to the old revision, which stays until the service runs the new one.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
}

func newContainer(props Props, logGroup string) containerDefinition {
	service := props.Config
	result := containerDefinition{
		Name:                   props.Deployment.Name(container),
		Image:                  service.Image,
		Essential:              true,
		Command:                service.Command,
		User:                   service.User,                   // ECS.20
		ReadonlyRootFilesystem: service.ReadonlyRootFilesystem, // ECS.5, CKV_AWS_336
		StopTimeout:            service.StopTimeoutSeconds,
		PortMappings:           []portMapping{{ContainerPort: service.Port, HostPort: service.Port, Protocol: "tcp"}},
		Environment: []variable{
			{Name: config.DatabaseHost, Value: *props.Database.Endpoint},
			{Name: config.DatabasePort, Value: strconv.Itoa(database.Port)},
		},
		Secrets: []secretVariable{
			{Name: config.DatabasePassword, ValueFrom: *props.Database.Secret.Value("password")},
			{Name: config.DatabaseUsername, ValueFrom: *props.Database.Secret.Value("username")},
		},
		LinuxParameters: linuxParameters{
			InitProcessEnabled: true,
			// A volume would belong to root, and a user that is not root could not write to it:
			// https://github.com/aws/containers-roadmap/issues/938
			Tmpfs: []tmpfs{{ContainerPath: "/tmp", Size: service.TmpfsMiB, MountOptions: []string{"nosuid", "nodev"}}},
		},
		LogConfiguration: logConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group":         logGroup,
			"awslogs-region":        props.Deployment.Account.Region,
			"awslogs-stream-prefix": "payment-api",
		}},
	}
	if service.IsPlaceholder() {
		result.Image = PlaceholderImage
		result.Command = PlaceholderCommand(service.Port, service.HealthCheck.Path)
		result.User = "" // root, to listen on a port under 1024
	}
	for _, name := range sortedKeys(service.Environment) {
		result.Environment = append(result.Environment, variable{Name: name, Value: service.Environment[name]})
	}
	for _, name := range sortedKeys(service.Secrets) {
		result.Secrets = append(result.Secrets, secretVariable{Name: name, ValueFrom: service.Secrets[name]})
	}
	if len(service.ContainerHealthCheck) > 0 {
		result.HealthCheck = &healthCheck{Command: service.ContainerHealthCheck}
	}
	return result
}

func sortedKeys(values map[string]string) []string {
	return slices.Sorted(maps.Keys(values))
}
