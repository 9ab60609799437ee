package policy

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawscalleridentity"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawspartition"
)

// Account is the AWS account and Region of a stack, the parts of its ARNs. Terraform learns ID and Partition
// only when it plans.
type Account struct {
	ID        *string // 12 digits
	Partition *string // aws or aws-us-gov
	Region    string
}

// NewAccount looks the account up with the credentials that Terraform runs with.
func NewAccount(scope constructs.Construct, id, region string) Account {
	this := constructs.NewConstruct(scope, jsii.String(id))
	identity := dataawscalleridentity.NewDataAwsCallerIdentity(this, jsii.String("identity"),
		&dataawscalleridentity.DataAwsCallerIdentityConfig{})
	partition := dataawspartition.NewDataAwsPartition(this, jsii.String("partition"),
		&dataawspartition.DataAwsPartitionConfig{})
	return Account{ID: identity.AccountId(), Partition: partition.Partition(), Region: region}
}

// AccountOf is an account whose ID is known already.
func AccountOf(scope constructs.Construct, id, account, region string) Account {
	partition := dataawspartition.NewDataAwsPartition(scope, jsii.String(id), &dataawspartition.DataAwsPartitionConfig{})
	return Account{ID: jsii.String(account), Partition: partition.Partition(), Region: region}
}

// ARN names a resource of a regional service in this account.
func (a Account) ARN(service, resource string) *string {
	return jsii.Sprintf("arn:%s:%s:%s:%s:%s", *a.Partition, service, a.Region, *a.ID, resource)
}

// GlobalARN names a resource of a service without Regions, for example IAM.
func (a Account) GlobalARN(service, resource string) *string {
	return jsii.Sprintf("arn:%s:%s::%s:%s", *a.Partition, service, *a.ID, resource)
}

// Root is the principal that delegates to the account's own IAM policies.
func (a Account) Root() *string {
	return a.GlobalARN("iam", "root")
}

// Endpoint is the host name of a service in the Region, for example logs.us-east-1.amazonaws.com, which
// policies name the service by.
func (a Account) Endpoint(service string) *string {
	return jsii.String(service + "." + a.Region + ".amazonaws.com")
}
