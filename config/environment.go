// Package config says what an environment of the payment API may be: the keys of an
// environment file, the defaults of each class, and the rules every value must keep.
//
// It is plain Go: nothing here knows of CDKTF, so that a wrong file is found in
// milliseconds and before anything is synthesized. Every value of an Environment that
// Load returns has been validated; the constructs may rely on it.
package config

// Class chooses the defaults of an environment. A file says only what differs from them.
type Class string

const (
	// Development favours low cost and easy removal: nothing is protected against
	// deletion, and a destroy leaves nothing behind.
	Development Class = "development"
	// Production favours durability and evidence: what holds data cannot be destroyed
	// by a plan, logs are kept for a year, clear-text HTTP is refused.
	Production Class = "production"
)

// Environment is everything that one environment's file may say, complete with the
// defaults of its class. Its stack is named after the suffix: tap-<suffix>.
type Environment struct {
	// Suffix is the file's name without .yaml, or the suffix that the command asked for.
	// It ends the name of every resource: one letter, then up to 14 letters, digits or
	// single hyphens, lower case.
	Suffix string `yaml:"-"`
	// Class chooses the defaults: development or production. Every file says it, so that a
	// production environment never gets the defaults of development by oversight.
	Class Class `yaml:"class"`
	// Region is the AWS Region of every resource, of the partitions aws and aws-us-gov. It is not changed
	// while the environment is deployed: Terraform would look for everything in the new one.
	Region string `yaml:"region"`
	// Account is the 12-digit AWS account that may hold the environment; Terraform
	// refuses credentials of any other. Empty: whatever account the credentials are for.
	Account string `yaml:"account"`
	// Tags go on every resource, beside Project, Environment and ManagedBy, which they cannot
	// replace, nor Name.
	Tags map[string]string `yaml:"tags"`
	// PreventDestroy makes Terraform refuse a plan that would destroy or replace what holds
	// data or evidence: the database, its secret, the encryption key, buckets, log groups.
	// While it is false, buckets are emptied when they are destroyed.
	PreventDestroy bool `yaml:"preventDestroy"`

	State        State        `yaml:"state"`
	Encryption   Encryption   `yaml:"encryption"`
	Logs         Logs         `yaml:"logs"`
	Network      Network      `yaml:"network"`
	Database     Database     `yaml:"database"`
	Service      Service      `yaml:"service"`
	LoadBalancer LoadBalancer `yaml:"loadBalancer"`
	Firewall     Firewall     `yaml:"firewall"`
	Monitoring   Monitoring   `yaml:"monitoring"`
}

// State says where Terraform keeps the environment's state.
type State struct {
	// Bucket is the S3 bucket of the state, made by the stack tap-state. All environments
	// that name a bucket name the same one. Empty: a local file beside cdktf.out.
	Bucket string `yaml:"bucket"`
	// Region is the bucket's Region, together with Bucket only. Empty: the environment's.
	Region string `yaml:"region"`
}

// Encryption configures the environment's customer-managed KMS key.
type Encryption struct {
	// DeletionWindowDays is how long a deleted key can still be restored: 7 to 30 days. With it goes all
	// that it encrypts, final snapshots included.
	DeletionWindowDays int `yaml:"deletionWindowDays"`
}

// Logs configures every CloudWatch Logs group of the environment.
type Logs struct {
	// RetentionDays is how long log events are kept; one of the periods CloudWatch Logs offers.
	RetentionDays int `yaml:"retentionDays"`
}

// Network is the VPC and what leaves it.
type Network struct {
	// CIDR is the VPC's IPv4 range: RFC 1918, /16 to /20. It cannot be changed while the environment is deployed.
	CIDR string `yaml:"cidr"`
	// Zones are the Availability Zones, each with one public and one private subnet: 2 to 6,
	// all of the environment's Region. Empty: a, b and c of the Region; they have to be named in
	// ap-northeast-1, ca-central-1 and us-west-1, which do not offer these to every account.
	// One can be added at the end; any other change would replace subnets, and cannot be made
	// while the environment is deployed.
	Zones []string `yaml:"zones"`
	// SubnetPrefixLength is the size of every subnet: 20 (4,096 addresses) to 27 (32, the
	// smallest that a load balancer takes). It cannot be changed while the environment is deployed.
	SubnetPrefixLength int `yaml:"subnetPrefixLength"`
	// NATGateways is how many NAT gateways carry the tasks' traffic to the internet: 1 saves
	// money, one per zone survives the loss of a zone. 0 needs interface endpoints and an
	// image in a private ECR repository of the Region.
	NATGateways int `yaml:"natGateways"`
	// InterfaceEndpoints keeps the traffic for images, logs and secrets inside the VPC.
	InterfaceEndpoints bool `yaml:"interfaceEndpoints"`
	// FlowLogs configures the VPC's flow logs, which are always on.
	FlowLogs FlowLogs `yaml:"flowLogs"`
}

// FlowLogs configures the flow logs of the VPC.
type FlowLogs struct {
	// AggregationSeconds is the longest time over which packets of one flow are counted
	// together: 60 or 600.
	AggregationSeconds int `yaml:"aggregationSeconds"`
}

// Database is the Aurora PostgreSQL cluster.
type Database struct {
	// EngineVersion is a major version ("15"): the cluster is made with the newest minor of it, and
	// AWS upgrades the minor from then on. Or it is an exact minor ("15.12"), which is kept until the
	// file says another. A deployed cluster is brought to another major version by an exact minor of
	// it, together with applyImmediately.
	EngineVersion string `yaml:"engineVersion"`
	// InstanceClass is the class of every instance, or db.serverless for Aurora Serverless v2.
	InstanceClass string `yaml:"instanceClass"`
	// Serverless is the capacity range; only while InstanceClass is db.serverless.
	Serverless Serverless `yaml:"serverless"`
	// Readers is how many readers stand beside the writer: 0 to 15.
	Readers int `yaml:"readers"`
	// MasterUsername is the name of the cluster's master user; in production not postgres
	// (Security Hub control RDS.24). It cannot be changed while the environment is deployed.
	MasterUsername string `yaml:"masterUsername"`
	// IAMUsername is the one database user that tasks may log in as with an IAM token; not the
	// master user.
	IAMUsername string `yaml:"iamUsername"`
	// PasswordVersion is raised by one to rotate the master password: 1 or more. Tasks that still run
	// with the old password keep their connections, and open no new ones until they are replaced.
	// After an apply in which AWS refused the new password, it is raised once more.
	PasswordVersion int `yaml:"passwordVersion"`
	// PasswordRecoveryDays is how long the deleted secret of the master password can still be
	// restored: 0 (deleted at once) or 7 to 30 days.
	PasswordRecoveryDays int `yaml:"passwordRecoveryDays"`
	// BackupRetentionDays is how far back the cluster can be restored: 1 to 35 days.
	BackupRetentionDays int `yaml:"backupRetentionDays"`
	// BackupWindow is the daily time of the backup in UTC, hh:mm-hh:mm, 30 minutes or more.
	BackupWindow string `yaml:"backupWindow"`
	// MaintenanceWindow is the weekly time of maintenance in UTC, ddd:hh:mm-ddd:hh:mm,
	// 30 minutes or more, apart from the backup window.
	MaintenanceWindow string `yaml:"maintenanceWindow"`
	// ApplyImmediately applies changes at once instead of in the maintenance window.
	ApplyImmediately bool `yaml:"applyImmediately"`
	// DeletionProtection makes AWS refuse to delete the cluster.
	DeletionProtection bool `yaml:"deletionProtection"`
	// FinalSnapshot takes a snapshot when the cluster is deleted. It is encrypted with the environment's
	// key, and unreadable once that is deleted too: copy it under another key to keep it for longer.
	FinalSnapshot bool `yaml:"finalSnapshot"`
	// SlowStatementMilliseconds is the duration from which a statement is logged, without the
	// values of its parameters: 1 or more; -1 logs none.
	SlowStatementMilliseconds int `yaml:"slowStatementMilliseconds"`
	// MonitoringIntervalSeconds is the granularity of enhanced monitoring: 1, 5, 10, 15, 30 or
	// 60; 0 switches it off.
	MonitoringIntervalSeconds int `yaml:"monitoringIntervalSeconds"`
	// Insights is the mode of CloudWatch Database Insights: standard (7 days of Performance
	// Insights, free) or advanced (465 days). Version 5 of the Terraform provider cannot change it on a
	// deployed cluster (https://github.com/hashicorp/terraform-provider-aws/issues/42981): change it with
	// "aws rds modify-db-cluster" first.
	Insights string `yaml:"insights"`
}

// Serverless is the capacity range of an Aurora Serverless v2 cluster in ACUs of 2 GiB.
type Serverless struct {
	// MinimumCapacity is 0 to 256 in steps of 0.5; with 0 an idle cluster pauses.
	MinimumCapacity float64 `yaml:"minimumCapacity"`
	// MaximumCapacity is 1 to 256 in steps of 0.5, not under the minimum.
	MaximumCapacity float64 `yaml:"maximumCapacity"`
	// AutoPauseSeconds is how long a cluster is idle before it pauses, with a minimum of 0 only:
	// 300 to 86,400.
	AutoPauseSeconds int `yaml:"autoPauseSeconds"`
}

// Service is the Fargate service that runs the payment API.
type Service struct {
	// Image is the container image. Empty: a placeholder, nginx, that answers the health check
	// and nothing else, for development only. In production it is immutable: a digest or a tag
	// that is not latest.
	Image string `yaml:"image"`
	// Command replaces the image's own command; only with Image.
	Command []string `yaml:"command"`
	// Port is where the container listens: 1 to 65535. Under 1024 a user other than root may not be
	// allowed to. Changing it interrupts a deployed service until tasks on the new port are healthy.
	Port int `yaml:"port"`
	// User runs a real image's process: uid or uid:gid, not root. The placeholder runs as root
	// because it listens on port 80.
	User string `yaml:"user"`
	// ReadonlyRootFilesystem leaves /tmp as the only place a container can write to.
	ReadonlyRootFilesystem bool `yaml:"readonlyRootFilesystem"`
	// TmpfsMiB is the size of /tmp, which is a part of the task's memory: 1 or more, under Memory.
	TmpfsMiB int `yaml:"tmpfsMiB"`
	// CPU is the task's CPU units (1,024 are one vCPU), in a pair with Memory that Fargate sells.
	CPU int `yaml:"cpu"`
	// Memory is the task's memory in MiB.
	Memory int `yaml:"memory"`
	// DesiredCount is how many tasks a new service starts with, and the fixed number of tasks
	// while scaling is off. While scaling is on, it lies within its range.
	DesiredCount int `yaml:"desiredCount"`
	// Scaling adds and removes tasks.
	Scaling Scaling `yaml:"scaling"`
	// MinimumHealthyPercent of the desired tasks keep running during a deployment: 0 to 100.
	MinimumHealthyPercent int `yaml:"minimumHealthyPercent"`
	// MaximumPercent of the desired tasks may run during a deployment: 101 to 200.
	MaximumPercent int `yaml:"maximumPercent"`
	// DeploymentAlarms rolls a deployment back when it raises the error or latency alarm.
	DeploymentAlarms bool `yaml:"deploymentAlarms"`
	// HealthCheck is how the load balancer decides that a task is healthy.
	HealthCheck HealthCheck `yaml:"healthCheck"`
	// ContainerHealthCheck is run by ECS in the container: CMD and the words of a command, or
	// CMD-SHELL and a line for the shell. Empty: none.
	ContainerHealthCheck []string `yaml:"containerHealthCheck"`
	// StopTimeoutSeconds is the time between SIGTERM and SIGKILL: 2 to 120.
	StopTimeoutSeconds int `yaml:"stopTimeoutSeconds"`
	// DeregistrationDelaySeconds is how long a leaving task finishes its requests: 0 to 3600.
	DeregistrationDelaySeconds int `yaml:"deregistrationDelaySeconds"`
	// Environment holds further environment variables; never secrets. DB_HOST, DB_PORT,
	// DB_USERNAME and DB_PASSWORD are set by the service itself.
	Environment map[string]string `yaml:"environment"`
	// Secrets holds further secrets: variable name to the ARN of a Secrets Manager secret, with
	// ":<JSON key>::" behind it for one value of it. A secret under another customer-managed key than
	// the environment's cannot be read.
	Secrets map[string]string `yaml:"secrets"`
	// ExecuteCommand lets an operator open a shell in a task with ECS Exec, which needs
	// ReadonlyRootFilesystem to be false.
	ExecuteCommand bool `yaml:"executeCommand"`
	// ContainerInsights is enabled or enhanced (per task and container); an alarm needs its metrics.
	ContainerInsights string `yaml:"containerInsights"`
}

// Scaling is the service's target tracking.
type Scaling struct {
	// Enabled hands the number of tasks to Application Auto Scaling.
	Enabled bool `yaml:"enabled"`
	// MinimumTasks is 1 or more.
	MinimumTasks int `yaml:"minimumTasks"`
	// MaximumTasks is not under the minimum.
	MaximumTasks int `yaml:"maximumTasks"`
	// CPUPercent is the average CPU utilization that is held: 1 to 100.
	CPUPercent int `yaml:"cpuPercent"`
	// MemoryPercent is the average memory utilization that is held: 1 to 100; 0 leaves memory out.
	MemoryPercent int `yaml:"memoryPercent"`
	// RequestsPerTarget is the number of requests a minute for each task that is held; 0 leaves
	// requests out.
	RequestsPerTarget int `yaml:"requestsPerTarget"`
}

// HealthCheck is the target group's health check.
type HealthCheck struct {
	// Path is requested on the container's port; a 200 is healthy.
	Path string `yaml:"path"`
	// IntervalSeconds between two checks: 5 to 300.
	IntervalSeconds int `yaml:"intervalSeconds"`
	// TimeoutSeconds without an answer fails a check: 2 to 120, under the interval.
	TimeoutSeconds int `yaml:"timeoutSeconds"`
	// HealthyThreshold checks in a row make a target healthy: 2 to 10.
	HealthyThreshold int `yaml:"healthyThreshold"`
	// UnhealthyThreshold failed checks in a row make it unhealthy: 2 to 10.
	UnhealthyThreshold int `yaml:"unhealthyThreshold"`
	// GracePeriodSeconds after its start a task is not stopped for failed checks.
	GracePeriodSeconds int `yaml:"gracePeriodSeconds"`
}

// LoadBalancer is the internet-facing Application Load Balancer.
type LoadBalancer struct {
	// CertificateARN is an ACM certificate of the Region: with it the load balancer speaks HTTPS
	// on 443, and 80 redirects. It excludes Domain.
	CertificateARN string `yaml:"certificateArn"`
	// Domain has the certificate requested, validated and renewed, and an alias record made.
	Domain Domain `yaml:"domain"`
	// AllowPlainHTTP lets the load balancer serve clear-text HTTP while there is no certificate.
	// Production without it needs CertificateARN or Domain.
	AllowPlainHTTP bool `yaml:"allowPlainHttp"`
	// DeletionProtection makes AWS refuse to delete the load balancer.
	DeletionProtection bool `yaml:"deletionProtection"`
	// IdleTimeoutSeconds closes a connection without traffic: 1 to 4000.
	IdleTimeoutSeconds int `yaml:"idleTimeoutSeconds"`
	// AccessLogRetentionDays is how long access logs are kept in their bucket: 1 or more.
	AccessLogRetentionDays int `yaml:"accessLogRetentionDays"`
}

// Domain is the name that customers call the API by.
type Domain struct {
	// Name is the fully qualified name, for example api.example.com.
	Name string `yaml:"name"`
	// ZoneID is the Route 53 public hosted zone that holds the name.
	ZoneID string `yaml:"zoneId"`
}

// Firewall is the WAFv2 web ACL in front of the load balancer.
type Firewall struct {
	// RateLimit is how many requests one address may send in 5 minutes: 10 to 2,000,000,000.
	RateLimit int `yaml:"rateLimit"`
	// Count names rules of the web ACL that only count what they match, for trying them out.
	Count []string `yaml:"count"`
}

// FirewallRules are the names of the web ACL's rules, in the order of their priorities.
func FirewallRules() []string {
	return []string{
		"RateLimitRule",
		"SQLInjectionRule",
		"AWSManagedRulesAmazonIpReputationList",
		"AWSManagedRulesAnonymousIpList",
		"AWSManagedRulesCommonRuleSet",
		"AWSManagedRulesKnownBadInputsRuleSet",
		"AWSManagedRulesSQLiRuleSet",
	}
}

// Monitoring is who hears an alarm, and from what value on.
type Monitoring struct {
	// Emails are subscribed to the alarm topic; each has to confirm once.
	Emails []string `yaml:"emails"`
	// ErrorRatePercent of requests answered with a 5xx by the service raises the alarm: over 0 to 100.
	ErrorRatePercent float64 `yaml:"errorRatePercent"`
	// MinimumRequests in 5 minutes, under which error rate and latency never alarm.
	MinimumRequests int `yaml:"minimumRequests"`
	// LatencySeconds is the 99th percentile of the response time that raises the alarm.
	LatencySeconds float64 `yaml:"latencySeconds"`
	// ServiceCPUPercent is the service's average CPU utilization that raises the alarm: 1 to 100.
	ServiceCPUPercent int `yaml:"serviceCpuPercent"`
	// ServiceMemoryPercent is the service's average memory utilization that raises the alarm: 1 to 100.
	ServiceMemoryPercent int `yaml:"serviceMemoryPercent"`
	// DatabaseCPUPercent is the database's average CPU utilization that raises the alarm: 1 to 100.
	DatabaseCPUPercent int `yaml:"databaseCpuPercent"`
	// DatabaseConnections is the number of connections to one instance that raises the alarm.
	DatabaseConnections int `yaml:"databaseConnections"`
	// DatabaseFreeableMemoryMiB is the free memory of an instance under which the alarm is raised.
	DatabaseFreeableMemoryMiB int `yaml:"databaseFreeableMemoryMiB"`
	// ReplicaLagMilliseconds is the lag of a reader that raises the alarm.
	ReplicaLagMilliseconds int `yaml:"replicaLagMilliseconds"`
	// BlockedRequests is how many requests the firewall blocks in 5 minutes before the alarm is raised.
	BlockedRequests int `yaml:"blockedRequests"`
}

// Preset returns the defaults of a class, complete but for the suffix, the Region's zones
// (see Network.Zones) and what a production file has to say itself.
func Preset(class Class) Environment {
	environment := Environment{
		Class:      class,
		Region:     "us-east-1",
		Encryption: Encryption{DeletionWindowDays: 7},
		Logs:       Logs{RetentionDays: 30},
		Network: Network{
			CIDR:               "10.0.0.0/16",
			SubnetPrefixLength: 24,
			NATGateways:        1,
			FlowLogs:           FlowLogs{AggregationSeconds: 600},
		},
		Database: Database{
			EngineVersion:             "15",
			InstanceClass:             "db.t3.medium",
			Serverless:                Serverless{MinimumCapacity: 0, MaximumCapacity: 4, AutoPauseSeconds: 300},
			Readers:                   1,
			MasterUsername:            "postgres",
			IAMUsername:               "payment_api",
			PasswordVersion:           1,
			BackupRetentionDays:       7,
			BackupWindow:              "07:00-08:00",
			MaintenanceWindow:         "sun:08:30-sun:09:30",
			ApplyImmediately:          true,
			SlowStatementMilliseconds: 1000,
			MonitoringIntervalSeconds: 60,
			Insights:                  "standard",
		},
		Service: Service{
			Port:                       80,
			User:                       "1000:1000",
			ReadonlyRootFilesystem:     true,
			TmpfsMiB:                   64,
			CPU:                        256,
			Memory:                     512,
			DesiredCount:               2,
			Scaling:                    Scaling{Enabled: true, MinimumTasks: 2, MaximumTasks: 10, CPUPercent: 70},
			MinimumHealthyPercent:      100,
			MaximumPercent:             200,
			StopTimeoutSeconds:         30,
			DeregistrationDelaySeconds: 30,
			ContainerInsights:          "enabled",
			HealthCheck: HealthCheck{
				Path:               "/health",
				IntervalSeconds:    30,
				TimeoutSeconds:     5,
				HealthyThreshold:   2,
				UnhealthyThreshold: 3,
				GracePeriodSeconds: 60,
			},
		},
		LoadBalancer: LoadBalancer{
			AllowPlainHTTP:         true,
			IdleTimeoutSeconds:     60,
			AccessLogRetentionDays: 30,
		},
		Firewall: Firewall{RateLimit: 2000},
		Monitoring: Monitoring{
			ErrorRatePercent:          5,
			MinimumRequests:           20,
			LatencySeconds:            2,
			ServiceCPUPercent:         90,
			ServiceMemoryPercent:      90,
			DatabaseCPUPercent:        80,
			DatabaseConnections:       300,
			DatabaseFreeableMemoryMiB: 256,
			ReplicaLagMilliseconds:    1000,
			BlockedRequests:           1000,
		},
	}
	if class == Production {
		environment.PreventDestroy = true
		environment.Encryption.DeletionWindowDays = 30
		environment.Logs.RetentionDays = 365
		environment.Network.InterfaceEndpoints = true
		environment.Network.FlowLogs.AggregationSeconds = 60
		environment.Database.MasterUsername = "payment_owner"
		environment.Database.PasswordRecoveryDays = 30
		environment.Database.BackupRetentionDays = 35
		environment.Database.ApplyImmediately = false
		environment.Database.DeletionProtection = true
		environment.Database.FinalSnapshot = true
		environment.Service.DeploymentAlarms = true
		environment.Service.DeregistrationDelaySeconds = 60
		environment.Service.ContainerInsights = "enhanced"
		environment.LoadBalancer.AllowPlainHTTP = false
		environment.LoadBalancer.DeletionProtection = true
		environment.LoadBalancer.AccessLogRetentionDays = 365
	}
	return environment
}
