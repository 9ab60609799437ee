package constructs

import (
	"maps"
	"slices"

	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/connection"
	"tap/constructs/queue"
	"tap/constructs/service"
)

// newQueues creates the queues of workers, by the names of these.
func newQueues(stack cdktf.TerraformStack, platform Platform, workers map[string]config.Worker) map[string]queue.Queue {
	queues := map[string]queue.Queue{}
	for _, name := range slices.Sorted(maps.Keys(workers)) {
		if workers[name].Queue {
			queues[name] = queue.New(stack, "queue-"+name, platform.Deployment, config.ID("Worker", name),
				config.SenderVariable(name))
		}
	}
	return queues
}

// newWorkers creates the services of workers with what they all use, and returns what they can be watched by.
func newWorkers(stack cdktf.TerraformStack, platform Platform, environment config.Environment,
	queues map[string]queue.Queue, uses []connection.Connection) (watched []cloudwatch.Signals) {
	for _, name := range slices.Sorted(maps.Keys(environment.Workers)) {
		worker, id := environment.Workers[name], "worker-"+name
		props := service.Props{
			Deployment: platform.Deployment, Name: config.ID("Worker", name), LogName: id, Section: "workers." + name,
			Config: worker.Service(environment.Service), Cluster: platform.Cluster, Network: platform.Network,
			Uses: uses, MessagesPerTask: worker.Scaling.MessagesPerTask, Sidecars: environment.Sidecars,
		}
		if read, found := queues[name]; found {
			props.Uses, props.Backlog = append(slices.Clip(uses), read.Receive), read.Signals.Metrics["waiting"]
			if worker.Scaling.MaximumTasks == 0 {
				read.Signals.Alarms = read.Signals.Alarms[:1] // on what waits, and nobody reads
			}
			watched = append(watched, read.Signals)
		}
		watched = append(watched, service.New(stack, id, props).Signals)
	}
	return watched
}

// newJobs creates jobs with what they all use, and returns what they can be watched by.
func newJobs(stack cdktf.TerraformStack, platform Platform, environment config.Environment,
	uses []connection.Connection, owner connection.Connection) (watched []cloudwatch.Signals) {
	outputs := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(environment.Jobs)) {
		job, id := environment.Jobs[name], "job-"+name
		props := service.Props{
			Deployment: platform.Deployment, Name: config.ID("Job", name), LogName: id, Uses: uses,
			Config:  environment.Service.Beside(job.Command, job.CPU, job.Memory),
			Cluster: platform.Cluster, Network: platform.Network, Sidecars: environment.Sidecars,
		}
		if job.DatabaseOwner {
			props.MigrationUses = []connection.Connection{owner}
		}
		signals, network := service.NewJob(stack, id, props, job, platform.Monitoring.TopicARN)
		watched = append(watched, signals)
		outputs[name] = map[string]string{"schedule": job.Schedule, "timeZone": job.TimeZone, "network": network}
	}
	if len(outputs) > 0 {
		output(stack, "Jobs", "Schedules of the jobs, and the network configuration of a run by hand", outputs)
	}
	return watched
}
