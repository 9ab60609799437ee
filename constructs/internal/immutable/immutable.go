// Package immutable remembers what an environment cannot change while it is deployed.
package immutable

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// Fixed is the memory of one deployment.
type Fixed struct {
	// ID is unique to the deployment, and the same for as long as it lasts.
	ID *string
}

// New keeps the values, by their keys in the environment file, of the first apply in the state. A plan with others is refused before anything
// is changed: Terraform would look for the environment in another Region, or replace what holds data
// by something that AWS refuses to create beside it, and stop half-way.
func New(scope constructs.Construct, id string, values map[string]string) Fixed {
	conditions := []*cdktf.Postcondition{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		deployed := fmt.Sprintf("self.output[%q]", key)
		conditions = append(conditions, &cdktf.Postcondition{
			Condition: fmt.Sprintf("${%s == %q}", deployed, values[key]),
			ErrorMessage: jsii.Sprintf("%s is ${%s} in this deployment and cannot become %s; restore it, or destroy the environment first",
				key, deployed, values[key]),
		})
	}
	memory := cdktf.NewTerraformResource(scope, jsii.String(id), &cdktf.TerraformResourceConfig{
		TerraformResourceType: jsii.String("terraform_data"),
		Lifecycle: &cdktf.TerraformResourceLifecycle{
			IgnoreChanges: jsii.Strings("input"),
			Postcondition: &conditions,
		},
	})
	memory.AddOverride(jsii.String("input"), values)
	return Fixed{ID: memory.GetStringAttribute(jsii.String("id"))}
}
