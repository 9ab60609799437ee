package service

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecstaskdefinition"

	"tap/constructs/connection"
	"tap/constructs/policy"
)

// containerDefinition is the part of ECS's container definition that is used here:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
type containerDefinition struct {
	Name                   string              `json:"name"`
	Image                  string              `json:"image"`
	Essential              bool                `json:"essential"`
	Command                []string            `json:"command,omitempty"`
	User                   string              `json:"user,omitempty"`
	ReadonlyRootFilesystem bool                `json:"readonlyRootFilesystem"`
	StopTimeout            int                 `json:"stopTimeout"`
	DependsOn              []dependency        `json:"dependsOn,omitempty"`
	PortMappings           []portMapping       `json:"portMappings,omitempty"`
	Environment            []map[string]string `json:"environment"` // by named
	Secrets                []map[string]string `json:"secrets"`
	HealthCheck            map[string][]string `json:"healthCheck,omitempty"`
	LinuxParameters        linuxParameters     `json:"linuxParameters"`
	LogConfiguration       logConfiguration    `json:"logConfiguration"`
}

type dependency struct {
	ContainerName string `json:"containerName"`
	Condition     string `json:"condition"`
}

type portMapping struct {
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
	Protocol      string `json:"protocol"`
}

type linuxParameters struct {
	// InitProcessEnabled runs an init process that reaps the children of sessions and of programs that were not
	// written to be process 1.
	InitProcessEnabled bool                `json:"initProcessEnabled"`
	Capabilities       map[string][]string `json:"capabilities"`
	Tmpfs              []tmpfs             `json:"tmpfs"`
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

// newTaskDefinition creates the task definition and the log group of its containers.
func newTaskDefinition(scope constructs.Construct, props Props,
	executionRole, taskRole *string) ecstaskdefinition.EcsTaskDefinition {
	d := props.Deployment
	logs := d.NewMaskedLogGroup(scope, "logs", logGroup(props))
	return ecstaskdefinition.NewEcsTaskDefinition(scope, jsii.String("task-definition"), &ecstaskdefinition.EcsTaskDefinitionConfig{
		Family:                  jsii.String(d.Name(props.Name + "Task")),
		RequiresCompatibilities: jsii.Strings("FARGATE"),
		NetworkMode:             jsii.String("awsvpc"),
		Cpu:                     jsii.String(strconv.Itoa(props.Config.CPU)),
		Memory:                  jsii.String(strconv.Itoa(props.Config.Memory)),
		ExecutionRoleArn:        executionRole,
		TaskRoleArn:             taskRole,
		RuntimePlatform: &ecstaskdefinition.EcsTaskDefinitionRuntimePlatform{
			OperatingSystemFamily: jsii.String("LINUX"),
			CpuArchitecture:       jsii.String(strings.ToUpper(props.Config.Architecture)),
		},
		ContainerDefinitions: policy.JSON(newContainers(props, *logs.Name())),
		// A deployment that fails is rolled back to the old revision, also when its alarms end after the apply; and
		// whoever deploys needs no right to deregister a revision, which AWS cannot limit to some.
		SkipDestroy: jsii.Bool(true),
	})
}

// newContainers are the program's container and, before it, that of the migration.
func newContainers(props Props, logGroup string) []containerDefinition {
	service := props.Config
	program := newContainer(props, props.Name+"Container", props.LogName, service.Command, logGroup)
	program.Essential = true
	if props.Ingress != nil {
		program.PortMappings = []portMapping{{ContainerPort: service.Port, HostPort: service.Port, Protocol: "tcp"}}
	}
	if len(service.ContainerHealthCheck) > 0 {
		program.HealthCheck = map[string][]string{"command": service.ContainerHealthCheck}
	}
	if service.IsPlaceholder() {
		program.Image = PlaceholderImage
		program.Command = PlaceholderCommand(service.Port, service.HealthCheck.Path)
		program.User = "" // root, to listen on a port under 1024
		program.LinuxParameters.Capabilities["drop"] = PlaceholderDroppedCapabilities
	}
	if len(service.Migration) == 0 {
		return []containerDefinition{program}
	}
	migration := newContainer(props, props.Name+"Migration", "migration", service.Migration, logGroup,
		props.MigrationUses...)
	program.DependsOn = []dependency{{ContainerName: migration.Name, Condition: "SUCCESS"}}
	return []containerDefinition{program, migration}
}

// newContainer is a container with the variables and secrets of the connections, instead of which it has those of the
// overriding ones.
func newContainer(props Props, name, logPrefix string, command []string, logGroup string,
	overriding ...connection.Connection) containerDefinition {
	variables, secrets := map[string]string{}, map[string]string{}
	for _, use := range slices.Concat(props.Uses, overriding) {
		for name, value := range use.Variables {
			variables[name] = value
			delete(secrets, name)
		}
		for name, value := range use.Secrets {
			secrets[name] = value
			delete(variables, name)
		}
	}
	return containerDefinition{
		Name:                   props.Deployment.Name(name),
		Image:                  props.Config.Image,
		Command:                command,
		User:                   props.Config.User,                   // ECS.20
		ReadonlyRootFilesystem: props.Config.ReadonlyRootFilesystem, // ECS.5, CKV_AWS_336
		StopTimeout:            props.Config.StopTimeoutSeconds,
		Environment:            named(variables, "value"),
		Secrets:                named(secrets, "valueFrom"),
		LinuxParameters: linuxParameters{
			InitProcessEnabled: true,
			Capabilities:       map[string][]string{"drop": {"ALL"}},
			// A volume would belong to root, and a user that is not root could not write to it:
			// https://github.com/aws/containers-roadmap/issues/938
			Tmpfs: []tmpfs{{
				ContainerPath: "/tmp", Size: props.Config.TmpfsMiB, MountOptions: []string{"nosuid", "nodev", "noexec"},
			}},
		},
		LogConfiguration: logConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group":         logGroup,
			"awslogs-region":        props.Deployment.Account.Region,
			"awslogs-stream-prefix": logPrefix,
		}},
	}
}

// named lists variables by name, each with its value under the given key.
func named(values map[string]string, key string) []map[string]string {
	list := []map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, map[string]string{"name": name, key: values[name]})
	}
	return list
}
