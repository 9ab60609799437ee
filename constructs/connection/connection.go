// Package connection describes what a task needs in order to use something.
package connection

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/cloudwatch"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// Connection is everything that a task needs in order to use one thing. The area that owns the thing hands it over
// whole: what a second place had to add could be forgotten there.
type Connection struct {
	Name      string            // the thing's, for the ids of constructs, for example database
	Variables map[string]string // environment variables of the containers, by name
	// Secrets are environment variables with the value of a secret, by name, in the form that a container definition
	// takes (valueFrom).
	Secrets map[string]string
	Start   Access // what ECS needs in order to start a task
	Run     Access // what the program in the task needs
	// Endpoints are the interface endpoints through which the AWS services behind it are reached without the internet,
	// for example sqs of com.amazonaws.us-east-1.sqs.
	Endpoints []string
	// Group and Port are what tasks open TCP connections to; Port is 0 where there is nothing such.
	Group network.SecurityGroup
	Port  int
	Ready []cdktf.ITerraformDependable // has to exist before a task starts
}

// Access is what a role has to be allowed.
type Access struct {
	Statements []policy.Statement
	// Key is how the environment's KMS key is used: AWS service, as in kms:ViaService, to KMS actions.
	Key map[string][]string
}

// Ingress is a way in to the tasks of a service: the load balancer's.
type Ingress struct {
	SecurityGroup  network.SecurityGroup // whose members may connect to the tasks
	TargetGroupARN *string
	RequestLabel   *string // load balancer and target group in a scaling policy on requests
	// HealthyTargets and UnhealthyTargets are how many tasks pass the health check, and do not.
	HealthyTargets, UnhealthyTargets cloudwatch.Metric
	// Ready has to exist before a service can be attached: ECS refuses a target group that no listener uses.
	Ready cdktf.ITerraformDependable
}
