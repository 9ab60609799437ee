package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

func (f *file) validateService() {
	f.validateSize()
	f.validateTasks()

}

func (f *file) validateSize() {
	service := f.environment.Service
	memory := fargateMemory(service.CPU)
	if !slices.Contains(memory, service.Memory) {
		f.reject(fmt.Sprintf("Fargate sells no task of %s with %s; with %d CPU units it sells %s", f.show("service.cpu", service.CPU, "CPU units"), f.show("service.memory", service.Memory, "MiB"), service.CPU, memoryWords(memory)),
			"service.memory", "service.cpu")
	}
	if service.TmpfsMiB >= service.Memory {
		f.reject(fmt.Sprintf("a /tmp of %s leaves nothing of a memory of %s", f.show("service.tmpfsMiB", service.TmpfsMiB, "MiB"), f.show("service.memory", service.Memory, "MiB")),
			"service.tmpfsMiB", "service.memory")
	}
}

// memoryWords shortens a list of sizes that are equally far apart.
func memoryWords(sizes []int) string {
	if len(sizes) > 3 {
		return fmt.Sprintf("%d to %d MiB in steps of %d", sizes[0], sizes[len(sizes)-1], sizes[1]-sizes[0])
	}
	return list(sizes) + " MiB"
}

func (f *file) validateTasks() {
	const minimum, maximum = "service.scaling.minimumTasks", "service.scaling.maximumTasks"
	scaling := f.environment.Service.Scaling
	if scaling.MinimumTasks > scaling.MaximumTasks {
		f.reject(fmt.Sprintf("a minimum of %s is more than a maximum of %s", f.show(minimum, scaling.MinimumTasks, "tasks"), f.show(maximum, scaling.MaximumTasks, "tasks")), minimum, maximum)
	}
}

func (f *file) validateContainer() {
	f.validateImage()
	f.validateUser()
	f.validateVariables()

	service := f.environment.Service
	if check := service.ContainerHealthCheck; len(check) > 0 {
		const at = "service.containerHealthCheck"
		switch {
		case check[0] != "CMD" && check[0] != "CMD-SHELL":
			f.reject(fmt.Sprintf("%s is not a kind of check; allowed: CMD, CMD-SHELL", quote(check[0])), at+"[0]")
		case len(check) < 2:
			f.reject(check[0]+" has no command behind it", at)
		case check[0] == "CMD-SHELL" && len(check) > 2:
			f.reject(fmt.Sprintf("has %d items behind CMD-SHELL; allowed: 1, the line that the shell runs", len(check)-1), at)
		}
	}
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
	if service.ExecuteCommand && service.ReadonlyRootFilesystem {
		f.reject("ECS Exec needs to write to the container's root file system; set service.readonlyRootFilesystem: false", "service.executeCommand", "service.readonlyRootFilesystem")
	}
}

func (f *file) validateImage() {
	service := f.environment.Service
	const at = "service.image"
	if service.IsPlaceholder() && len(service.Command) > 0 {
		f.reject("is a command for no image: the placeholder has its own; name service.image", "service.command")
	}
	if f.environment.Class != Production {
		return
	}
	if service.IsPlaceholder() {
		f.reject("is missing: production runs a real image, with a digest or a tag that is not latest", at)
		return
	}
	name, digest, _ := strings.Cut(service.Image, "@")
	_, tag, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	if digest == "" && (tag == "" || tag == "latest") {
		f.reject(f.show(at, service.Image)+" may be another image tomorrow; production names a digest (@sha256:...) or a tag that is not latest", at)
	}
}

func (f *file) validateUser() {
	user := f.environment.Service.User
	for number := range strings.SplitSeq(user, ":") {
		if id, err := strconv.ParseInt(number, 10, 64); err == nil && id > math.MaxInt32 {
			f.reject(fmt.Sprintf("%s holds an id over %d", f.show("service.user", user), math.MaxInt32), "service.user")
			return
		}
	}
}

func (f *file) validateVariables() {
	service := f.environment.Service
	for _, group := range []struct {
		path      string
		variables map[string]string
	}{{"service.environment", service.Environment}, {"service.secrets", service.Secrets}} {
		for _, name := range slices.Sorted(maps.Keys(group.variables)) {
			at := join(group.path, name)
			switch {
			case !limits[group.path+".*"].Entry.MatchString(name):
				f.reject("is not a variable's name; allowed: letters, digits and underscores, no digit first", at)
			case slices.Contains(ServiceVariables, name):
				f.reject("is set by the service itself; the names "+strings.Join(ServiceVariables, ", ")+" cannot be set", at)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(service.Secrets)) {
		if _, both := service.Environment[name]; both {
			f.reject("stands in service.environment as well; a name has one value", join("service.secrets", name))
		}
	}
}
