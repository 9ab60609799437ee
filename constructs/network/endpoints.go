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

// newEndpoints keeps traffic to S3 inside the VPC, since a gateway endpoint costs nothing, and prepares for interface
// endpoints where the environment asks for them.
func (n *Network) newEndpoints(scope constructs.Construct, interfaces bool, privateTables []*string) {
	this := constructs.NewConstruct(scope, jsii.String("endpoints"))
	s3 := vpcendpoint.NewVpcEndpoint(this, jsii.String("s3"), &vpcendpoint.VpcEndpointConfig{
		VpcId:           n.VPCID,
		ServiceName:     n.serviceName("s3"),
		VpcEndpointType: jsii.String("Gateway"),
		RouteTableIds:   &privateTables,
		Tags:            n.deployment.Tags("PaymentS3Endpoint"),
	})
	n.s3PrefixListID = s3.PrefixListId()
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

// ownAccountOnly admits only the account's own principals to an endpoint, so that nobody can carry data out with
// credentials of another account. A principal's own policy limits the resources it may use.
func (n *Network) ownAccountOnly() policy.Statement {
	return policy.Statement{
		Sid: "OwnAccount", Principal: policy.Anyone(), Actions: []string{"*"}, Resources: *jsii.Strings("*"),
		Conditions: []policy.Condition{policy.Equals("aws:PrincipalAccount", n.deployment.Account.ID)},
	}
}
