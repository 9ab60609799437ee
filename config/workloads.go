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

// applyWorkloadRules checks workers and jobs.
func (f *file) applyWorkloadRules() {
	e := &f.environment
	for _, name := range slices.Sorted(maps.Keys(e.Workers)) {
		worker, at := e.Workers[name], "workers."+name
		f.applyTaskRules(at, worker.CPU, worker.Memory)
		least, most := at+".scaling.minimumTasks", at+".scaling.maximumTasks"
		f.forbid(worker.Scaling.MaximumTasks > 0 && worker.Scaling.MinimumTasks > worker.Scaling.MaximumTasks,
			"the smallest number of tasks is more than the largest, which may also be 0", least, most)
		f.forbid(worker.Scaling.MessagesPerTask > 0 && !worker.Queue, "only a worker with a queue has messages",
			at+".scaling.messagesPerTask", at+".queue")
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
		f.forbid(err != nil, "is not a time zone of the IANA", at+".timeZone")
		f.forbid(job.Schedule == "" && f.lines[at+".timeZone"] > 0, "only a schedule has a time zone",
			at+".timeZone", at+".schedule")
		worker := "workers." + name
		f.forbid(f.lines[worker] > 0, fmt.Sprintf("is the name of the worker in line %d as well", f.lines[worker]), at)
	}
}

// applyTaskRules checks the size of a workload's tasks.
func (f *file) applyTaskRules(at string, cpu, memory int) {
	f.forbid(!slices.Contains(fargateSizes[cpu], memory), fmt.Sprintf("Fargate offers %s MiB with %d CPU units",
		joined(fargateSizes[cpu]), cpu), at+".memory", at+".cpu")
	f.forbid(f.environment.Service.TmpfsMiB >= memory, "/tmp leaves nothing of the memory that it is a part of",
		at+".memory", "service.tmpfsMiB")
}
