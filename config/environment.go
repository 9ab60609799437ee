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
// named tap-<suffix>. What a field with a key means, and can be, stands in keys.yaml. One without (yaml:"-") follows
// from the class or the file's name.
type Environment struct {
	// Suffix is the file's name without .yaml, or the suffix that the command asked for. It ends the name of every
	// resource: one letter, then up to 14 letters, digits or single hyphens, lower case.
	Suffix  string            `yaml:"-"`
	Class   Class             `yaml:"class"`
	Region  string            `yaml:"region"`
	Account string            `yaml:"account"`
	Tags    map[string]string `yaml:"tags"`
	Protect bool              `yaml:"protect"`

	// StatesBucket is the S3 bucket of the environment's state, that of its account in accounts.yaml. Empty: accounts.yaml
	// has none, and the state is a local file beside cdktf.out.
	StatesBucket string `yaml:"-"`
	// KeyDeletionDays is how long the environment's KMS key can still be restored when it is deleted. Everything that it
	// encrypts is lost with it, final snapshots included. AWS allows 7 to 30; Security Hub's KMS.3 asks for 30.
	KeyDeletionDays int `yaml:"-"`

	Logs         Logs               `yaml:"logs"`
	Network      Network            `yaml:"network"`
	Database     Database           `yaml:"database"`
	Service      Service            `yaml:"service"`
	LoadBalancer LoadBalancer       `yaml:"loadBalancer"`
	Firewall     Firewall           `yaml:"firewall"`
	Monitoring   Monitoring         `yaml:"monitoring"`
	Workers      map[string]Worker  `yaml:"workers"`
	Jobs         map[string]Job     `yaml:"jobs"`
	Sidecars     map[string]Sidecar `yaml:"sidecars"`
}

// Stack is the name of the environment's stack.
func (e Environment) Stack() string { return "tap-" + e.Suffix }

// InAccountStack reports whether the account has a stack, with what its environments share.
func (e Environment) InAccountStack() bool { return e.StatesBucket != "" }

// Logs configures every log of the environment.
type Logs struct {
	RetentionDays int `yaml:"retentionDays"`
}

// Network configures the VPC and what leaves it.
type Network struct {
	CIDR               string   `yaml:"cidr"`
	Zones              []string `yaml:"zones"`
	NATGateways        int      `yaml:"natGateways"`
	NATAddresses       []string `yaml:"natAddresses"`
	InterfaceEndpoints bool     `yaml:"interfaceEndpoints"`
	Existing           Existing `yaml:"existing"`
	// FlowLogIntervalSeconds is the longest time over which packets of one flow are counted together: 60 or 600.
	FlowLogIntervalSeconds int `yaml:"-"`
}

// Existing is a VPC that something else makes, routes and records, named by its subnets: two or more of each kind, in
// two zones or more.
type Existing struct {
	PublicSubnets  []string `yaml:"publicSubnets"`
	PrivateSubnets []string `yaml:"privateSubnets"`
}

// Database configures the Aurora PostgreSQL cluster.
type Database struct {
	EngineVersion string `yaml:"engineVersion"`
	// EngineLifecycleSupport is whether AWS goes on with a major version after its last day, for a price, or upgrades the
	// cluster to another (-disabled). It counts when the cluster is created:
	// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/extended-support.html
	EngineLifecycleSupport string     `yaml:"-"`
	InstanceClass          string     `yaml:"instanceClass"`
	StorageType            string     `yaml:"storageType"`
	Name                   string     `yaml:"name"`
	Login                  string     `yaml:"login"`
	Serverless             Serverless `yaml:"serverless"`
	Readers                int        `yaml:"readers"`
	// MasterUsername is the name of the cluster's master user: the original system's in development, in production
	// another than the one that an attacker tries first (Security Hub's RDS.24).
	MasterUsername  string `yaml:"-"`
	PasswordVersion int    `yaml:"passwordVersion"`
	// SecretRecoveryDays is how long the deleted secret of the master password can still be restored: 0 (deleted at
	// once) or 7 to 30.
	SecretRecoveryDays  int        `yaml:"-"`
	BackupRetentionDays int        `yaml:"backupRetentionDays"`
	BackupWindow        string     `yaml:"backupWindow"`
	BackupCopy          BackupCopy `yaml:"backupCopy"`
	MaintenanceWindow   string     `yaml:"maintenanceWindow"`
	Restore             Restore    `yaml:"restore"`
	// ApplyInstancesImmediately applies a change of the instances at once instead of in the maintenance window. Changes
	// of the cluster always apply at once.
	ApplyInstancesImmediately bool `yaml:"-"`
	// FinalSnapshot takes a snapshot when the cluster is deleted. It is encrypted with the environment's key, and
	// unreadable once that is deleted too: copy it under another key to keep it for longer.
	FinalSnapshot bool `yaml:"-"`
}

// BackupCopy is a vault that is not lost with the environment's account or Region.
type BackupCopy struct {
	Vault    string `yaml:"vault"`
	KeepDays int    `yaml:"keepDays"`
}

// Restore is what a new cluster is made from, of an environment of the same class: its data, users and engine version.
// Everything else is as the file says. It counts when the cluster is created, and may be changed or removed afterwards.
type Restore struct {
	Snapshot string `yaml:"snapshot"`
	Cluster  string `yaml:"cluster"`
	Time     string `yaml:"time"`
}

// How the API logs in to the database.
const (
	LoginIAM    = "iam"
	LoginMaster = "master"
)

// Serverless is the capacity range of an Aurora Serverless v2 cluster in ACUs of 2 GiB.
type Serverless struct {
	MinimumCapacity float64 `yaml:"minimumCapacity"`
	MaximumCapacity float64 `yaml:"maximumCapacity"`
}

// Service configures the Fargate service that runs the payment API.
type Service struct {
	Image                  string   `yaml:"image"`
	Command                []string `yaml:"command"`
	Migration              []string `yaml:"migration"`
	Port                   int      `yaml:"port"`
	User                   string   `yaml:"user"`
	ReadonlyRootFilesystem bool     `yaml:"readonlyRootFilesystem"`
	TmpfsMiB               int      `yaml:"tmpfsMiB"`
	Architecture           string   `yaml:"architecture"`
	CPU                    int      `yaml:"cpu"`
	Memory                 int      `yaml:"memory"`
	Scaling                Scaling  `yaml:"scaling"`
	// DeploymentAlarms rolls a deployment back when it raises the error or latency alarm.
	DeploymentAlarms           bool              `yaml:"-"`
	HealthCheck                HealthCheck       `yaml:"healthCheck"`
	ContainerHealthCheck       []string          `yaml:"containerHealthCheck"`
	StopTimeoutSeconds         int               `yaml:"stopTimeoutSeconds"`
	DeregistrationDelaySeconds int               `yaml:"deregistrationDelaySeconds"`
	Environment                map[string]string `yaml:"environment"`
	Secrets                    map[string]string `yaml:"secrets"`
	ExecuteCommand             bool              `yaml:"executeCommand"`
	// ContainerInsights is enabled, or enhanced (metrics of each task and container).
	ContainerInsights string `yaml:"-"`
}

// Worker is a service of the API's image without a way in: it has everything else that [Service] says, but for the
// migration and the container's health check.
type Worker struct {
	Command []string      `yaml:"command"`
	CPU     int           `yaml:"cpu"`
	Memory  int           `yaml:"memory"`
	Queue   bool          `yaml:"queue"`
	Scaling WorkerScaling `yaml:"scaling"`
}

// WorkerScaling is the number of tasks of a worker and its target tracking, by [Scaling.CPUPercent] and its queue.
type WorkerScaling struct {
	MinimumTasks    int `yaml:"minimumTasks"`
	MaximumTasks    int `yaml:"maximumTasks"`
	MessagesPerTask int `yaml:"messagesPerTask"`
}

// Job is a task of the API's image that runs to its end: it has what [Worker] has, and no service.
type Job struct {
	Command       []string `yaml:"command"`
	CPU           int      `yaml:"cpu"`
	Memory        int      `yaml:"memory"`
	Schedule      string   `yaml:"schedule"`
	TimeZone      string   `yaml:"timeZone"`
	DatabaseOwner bool     `yaml:"databaseOwner"`
}

// Sidecar is a container beside the program, such as a collector of traces: it starts first, and when it ends, it is
// started again and the task goes on. It may do and reach what the program may, and is bound as that is.
type Sidecar struct {
	Image       string            `yaml:"image"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Secrets     map[string]string `yaml:"secrets"`
	Memory      int               `yaml:"memory"`
}

// Scaling is the number of tasks of the service and its target tracking.
type Scaling struct {
	MinimumTasks      int `yaml:"minimumTasks"`
	MaximumTasks      int `yaml:"maximumTasks"`
	CPUPercent        int `yaml:"cpuPercent"`
	MemoryPercent     int `yaml:"memoryPercent"`
	RequestsPerTarget int `yaml:"requestsPerTarget"`
}

// HealthCheck is the target group's health check.
type HealthCheck struct {
	Path               string `yaml:"path"`
	IntervalSeconds    int    `yaml:"intervalSeconds"`
	GracePeriodSeconds int    `yaml:"gracePeriodSeconds"`
}

// HealthCheckTimeoutSeconds is how long a target has to answer, as in the original system. AWS refuses an interval that
// is not longer: https://github.com/terraform-linters/tflint-ruleset-aws/issues/404
const HealthCheckTimeoutSeconds = 5

// LoadBalancer configures the internet-facing Application Load Balancer.
type LoadBalancer struct {
	CertificateARN     string             `yaml:"certificateArn"`
	Domain             Domain             `yaml:"domain"`
	AllowPlainHTTP     bool               `yaml:"allowPlainHttp"`
	IdleTimeoutSeconds int                `yaml:"idleTimeoutSeconds"`
	AllowedSources     []string           `yaml:"allowedSources"`
	ClientCertificates ClientCertificates `yaml:"clientCertificates"`
}

// ClientCertificates is mutual TLS of the load balancer.
type ClientCertificates struct {
	Mode        string   `yaml:"mode"`
	Bundle      string   `yaml:"bundle"`
	Revocations []string `yaml:"revocations"`
}

// The modes of [ClientCertificates.Mode], in AWS's words.
const (
	CertificatesOff         = "off"
	CertificatesVerify      = "verify"
	CertificatesPassthrough = "passthrough"
)

// Domain is the name that customers call the API by.
type Domain struct {
	Name   string `yaml:"name"`
	ZoneID string `yaml:"zoneId"`
}

// Firewall configures the WAFv2 web ACL in front of the load balancer.
type Firewall struct {
	RateLimit        int            `yaml:"rateLimit"`
	RateLimits       map[string]int `yaml:"rateLimits"`
	TrustedAddresses []string       `yaml:"trustedAddresses"`
	BlockedCountries []string       `yaml:"blockedCountries"`
	Count            []string       `yaml:"count"`
}

// Monitoring configures who hears an alarm, and from what value on.
type Monitoring struct {
	Emails              []string `yaml:"emails"`
	ErrorRatePercent    float64  `yaml:"errorRatePercent"`
	MinimumRequests     int      `yaml:"minimumRequests"`
	AvailabilityPercent float64  `yaml:"availabilityPercent"`
	ExpectedRequests    int      `yaml:"expectedRequests"`
	LatencySeconds      float64  `yaml:"latencySeconds"`
}

// perZone is the default number of NAT gateways that follows the number of zones.
const perZone = -1

// Preset returns the defaults of a class, complete but for the suffix, what follows the zones (see Network.Zones and
// Network.NATGateways) and what a production file has to set itself.
func Preset(class Class) Environment { return presets[class] }

var presets = map[Class]Environment{Development: preset(Development), Production: preset(Production)}

func preset(class Class) (e Environment) {
	file := yaml.Node{Kind: yaml.MappingNode}
	environmentLimit.complete(&file, class)
	if err := file.Decode(&e); err != nil {
		panic("config/keys.yaml has a default that its field cannot contain: " + err.Error())
	}
	e.setByClass()
	return e
}

// setByClass sets what has no key.
func (e *Environment) setByClass() {
	database := &e.Database
	e.KeyDeletionDays, e.Network.FlowLogIntervalSeconds, e.Service.ContainerInsights = 7, 600, "enabled"
	database.EngineLifecycleSupport = "open-source-rds-extended-support-disabled"
	database.MasterUsername, database.ApplyInstancesImmediately = "postgres", true
	if e.Class == Production {
		e.KeyDeletionDays, e.Network.FlowLogIntervalSeconds, e.Service.ContainerInsights = 30, 60, "enhanced"
		e.Service.DeploymentAlarms = true
		database.EngineLifecycleSupport = "open-source-rds-extended-support"
		database.MasterUsername, database.ApplyInstancesImmediately = "payment_owner", false
		database.SecretRecoveryDays, database.FinalSnapshot = 30, true
	}
}
