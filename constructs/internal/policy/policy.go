// Package policy writes IAM policies: which principal may do what with which resource.
package policy

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsiampolicydocument"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicy"
)

// Statement is one statement of a policy; it allows unless Deny is set.
type Statement struct {
	Sid        string
	Deny       bool
	Actions    []string
	Resources  []*string
	Principals []Principal // for policies of resources only
	Conditions []Condition
}

// Principal is whom a statement of a resource's policy speaks of.
type Principal struct {
	Type        string // AWS or Service
	Identifiers []*string
}

// Condition limits a statement.
type Condition struct {
	Test     string // for example StringEquals
	Variable string // for example aws:SourceAccount
	Values   []*string
}

// Service is the principal of an AWS service.
func Service(name string) []Principal {
	return []Principal{{Type: "Service", Identifiers: *jsii.Strings(name)}}
}

// Anyone is every principal; what it is for is said by the conditions.
func Anyone() []Principal {
	return []Principal{{Type: "AWS", Identifiers: *jsii.Strings("*")}}
}

// Equals is the condition that a key has one of the values.
func Equals(variable string, values ...*string) Condition {
	return Condition{Test: "StringEquals", Variable: variable, Values: values}
}

// ARNLike is the condition that a key matches one of the ARNs, which may hold asterisks.
func ARNLike(variable string, values ...*string) Condition {
	return Condition{Test: "ArnLike", Variable: variable, Values: values}
}

// DenyClearText refuses every request to the resources that does not come over TLS
// (Security Hub S3.5).
func DenyClearText(action string, resources ...*string) Statement {
	return Statement{
		Sid: "DenyClearText", Deny: true,
		Actions: []string{action}, Resources: resources, Principals: Anyone(),
		Conditions: []Condition{{Test: "Bool", Variable: "aws:SecureTransport", Values: *jsii.Strings("false")}},
	}
}

// Document returns the JSON of a policy.
func Document(scope constructs.Construct, id string, statements ...Statement) *string {
	rendered := make([]*dataawsiampolicydocument.DataAwsIamPolicyDocumentStatement, 0, len(statements))
	for _, statement := range statements {
		rendered = append(rendered, statement.render())
	}
	return dataawsiampolicydocument.NewDataAwsIamPolicyDocument(scope, jsii.String(id), &dataawsiampolicydocument.DataAwsIamPolicyDocumentConfig{
		Statement: rendered,
	}).Json()
}

func (s Statement) render() *dataawsiampolicydocument.DataAwsIamPolicyDocumentStatement {
	effect := "Allow"
	if s.Deny {
		effect = "Deny"
	}
	rendered := &dataawsiampolicydocument.DataAwsIamPolicyDocumentStatement{
		Sid:     jsii.String(s.Sid),
		Effect:  jsii.String(effect),
		Actions: jsii.Strings(s.Actions...),
	}
	if len(s.Resources) > 0 {
		rendered.Resources = &s.Resources
	}
	if len(s.Principals) > 0 {
		principals := []*dataawsiampolicydocument.DataAwsIamPolicyDocumentStatementPrincipals{}
		for _, principal := range s.Principals {
			principals = append(principals, &dataawsiampolicydocument.DataAwsIamPolicyDocumentStatementPrincipals{
				Type: jsii.String(principal.Type), Identifiers: &principal.Identifiers,
			})
		}
		rendered.Principals = principals
	}
	if len(s.Conditions) > 0 {
		conditions := []*dataawsiampolicydocument.DataAwsIamPolicyDocumentStatementCondition{}
		for _, condition := range s.Conditions {
			conditions = append(conditions, &dataawsiampolicydocument.DataAwsIamPolicyDocumentStatementCondition{
				Test: jsii.String(condition.Test), Variable: jsii.String(condition.Variable), Values: &condition.Values,
			})
		}
		rendered.Condition = conditions
	}
	return rendered
}

// Role is an IAM role that an AWS service takes on.
type Role struct {
	ARN *string
	// Permissions is what has to exist before the role is of use.
	Permissions iamrolepolicy.IamRolePolicy
}

// RoleProps says what a role is for.
type RoleProps struct {
	Name        string
	Description string
	Service     string      // the service principal that takes the role on
	Conditions  []Condition // of taking it on
	Statements  []Statement // what the role may do; at least one
}

// NewRole creates a role and the one inline policy that says what it may do.
func NewRole(scope constructs.Construct, id string, props RoleProps) Role {
	this := constructs.NewConstruct(scope, jsii.String(id))
	role := iamrole.NewIamRole(this, jsii.String("role"), &iamrole.IamRoleConfig{
		Name:        jsii.String(props.Name),
		Description: jsii.String(props.Description),
		AssumeRolePolicy: Document(this, "trust", Statement{
			Sid: "Assume", Actions: []string{"sts:AssumeRole"}, Principals: Service(props.Service), Conditions: props.Conditions,
		}),
	})
	permissions := iamrolepolicy.NewIamRolePolicy(this, jsii.String("policy"), &iamrolepolicy.IamRolePolicyConfig{
		Name:   jsii.String("permissions"),
		Role:   role.Name(),
		Policy: Document(this, "permissions", props.Statements...),
	})
	return Role{ARN: role.Arn(), Permissions: permissions}
}
