package network

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/securitygroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupegressrule"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/vpcsecuritygroupingressrule"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// SecurityGroup has no rule of its own: each call of Allow and its like adds one edge, what it may reach or what
// may reach it.
type SecurityGroup struct {
	ID   *string
	Name string
}

// anywhere is every IPv4 address.
const anywhere = "0.0.0.0/0"

// NewSecurityGroup creates a security group of the VPC, named name.
func (n *Network) NewSecurityGroup(scope constructs.Construct, id, name, description string) SecurityGroup {
	group := securitygroup.NewSecurityGroup(scope, jsii.String(id), &securitygroup.SecurityGroupConfig{
		Name:        jsii.String(name),
		Description: jsii.String(description),
		VpcId:       n.VPCID,
		Tags:        nameTag(name),
	})
	return SecurityGroup{ID: group.Id(), Name: name}
}

// Allow lets members of one security group open TCP connections to a port of another's: out of
// the first, into the second.
func Allow(scope constructs.Construct, id string, from, to SecurityGroup, port int) []cdktf.ITerraformDependable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	out := vpcsecuritygroupegressrule.NewVpcSecurityGroupEgressRule(this, jsii.String("out"), &vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig{
		SecurityGroupId:           from.ID,
		ReferencedSecurityGroupId: to.ID,
		IpProtocol:                jsii.String("tcp"),
		FromPort:                  jsii.Number(port),
		ToPort:                    jsii.Number(port),
		Description:               jsii.String("To " + to.Name),
		Tags:                      nameTag(from.Name),
	})
	in := vpcsecuritygroupingressrule.NewVpcSecurityGroupIngressRule(this, jsii.String("in"), &vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig{
		SecurityGroupId:           to.ID,
		ReferencedSecurityGroupId: from.ID,
		IpProtocol:                jsii.String("tcp"),
		FromPort:                  jsii.Number(port),
		ToPort:                    jsii.Number(port),
		Description:               jsii.String("From " + from.Name),
		Tags:                      nameTag(to.Name),
	})
	return []cdktf.ITerraformDependable{out, in}
}

// AllowFromInternet opens a TCP port of a security group to every IPv4 address.
func AllowFromInternet(scope constructs.Construct, id string, to SecurityGroup, port int) cdktf.ITerraformDependable {
	return vpcsecuritygroupingressrule.NewVpcSecurityGroupIngressRule(scope, jsii.String(id), &vpcsecuritygroupingressrule.VpcSecurityGroupIngressRuleConfig{
		SecurityGroupId: to.ID,
		CidrIpv4:        jsii.String(anywhere),
		IpProtocol:      jsii.String("tcp"),
		FromPort:        jsii.Number(port),
		ToPort:          jsii.Number(port),
		Description:     jsii.String("From the internet"),
		Tags:            nameTag(to.Name),
	})
}

// AllowAWS lets members of a security group reach what a task needs of AWS (images, logs, secrets) on port 443:
// anywhere, or, where nothing leads to the internet, the VPC's own endpoints only.
func (n *Network) AllowAWS(scope constructs.Construct, id string, from SecurityGroup) []cdktf.ITerraformDependable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	out := func(id string, rule vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig) cdktf.ITerraformDependable {
		rule.SecurityGroupId = from.ID
		rule.IpProtocol = jsii.String("tcp")
		rule.FromPort = jsii.Number(443)
		rule.ToPort = jsii.Number(443)
		rule.Tags = nameTag(from.Name)
		return vpcsecuritygroupegressrule.NewVpcSecurityGroupEgressRule(this, jsii.String(id), &rule)
	}
	rules := []cdktf.ITerraformDependable{}
	if n.endpoints != nil {
		rules = append(rules, Allow(this, "endpoints", from, n.endpoints.group, 443)...)
	}
	if !n.onlyEndpoints {
		return append(rules, out("internet", vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig{
			CidrIpv4: jsii.String(anywhere), Description: jsii.String("To AWS and other APIs over TLS"),
		}))
	}
	return append(rules, out("s3", vpcsecuritygroupegressrule.VpcSecurityGroupEgressRuleConfig{
		PrefixListId: n.s3PrefixListID, Description: jsii.String("To S3, where ECR keeps the layers of images"),
	}))
}

func nameTag(name string) *map[string]*string {
	return &map[string]*string{"Name": jsii.String(name)}
}
