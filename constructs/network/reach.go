package network

import (
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsec2managedprefixlist"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/securitygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcendpoint"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupegressrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupingressrule"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// anywhere is every IPv4 address.
const anywhere = "0.0.0.0/0"

// SecurityGroup has no rule of its own: each call of Allow and its like adds one edge, what it may reach or what
// may reach it.
type SecurityGroup struct {
	ID   *string
	Name string
}

// NewSecurityGroup creates a security group of the VPC, named <kind>-<suffix>.
func (n *Network) NewSecurityGroup(scope constructs.Construct, id, kind, description string) SecurityGroup {
	name := n.props.Deployment.Name(kind)
	group := securitygroup.NewSecurityGroup(scope, jsii.String(id), &securitygroup.SecurityGroupConfig{
		Name: jsii.String(name), Description: jsii.String(description), VpcId: n.VPCID, Tags: deployment.NameTag(name),
	})
	return SecurityGroup{ID: group.Id(), Name: name}
}

// Allow lets members of one security group open TCP connections to a port of another's: out of
// the first, into the second.
func Allow(scope constructs.Construct, id string, from, to SecurityGroup, port int) []cdktf.ITerraformDependable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	return []cdktf.ITerraformDependable{
		allowOut(this, "out", from, port, "To "+to.Name, rule{ReferencedSecurityGroupId: to.ID}),
		allowIn(this, "in", to, port, "From "+from.Name, rule{ReferencedSecurityGroupId: from.ID}),
	}
}

// AllowFrom opens a TCP port of a security group to ranges of IPv4 addresses and prefix lists; without any to the
// internet.
func AllowFrom(scope constructs.Construct, id string, to SecurityGroup, port int,
	sources []string) (rules []cdktf.ITerraformDependable) {
	for _, source := range sources {
		from := rule{CidrIpv4: jsii.String(source)}
		if strings.HasPrefix(source, "pl-") {
			from = rule{PrefixListId: jsii.String(source)}
		}
		rules = append(rules, allowIn(scope, id+"-"+strings.ReplaceAll(source, "/", "-"), to, port, "From "+source, from))
	}
	if len(sources) == 0 {
		rules = append(rules, allowIn(scope, id, to, port, "From the internet", rule{CidrIpv4: jsii.String(anywhere)}))
	}
	return rules
}

// AllowHealthCheckers opens a TCP port of a security group to what checks from outside, Route 53:
// https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
func AllowHealthCheckers(scope constructs.Construct, id string, to SecurityGroup, port int,
	region string) cdktf.ITerraformDependable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	list := dataawsec2managedprefixlist.NewDataAwsEc2ManagedPrefixList(this, jsii.String("list"), &dataawsec2managedprefixlist.DataAwsEc2ManagedPrefixListConfig{
		Name: jsii.String("com.amazonaws." + region + ".route53-healthchecks"),
	})
	return allowIn(this, "in", to, port, "From Route 53's health checkers", rule{PrefixListId: list.Id()})
}

// AllowAWS lets members of a security group reach what a task needs of AWS (images, logs, secrets) on port 443:
// anywhere, or, where nothing leads to the internet, the VPC's own endpoints only.
func (n *Network) AllowAWS(scope constructs.Construct, id string, from SecurityGroup) []cdktf.ITerraformDependable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	rules := []cdktf.ITerraformDependable{}
	if n.endpoints != nil {
		rules = Allow(this, "endpoints", from, n.endpointGroup, 443)
	}
	if n.props.Config.NATGateways > 0 || n.props.Config.IsExisting() {
		return append(rules, allowOut(this, "internet", from, 443, "To AWS and other APIs over TLS",
			rule{CidrIpv4: jsii.String(anywhere)}))
	}
	return append(rules, allowOut(this, "s3", from, 443, "To S3, where ECR keeps the layers of images",
		rule{PrefixListId: n.s3PrefixListID}))
}

// rule is one of a security group, given with its peer only. Those of both directions have the same fields.
type rule = vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig

func allowOut(scope constructs.Construct, id string, from SecurityGroup, port int, description string,
	to rule) cdktf.ITerraformDependable {
	to = overTCP(from, port, description, to)
	return vpcsecuritygroupegressrule.NewVpcSecurityGroupEgressRule(scope, jsii.String(id), &to)
}

func allowIn(scope constructs.Construct, id string, to SecurityGroup, port int, description string,
	from rule) cdktf.ITerraformDependable {
	ingress := vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig(overTCP(to, port, description, from))
	return vpcsecuritygroupingressrule.NewVpcSecurityGroupIngressRule(scope, jsii.String(id), &ingress)
}

func overTCP(group SecurityGroup, port int, description string, peer rule) rule {
	peer.SecurityGroupId, peer.Tags, peer.Description = group.ID, deployment.NameTag(group.Name), jsii.String(description)
	peer.IpProtocol, peer.FromPort, peer.ToPort = jsii.String("tcp"), jsii.Number(port), jsii.Number(port)
	return peer
}

// newEndpoints keeps traffic to S3 inside the VPC, since a gateway endpoint costs nothing, where it can be in the
// private subnets' route tables, and prepares for interface endpoints where the environment asks for them.
func (n *Network) newEndpoints(scope constructs.Construct) {
	this, d := constructs.NewConstruct(scope, jsii.String("endpoints")), n.props.Deployment
	if len(n.privateTables) > 0 {
		n.s3PrefixListID = vpcendpoint.NewVpcEndpoint(this, jsii.String("s3"), &vpcendpoint.VpcEndpointConfig{
			VpcId: n.VPCID, ServiceName: n.serviceName("s3"), VpcEndpointType: jsii.String("Gateway"),
			RouteTableIds: &n.privateTables, Tags: d.Tags(n.props.Name + "S3Endpoint"),
			// What ECR asks for while an image is pulled is signed by ECR, not by the account:
			// https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
			Policy: policy.Document(n.ownAccountOnly(), policy.Allow("ImageLayers", "s3:GetObject").To(policy.Anyone()).
				On(jsii.Sprintf("arn:%s:s3:::prod-%s-starport-layer-bucket/*", *d.ARNs.Partition, d.ARNs.Region))),
		}).PrefixListId()
	}
	if n.props.Config.InterfaceEndpoints {
		n.endpoints = this
		n.endpointGroup = n.NewSecurityGroup(this, "security-group", n.props.Name+"Endpoints",
			"Interface endpoints of the VPC")
	}
}

// EnsureEndpoints makes AWS services reachable from the VPC without the internet, by names such as ecr.api, where the
// environment asks for interface endpoints.
func (n *Network) EnsureEndpoints(services ...string) {
	for _, service := range services {
		if n.endpoints == nil || n.endpoints.Node().TryFindChild(jsii.String(service)) != nil {
			continue
		}
		n.Ready = append(n.Ready, vpcendpoint.NewVpcEndpoint(n.endpoints, jsii.String(service), &vpcendpoint.VpcEndpointConfig{
			VpcId: n.VPCID, ServiceName: n.serviceName(service), VpcEndpointType: jsii.String("Interface"),
			SubnetIds: &n.PrivateSubnets, SecurityGroupIds: &[]*string{n.endpointGroup.ID}, PrivateDnsEnabled: jsii.Bool(true),
			Policy: policy.Document(n.ownAccountOnly()),
			Tags:   deployment.NameTag(n.props.Deployment.Name(n.props.Name+"Endpoint") + "-" + service),
		}))
	}
}

func (n *Network) serviceName(service string) *string {
	return jsii.String("com.amazonaws." + n.props.Deployment.ARNs.Region + "." + service)
}

// ownAccountOnly lets only the account's own principals through an endpoint, and only to resources of the account (and
// of that of private images), so that nobody can carry data out to, or with credentials of, another account.
func (n *Network) ownAccountOnly() policy.Statement {
	account := n.props.Deployment.ARNs.ID
	owners := append([]*string{account}, *jsii.Strings(n.props.ImageAccounts...)...)
	return policy.Allow("OwnAccount", "*").On(jsii.String("*")).To(policy.Anyone()).
		If(policy.Equals("aws:PrincipalAccount", account), policy.Equals("aws:ResourceAccount", owners...))
}
