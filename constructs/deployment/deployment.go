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
	Suffix           string         // ends the name of every resource
	Account          policy.Account // where the environment is deployed
	Shared           bool           // the account has a stack (tap-account-<account>) with what its environments share
	ID               *string        // unique to the deployment, and the same for as long as it lasts
	Protect          bool           // refuses plans that destroy or replace what holds data, evidence or traffic
	LogRetentionDays int            // how long logs are kept (CKV_AWS_338 asks for 365 in production)
	KeyARN           *string        // the KMS key that encrypts whatever the environment stores
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
func (d Deployment) Tags(kind string) *map[string]*string {
	return NameTag(d.Name(kind))
}

// NameTag returns the tag Name with a value.
func NameTag(name string) *map[string]*string {
	return &map[string]*string{config.TagName: jsii.String(name)}
}

// Lifecycle is that of a resource which holds data, evidence or traffic.
func (d Deployment) Lifecycle() *cdktf.TerraformResourceLifecycle {
	return &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(d.Protect)}
}

// NewRole creates a role of the environment. Where the account is shared it has the path and the permissions boundary
// without which the environment's deployer cannot create it. The suffix completes its name.
func (d Deployment) NewRole(scope constructs.Construct, id string, props policy.RoleProps) policy.Role {
	props.Name = d.Name(props.Name)
	if d.Shared {
		props.Path = jsii.String(config.RolePath(d.Suffix))
		props.Boundary = d.Account.GlobalARN("iam", "policy/"+config.BoundaryPolicy(d.Suffix))
	}
	return policy.NewRole(scope, id, props)
}

// NewLogGroup creates a log group under the environment's key (CKV_AWS_158), for what contains nothing that clients
// send; NewMaskedLogGroup is for everything else. The service that writes to it has to depend on it: a group that AWS
// creates by itself is kept for ever, unencrypted, and left behind by a destroy.
func (d Deployment) NewLogGroup(scope constructs.Construct, id, name string) cloudwatchloggroup.CloudwatchLogGroup {
	return cloudwatchloggroup.NewCloudwatchLogGroup(scope, jsii.String(id), &cloudwatchloggroup.CloudwatchLogGroupConfig{
		Name: jsii.String(name), RetentionInDays: jsii.Number(d.LogRetentionDays), KmsKeyId: d.KeyARN,
		Lifecycle: d.Lifecycle(),
	})
}

// NewMaskedLogGroup creates a log group in which card numbers are masked for whoever reads it: AWS's own detection,
// which needs a word such as card nearby, and any 13 to 19 digits (ISO/IEC 7812), grouped or not.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html
func (d Deployment) NewMaskedLogGroup(scope constructs.Construct,
	id, name string) cloudwatchloggroup.CloudwatchLogGroup {
	group := d.NewLogGroup(scope, id, name)
	cloudwatchlogdataprotectionpolicy.NewCloudwatchLogDataProtectionPolicy(scope, jsii.String(id+"-masking"), &cloudwatchlogdataprotectionpolicy.CloudwatchLogDataProtectionPolicyConfig{
		LogGroupName: group.Name(), PolicyDocument: policy.JSON(masking(*d.Account.Partition)),
	})
	return group
}

// masking is the log group's data protection policy.
func masking(partition string) any {
	type object = map[string]any
	identifiers := []string{"arn:" + partition + ":dataprotection::aws:data-identifier/CreditCardNumber", "CardNumber"}
	statement := func(sid string, operation object) object {
		return object{"Sid": sid, "DataIdentifier": identifiers, "Operation": operation}
	}
	return object{
		"Name": "card-numbers", "Version": "2021-06-01",
		"Configuration": object{"CustomDataIdentifier": []any{object{"Name": "CardNumber", "Regex": CardNumberPattern}}},
		"Statement": []any{
			statement("Audit", object{"Audit": object{"FindingsDestination": object{}}}),
			statement("Mask", object{"Deidentify": object{"MaskConfig": object{}}}),
		},
	}
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
	lifecycle := &cdktf.TerraformResourceLifecycle{IgnoreChanges: jsii.Strings("input"), Postcondition: &conditions}
	record := cdktf.NewTerraformResource(scope, jsii.String(id), &cdktf.TerraformResourceConfig{
		TerraformResourceType: jsii.String("terraform_data"), Lifecycle: lifecycle,
	})
	record.AddOverride(jsii.String("input"), values)
	return record.GetStringAttribute(jsii.String("id"))
}
