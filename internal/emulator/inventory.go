package emulator

import (
	"context"
	"fmt"
	"net/http"
)

// Resource is something that a client created in the emulator and did not delete.
type Resource struct {
	// Service is the AWS service as its API names it: ec2, elbv2, secretsmanager.
	Service string `json:"service"`
	// Type is moto's name for the kind of resource: VPC, FakeTargetGroup.
	Type string `json:"type"`
	// Name is the ARN, or the id or name of what has none.
	Name string `json:"name"`
	// Account is the AWS account.
	Account string `json:"account"`
	// Region is the AWS Region, or the partition ("aws") for a global service.
	Region string `json:"region"`
}

// String names the resource for a message.
func (r Resource) String() string {
	return fmt.Sprintf("%s %s %s (%s)", r.Service, r.Type, r.Name, r.Region)
}

// Inventory lists what clients created in any service, account and Region and did not delete,
// sorted. It leaves out what AWS makes by itself (the default VPC, managed policies, default
// parameter groups, automated snapshots), what is only still listed as deleted, and what goes with
// the resource that it is part of (a listener with its load balancer, a policy written into a role).
func (e *Emulator) Inventory(ctx context.Context) ([]Resource, error) {
	var resources []Resource
	if err := e.get(ctx, "/moto-api/tap/inventory", &resources); err != nil {
		return nil, err
	}
	return resources, nil
}

// Reset makes the emulator forget everything, as if it had been started anew.
func (e *Emulator) Reset(ctx context.Context) error {
	var answer struct{ Status string }
	return e.do(ctx, http.MethodPost, "/moto-api/reset", &answer)
}
