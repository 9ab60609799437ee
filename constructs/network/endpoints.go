package network

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcendpoint"

	"tap/constructs/policy"
)

// endpoints are the interface endpoints of a network.
type endpoints struct {
	scope constructs.Construct
	group SecurityGroup
	names map[string]bool // of the services that have one
}

// newEndpoints keeps traffic to S3 inside the VPC, since a gateway endpoint costs nothing, where it can be in the
// private subnets' route tables, and prepares for interface endpoints where the environment asks for them.
func (n *Network) newEndpoints(scope constructs.Construct, interfaces bool, privateTables []*string) {
	this := constructs.NewConstruct(scope, jsii.String("endpoints"))
	if len(privateTables) > 0 {
		s3 := vpcendpoint.NewVpcEndpoint(this, jsii.String("s3"), &vpcendpoint.VpcEndpointConfig{
			VpcId:           n.VPCID,
			ServiceName:     n.serviceName("s3"),
			VpcEndpointType: jsii.String("Gateway"),
			RouteTableIds:   &privateTables,
			Policy:          policy.Document(n.ownAccountOnly(), n.imageLayers()),
			Tags:            n.deployment.Tags("PaymentS3Endpoint"),
		})
		n.s3PrefixListID = s3.PrefixListId()
	}
	if interfaces {
		group := n.NewSecurityGroup(this, "security-group", n.deployment.Name("PaymentEndpoints"),
			"Interface endpoints of the VPC")
		n.endpoints = &endpoints{scope: this, group: group, names: map[string]bool{}}
	}
}

// Reach makes AWS services reachable from the VPC without the internet, by names such as ecr.api, where the
// environment asks for interface endpoints.
func (n *Network) Reach(services ...string) {
	for _, service := range services {
		if n.endpoints == nil || n.endpoints.names[service] {
			continue
		}
		n.endpoints.names[service] = true
		n.Ready = append(n.Ready, vpcendpoint.NewVpcEndpoint(n.endpoints.scope, jsii.String(service), &vpcendpoint.VpcEndpointConfig{
			VpcId:             n.VPCID,
			ServiceName:       n.serviceName(service),
			VpcEndpointType:   jsii.String("Interface"),
			PrivateDnsEnabled: jsii.Bool(true),
			SubnetIds:         &n.PrivateSubnets,
			SecurityGroupIds:  &[]*string{n.endpoints.group.ID},
			Policy:            policy.Document(n.ownAccountOnly()),
			Tags:              nameTag(n.deployment.Name("PaymentEndpoint") + "-" + service),
		}))
	}
}

func (n *Network) serviceName(service string) *string {
	return jsii.String("com.amazonaws." + n.deployment.Account.Region + "." + service)
}

// ownAccountOnly lets only the account's own principals through an endpoint, and only to resources of the account (and
// of n.imageAccount), so that nobody can carry data out to, or with credentials of, another account.
func (n *Network) ownAccountOnly() policy.Statement {
	account := n.deployment.Account.ID
	owners := []*string{account}
	if n.imageAccount != "" {
		owners = append(owners, jsii.String(n.imageAccount))
	}
	return policy.Statement{
		Sid: "OwnAccount", Principal: policy.Anyone(), Actions: []string{"*"}, Resources: *jsii.Strings("*"),
		Conditions: []policy.Condition{
			policy.Equals("aws:PrincipalAccount", account),
			policy.Equals("aws:ResourceAccount", owners...),
		},
	}
}

// imageLayers admits what ECR asks of S3 while an image is pulled: its requests are signed by ECR, not by the account.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
func (n *Network) imageLayers() policy.Statement {
	bucket := jsii.Sprintf("arn:%s:s3:::prod-%s-starport-layer-bucket/*",
		*n.deployment.Account.Partition, n.deployment.Account.Region)
	return policy.Statement{
		Sid: "ImageLayers", Principal: policy.Anyone(), Actions: []string{"s3:GetObject"}, Resources: []*string{bucket},
	}
}
