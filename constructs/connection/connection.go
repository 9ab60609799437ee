// Package connection describes what a task needs in order to use something.
package connection

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/network"
	"tap/constructs/policy"
)

// Connection is everything that a task needs in order to use one thing. The owning area fills it in
// completely, so that no caller has to remember a part.
type Connection struct {
	Name      string            // the thing's, for the ids of constructs, for example database
	Variables map[string]string // environment variables of the containers, by name
	// Secrets are environment variables with the value of a secret, by name, in the form that a container definition
	// takes (valueFrom).
	Secrets   map[string]string
	Execution Access // what the execution role needs: ECS starts a task with it
	Task      Access // what the task role needs: the program in the task has it
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
	// KMS is how the environment's key is used: AWS service, as in kms:ViaService, to KMS actions.
	KMS map[string][]string
}

// Ingress is a way in to the tasks of a service: the load balancer's.
type Ingress struct {
	SecurityGroup  network.SecurityGroup // whose members may connect to the tasks
	TargetGroupARN *string
	// LoadBalancer and TargetGroup are how metrics name them.
	LoadBalancer, TargetGroup *string
	// Ready has to exist before a service can be attached: ECS refuses a target group that no listener uses.
	Ready cdktf.ITerraformDependable
}
