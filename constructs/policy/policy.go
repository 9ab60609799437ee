// Package policy writes IAM policies, the roles that have them, and the ARNs in them.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawscalleridentity"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawspartition"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicy"
)

// Statement is one statement of a policy; it allows unless Deny is set.
type Statement struct {
	Sid        string
	Deny       bool
	Actions    []string
	Resources  []*string
	Principal  Principal // for policies of resources only
	Conditions []Condition
}

// Principal is whom a statement of a resource's policy applies to.
type Principal struct {
	Type       string // AWS, Federated or Service
	Identifier *string
}

// Condition limits a statement.
type Condition struct {
	Test     string // for example StringEquals
	Variable string // for example aws:SourceAccount
	Values   []*string
}

// Service is the principal of an AWS service.
func Service(name string) Principal { return Principal{"Service", jsii.String(name)} }

// Anyone is every principal; the conditions of the statement limit it.
func Anyone() Principal { return Principal{"AWS", jsii.String("*")} }

// Allow is the statement that the actions are allowed on a resource.
func Allow(sid string, resource *string, actions ...string) Statement {
	return Statement{Sid: sid, Resources: []*string{resource}, Actions: actions}
}

// Equals is the condition that a key has one of the values.
func Equals(variable string, values ...*string) Condition {
	return Condition{Test: "StringEquals", Variable: variable, Values: values}
}

// ARNLike is the condition that a key matches one of the ARNs, which may contain asterisks.
func ARNLike(variable string, values ...*string) Condition {
	return Condition{Test: "ArnLike", Variable: variable, Values: values}
}

// DenyClearText refuses every request to the resources that does not come over TLS (Security Hub S3.5).
func DenyClearText(action string, resources ...*string) Statement {
	return Statement{
		Sid: "DenyClearText", Deny: true, Principal: Anyone(), Actions: []string{action}, Resources: resources,
		Conditions: []Condition{{Test: "Bool", Variable: "aws:SecureTransport", Values: *jsii.Strings("false")}},
	}
}

// Document returns the JSON of a policy. It is text and not a data source, so that a reviewer sees the policy
// itself in the plan: Terraform reads a data source only during the apply when something that it names changes.
func Document(statements ...Statement) *string {
	rendered := []map[string]any{}
	for _, statement := range statements {
		rendered = append(rendered, statement.render())
	}
	return JSON(map[string]any{"Version": "2012-10-17", "Statement": rendered})
}

func (s Statement) render() map[string]any {
	rendered := map[string]any{"Sid": s.Sid, "Effect": "Allow", "Action": s.Actions}
	if s.Deny {
		rendered["Effect"] = "Deny"
	}
	if len(s.Resources) > 0 {
		rendered["Resource"] = s.Resources
	}
	if s.Principal.Type != "" {
		rendered["Principal"] = map[string]any{s.Principal.Type: s.Principal.Identifier}
	}
	if len(s.Conditions) > 0 {
		tests := map[string]map[string]any{}
		for _, condition := range s.Conditions {
			if tests[condition.Test] == nil {
				tests[condition.Test] = map[string]any{}
			}
			tests[condition.Test][condition.Variable] = condition.Values
			if len(condition.Values) == 1 { // scanners do not read a list of one
				tests[condition.Test][condition.Variable] = condition.Values[0]
			}
		}
		rendered["Condition"] = tests
	}
	return rendered
}

// JSON returns value as JSON on one line. Strings may contain tokens as long as these are plain references:
// Terraform resolves them inside the text, where an expression with quotes of its own would be invalid.
func JSON(value any) *string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // tokens contain < and >
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("encode %T: %v", value, err))
	}
	return jsii.String(string(bytes.TrimSpace(text.Bytes())))
}

// Role is an IAM role that an AWS service assumes.
type Role struct {
	ARN *string
	// Permissions is the role's policy: depend on it before using the role.
	Permissions iamrolepolicy.IamRolePolicy
}

// RoleProps configures NewRole.
type RoleProps struct {
	Name        string
	Path        *string // IAM path, for example /tap/dev/; nil: /
	Description string
	Service     string      // the service principal that may assume the role
	Conditions  []Condition // of assuming it
	Statements  []Statement // what the role may do; at least one
	Boundary    *string     // permissions boundary: the most that the role can be allowed; nil without one
}

// NewRole creates a role and its one inline policy.
func NewRole(scope constructs.Construct, id string, props RoleProps) Role {
	this := constructs.NewConstruct(scope, jsii.String(id))
	assume := Statement{
		Sid: "Assume", Actions: []string{"sts:AssumeRole"}, Principal: Service(props.Service), Conditions: props.Conditions,
	}
	role := iamrole.NewIamRole(this, jsii.String("role"), &iamrole.IamRoleConfig{
		Name: jsii.String(props.Name), Path: props.Path, Description: jsii.String(props.Description),
		PermissionsBoundary: props.Boundary, AssumeRolePolicy: Document(assume),
	})
	permissions := iamrolepolicy.NewIamRolePolicy(this, jsii.String("policy"), &iamrolepolicy.IamRolePolicyConfig{
		Name: jsii.String("permissions"), Role: role.Name(), Policy: Document(props.Statements...),
	})
	return Role{ARN: role.Arn(), Permissions: permissions}
}

// ARNs names what is in an AWS account and Region. Terraform learns ID and Partition only when it plans.
type ARNs struct {
	ID        *string // of the account: 12 digits
	Partition *string // aws or aws-us-gov
	Region    string
}

// NewARNs are those of the account that the credentials are for which Terraform runs with.
func NewARNs(scope constructs.Construct, id, region string) ARNs {
	this := constructs.NewConstruct(scope, jsii.String(id))
	identity := dataawscalleridentity.NewDataAwsCallerIdentity(this, jsii.String("identity"),
		&dataawscalleridentity.DataAwsCallerIdentityConfig{})
	return ARNsOf(this, "partition", *identity.AccountId(), region)
}

// ARNsOf are those of an account whose ID is known already.
func ARNsOf(scope constructs.Construct, id, account, region string) ARNs {
	partition := dataawspartition.NewDataAwsPartition(scope, jsii.String(id), &dataawspartition.DataAwsPartitionConfig{})
	return ARNs{ID: jsii.String(account), Partition: partition.Partition(), Region: region}
}

// At is another account, or the same one, in another Region of the partition.
func (a ARNs) At(region, account string) ARNs {
	return ARNs{ID: jsii.String(account), Partition: a.Partition, Region: region}
}

// ARN names a resource of a regional service in this account.
func (a ARNs) ARN(service, resource string) *string {
	return jsii.Sprintf("arn:%s:%s:%s:%s:%s", *a.Partition, service, a.Region, *a.ID, resource)
}

// GlobalARN names a resource of a service without Regions, for example IAM.
func (a ARNs) GlobalARN(service, resource string) *string {
	return jsii.Sprintf("arn:%s:%s::%s:%s", *a.Partition, service, *a.ID, resource)
}

// Root is the principal that delegates to the account's own IAM policies.
func (a ARNs) Root() Principal { return Principal{"AWS", a.GlobalARN("iam", "root")} }

// Endpoint is the host name of a service in the Region, for example logs.us-east-1.amazonaws.com, which
// policies name the service by.
func (a ARNs) Endpoint(service string) *string {
	return jsii.String(service + "." + a.Region + ".amazonaws.com")
}

// Sources are the conditions that a service acts for such resources of this account, and not for somebody else:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (a ARNs) Sources(service, resource string) []Condition {
	return []Condition{Equals("aws:SourceAccount", a.ID), ARNLike("aws:SourceArn", a.ARN(service, resource))}
}
