// Package deployment is what every area of an environment needs to know of it as a whole.
package deployment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchlogdataprotectionpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/cloudwatchloggroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/policy"
)

// Deployment is one environment in one AWS account.
type Deployment struct {
	// Suffix ends the name of every resource.
	Suffix string
	// Account is where the environment is deployed.
	Account policy.Account
	// Shared is whether the account has a stack of its own (tap-account-<account>) with what its environments share.
	Shared bool
	// ID is unique to the deployment, and the same for as long as it lasts.
	ID *string
	// Protect refuses plans that destroy or replace what holds data, evidence or traffic.
	Protect bool
	// LogRetentionDays is how long logs are kept (CKV_AWS_338 asks for 365 in production).
	LogRetentionDays int
	// KeyARN is the KMS key that encrypts whatever the environment stores.
	KeyARN *string
}

// Name returns the name of a resource, <kind>-<suffix>.
func (d Deployment) Name(kind string) string { return kind + "-" + d.Suffix }

// Tags returns the tag Name for a resource.
func (d Deployment) Tags(kind string) *map[string]*string {
	return &map[string]*string{"Name": jsii.String(d.Name(kind))}
}

// Lifecycle is that of a resource which holds data, evidence or traffic.
func (d Deployment) Lifecycle() *cdktf.TerraformResourceLifecycle {
	return &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(d.Protect)}
}

// NewRole creates a role of the environment. Where the account is shared it has the account's permissions boundary,
// which the pipeline's deployer needs in order to create it. The suffix completes its name.
func (d Deployment) NewRole(scope constructs.Construct, id string, props policy.RoleProps) policy.Role {
	props.Name = d.Name(props.Name)
	if d.Shared {
		props.Boundary = d.Account.GlobalARN("iam", "policy/"+config.BoundaryPolicy)
	}
	return policy.NewRole(scope, id, props)
}

// NewLogGroup creates a log group under the environment's key (CKV_AWS_158). The service that writes to it
// has to depend on it: a group that AWS creates by itself is kept for ever, unencrypted, and left behind
// by a destroy.
func (d Deployment) NewLogGroup(scope constructs.Construct, id, name string) cloudwatchloggroup.CloudwatchLogGroup {
	return cloudwatchloggroup.NewCloudwatchLogGroup(scope, jsii.String(id), &cloudwatchloggroup.CloudwatchLogGroupConfig{
		Name:            jsii.String(name),
		RetentionInDays: jsii.Number(d.LogRetentionDays),
		KmsKeyId:        d.KeyARN,
		Lifecycle:       d.Lifecycle(),
	})
}

// NewMaskedLogGroup creates a log group in which card numbers are masked for whoever reads it: AWS's own detection,
// which needs a word such as card nearby, and any 13 to 19 digits (ISO/IEC 7812), grouped or not.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html
func (d Deployment) NewMaskedLogGroup(scope constructs.Construct,
	id, name string) cloudwatchloggroup.CloudwatchLogGroup {
	group := d.NewLogGroup(scope, id, name)
	const digits = "CardNumber"
	identifiers := []string{
		"arn:" + *d.Account.Partition + ":dataprotection::aws:data-identifier/CreditCardNumber", digits,
	}
	statement := func(sid string, operation map[string]any) map[string]any {
		return map[string]any{"Sid": sid, "DataIdentifier": identifiers, "Operation": operation}
	}
	cloudwatchlogdataprotectionpolicy.NewCloudwatchLogDataProtectionPolicy(scope, jsii.String(id+"-masking"), &cloudwatchlogdataprotectionpolicy.CloudwatchLogDataProtectionPolicyConfig{
		LogGroupName: group.Name(),
		PolicyDocument: policy.JSON(map[string]any{
			"Name": "card-numbers", "Version": "2021-06-01",
			"Configuration": map[string]any{"CustomDataIdentifier": []any{
				map[string]any{"Name": digits, "Regex": CardNumberPattern},
			}},
			"Statement": []any{
				statement("Audit", map[string]any{"Audit": map[string]any{"FindingsDestination": map[string]any{}}}),
				statement("Mask", map[string]any{"Deidentify": map[string]any{"MaskConfig": map[string]any{}}}),
			},
		}),
	})
	return group
}

// CardNumberPattern matches 13 to 19 digits, alone or in groups. It is within what CloudWatch Logs takes, which are 200
// characters and no parentheses:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL-custom-data-identifiers.html
var CardNumberPattern = `\d` + strings.Repeat(`[ -]?\d`, 12) + strings.Repeat(`[ -]?\d?`, 6)

// NewID records the values, which are named by their keys in the environment file, in the state at the first
// apply, and fails every later plan in which one of them differs, before anything is changed. Otherwise
// Terraform would look for the environment in another Region, or replace what holds data by something that
// AWS refuses to create beside it. It returns Deployment.ID.
func NewID(scope constructs.Construct, id string, values map[string]string) *string {
	conditions := []*cdktf.Postcondition{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		deployed := fmt.Sprintf("self.output[%q]", key)
		conditions = append(conditions, &cdktf.Postcondition{
			Condition: fmt.Sprintf("${%s == %q}", deployed, values[key]),
			ErrorMessage: jsii.Sprintf(
				"%s is ${%s} in this deployment and cannot become %s; restore it, or destroy the environment first",
				key, deployed, values[key]),
		})
	}
	record := cdktf.NewTerraformResource(scope, jsii.String(id), &cdktf.TerraformResourceConfig{
		TerraformResourceType: jsii.String("terraform_data"),
		Lifecycle: &cdktf.TerraformResourceLifecycle{
			IgnoreChanges: jsii.Strings("input"),
			Postcondition: &conditions,
		},
	})
	record.AddOverride(jsii.String("input"), values)
	return record.GetStringAttribute(jsii.String("id"))
}
