// Package account is what the environments of an AWS account share: the bucket of their states, the repository of the
// API's image, the delivery of firewall logs, and the roles of their pipeline.
package account

import (
	"embed"
	"encoding/json"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawssubnet"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrlifecyclepolicy"
	scanning "github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrregistryscanningconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrrepository"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamopenidconnectprovider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iampolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicyattachment"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/encryption"
	"tap/constructs/firewall"
	"tap/constructs/internal/bucket"
	"tap/constructs/monitoring"
	"tap/constructs/policy"
)

const (
	// replacedStateDays is how long an overwritten state or certificate can be restored.
	replacedStateDays = 365
	// issuer is GitHub's OpenID Connect provider; its claims are described at
	// https://docs.github.com/en/actions/reference/security/oidc
	issuer = "token.actions.githubusercontent.com"
)

// New creates everything, and returns the outputs of the account's stack. The states' bucket exists already, since the
// state of this stack is in it too; Terraform takes it over.
func New(scope constructs.Construct, id string, account config.Account) (statesBucket, repositoryURL *string) {
	this := constructs.NewConstruct(scope, jsii.String(id))
	arns := policy.NewARNs(this, account.ID, account.Region)
	states := bucket.New(this, "states", bucket.Props{
		Name: jsii.String(account.StatesBucket()), Exists: true, Protect: true, NoncurrentDays: replacedStateDays,
	})
	// What identifies clients is replaced rarely, and missed at once.
	bucket.New(this, "trust", bucket.Props{
		Name: jsii.String(account.TrustBucket()), Protect: true, NoncurrentDays: replacedStateDays,
	})
	newFindings(this, arns, account.Emails)
	firewall.AllowLogDelivery(this, "firewall-logs", "tap-firewall-logs", arns, firewall.LogGroup("tap-*"))
	// config.BoundaryPolicy is the most that a role of an environment can be allowed whatever its own policy says: the
	// deployer creates roles, and could otherwise create one with more permissions than its own. Every environment of
	// the account names its own, with a pipeline or without. Its text has the suffix and not the role's tag: whoever
	// creates a role decides who may assume it and with which tags, and those of a session hide those of the role.
	for _, environment := range account.Environments {
		newPolicy(this, "boundary", environment.Suffix, account, arns)
	}
	if account.GitHub.Subject != "" {
		addRoles(this, account, arns)
	}
	return states.Name, newRepository(this)
}

// expiry keeps more images than anybody rolls back to. ECR does not know which image runs and expires it all the same:
// https://github.com/aws/containers-roadmap/issues/1078
//
//go:embed expiry.json
var expiry string

// newRepository creates the repository of the API's image, of which a tag never moves and every image is scanned
// (ECR.1, ECR.2, ECR.3), and returns its URL.
func newRepository(scope constructs.Construct) *string {
	repository := ecrrepository.NewEcrRepository(scope, jsii.String("repository"), &ecrrepository.EcrRepositoryConfig{
		Name:                       jsii.String(config.Repository),
		ImageTagMutability:         jsii.String("IMMUTABLE"),
		ImageScanningConfiguration: &ecrrepository.EcrRepositoryImageScanningConfiguration{ScanOnPush: jsii.Bool(true)},
		EncryptionConfiguration: []*ecrrepository.EcrRepositoryEncryptionConfiguration{
			{EncryptionType: jsii.String("KMS")}, // under the account's key for ECR
		},
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(true)},
	})
	ecrlifecyclepolicy.NewEcrLifecyclePolicy(scope, jsii.String("expiry"), &ecrlifecyclepolicy.EcrLifecyclePolicyConfig{
		Repository: repository.Name(),
		Policy:     policy.JSON(json.RawMessage(expiry)),
	})
	return repository.RepositoryUrl()
}

// newFindings has Inspector, which ECR switches on by itself, look for known vulnerabilities in the images of the
// registry, again and again while they run, and tells people of those of high severity:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced.html
func newFindings(scope constructs.Construct, arns policy.ARNs, emails []string) {
	this := constructs.NewConstruct(scope, jsii.String("findings"))
	scanning.NewEcrRegistryScanningConfiguration(this, jsii.String("scanning"), &scanning.EcrRegistryScanningConfigurationConfig{
		ScanType: jsii.String("ENHANCED"),
		Rule: []*scanning.EcrRegistryScanningConfigurationRule{{
			ScanFrequency: jsii.String("CONTINUOUS_SCAN"),
			RepositoryFilter: []*scanning.EcrRegistryScanningConfigurationRuleRepositoryFilter{
				{Filter: jsii.String("*"), FilterType: jsii.String("WILDCARD")},
			},
		}},
	})
	key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
		Description: jsii.String("Findings on their way to people"), EnableKeyRotation: jsii.Bool(true),
		Policy:    policy.Document(encryption.Administer(arns), encryption.Publish("PublishEvents", "events.amazonaws.com")),
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(true)},
	})
	topic := monitoring.NewTopic(this, "topic", monitoring.TopicProps{
		Name: "tap-findings", Title: "Findings in images", KeyARN: key.Arn(), Emails: emails,
		Publish: []policy.Statement{monitoring.PublishEvents},
	})
	// https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
	monitoring.NewRule(this, "tap-findings", topic, map[string]any{
		"source": []string{"aws.inspector2"}, "detail-type": []string{"Inspector2 Finding"},
		"detail": map[string]any{"severity": []string{"HIGH", "CRITICAL"}, "status": []string{"ACTIVE"}},
	}, nil)
}

// role is a role that GitHub's workflows assume.
type role struct {
	name, description string
	subjects          []string           // of GitHub's tokens, with which it is assumed
	onAnyBranch       bool               // not only on the one that is deployed
	environment       string             // the tag by which the policies know its environment; empty: it has none
	policies          []string           // the files of its managed policies
	further           []policy.Statement // what it may do beside them
}

// addRoles creates the roles of the account and of each of its environments:
//   - the planner plans, also a pull request: it writes nothing and reads no secret, since a branch's own code runs
//     with it;
//   - the publisher pushes the API's images, from the main branch, and does nothing else;
//   - a deployer applies, from the main branch and through the GitHub environment that is named as the stack;
//   - an inspector compares the account's stack or an environment with AWS, from the main branch without an approval,
//     as at night: it writes nothing, but the provider's refresh reads the database's secret.
func addRoles(scope constructs.Construct, account config.Account, arns policy.ARNs) {
	this := constructs.NewConstruct(scope, jsii.String("pipeline"))
	provider := arns.GlobalARN("iam", "oidc-provider/"+issuer)
	if !account.GitHub.ProviderExists {
		provider = iamopenidconnectprovider.NewIamOpenidConnectProvider(this, jsii.String("github"), &iamopenidconnectprovider.IamOpenidConnectProviderConfig{
			Url: jsii.String("https://" + issuer), ClientIdList: jsii.Strings("sts.amazonaws.com"),
		}).Arn()
	}
	branch, managed := "refs/heads/"+account.GitHub.Branch, map[string]*string{} // ARNs of policies
	add := func(r role) {
		conditions := []policy.Condition{
			policy.Equals(issuer+":aud", jsii.String("sts.amazonaws.com")),
			policy.Equals(issuer+":sub", *jsii.Strings(r.subjects...)...),
			policy.Equals(issuer+":repository_id", jsii.String(account.GitHub.RepositoryID)),
		}
		if !r.onAnyBranch {
			conditions = append(conditions, policy.Equals(issuer+":ref", jsii.String(branch)))
		}
		props := &iamrole.IamRoleConfig{
			Name: jsii.String("tap-" + r.name), Description: jsii.String(r.description),
			MaxSessionDuration: jsii.Number(2 * 60 * 60), // a first deployment takes half an hour
			// Without sts:TagSession: a tag of the session would hide the role's own.
			AssumeRolePolicy: policy.Document(policy.Allow("Assume", "sts:AssumeRoleWithWebIdentity").
				To(policy.Principal{"Federated": provider}).If(conditions...)),
		}
		if r.environment != "" {
			props.Tags = &map[string]*string{config.TagEnvironment: jsii.String(r.environment)}
		}
		created := iamrole.NewIamRole(this, jsii.String(r.name+"-role"), props)
		for _, name := range r.policies {
			if managed[name] == nil {
				managed[name] = newPolicy(this, name, "", account, arns)
			}
			iamrolepolicyattachment.NewIamRolePolicyAttachment(this, jsii.String(r.name+"-has-"+name), &iamrolepolicyattachment.IamRolePolicyAttachmentConfig{
				Role: created.Name(), PolicyArn: managed[name],
			})
		}
		if len(r.further) > 0 {
			iamrolepolicy.NewIamRolePolicy(this, jsii.String(r.name+"-own"), &iamrolepolicy.IamRolePolicyConfig{
				Name: jsii.String("own"), Role: created.Name(), Policy: policy.Document(r.further...),
			})
		}
	}
	subject := account.GitHub.Subject
	fromBranch := []string{subject + ":ref:" + branch}
	add(role{name: "planner", description: "Plans: no write, no secret", policies: []string{"planner"},
		subjects: append([]string{subject + ":pull_request"}, fromBranch...), onAnyBranch: true})
	add(role{name: "inspector", description: "Compares the account's stack with its state: no write",
		subjects: fromBranch, policies: []string{"account"}})
	add(role{name: "publisher", description: "Pushes the images of the API",
		subjects: fromBranch, policies: []string{"publisher"}})
	for _, environment := range account.Environments {
		suffix, policies := environment.Suffix, []string{"reader", "reader-own", "deployer-access", "deployer-backup",
			"deployer-data", "deployer-edge", "deployer-network", "deployer-service"}
		if environment.Class == config.Production {
			policies = append(policies, "evidence")
		}
		reads, writes := zoneAndNetwork(this, environment, arns)
		stack := environment.Stack()
		add(role{name: "deployer-" + suffix, description: "Applies " + stack + ", as its GitHub environment approves",
			subjects: []string{subject + ":environment:" + stack}, environment: suffix,
			policies: policies, further: append(writes, reads...)})
		add(role{name: "inspector-" + suffix, description: "Compares " + stack + " with its state: no write",
			subjects: fromBranch, environment: suffix,
			policies: []string{"reader", "reader-own", "inspector"}, further: reads})
	}
}

// zoneAndNetwork is what an environment's roles may do with what exists before it: the zone of its domain, and the VPC,
// which need not have the project's tags.
func zoneAndNetwork(scope constructs.Construct, environment config.Environment,
	arns policy.ARNs) (reads, writes []policy.Statement) {
	if domain := environment.LoadBalancer.Domain; domain.ZoneID != "" {
		zone := jsii.Sprintf("arn:%s:route53:::hostedzone/%s", *arns.Partition, domain.ZoneID)
		reads = append(reads, policy.Allow("ReadZone", "route53:GetHostedZone", "route53:ListResourceRecordSets").On(zone))
		// The domain's own record and ACM's proof of it, but no proof of a name below: a set of keys that is missing
		// matches ForAllValues. https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html
		const change = "route53:ChangeResourceRecordSets"
		const names, types = change + "NormalizedRecordNames", change + "RecordTypes"
		writes = []policy.Statement{policy.Allow("Records", change).On(zone).If([]policy.Condition{
			{Test: "Null", Variable: names, Values: *jsii.Strings("false")},
			{Test: "ForAllValues:StringLike", Variable: names, Values: *jsii.Strings(domain.Name, "_*."+domain.Name)},
			{Test: "ForAllValues:StringNotLike", Variable: names, Values: *jsii.Strings("_*.*." + domain.Name)},
			{Test: "ForAllValues:StringEquals", Variable: types, Values: *jsii.Strings("A", "CNAME")},
		}...)}
	}
	if addresses := environment.Network.NATAddresses; len(addresses) > 0 {
		use := policy.Allow("ExistingAddresses", "ec2:CreateNatGateway")
		for _, id := range addresses {
			use.Resource = append(use.Resource, arns.ARN("ec2", "elastic-ip/"+id))
		}
		writes = append(writes, use)
	}
	if network := environment.Network; network.IsExisting() {
		found := dataawssubnet.NewDataAwsSubnet(scope, jsii.String("subnet-"+environment.Suffix), &dataawssubnet.DataAwsSubnetConfig{
			Id: jsii.String(network.Existing.PrivateSubnets[0]),
		})
		use := policy.Allow("ExistingNetwork", "ec2:CreateSecurityGroup", "ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint").
			On(arns.ARN("ec2", "vpc/"+*found.VpcId()))
		for _, id := range network.Existing.PrivateSubnets {
			use.Resource = append(use.Resource, arns.ARN("ec2", "subnet/"+id))
		}
		writes = append(writes, use)
	}
	return reads, writes
}

// policies are the boundary and the policies of the pipeline's roles, JSON files with variables. What belongs to an
// environment is named where AWS knows its name before it exists, else recognized by its tags; which environment it is
// says the role's tag. So none is longer where an account has more of them: AWS allows 6,144 characters a policy,
// without white space, and 10 policies a role:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
//go:embed policies/*.json
var policies embed.FS

// newPolicy creates the managed policy tap-<name>, or tap-<name>-<suffix> of one environment, and returns its ARN.
func newPolicy(scope constructs.Construct, name, suffix string, account config.Account, arns policy.ARNs) *string {
	text, err := policies.ReadFile("policies/" + name + ".json")
	if err != nil {
		panic(err)
	}
	completed := strings.NewReplacer(
		"${partition}", *arns.Partition, "${account}", *arns.ID, "${region}", arns.Region,
		"${states}", account.StatesBucket(), "${trust}", account.TrustBucket(),
		"${repository}", config.Repository, "${iamUsername}", config.IAMUsername,
		"${suffix}", suffix, "${aws:", "$${aws:", // which is IAM's and not Terraform's
	).Replace(*policy.JSON(json.RawMessage(text)))
	id := strings.TrimSuffix(name+"-"+suffix, "-")
	return iampolicy.NewIamPolicy(scope, jsii.String(id), &iampolicy.IamPolicyConfig{
		Name: jsii.String("tap-" + id), Policy: jsii.String(completed),
	}).Arn()
}
