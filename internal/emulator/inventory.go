package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// client talks to the emulator directly, whatever proxy the user's environment names. A first start compiles moto's
// byte code before it answers, which takes some seconds on a slow disk.
var client = &http.Client{Transport: &http.Transport{}, Timeout: 90 * time.Second}

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

// Inventory lists what clients created in any service, account and Region and did not delete, sorted. It leaves out
// what AWS makes by itself (the default VPC, managed policies, default parameter groups, automated snapshots), what
// is only still listed as deleted, and what goes with the resource that it is part of (a listener with its load
// balancer, a policy written into a role).
func (e *Emulator) Inventory(ctx context.Context) ([]Resource, error) {
	var resources []Resource
	err := e.ask(ctx, http.MethodGet, "/moto-api/tap/inventory", &resources)
	return resources, err
}

// Calls are the requests that the emulator has got since it was started, held against AWS's own models of them.
type Calls struct {
	// Count is how many requests there were.
	Count int `json:"calls"`
	// Operations are how many there were of each, for example ecs:CreateCluster.
	Operations map[string]int `json:"operations"`
	// Violations name what AWS would have refused: operation, member, value and rule, each once, sorted.
	Violations []string `json:"violations"`
}

// Calls returns what the emulator was asked for so far. It answers requests that AWS would refuse all the same.
func (e *Emulator) Calls(ctx context.Context) (Calls, error) {
	var calls Calls
	err := e.ask(ctx, http.MethodGet, "/moto-api/tap/calls", &calls)
	return calls, err
}

// Reset makes the emulator forget everything but its calls, as if it had been started anew.
func (e *Emulator) Reset(ctx context.Context) error {
	var answer struct{ Status string }
	return e.ask(ctx, http.MethodPost, "/moto-api/reset", &answer)
}

func (e *Emulator) ask(ctx context.Context, method, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, e.URL()+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the emulator: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the emulator: %s %s answered %s; its log is %s", method, path, response.Status, e.Log)
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("ask the emulator: %s %s: %w", method, path, err)
	}
	return nil
}
