// Package network is the VPC: its subnets, what can reach what, and the flow logs.
package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawssubnet"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/defaultsecuritygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/eip"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/flowlog"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/internetgateway"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/natgateway"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/route"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/routetable"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/routetableassociation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/subnet"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpc"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/deployment"
	"tap/constructs/logs"
	"tap/constructs/policy"
)

// Props configures New.
type Props struct {
	Deployment    deployment.Deployment
	Name          string // begins the names of its parts, for example Payment of PaymentVPC-<suffix>
	Config        config.Network
	ImageAccounts []string // those of private repositories from which images are pulled, beside the own one
}

// Network is a VPC with a public and a private subnet in each zone.
type Network struct {
	VPCID                         *string
	PublicSubnets, PrivateSubnets []*string
	NATAddresses                  []*string // the public addresses of the NAT gateways
	// Ready has to exist before anything in a subnet can reach AWS and the internet, or be reached: routes and endpoints.
	Ready []cdktf.ITerraformDependable

	props          Props
	privateTables  []*string            // the route tables of the private subnets that are made here
	endpoints      constructs.Construct // of AWS's services; nil without interface endpoints
	endpointGroup  SecurityGroup
	s3PrefixListID *string
}

// New creates the network, or finds the one that exists. Interface endpoints are made as they are needed (see
// EnsureEndpoints).
func New(scope constructs.Construct, id string, props Props) *Network {
	this := constructs.NewConstruct(scope, jsii.String(id))
	network := &Network{props: props}
	if props.Config.IsExisting() {
		network.find(this, props.Config.Existing)
	} else {
		network.create(this)
	}
	network.newEndpoints(this)
	return network
}

// find takes the subnets of a VPC that exists. What the plan can know of them is checked.
func (n *Network) find(scope constructs.Construct, existing config.Existing) {
	n.PublicSubnets, n.PrivateSubnets = *jsii.Strings(existing.PublicSubnets...), *jsii.Strings(existing.PrivateSubnets...)
	for _, id := range slices.Concat(existing.PrivateSubnets, existing.PublicSubnets) {
		conditions := []*cdktf.Postcondition{}
		if n.VPCID != nil {
			conditions = append(conditions, &cdktf.Postcondition{
				Condition:    cdktf.Op_Eq(cdktf.TerraformSelf_GetString(jsii.String("vpc_id")), n.VPCID),
				ErrorMessage: jsii.String("network.existing: " + id + " is in another VPC than " + existing.PrivateSubnets[0]),
			})
		}
		if slices.Contains(existing.PrivateSubnets, id) {
			conditions = append(conditions, &cdktf.Postcondition{
				Condition: jsii.String("${!self.map_public_ip_on_launch}"),
				ErrorMessage: jsii.String("network.existing.privateSubnets: what starts in " + id + " gets a public address: it " +
					"is a public subnet"),
			})
		}
		found := dataawssubnet.NewDataAwsSubnet(scope, jsii.String(id), &dataawssubnet.DataAwsSubnetConfig{
			Id: jsii.String(id), Lifecycle: &cdktf.TerraformResourceLifecycle{Postcondition: &conditions},
		})
		if n.VPCID == nil {
			n.VPCID = found.VpcId()
		}
	}
}

// create makes the VPC. Each subnet has a route table of its own, so that another number of NAT gateways changes routes
// and nothing else.
func (n *Network) create(this constructs.Construct) {
	d, config := n.props.Deployment, n.props.Config
	n.VPCID = vpc.NewVpc(this, jsii.String("vpc"), &vpc.VpcConfig{
		CidrBlock: jsii.String(config.CIDR), InstanceTenancy: jsii.String("default"), Tags: d.Tags(n.props.Name + "VPC"),
		EnableDnsHostnames: jsii.Bool(true), EnableDnsSupport: jsii.Bool(true),
		Lifecycle: d.Lifecycle(), // what is in its range cannot move
	}).Id()
	// Declared without rules: Terraform removes those that AWS puts there (EC2.2).
	defaultsecuritygroup.NewDefaultSecurityGroup(this, jsii.String("default-security-group"),
		&defaultsecuritygroup.DefaultSecurityGroupConfig{VpcId: n.VPCID, Tags: d.Tags(n.props.Name + "VPCDefault")})
	internet := internetgateway.NewInternetGateway(this, jsii.String("internet-gateway"),
		&internetgateway.InternetGatewayConfig{VpcId: n.VPCID, Tags: d.Tags(n.props.Name + "InternetGateway")})

	var gateways []*string
	var toNAT []cdktf.ITerraformDependable
	for index, zone := range config.Subnets() {
		number := index + 1
		public, publicTable := n.newSubnet(this, "Public", zone.Zone, zone.Public, number)
		private, privateTable := n.newSubnet(this, "Private", zone.Zone, zone.Private, number)
		n.PublicSubnets, n.PrivateSubnets = append(n.PublicSubnets, public), append(n.PrivateSubnets, private)
		n.privateTables = append(n.privateTables, privateTable)
		toInternet := route.NewRoute(this, jsii.Sprintf("public-%d-default", number), &route.RouteConfig{
			RouteTableId: publicTable, DestinationCidrBlock: jsii.String(anywhere), GatewayId: internet.Id(),
		})
		n.Ready = append(n.Ready, toInternet)
		if index < config.NATGateways {
			tags := d.Tags(fmt.Sprintf("%sNATGateway%d", n.props.Name, number))
			gateway := natgateway.NewNatGateway(this, jsii.Sprintf("nat-%d", number), &natgateway.NatGatewayConfig{
				SubnetId: public, Tags: tags, DependsOn: &[]cdktf.ITerraformDependable{toInternet},
			})
			address := gateway.PublicIp()
			if len(config.NATAddresses) > 0 {
				gateway.SetAllocationId(jsii.String(config.NATAddresses[index]))
			} else {
				own := eip.NewEip(this, jsii.Sprintf("nat-%d-address", number), &eip.EipConfig{
					Domain: jsii.String("vpc"), Tags: tags, Lifecycle: d.Lifecycle(), // others have let it in
				})
				gateway.SetAllocationId(own.Id())
				address = own.PublicIp()
			}
			n.NATAddresses, gateways = append(n.NATAddresses, address), append(gateways, gateway.Id())
		}
		if len(gateways) > 0 { // a zone without one of its own uses another's
			toNAT = append(toNAT, route.NewRoute(this, jsii.Sprintf("private-%d-default", number), &route.RouteConfig{
				RouteTableId: privateTable, DestinationCidrBlock: jsii.String(anywhere),
				NatGatewayId: gateways[index%len(gateways)],
			}))
		}
	}
	n.Ready = append(n.Ready, toNAT...)
	n.newFlowLog(this)
}

// newSubnet creates the public or private subnet of a zone with its own route table. Nothing that starts in it
// gets a public address by itself (EC2.15).
func (n *Network) newSubnet(scope constructs.Construct, kind, zone, cidr string, number int) (subnetID, table *string) {
	d, id := n.props.Deployment, fmt.Sprintf("%s-%d", strings.ToLower(kind), number)
	tags := d.Tags(fmt.Sprintf("%s%sSubnet%d", n.props.Name, kind, number))
	subnetID = subnet.NewSubnet(scope, jsii.String(id), &subnet.SubnetConfig{
		VpcId: n.VPCID, AvailabilityZone: jsii.String(zone), CidrBlock: jsii.String(cidr),
		MapPublicIpOnLaunch: jsii.Bool(false), Tags: tags, Lifecycle: d.Lifecycle(),
	}).Id()
	table = routetable.NewRouteTable(scope, jsii.String(id+"-routes"), &routetable.RouteTableConfig{
		VpcId: n.VPCID, Tags: tags,
	}).Id()
	routetableassociation.NewRouteTableAssociation(scope, jsii.String(id+"-association"),
		&routetableassociation.RouteTableAssociationConfig{SubnetId: subnetID, RouteTableId: table})
	return subnetID, table
}

// newFlowLog records all traffic of the VPC, accepted and rejected (EC2.6, CKV2_AWS_11):
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
func (n *Network) newFlowLog(scope constructs.Construct) {
	this, d := constructs.NewConstruct(scope, jsii.String("flow-log")), n.props.Deployment
	group := logs.NewGroup(this, "group", d, logs.Name(d, "vpc-flow-logs"))
	role := d.NewRole(this, "role", deployment.RoleProps{
		Name: n.props.Name + "FlowLogRole", Description: "Writes the VPC's flow logs", Service: "vpc-flow-logs.amazonaws.com",
		Conditions: d.ARNs.Sources("ec2", "vpc-flow-log/*"),
		Statements: []policy.Statement{policy.Allow("WriteFlowLogs", "logs:CreateLogStream", "logs:DescribeLogStreams",
			"logs:PutLogEvents").On(jsii.String(*group.Arn() + ":*"))},
	})
	flowlog.NewFlowLog(this, jsii.String("flow-log"), &flowlog.FlowLogConfig{
		VpcId: n.VPCID, TrafficType: jsii.String("ALL"), Tags: d.Tags(n.props.Name + "FlowLog"), IamRoleArn: role.ARN,
		LogDestinationType: jsii.String("cloud-watch-logs"), LogDestination: group.Arn(),
		MaxAggregationInterval: jsii.Number(n.props.Config.FlowLogIntervalSeconds),
		DependsOn:              &[]cdktf.ITerraformDependable{role.Permissions},
	})
}
