// Package config declares what an environment of the payment API can be: the keys of an environment file, the defaults
// of each class, and the rules for every value.
//
// It is plain Go without CDKTF, so that a mistake in a file is found in milliseconds and before anything is
// synthesized. Every value of an Environment that Load returns has been validated; the constructs may rely on it.
package config

import "go.yaml.in/yaml/v3"

// Class chooses the defaults of an environment. A file sets only what differs from them.
type Class string

const (
	// Development favors low cost and easy removal: nothing is protected against deletion, and a destroy leaves nothing
	// behind.
	Development Class = "development"
	// Production favors durability and evidence: a plan cannot destroy what holds data, logs are kept for a year,
	// clear-text HTTP is refused.
	Production Class = "production"
)

// Environment is everything that an environment file can set, completed with the defaults of its class. Its stack is
// named tap-<suffix>. Fields without a key (yaml:"-") follow from the class or the file's name. The values that a key
// can have are in limits.
type Environment struct {
	// Suffix is the file's name without .yaml, or the suffix that the command asked for. It ends the name of every
	// resource: one letter, then up to 14 letters, digits or single hyphens, lower case.
	Suffix string `yaml:"-"`
	// Class chooses the defaults. Every file sets it, so that a production environment never gets the defaults of
	// development by oversight.
	Class Class `yaml:"class"`
	// Region is the AWS Region of every resource, of the partitions aws and aws-us-gov. It cannot be changed while the
	// environment is deployed: Terraform would look for everything in the new one.
	Region string `yaml:"region"`
	// Account is the AWS account of the environment; Terraform refuses credentials of any other. With a file accounts.yaml
	// it is in that, and the state in the bucket of the account. Empty: whatever account the credentials are for.
	Account string `yaml:"account"`
	// Tags are set on every resource, beside the project's own: Project, Environment, ManagedBy and Name.
	Tags map[string]string `yaml:"tags"`
	// Protect guards what holds data, evidence or traffic against deletion: Terraform refuses a plan that would destroy
	// or replace it, and AWS refuses to delete the database and the load balancer. While it is false, a destroy empties
	// buckets.
	Protect bool `yaml:"protect"`

	// StatesBucket is the S3 bucket of the environment's state, that of its account in accounts.yaml. Empty: accounts.yaml
	// has none, and the state is a local file beside cdktf.out.
	StatesBucket string `yaml:"-"`
	// KeyDeletionDays is how long the environment's KMS key can still be restored when it is deleted. Everything that it
	// encrypts is lost with it, final snapshots included. AWS allows 7 to 30; Security Hub's KMS.3 asks for 30.
	KeyDeletionDays int `yaml:"-"`

	Logs         Logs         `yaml:"logs"`
	Network      Network      `yaml:"network"`
	Database     Database     `yaml:"database"`
	Service      Service      `yaml:"service"`
	LoadBalancer LoadBalancer `yaml:"loadBalancer"`
	Firewall     Firewall     `yaml:"firewall"`
	Monitoring   Monitoring   `yaml:"monitoring"`
	// Workers are services beside the API that nobody calls, by their names.
	Workers map[string]Worker `yaml:"workers"`
}

// Stack is the name of the environment's stack.
func (e Environment) Stack() string { return "tap-" + e.Suffix }

// InAccountStack reports whether the account has a stack, with what its environments share.
func (e Environment) InAccountStack() bool { return e.StatesBucket != "" }

// Logs configures every log of the environment.
type Logs struct {
	// RetentionDays is how long log events and the load balancer's access logs are kept.
	RetentionDays int `yaml:"retentionDays"`
}

// Network configures the VPC and what leaves it.
type Network struct {
	// CIDR is the VPC's IPv4 range. Production sets its own, which no other production environment's overlaps: networks
	// with a common range can never be peered. It cannot be changed while the environment is deployed.
	CIDR string `yaml:"cidr"`
	// Zones are the Availability Zones, each with one public and one private subnet, all of the environment's Region.
	// Empty: a, b and c of the Region; they have to be set in ap-northeast-1, ca-central-1 and us-west-1, which do not
	// offer these to every account. A zone can be added at the end; any other change would replace subnets, and cannot
	// be made while the environment is deployed.
	Zones []string `yaml:"zones"`
	// NATGateways is how many NAT gateways carry the tasks' traffic to the internet: 1 saves money, one for each zone,
	// the default of production, survives the loss of a zone. 0 needs [Network.InterfaceEndpoints] and an image in a
	// private ECR repository of the Region.
	NATGateways int `yaml:"natGateways"`
	// InterfaceEndpoints keeps the traffic for images, logs and secrets inside the VPC. With [Network.Existing] they are
	// made only if the file sets it: a VPC has one endpoint with a private name for each service.
	InterfaceEndpoints bool `yaml:"interfaceEndpoints"`
	// Existing is a VPC that is there already and that the environment is made in; it excludes [Network.CIDR],
	// [Network.Zones] and [Network.NATGateways].
	Existing Existing `yaml:"existing"`
	// FlowLogIntervalSeconds is the longest time over which packets of one flow are counted together: 60 or 600.
	FlowLogIntervalSeconds int `yaml:"-"`
}

// Existing is a VPC that something else makes, routes and records, named by its subnets: two or more of each kind, in
// two zones or more.
type Existing struct {
	// PublicSubnets are for the load balancer: their routes lead to an internet gateway.
	PublicSubnets []string `yaml:"publicSubnets"`
	// PrivateSubnets are for tasks, database and endpoints: their routes lead to a NAT gateway, or the VPC has endpoints
	// for all that tasks use. The first one cannot be changed while the environment is deployed.
	PrivateSubnets []string `yaml:"privateSubnets"`
}

// Database configures the Aurora PostgreSQL cluster.
type Database struct {
	// EngineVersion is a major version ("15"): the cluster is created with its newest minor version, and AWS upgrades
	// the minor from then on. Or it is an exact minor version ("15.12"), which is kept until the file sets another. A
	// deployed cluster is upgraded to another major version by an exact minor version of it.
	EngineVersion string `yaml:"engineVersion"`
	// EngineLifecycleSupport is whether AWS goes on with a major version after its last day, for a price, or upgrades the
	// cluster to another (-disabled). It counts when the cluster is created:
	// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/extended-support.html
	EngineLifecycleSupport string `yaml:"-"`
	// InstanceClass is the class of every instance, or db.serverless for Aurora Serverless v2. Which classes a Region
	// offers is checked by AWS during the apply.
	InstanceClass string `yaml:"instanceClass"`
	// StorageType is aurora, where each read and write of the storage is paid, or aurora-iopt1 (I/O-Optimized), where
	// instances and storage cost more instead. AWS changes it to aurora-iopt1 once in 30 days, and back at any time.
	StorageType string `yaml:"storageType"`
	// Name is the database that the API uses: one that exists or that the migration creates.
	Name string `yaml:"name"`
	// Login is how the API logs in: iam, as the database user payment_api with an IAM token, or master, as the master
	// user with its password.
	Login string `yaml:"login"`
	// Serverless is the capacity range while [Database.InstanceClass] is db.serverless.
	Serverless Serverless `yaml:"serverless"`
	// Readers is how many readers there are beside the writer.
	Readers int `yaml:"readers"`
	// MasterUsername is the name of the cluster's master user: the original system's in development, in production
	// another than the one that an attacker tries first (Security Hub's RDS.24).
	MasterUsername string `yaml:"-"`
	// PasswordVersion is raised by one to rotate the master password. Tasks that still run with the old password keep
	// their connections, and open no new ones until they are replaced. After an apply in which AWS refused the new
	// password, it is raised once more.
	PasswordVersion int `yaml:"passwordVersion"`
	// SecretRecoveryDays is how long the deleted secret of the master password can still be restored: 0 (deleted at
	// once) or 7 to 30.
	SecretRecoveryDays int `yaml:"-"`
	// BackupRetentionDays is how far back the cluster can be restored.
	BackupRetentionDays int `yaml:"backupRetentionDays"`
	// BackupWindow is the daily time of the backup in UTC.
	BackupWindow string `yaml:"backupWindow"`
	// BackupCopy is where AWS Backup copies the database to each day, so that neither an administrator of the account nor
	// the loss of the Region ends it.
	BackupCopy BackupCopy `yaml:"backupCopy"`
	// MaintenanceWindow is the weekly time of maintenance in UTC, apart from [Database.BackupWindow].
	MaintenanceWindow string `yaml:"maintenanceWindow"`
	// Restore is what the cluster is made from.
	Restore Restore `yaml:"restore"`
	// ApplyInstancesImmediately applies a change of the instances at once instead of in the maintenance window. Changes
	// of the cluster always apply at once.
	ApplyInstancesImmediately bool `yaml:"-"`
	// FinalSnapshot takes a snapshot when the cluster is deleted. It is encrypted with the environment's key, and
	// unreadable once that is deleted too: copy it under another key to keep it for longer.
	FinalSnapshot bool `yaml:"-"`
}

// BackupCopy is a vault that is not lost with the environment's account or Region.
type BackupCopy struct {
	// Vault is the ARN of a backup vault of another account of the same AWS organization, or of another Region: a
	// standard one, not logically air-gapped, under a customer managed key, with a policy that admits copies. Each is of
	// a backup that AWS Backup makes at 05:00 UTC and keeps for [Database.BackupRetentionDays] in a vault of the
	// environment. Empty: no copies.
	Vault string `yaml:"vault"`
	// KeepDays is how long each copy is kept; it needs [BackupCopy.Vault].
	KeepDays int `yaml:"keepDays"`
}

// Restore is what a new cluster is made from, of an environment of the same class: its data, users and engine version.
// Everything else is as the file says. It counts when the cluster is created, and may be changed or removed afterwards.
type Restore struct {
	// Snapshot is a cluster snapshot of the account, also of AWS Backup, by its identifier, or one shared with the
	// account, by its ARN.
	Snapshot string `yaml:"snapshot"`
	// Cluster is a cluster of the account, by its identifier, or one shared with the account, by its ARN. It excludes
	// [Restore.Snapshot].
	Cluster string `yaml:"cluster"`
	// Time is the moment of [Restore.Cluster] to return to, in UTC. Empty: the latest that can be restored.
	Time string `yaml:"time"`
}

// How the API logs in to the database.
const (
	LoginIAM    = "iam"
	LoginMaster = "master"
)

// Serverless is the capacity range of an Aurora Serverless v2 cluster in ACUs of 2 GiB.
type Serverless struct {
	// MinimumCapacity is the smallest capacity; with 0 an idle cluster pauses.
	MinimumCapacity float64 `yaml:"minimumCapacity"`
	// MaximumCapacity is the largest capacity, not under [Serverless.MinimumCapacity].
	MaximumCapacity float64 `yaml:"maximumCapacity"`
}

// Service configures the Fargate service that runs the payment API.
type Service struct {
	// Image is the container image. Empty: a placeholder, nginx, that answers the health check and nothing else, for
	// development only. In production it has a digest, or is in the repository of the account in accounts.yaml, where
	// tags never move.
	Image string `yaml:"image"`
	// Command replaces the image's own command; it needs [Service.Image].
	Command []string `yaml:"command"`
	// Migration is a command of [Service.Image] that runs to completion in every new task before the API starts, as the
	// database's master user. While it fails, the old tasks stay. Empty: none.
	Migration []string `yaml:"migration"`
	// Port is where the container listens. Under 1024 a user other than root may not be allowed to. Changing it
	// interrupts a deployed service until tasks on the new port are healthy.
	Port int `yaml:"port"`
	// User runs a real image's process: never root. The placeholder runs as root because it listens on port 80.
	User string `yaml:"user"`
	// ReadonlyRootFilesystem leaves /tmp as the only place that a container can write to.
	ReadonlyRootFilesystem bool `yaml:"readonlyRootFilesystem"`
	// TmpfsMiB is the size of /tmp, which is a part of the task's memory and less than [Service.Memory].
	TmpfsMiB int `yaml:"tmpfsMiB"`
	// Architecture is the processor that the image is built for: x86_64 or arm64 (Graviton).
	Architecture string `yaml:"architecture"`
	// CPU is the task's CPU units (1,024 are one vCPU), in a pair with [Service.Memory] that Fargate offers.
	CPU int `yaml:"cpu"`
	// Memory is the task's memory in MiB.
	Memory int `yaml:"memory"`
	// Scaling is the number of tasks.
	Scaling Scaling `yaml:"scaling"`
	// DeploymentAlarms rolls a deployment back when it raises the error or latency alarm.
	DeploymentAlarms bool `yaml:"-"`
	// HealthCheck is how the load balancer decides that a task is healthy.
	HealthCheck HealthCheck `yaml:"healthCheck"`
	// ContainerHealthCheck is run by ECS in the container: CMD and the words of a command, or CMD-SHELL and a line for
	// the shell. Empty: none.
	ContainerHealthCheck []string `yaml:"containerHealthCheck"`
	// StopTimeoutSeconds is the time between SIGTERM and SIGKILL.
	StopTimeoutSeconds int `yaml:"stopTimeoutSeconds"`
	// DeregistrationDelaySeconds is how long a task that leaves can finish its requests.
	DeregistrationDelaySeconds int `yaml:"deregistrationDelaySeconds"`
	// Environment contains further environment variables; never secrets. DB_MAX_CONNECTIONS is the largest number of
	// connections that a task opens to the database: there is a warning where all tasks may open more than it takes.
	Environment map[string]string `yaml:"environment"`
	// Secrets contains further secrets: the variable's name and the ARN of a Secrets Manager secret, followed by ":<JSON
	// key>::" for one value of it. A secret under another customer-managed key than the environment's cannot be read.
	Secrets map[string]string `yaml:"secrets"`
	// ExecuteCommand lets an operator open a shell in a task with ECS Exec, which needs
	// [Service.ReadonlyRootFilesystem] to be false.
	ExecuteCommand bool `yaml:"executeCommand"`
	// ContainerInsights is enabled, or enhanced (metrics of each task and container).
	ContainerInsights string `yaml:"-"`
}

// Worker is a service of the API's image without a way in: it has everything else that [Service] says, but for the
// migration and the container's health check.
type Worker struct {
	// Command is what it runs of [Service.Image]. Without an image, the placeholder says so once and sleeps.
	Command []string `yaml:"command"`
	// CPU is its tasks' CPU units, in a pair with [Worker.Memory] that Fargate offers.
	CPU int `yaml:"cpu"`
	// Memory is its tasks' memory in MiB.
	Memory int `yaml:"memory"`
	// Queue gives it an SQS queue, that the API may send to, with a queue of its dead letters.
	Queue bool `yaml:"queue"`
	// Scaling is the number of its tasks.
	Scaling WorkerScaling `yaml:"scaling"`
}

// WorkerScaling is the number of tasks of a worker and its target tracking, by [Scaling.CPUPercent] and its queue.
type WorkerScaling struct {
	// MinimumTasks is the smallest number of tasks, and the number that it starts with.
	MinimumTasks int `yaml:"minimumTasks"`
	// MaximumTasks is the largest number of tasks. Where it equals [WorkerScaling.MinimumTasks], nothing scales; 0 pauses
	// the worker, whatever the minimum: its queue is kept, and nobody reads it.
	MaximumTasks int `yaml:"maximumTasks"`
	// MessagesPerTask is the number of messages in the queue for each running task that scaling maintains; 0 leaves them
	// out. It needs [Worker.Queue].
	MessagesPerTask int `yaml:"messagesPerTask"`
}

// UnmarshalYAML begins with the defaults of a worker.
func (w *Worker) UnmarshalYAML(node *yaml.Node) error {
	type worker Worker
	*w = Worker{CPU: 256, Memory: 512, Scaling: WorkerScaling{MinimumTasks: 1, MaximumTasks: 1}}
	return node.Decode((*worker)(w))
}

// Scaling is the number of tasks of the service and its target tracking.
type Scaling struct {
	// MinimumTasks is the smallest number of tasks, and the number that a new service starts with.
	MinimumTasks int `yaml:"minimumTasks"`
	// MaximumTasks is the largest number of tasks. Where it equals [Scaling.MinimumTasks], nothing scales.
	MaximumTasks int `yaml:"maximumTasks"`
	// CPUPercent is the average CPU utilization that scaling maintains.
	CPUPercent int `yaml:"cpuPercent"`
	// MemoryPercent is the average memory utilization that scaling maintains; 0 leaves memory out.
	MemoryPercent int `yaml:"memoryPercent"`
	// RequestsPerTarget is the number of requests a minute for each task that scaling maintains; 0 leaves requests out.
	RequestsPerTarget int `yaml:"requestsPerTarget"`
}

// HealthCheck is the target group's health check.
type HealthCheck struct {
	// Path is requested on the container's port; a 200 is healthy.
	Path string `yaml:"path"`
	// IntervalSeconds is the time between two checks.
	IntervalSeconds int `yaml:"intervalSeconds"`
	// GracePeriodSeconds is how long after its start a task is not stopped for failed checks.
	GracePeriodSeconds int `yaml:"gracePeriodSeconds"`
}

// HealthCheckTimeoutSeconds is how long a target has to answer, as in the original system. AWS refuses an interval that
// is not longer: https://github.com/terraform-linters/tflint-ruleset-aws/issues/404
const HealthCheckTimeoutSeconds = 5

// LoadBalancer configures the internet-facing Application Load Balancer.
type LoadBalancer struct {
	// CertificateARN is an ACM certificate of the Region: with it the load balancer serves HTTPS on 443, and 80
	// redirects. It excludes [LoadBalancer.Domain].
	CertificateARN string `yaml:"certificateArn"`
	// Domain has a certificate requested, validated and renewed, and an alias record created.
	Domain Domain `yaml:"domain"`
	// AllowPlainHTTP lets the load balancer serve clear-text HTTP while there is no certificate. Production without it
	// needs [LoadBalancer.CertificateARN] or [LoadBalancer.Domain].
	AllowPlainHTTP bool `yaml:"allowPlainHttp"`
	// IdleTimeoutSeconds closes a connection without traffic.
	IdleTimeoutSeconds int `yaml:"idleTimeoutSeconds"`
}

// Domain is the name that customers call the API by.
type Domain struct {
	// Name is the fully qualified name, for example api.example.com.
	Name string `yaml:"name"`
	// ZoneID is the Route 53 public hosted zone that contains the name.
	ZoneID string `yaml:"zoneId"`
}

// Firewall configures the WAFv2 web ACL in front of the load balancer.
type Firewall struct {
	// RateLimit is how many requests one address may send in 5 minutes.
	RateLimit int `yaml:"rateLimit"`
	// Count names rules of the web ACL, and single rules of AWS's groups as Group/Rule, that only count what they match,
	// to try them out.
	Count []string `yaml:"count"`
}

// Monitoring configures who hears an alarm, and from what value on.
type Monitoring struct {
	// Emails are subscribed to the alarm topic; each has to confirm once.
	Emails []string `yaml:"emails"`
	// ErrorRatePercent of requests that the service answers with a 5xx raises the alarm.
	ErrorRatePercent float64 `yaml:"errorRatePercent"`
	// MinimumRequests is the number of requests in an alarm's period (5 minutes, 1 or 6 hours) under which errors never
	// raise it.
	MinimumRequests int `yaml:"minimumRequests"`
	// AvailabilityPercent is the share of requests in 30 days that should not fail; failures that use up the rest too
	// fast raise an alarm.
	AvailabilityPercent float64 `yaml:"availabilityPercent"`
	// LatencySeconds is the 99th percentile of the response time that raises the alarm, of 1,000 requests or more in 5
	// minutes.
	LatencySeconds float64 `yaml:"latencySeconds"`
}

// perZone is the default number of NAT gateways that follows the number of zones.
const perZone = -1

// Preset returns the defaults of a class, complete but for the suffix, what follows the zones (see Network.Zones and
// Network.NATGateways) and what a production file has to set itself.
func Preset(class Class) Environment {
	e := Environment{
		Class: class, Region: "us-east-1", KeyDeletionDays: 7,
		Logs:    Logs{RetentionDays: 30},
		Network: Network{CIDR: "10.0.0.0/16", NATGateways: 1, FlowLogIntervalSeconds: 600},
		Database: Database{
			EngineVersion: "15", InstanceClass: "db.t3.medium", StorageType: "aurora", Readers: 1,
			EngineLifecycleSupport: "open-source-rds-extended-support-disabled",
			Name:                   "postgres", Login: LoginMaster, MasterUsername: "postgres", PasswordVersion: 1,
			Serverless:          Serverless{MinimumCapacity: 0, MaximumCapacity: 4},
			BackupCopy:          BackupCopy{KeepDays: 35},
			BackupRetentionDays: 7, BackupWindow: "07:00-08:00", MaintenanceWindow: "sun:08:30-sun:09:30",
			ApplyInstancesImmediately: true,
		},
		Service: Service{
			Port: 80, User: "1000:1000", ReadonlyRootFilesystem: true, TmpfsMiB: 64,
			Architecture: "x86_64", CPU: 256, Memory: 512,
			Scaling:            Scaling{MinimumTasks: 2, MaximumTasks: 10, CPUPercent: 70},
			HealthCheck:        HealthCheck{Path: "/health", IntervalSeconds: 30, GracePeriodSeconds: 60},
			StopTimeoutSeconds: 30, DeregistrationDelaySeconds: 30, ContainerInsights: "enabled",
		},
		LoadBalancer: LoadBalancer{AllowPlainHTTP: true, IdleTimeoutSeconds: 60},
		Firewall:     Firewall{RateLimit: 2000, Count: []string{BodySizeRule}},
		Monitoring:   Monitoring{ErrorRatePercent: 5, MinimumRequests: 20, AvailabilityPercent: 99, LatencySeconds: 2},
	}
	if class == Production {
		e.Protect, e.KeyDeletionDays = true, 30
		e.Logs.RetentionDays = 365
		e.Network = Network{NATGateways: perZone, InterfaceEndpoints: true, FlowLogIntervalSeconds: 60}
		e.Database.EngineLifecycleSupport = "open-source-rds-extended-support"
		e.Database.InstanceClass = "db.r6g.large"
		e.Database.MasterUsername, e.Database.Login = "payment_owner", LoginIAM
		e.Database.SecretRecoveryDays = 30
		e.Database.BackupRetentionDays = 35
		e.Database.ApplyInstancesImmediately = false
		e.Database.FinalSnapshot = true
		e.Service.DeploymentAlarms = true
		e.Service.DeregistrationDelaySeconds = 60
		e.Service.ContainerInsights = "enhanced"
		e.LoadBalancer.AllowPlainHTTP = false
		e.Firewall.Count = nil
		e.Monitoring.AvailabilityPercent = 99.9
	}
	return e
}
