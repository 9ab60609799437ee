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
	"tap/constructs/policy"
)

// Props configures New.
type Props struct {
	Deployment deployment.Deployment
	Config     config.Network
	// ImageAccount is the account of a private repository from which images are pulled; empty: the own one.
	ImageAccount string
}

// Network is a VPC with a public and a private subnet in each zone.
type Network struct {
	VPCID          *string
	PublicSubnets  []*string
	PrivateSubnets []*string
	// NATAddresses are the public addresses of the NAT gateways.
	NATAddresses []*string
	// Ready has to exist before anything in a subnet can reach AWS and the internet, or be reached: routes and
	// endpoints.
	Ready []cdktf.ITerraformDependable

	deployment     deployment.Deployment
	imageAccount   string
	onlyEndpoints  bool       // of this network lead to AWS, and nothing to the internet
	endpoints      *endpoints // nil without interface endpoints
	s3PrefixListID *string
}

// New creates the network, or finds the one that exists. Interface endpoints are made as they are needed (see Reach).
func New(scope constructs.Construct, id string, props Props) *Network {
	this := constructs.NewConstruct(scope, jsii.String(id))
	network := &Network{
		deployment:    props.Deployment,
		imageAccount:  props.ImageAccount,
		onlyEndpoints: props.Config.NATGateways == 0 && !props.Config.IsExisting(),
	}
	var privateTables []*string
	if props.Config.IsExisting() {
		network.find(this, props.Config.Existing)
	} else {
		privateTables = network.create(this, props)
	}
	network.newEndpoints(this, props.Config.InterfaceEndpoints, privateTables)
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
			Id:        jsii.String(id),
			Lifecycle: &cdktf.TerraformResourceLifecycle{Postcondition: &conditions},
		})
		if n.VPCID == nil {
			n.VPCID = found.VpcId()
		}
	}
}

// create makes the VPC, and returns the route tables of the private subnets. Each subnet has a table of its own, so
// that another number of NAT gateways changes routes and nothing else.
func (n *Network) create(this constructs.Construct, props Props) (privateTables []*string) {
	named := props.Deployment.Tags

	main := vpc.NewVpc(this, jsii.String("vpc"), &vpc.VpcConfig{
		CidrBlock:          jsii.String(props.Config.CIDR),
		EnableDnsHostnames: jsii.Bool(true),
		EnableDnsSupport:   jsii.Bool(true),
		InstanceTenancy:    jsii.String("default"),
		Tags:               named("PaymentVPC"),
		Lifecycle:          props.Deployment.Lifecycle(), // what is in its range cannot move
	})
	// Declared without rules: Terraform removes those that AWS puts there (EC2.2).
	defaultsecuritygroup.NewDefaultSecurityGroup(this, jsii.String("default-security-group"), &defaultsecuritygroup.DefaultSecurityGroupConfig{
		VpcId: main.Id(),
		Tags:  named("PaymentVPCDefault"),
	})
	internet := internetgateway.NewInternetGateway(this, jsii.String("internet-gateway"), &internetgateway.InternetGatewayConfig{
		VpcId: main.Id(),
		Tags:  named("PaymentInternetGateway"),
	})

	n.VPCID = main.Id()
	var gateways []natgateway.NatGateway
	for index, zone := range props.Config.Subnets() {
		number := index + 1
		public, publicTable := newSubnet(this, props.Deployment, "public", number, main.Id(), zone.Zone, zone.Public)
		toInternet := route.NewRoute(this, jsii.Sprintf("public-%d-default", number), &route.RouteConfig{
			RouteTableId:         publicTable,
			DestinationCidrBlock: jsii.String(anywhere),
			GatewayId:            internet.Id(),
		})
		n.Ready = append(n.Ready, toInternet)
		if index < props.Config.NATGateways {
			address := eip.NewEip(this, jsii.Sprintf("nat-%d-address", number), &eip.EipConfig{
				Domain: jsii.String("vpc"),
				Tags:   named(fmt.Sprintf("PaymentNATGateway%d", number)),
			})
			n.NATAddresses = append(n.NATAddresses, address.PublicIp())
			gateways = append(gateways, natgateway.NewNatGateway(this, jsii.Sprintf("nat-%d", number), &natgateway.NatGatewayConfig{
				AllocationId: address.Id(),
				SubnetId:     public,
				Tags:         named(fmt.Sprintf("PaymentNATGateway%d", number)),
				DependsOn:    &[]cdktf.ITerraformDependable{toInternet},
			}))
		}
		private, privateTable := newSubnet(this, props.Deployment, "private", number, main.Id(), zone.Zone, zone.Private)
		privateTables = append(privateTables, privateTable)
		n.PublicSubnets = append(n.PublicSubnets, public)
		n.PrivateSubnets = append(n.PrivateSubnets, private)
	}
	for index, table := range privateTables {
		if len(gateways) == 0 {
			break
		}
		n.Ready = append(n.Ready, route.NewRoute(this, jsii.Sprintf("private-%d-default", index+1), &route.RouteConfig{
			RouteTableId:         table,
			DestinationCidrBlock: jsii.String(anywhere),
			NatGatewayId:         gateways[index%len(gateways)].Id(),
		}))
	}

	newFlowLog(this, main.Id(), props)
	return privateTables
}

// newSubnet creates the public or private subnet of a zone with its own route table. Nothing that starts in it
// gets a public address by itself (EC2.15).
func newSubnet(scope constructs.Construct, d deployment.Deployment, kind string, number int, vpcID *string,
	zone, cidr string) (subnetID, tableID *string) {
	id := fmt.Sprintf("%s-%d", kind, number)
	tags := d.Tags(fmt.Sprintf("Payment%sSubnet%d", strings.ToUpper(kind[:1])+kind[1:], number))
	created := subnet.NewSubnet(scope, jsii.String(id), &subnet.SubnetConfig{
		VpcId:               vpcID,
		AvailabilityZone:    jsii.String(zone),
		CidrBlock:           jsii.String(cidr),
		MapPublicIpOnLaunch: jsii.Bool(false),
		Tags:                tags,
		Lifecycle:           d.Lifecycle(),
	})
	table := routetable.NewRouteTable(scope, jsii.String(id+"-routes"), &routetable.RouteTableConfig{
		VpcId: vpcID,
		Tags:  tags,
	})
	routetableassociation.NewRouteTableAssociation(scope, jsii.String(id+"-association"), &routetableassociation.RouteTableAssociationConfig{
		SubnetId:     created.Id(),
		RouteTableId: table.Id(),
	})
	return created.Id(), table.Id()
}

// newFlowLog records all traffic of the VPC, accepted and rejected (EC2.6, CKV2_AWS_11).
func newFlowLog(scope constructs.Construct, vpcID *string, props Props) {
	this := constructs.NewConstruct(scope, jsii.String("flow-log"))
	group := props.Deployment.NewLogGroup(this, "group", "/tap-"+props.Deployment.Suffix+"/vpc-flow-logs")
	role := props.Deployment.NewRole(this, "role", policy.RoleProps{
		Name:        "PaymentFlowLogRole",
		Description: "Writes the VPC's flow logs",
		Service:     "vpc-flow-logs.amazonaws.com",
		// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
		Conditions: []policy.Condition{
			policy.Equals("aws:SourceAccount", props.Deployment.Account.ID),
			policy.ARNLike("aws:SourceArn", props.Deployment.Account.ARN("ec2", "vpc-flow-log/*")),
		},
		Statements: []policy.Statement{{
			Sid:       "WriteFlowLogs",
			Actions:   []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
			Resources: []*string{jsii.String(*group.Arn() + ":*")},
		}},
	})
	flowlog.NewFlowLog(this, jsii.String("flow-log"), &flowlog.FlowLogConfig{
		VpcId:                  vpcID,
		TrafficType:            jsii.String("ALL"),
		LogDestinationType:     jsii.String("cloud-watch-logs"),
		LogDestination:         group.Arn(),
		IamRoleArn:             role.ARN,
		MaxAggregationInterval: jsii.Number(props.Config.FlowLogIntervalSeconds),
		Tags:                   props.Deployment.Tags("PaymentFlowLog"),
		DependsOn:              &[]cdktf.ITerraformDependable{role.Permissions},
	})
}
