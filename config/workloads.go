package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // where the machine has none, or an old one
)

// QueueVariable is the variable of a worker that has the URL of its queue.
const QueueVariable = "QUEUE_URL"

// SenderVariable is the variable of the API that has the URL of a worker's queue: SETTLEMENT_QUEUE_URL.
func SenderVariable(worker string) string { return strings.ToUpper(worker) + "_" + QueueVariable }

// ID is the name of a workload in those of its resources: WorkerSettlement of the worker settlement.
func ID(kind, name string) string { return kind + strings.ToUpper(name[:1]) + name[1:] }

// Beside is what a task of another command and size runs as: the API's, without what is about a way in or a migration.
func (s Service) Beside(command []string, cpu, memory int) Service {
	s.Command, s.CPU, s.Memory = command, cpu, memory
	s.Migration, s.ContainerHealthCheck = nil, nil
	return s
}

// Service is what the worker runs as beside the API's.
func (w Worker) Service(api Service) Service {
	api = api.Beside(w.Command, w.CPU, w.Memory)
	api.Scaling = Scaling{
		MinimumTasks: w.Scaling.MinimumTasks, MaximumTasks: w.Scaling.MaximumTasks, CPUPercent: api.Scaling.CPUPercent,
	}
	return api
}

// images returns those of the containers, by the keys that name them.
func (e Environment) images() map[string]string {
	all := map[string]string{"service.image": e.Service.Image}
	for name, sidecar := range e.Sidecars {
		all["sidecars."+name+".image"] = sidecar.Image
	}
	return all
}

// ImageAccounts are the accounts of the private repositories that images are in, sorted.
func (e Environment) ImageAccounts() (accounts []string) {
	for _, image := range e.images() {
		if account, _, _, private := PrivateRepository(image); private {
			accounts = append(accounts, account)
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// secrets returns the ARNs of those of the containers, by the keys that name them.
func (e Environment) secrets() map[string]string {
	all := map[string]string{}
	for name, arn := range e.Service.Secrets {
		all[join("service.secrets", name)] = arn
	}
	for sidecar := range e.Sidecars {
		for name, arn := range e.Sidecars[sidecar].Secrets {
			all[join("sidecars."+sidecar+".secrets", name)] = arn
		}
	}
	return all
}

// applyWorkloadRules checks workers, jobs and sidecars.
func (f *file) applyWorkloadRules() {
	e := &f.environment
	f.applySidecarMemory("service", e.Service.Memory)
	for name, sidecar := range e.Sidecars {
		at := "sidecars." + name
		f.forbid(e.Service.TmpfsMiB >= sidecar.Memory, "/tmp leaves nothing of the memory that it is a part of",
			at+".memory", "service.tmpfsMiB")
		for variable := range sidecar.Secrets {
			set := join(at+".environment", variable)
			f.forbid(f.lines[set] > 0, fmt.Sprintf("is in %s.environment, line %d, as well", at, f.lines[set]),
				join(at+".secrets", variable))
		}
		for _, other := range []string{"workers." + name, "jobs." + name} {
			f.forbid(f.lines[other] > 0, fmt.Sprintf("is the name of %s in line %d as well", other, f.lines[other]), at)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Workers)) {
		worker, at := e.Workers[name], "workers."+name
		f.applyTaskRules(at, worker.CPU, worker.Memory)
		least, most := at+".scaling.minimumTasks", at+".scaling.maximumTasks"
		f.forbid(worker.Scaling.MaximumTasks > 0 && worker.Scaling.MinimumTasks > worker.Scaling.MaximumTasks,
			"the smallest number of tasks is more than the largest, which may also be 0", least, most)
		f.forbid(worker.Scaling.MessagesPerTask > 0 && !worker.Queue, "only a worker with a queue has messages",
			at+".scaling.messagesPerTask", at+".queue")
		f.forbid(worker.Scaling.MessagesPerTask > 0 && worker.Scaling.MinimumTasks == worker.Scaling.MaximumTasks,
			"has an effect only where the smallest and the largest number of tasks differ", at+".scaling.messagesPerTask",
			least, most)
		for _, variable := range []string{QueueVariable, SenderVariable(name)} {
			for _, set := range []string{"service.environment." + variable, "service.secrets." + variable} {
				f.forbid(worker.Queue && f.lines[set] > 0, fmt.Sprintf("is the variable with the URL of the queue in line %d",
					f.lines[at+".queue"]), set)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Jobs)) {
		job, at := e.Jobs[name], "jobs."+name
		f.applyTaskRules(at, job.CPU, job.Memory)
		_, err := time.LoadLocation(job.TimeZone)
		f.forbid(err != nil, "is not a time zone of the IANA; allowed: its names, for example Europe/Berlin", at+".timeZone")
		f.forbid(job.Schedule == "" && f.lines[at+".timeZone"] > 0, "only a schedule has a time zone",
			at+".timeZone", at+".schedule")
		worker := "workers." + name
		f.forbid(f.lines[worker] > 0, fmt.Sprintf("is the name of the worker in line %d as well", f.lines[worker]), at)
	}
}

// applyTaskRules checks the size of a workload's tasks.
func (f *file) applyTaskRules(at string, cpu, memory int) {
	f.forbid(!slices.Contains(declared.Fargate[cpu], memory), fmt.Sprintf("Fargate offers %s MiB with %d CPU units",
		joined(declared.Fargate[cpu]), cpu), at+".memory", at+".cpu")
	f.forbid(f.environment.Service.TmpfsMiB >= memory, "/tmp leaves nothing of the memory that it is a part of",
		at+".memory", "service.tmpfsMiB")
	f.applySidecarMemory(at, memory)
}

// applySidecarMemory checks that the sidecars leave some of a task's memory to the program.
func (f *file) applySidecarMemory(at string, memory int) {
	for _, name := range slices.Sorted(maps.Keys(f.environment.Sidecars)) {
		memory -= f.environment.Sidecars[name].Memory
		if memory <= f.environment.Service.TmpfsMiB {
			f.forbid(true, "the sidecars leave nothing to the program but its /tmp", "sidecars."+name+".memory", at+".memory")
			return
		}
	}
}
