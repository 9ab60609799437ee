// Package deployment is what every area of an environment needs to know of it as a whole.
package deployment

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicy"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/encryption"
	"tap/constructs/policy"
)

// Deployment is one environment in one AWS account.
type Deployment struct {
	Suffix           string                  // ends the name of every resource
	Stack            string                  // tap-<suffix>, which names its log groups
	InAccountStack   bool                    // what the account's environments share is in a stack, tap-account-<account>
	Protect          bool                    // refuses plans that destroy or replace what cannot be made again as it was
	LogRetentionDays int                     // how long logs are kept (CKV_AWS_338 asks for 365 in production)
	ARNs             policy.ARNs             // of the account and Region where it is deployed
	Key              *encryption.Key         // encrypts whatever the environment stores
	ID               *string                 // unique to the deployment, and the same for as long as it lasts
	Provider         cdktf.TerraformProvider // of what is in another Region than the rest; nil: the stack's
}

// New is the deployment of an environment. It records in the state at the first apply what cannot change while the
// environment lasts, and fails every later plan in which one of that differs, before anything is changed. Otherwise
// Terraform would look for the environment in another Region, or replace what holds data by something that AWS refuses
// to create beside it.
func New(scope constructs.Construct, id string, environment config.Environment, arns policy.ARNs,
	key *encryption.Key) Deployment {
	recorded := map[string]string{ // as the environment file names it
		"class":        string(environment.Class), // chooses the name of the database's master user
		"region":       environment.Region,
		"network.cidr": environment.Network.CIDR,
	}
	if environment.Network.IsExisting() {
		recorded["network.cidr"] = environment.Network.Existing.PrivateSubnets[0]
	}
	conditions := []*cdktf.Postcondition{}
	for _, key := range slices.Sorted(maps.Keys(recorded)) {
		deployed := fmt.Sprintf("self.output[%q]", key)
		conditions = append(conditions, &cdktf.Postcondition{
			Condition: fmt.Sprintf("${%s == %q}", deployed, recorded[key]),
			ErrorMessage: jsii.Sprintf(
				"%s is ${%s} in this deployment and cannot become %s; restore it, or destroy the environment first",
				key, deployed, recorded[key]),
		})
	}
	record := cdktf.NewTerraformResource(scope, jsii.String(id), &cdktf.TerraformResourceConfig{
		TerraformResourceType: jsii.String("terraform_data"),
		Lifecycle: &cdktf.TerraformResourceLifecycle{
			IgnoreChanges: jsii.Strings("input"), Postcondition: &conditions,
		},
	})
	record.AddOverride(jsii.String("input"), recorded)
	return Deployment{
		Suffix: environment.Suffix, Stack: environment.Stack(), InAccountStack: environment.InAccountStack(),
		Protect: environment.Protect, LogRetentionDays: environment.Logs.RetentionDays, ARNs: arns, Key: key,
		ID: record.GetStringAttribute(jsii.String("id")),
	}
}

// Main is the name of what the original system has one of: its database, its load balancer, its service.
const Main = "Payment"

// Prefix begins the names of the alarms and scaling policies of a thing: its own name, or nothing for what is Main,
// since these names were the original system's.
func Prefix(name string) string {
	if name == Main {
		return ""
	}
	return name
}

// Name returns the name of a resource, <kind>-<suffix>.
func (d Deployment) Name(kind string) string { return kind + "-" + d.Suffix }

// Tags returns the tag Name for a resource.
func (d Deployment) Tags(kind string) *map[string]*string { return NameTag(d.Name(kind)) }

// NameTag returns the tag Name with a value.
func NameTag(name string) *map[string]*string {
	return &map[string]*string{config.TagName: jsii.String(name)}
}

// Lifecycle is that of a resource which cannot be made again as it was.
func (d Deployment) Lifecycle() *cdktf.TerraformResourceLifecycle {
	return &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(d.Protect)}
}

// Role is an IAM role that an AWS service assumes.
type Role struct {
	ARN *string
	// Permissions is the role's policy: depend on it before using the role.
	Permissions iamrolepolicy.IamRolePolicy
}

// RoleProps configures NewRole.
type RoleProps struct {
	Name        string // without the suffix
	Description string
	Service     string             // the service principal that may assume the role
	Conditions  []policy.Condition // of assuming it
	Statements  []policy.Statement // what the role may do; at least one
}

// NewRole creates a role of the environment and its one inline policy. Where the account is shared it has the path and
// the permissions boundary without which the environment's deployer cannot create it.
func (d Deployment) NewRole(scope constructs.Construct, id string, props RoleProps) Role {
	this := constructs.NewConstruct(scope, jsii.String(id))
	assume := policy.Allow("Assume", "sts:AssumeRole").To(policy.Service(props.Service)).If(props.Conditions...)
	settings := &iamrole.IamRoleConfig{
		Name: jsii.String(d.Name(props.Name)), Description: jsii.String(props.Description),
		AssumeRolePolicy: policy.Document(assume),
	}
	if d.InAccountStack {
		settings.Path = jsii.String(config.RolePath(d.Suffix))
		settings.PermissionsBoundary = d.ARNs.GlobalARN("iam", "policy/"+config.BoundaryPolicy(d.Suffix))
	}
	role := iamrole.NewIamRole(this, jsii.String("role"), settings)
	permissions := iamrolepolicy.NewIamRolePolicy(this, jsii.String("policy"), &iamrolepolicy.IamRolePolicyConfig{
		Name: jsii.String("permissions"), Role: role.Name(), Policy: policy.Document(props.Statements...),
	})
	return Role{ARN: role.Arn(), Permissions: permissions}
}
