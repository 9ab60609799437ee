package network

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcendpoint"

	"tap/constructs/policy"
)

// newEndpoints keeps traffic to AWS inside the VPC: to S3 always, since a gateway endpoint costs nothing, and
// to what a task needs to start where the environment asks for it.
func (n *Network) newEndpoints(scope constructs.Construct, props Props, privateTables []*string) {
	this := constructs.NewConstruct(scope, jsii.String("endpoints"))
	service := func(name string) *string {
		return jsii.String("com.amazonaws." + props.Deployment.Account.Region + "." + name)
	}
	s3 := vpcendpoint.NewVpcEndpoint(this, jsii.String("s3"), &vpcendpoint.VpcEndpointConfig{
		VpcId:           n.VPCID,
		ServiceName:     service("s3"),
		VpcEndpointType: jsii.String("Gateway"),
		RouteTableIds:   &privateTables,
		Tags:            nameTag(props.Deployment.Name("PaymentS3Endpoint")),
	})
	n.s3PrefixListID = s3.PrefixListId()
	if !props.Config.InterfaceEndpoints {
		return
	}

	n.endpoints = n.NewSecurityGroup(this, "security-group", props.Deployment.Name("PaymentEndpoints"),
		"Interface endpoints of the VPC")
	names := []string{"ecr.api", "ecr.dkr", "logs", "secretsmanager"}
	if props.Sessions {
		names = append(names, "ssmmessages")
	}
	for _, name := range names {
		endpoint := vpcendpoint.NewVpcEndpoint(this, jsii.String(name), &vpcendpoint.VpcEndpointConfig{
			VpcId:             n.VPCID,
			ServiceName:       service(name),
			VpcEndpointType:   jsii.String("Interface"),
			PrivateDnsEnabled: jsii.Bool(true),
			SubnetIds:         &n.PrivateSubnets,
			SecurityGroupIds:  &[]*string{n.endpoints.ID},
			Policy:            policy.Document(ownAccountOnly(props)),
			Tags:              nameTag(props.Deployment.Name("PaymentEndpoint") + "-" + name),
		})
		n.Ready = append(n.Ready, endpoint)
	}
}

// ownAccountOnly admits only the account's own principals to an endpoint, so that nobody can carry data out with
// credentials of another account. A principal's own policy limits the resources it may use.
func ownAccountOnly(props Props) policy.Statement {
	return policy.Statement{
		Sid: "OwnAccount", Principal: policy.Anyone(), Actions: []string{"*"}, Resources: *jsii.Strings("*"),
		Conditions: []policy.Condition{policy.Equals("aws:PrincipalAccount", props.Deployment.Account.ID)},
	}
}
