// Package policy writes IAM policies and the ARNs in them.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawscalleridentity"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawspartition"
)

// Statement is one statement of a policy, in IAM's words.
type Statement struct {
	Action    []string
	Condition map[string]map[string]any `json:",omitempty"`
	Effect    string
	Principal Principal `json:",omitempty"` // for policies of resources only
	Resource  []*string `json:",omitempty"`
	Sid       string
}

// Principal is whom a statement of a resource's policy applies to: of the type AWS, Federated or Service.
type Principal map[string]*string

// Condition limits a statement.
type Condition struct {
	Test     string // for example StringEquals
	Variable string // for example aws:SourceAccount
	Values   []*string
}

// Service is the principal of an AWS service.
func Service(name string) Principal { return Principal{"Service": jsii.String(name)} }

// Anyone is every principal; the conditions of the statement limit it.
func Anyone() Principal { return Principal{"AWS": jsii.String("*")} }

// Allow is the statement that the actions are allowed.
func Allow(sid string, actions ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions}
}

// On returns the statement about those resources.
func (s Statement) On(resources ...*string) Statement {
	s.Resource = resources
	return s
}

// To returns the statement for a principal.
func (s Statement) To(principal Principal) Statement {
	s.Principal = principal
	return s
}

// If returns the statement with all of its conditions.
func (s Statement) If(conditions ...Condition) Statement {
	s.Condition = map[string]map[string]any{}
	for _, condition := range conditions {
		if s.Condition[condition.Test] == nil {
			s.Condition[condition.Test] = map[string]any{}
		}
		s.Condition[condition.Test][condition.Variable] = condition.Values
		if len(condition.Values) == 1 { // scanners do not read a list of one
			s.Condition[condition.Test][condition.Variable] = condition.Values[0]
		}
	}
	return s
}

// Equals is the condition that a key has one of the values.
func Equals(variable string, values ...*string) Condition {
	return Condition{"StringEquals", variable, values}
}

// ARNLike is the condition that a key matches one of the ARNs, which may contain asterisks.
func ARNLike(variable string, values ...*string) Condition {
	return Condition{"ArnLike", variable, values}
}

// ForAWSResource is the condition that a grant of a key is for an AWS service, if the request is for a grant.
var ForAWSResource = Condition{"BoolIfExists", "kms:GrantIsForAWSResource", *jsii.Strings("true")}

// DenyClearText refuses every request to the resources that does not come over TLS (Security Hub S3.5).
func DenyClearText(action string, resources ...*string) Statement {
	statement := Allow("DenyClearText", action).On(resources...).To(Anyone()).
		If(Condition{"Bool", "aws:SecureTransport", *jsii.Strings("false")})
	statement.Effect = "Deny"
	return statement
}

// Document returns the JSON of a policy. It is text and not a data source, so that a reviewer sees the policy
// itself in the plan: Terraform reads a data source only during the apply when something that it names changes.
func Document(statements ...Statement) *string {
	return JSON(map[string]any{"Version": "2012-10-17", "Statement": statements})
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

// ARNs names what is in an AWS account and Region. Terraform learns ID and Partition only when it plans.
type ARNs struct {
	ID        *string // of the account: 12 digits
	Partition *string // aws or aws-us-gov
	Region    string
}

// NewARNs are those of an account; without one, of that which Terraform's credentials are for.
func NewARNs(scope constructs.Construct, account, region string) ARNs {
	partition := dataawspartition.NewDataAwsPartition(scope, jsii.String("partition"), nil).Partition()
	if account == "" {
		account = *dataawscalleridentity.NewDataAwsCallerIdentity(scope, jsii.String("identity"), nil).AccountId()
	}
	return ARNs{ID: jsii.String(account), Partition: partition, Region: region}
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
func (a ARNs) Root() Principal { return Principal{"AWS": a.GlobalARN("iam", "root")} }

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
