package service

import (
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecstaskdefinition"

	"tap/config"
	"tap/constructs/connection"
	"tap/constructs/logs"
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
	Memory                 int                 `json:"memory,omitempty"` // MiB
	RestartPolicy          map[string]any      `json:"restartPolicy,omitempty"`
	DependsOn              []dependency        `json:"dependsOn,omitempty"`
	PortMappings           []map[string]any    `json:"portMappings,omitempty"`
	Environment            []map[string]string `json:"environment"`
	Secrets                []map[string]string `json:"secrets"`
	HealthCheck            map[string][]string `json:"healthCheck,omitempty"`
	LinuxParameters        linuxParameters     `json:"linuxParameters"`
	LogConfiguration       logConfiguration    `json:"logConfiguration"`
}

type logConfiguration struct {
	LogDriver string            `json:"logDriver"`
	Options   map[string]string `json:"options"`
}

type dependency struct {
	ContainerName string `json:"containerName"`
	Condition     string `json:"condition"`
}

type linuxParameters struct {
	InitProcessEnabled bool                `json:"initProcessEnabled"`
	Capabilities       map[string][]string `json:"capabilities"`
	Tmpfs              []tmpfs             `json:"tmpfs"`
}

type tmpfs struct {
	ContainerPath string   `json:"containerPath"`
	Size          int      `json:"size"` // MiB
	MountOptions  []string `json:"mountOptions"`
}

// newTaskDefinition creates the task definition and the log group of its containers.
func newTaskDefinition(scope constructs.Construct, props Props,
	executionRole, taskRole *string) ecstaskdefinition.EcsTaskDefinition {
	d := props.Deployment
	group := logs.NewMaskedGroup(scope, "logs", d, logs.Name(d, props.LogName))
	return ecstaskdefinition.NewEcsTaskDefinition(scope, jsii.String("task-definition"), &ecstaskdefinition.EcsTaskDefinitionConfig{
		Family: jsii.String(d.Name(props.Name + "Task")), RequiresCompatibilities: jsii.Strings("FARGATE"),
		NetworkMode: jsii.String("awsvpc"),
		Cpu:         jsii.Sprintf("%d", props.Config.CPU), Memory: jsii.Sprintf("%d", props.Config.Memory),
		ExecutionRoleArn: executionRole, TaskRoleArn: taskRole,
		RuntimePlatform: &ecstaskdefinition.EcsTaskDefinitionRuntimePlatform{
			OperatingSystemFamily: jsii.String("LINUX"),
			CpuArchitecture:       jsii.String(strings.ToUpper(props.Config.Architecture)),
		},
		ContainerDefinitions: policy.JSON(newContainers(props, *group.Name())),
		// A deployment that fails is rolled back to the old revision, also when its alarms end after the apply; and
		// whoever deploys needs no right to deregister a revision, which AWS cannot limit to some.
		SkipDestroy: jsii.Bool(true),
	})
}

// newContainers are the program's container and, before it, that of the migration.
func newContainers(props Props, logGroup string) []containerDefinition {
	service := props.Config
	var own []connection.Connection
	if props.job {
		own = props.MigrationUses
	}
	program := newContainer(props, props.Name+"Container", props.LogName, service.Command, logGroup, own...)
	program.Essential = true
	if props.Ingress != nil {
		program.PortMappings = []map[string]any{{"containerPort": service.Port, "hostPort": service.Port, "protocol": "tcp"}}
	}
	if len(service.ContainerHealthCheck) > 0 {
		program.HealthCheck = map[string][]string{"command": service.ContainerHealthCheck}
	}
	switch {
	case service.IsPlaceholder() && props.Ingress == nil:
		program.Image, program.Command = PlaceholderImage, IdleCommand(props.LogName, props.job)
	case service.IsPlaceholder():
		program.Image = PlaceholderImage
		program.Command = PlaceholderCommand(service.Port, service.HealthCheck.Path)
		program.User = "" // root, to listen on a port under 1024
		program.LinuxParameters.Capabilities["drop"] = PlaceholderDroppedCapabilities
	}
	containers := []containerDefinition{}
	for _, name := range slices.Sorted(maps.Keys(props.Sidecars)) {
		sidecar := newSidecar(props, name, props.Sidecars[name], logGroup)
		containers = append(containers, sidecar)
		program.DependsOn = append(program.DependsOn, dependency{ContainerName: sidecar.Name, Condition: "START"})
	}
	if len(service.Migration) == 0 {
		return append([]containerDefinition{program}, containers...)
	}
	migration := newContainer(props, props.Name+"Migration", "migration", service.Migration, logGroup,
		props.MigrationUses...)
	// Said, since otherwise a setting of the account decides it:
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html
	migration.LogConfiguration.Options["mode"] = "blocking"
	delete(migration.LogConfiguration.Options, "max-buffer-size")
	program.DependsOn = append(program.DependsOn, dependency{ContainerName: migration.Name, Condition: "SUCCESS"})
	return append([]containerDefinition{program, migration}, containers...)
}

// newSidecar is a container with what the sidecar says, and otherwise the program's.
func newSidecar(props Props, name string, sidecar config.Sidecar, logGroup string) containerDefinition {
	props.Uses = []connection.Connection{{Variables: sidecar.Environment, Secrets: sidecar.Secrets}}
	props.Config.Image = sidecar.Image
	container := newContainer(props, config.ID("", name)+"Sidecar", name, sidecar.Command, logGroup)
	container.Memory = sidecar.Memory
	// The shortest time after which ECS starts a container again:
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html
	container.RestartPolicy = map[string]any{"enabled": true, "restartAttemptPeriod": 60}
	return container
}

// newContainer is a container with the variables and secrets of the connections; overriding ones win.
func newContainer(props Props, name, logPrefix string, command []string, logGroup string,
	overriding ...connection.Connection) containerDefinition {
	values := map[string]map[string]string{}
	for _, use := range slices.Concat(props.Uses, overriding) {
		for name, value := range use.Variables {
			values[name] = map[string]string{"name": name, "value": value}
		}
		for name, secret := range use.Secrets {
			values[name] = map[string]string{"name": name, "valueFrom": secret}
		}
	}
	variables, secrets := []map[string]string{}, []map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name]["valueFrom"] == "" {
			variables = append(variables, values[name])
		} else {
			secrets = append(secrets, values[name])
		}
	}
	return containerDefinition{
		Name: props.Deployment.Name(name), Image: props.Config.Image, Command: command,
		User:                   props.Config.User,                   // ECS.20
		ReadonlyRootFilesystem: props.Config.ReadonlyRootFilesystem, // ECS.5, CKV_AWS_336
		StopTimeout:            props.Config.StopTimeoutSeconds, Environment: variables, Secrets: secrets,
		LinuxParameters: linuxParameters{
			InitProcessEnabled: true, // which reaps children of sessions and of programs not written to be process 1
			Capabilities:       map[string][]string{"drop": {"ALL"}},
			// A volume would belong to root, and a user that is not root could not write to it:
			// https://github.com/aws/containers-roadmap/issues/938
			Tmpfs: []tmpfs{{
				ContainerPath: "/tmp", Size: props.Config.TmpfsMiB, MountOptions: []string{"nosuid", "nodev", "noexec"},
			}},
		},
		LogConfiguration: logConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group": logGroup, "awslogs-region": props.Deployment.ARNs.Region, "awslogs-stream-prefix": logPrefix,
			// Requests do not wait for logs. 25m lost no line in AWS's tests:
			// https://aws.amazon.com/blogs/containers/preventing-log-loss-with-non-blocking-mode-in-the-awslogs-container-log-driver/
			"mode": "non-blocking", "max-buffer-size": "25m",
		}},
	}
}

// IdleCommand says once that there is nothing to run yet, and then ends or waits to be stopped.
func IdleCommand(name string, ends bool) []string {
	seconds := map[bool]string{true: "0", false: "infinity"}[ends]
	return []string{"sh", "-c", "echo 'placeholder of " + name + ": set service.image'; exec sleep " + seconds}
}

// PlaceholderImage runs while an environment has no image of its own.
const PlaceholderImage = "public.ecr.aws/nginx/nginx:latest"

// PlaceholderDroppedCapabilities are those of Fargate's default set that nginx does not need as root: it keeps those
// with which it binds to a port under 1024, gives its folders to its workers and lets these be another user.
var PlaceholderDroppedCapabilities = []string{
	"AUDIT_WRITE", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP",
	"SYS_CHROOT",
}

//go:embed nginx.conf
var nginx string

// PlaceholderCommand makes nginx answer the health check with 200 and everything else with 404. The image by itself
// answers 404 to the health check, so that no task would ever become healthy. All files are in /tmp: the root file
// system is read-only.
func PlaceholderCommand(port int, healthCheckPath string) []string {
	path, _, _ := strings.Cut(healthCheckPath, "?") // nginx compares without the query
	configuration := strings.NewReplacer("${port}", strconv.Itoa(port), "${path}", path).Replace(nginx)
	return []string{"sh", "-c", "cat >/tmp/nginx.conf <<'END'\n" + configuration +
		"END\nexec nginx -c /tmp/nginx.conf -g 'daemon off;'"}
}
