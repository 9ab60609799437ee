package service

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecstaskdefinition"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/database"
	"tap/constructs/internal/loggroup"
	"tap/constructs/policy"
)

func serviceLogGroup(suffix string) string {
	return "/tap-" + suffix + "/payment-api"
}

// container is what ECS takes in the JSON of a container definition, as far as it is used here:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
type container struct {
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
	// InitProcessEnabled runs an init process that reaps the children of sessions and of programs
	// that were not written to be process 1.
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
	logs := loggroup.New(scope, "logs", serviceLogGroup(props.Suffix), props.Logs)
	return ecstaskdefinition.NewEcsTaskDefinition(scope, jsii.String("task-definition"), &ecstaskdefinition.EcsTaskDefinitionConfig{
		Family:                  jsii.String("PaymentTask-" + props.Suffix),
		RequiresCompatibilities: jsii.Strings("FARGATE"),
		NetworkMode:             jsii.String("awsvpc"),
		Cpu:                     jsii.String(strconv.Itoa(props.Service.CPU)),
		Memory:                  jsii.String(strconv.Itoa(props.Service.Memory)),
		ExecutionRoleArn:        roles.execution.ARN,
		TaskRoleArn:             roles.task.ARN,
		RuntimePlatform: &ecstaskdefinition.EcsTaskDefinitionRuntimePlatform{
			OperatingSystemFamily: jsii.String("LINUX"), CpuArchitecture: jsii.String("X86_64"),
		},
		ContainerDefinitions: policy.JSON([]container{newContainer(props, *logs.Name())}),
		// The old revision stays until the service runs the new one: a deployment that fails is
		// rolled back to it.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
}

func newContainer(props Props, logGroup string) container {
	settings := props.Service
	this := container{
		Name:                   containerName(props.Suffix),
		Image:                  settings.Image,
		Essential:              true,
		Command:                settings.Command,
		User:                   settings.User,                   // ECS.20
		ReadonlyRootFilesystem: settings.ReadonlyRootFilesystem, // ECS.5, CKV_AWS_336
		StopTimeout:            settings.StopTimeoutSeconds,
		PortMappings:           []portMapping{{ContainerPort: settings.Port, HostPort: settings.Port, Protocol: "tcp"}},
		Environment: []variable{
			{Name: "DB_HOST", Value: *props.Database.Endpoint},
			{Name: "DB_PORT", Value: strconv.Itoa(database.Port)},
		},
		Secrets: []secretVariable{
			{Name: "DB_PASSWORD", ValueFrom: *props.Database.Secret.Value("password")},
			{Name: "DB_USERNAME", ValueFrom: *props.Database.Secret.Value("username")},
		},
		LinuxParameters: linuxParameters{
			InitProcessEnabled: true,
			// A volume would belong to root, and a user that is not root could not write to it; Fargate has
			// tmpfs since January 2026: https://github.com/aws/containers-roadmap/issues/938 and 736
			Tmpfs: []tmpfs{{ContainerPath: "/tmp", Size: settings.TmpfsMiB, MountOptions: []string{"nosuid", "nodev"}}},
		},
		LogConfiguration: logConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group":         logGroup,
			"awslogs-region":        props.Account.Region,
			"awslogs-stream-prefix": "payment-api",
		}},
	}
	if settings.IsPlaceholder() {
		this.Image = PlaceholderImage
		this.Command = PlaceholderCommand(settings.Port, settings.HealthCheck.Path)
		this.User = "" // root, to listen on a port under 1024
	}
	for _, name := range sortedKeys(settings.Environment) {
		this.Environment = append(this.Environment, variable{Name: name, Value: settings.Environment[name]})
	}
	for _, name := range sortedKeys(settings.Secrets) {
		this.Secrets = append(this.Secrets, secretVariable{Name: name, ValueFrom: settings.Secrets[name]})
	}
	if len(settings.ContainerHealthCheck) > 0 {
		this.HealthCheck = &healthCheck{Command: settings.ContainerHealthCheck}
	}
	return this
}

func sortedKeys(values map[string]string) []string {
	return slices.Sorted(maps.Keys(values))
}
