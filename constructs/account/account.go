// Package account is what the environments of an AWS account share: the bucket of their states, the repository of the
// API's image, the delivery of firewall logs, and the roles of their pipeline.
package account

import (
	"embed"
	"encoding/json"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrlifecyclepolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrrepository"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamopenidconnectprovider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iampolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicyattachment"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/firewall"
	"tap/constructs/internal/bucket"
	"tap/constructs/policy"
)

const (
	// replacedStateDays is how long an overwritten state can be restored.
	replacedStateDays = 365
	// keptImages are more than anybody rolls back to. ECR does not know which image runs and expires it all the same:
	// https://github.com/aws/containers-roadmap/issues/1078
	keptImages = 500
	// issuer is GitHub's OpenID Connect provider; its claims are described at
	// https://docs.github.com/en/actions/reference/security/oidc
	issuer = "token.actions.githubusercontent.com"
	// sessionSeconds is how long a workflow keeps a role: a first deployment takes half an hour.
	sessionSeconds = 7200
)

// Account is what an account's stack hands to people and pipelines.
type Account struct {
	StatesBucket  *string // output StatesBucket
	RepositoryURL *string // output RepositoryURL
	// Planner, Deployer, Inspector and Publisher are the ARNs of the pipeline's roles; nil where the file names no
	// repository of GitHub.
	Planner, Deployer, Inspector, Publisher *string
}

// New creates everything. The states' bucket exists already, since the state of this stack is in it too; Terraform
// takes it over.
func New(scope constructs.Construct, id string, file config.Account) Account {
	this := constructs.NewConstruct(scope, jsii.String(id))
	account := policy.AccountOf(this, "partition", file.ID, file.Region)
	states := bucket.New(this, "states", bucket.Props{
		Name: jsii.String(file.StatesBucket()), Exists: true, Protect: true, NoncurrentDays: replacedStateDays,
	})
	result := Account{StatesBucket: states.Name, RepositoryURL: newRepository(this)}
	newFindings(this, account, file.Emails)
	firewall.AllowLogDelivery(this, "firewall-logs", "tap-firewall-logs", account, firewall.LogGroup("*"))
	// config.BoundaryPolicy is the most that a role of an environment can be allowed whatever its own policy says: the
	// deployer creates roles, and could otherwise create one with more permissions than its own. Every environment of
	// the account names it, with a pipeline or without.
	newPolicy(this, "boundary", file, account)
	if file.GitHub.Subject != "" {
		result.addRoles(this, file, account)
	}
	return result
}

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
	expire := func(priority int, description string, selection map[string]any) map[string]any {
		return map[string]any{"rulePriority": priority, "description": description, "selection": selection,
			"action": map[string]any{"type": "expire"}}
	}
	ecrlifecyclepolicy.NewEcrLifecyclePolicy(scope, jsii.String("expiry"), &ecrlifecyclepolicy.EcrLifecyclePolicyConfig{
		Repository: repository.Name(),
		Policy: policy.JSON(map[string]any{"rules": []any{
			expire(1, "Layers without a tag", map[string]any{
				"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}),
			expire(2, "More than anybody rolls back to", map[string]any{
				"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keptImages}),
		}}),
	})
	return repository.RepositoryUrl()
}

// addRoles creates the roles that GitHub's workflows assume:
//   - the planner plans, also a pull request: it writes nothing and reads no secret, since a branch's own code runs
//     with it;
//   - the deployer applies, from the main branch and through the GitHub environment that is named as the stack;
//   - the inspector compares environments with their states, from the main branch without an approval, as at night: it
//     writes nothing, but the provider's refresh reads the database's secret;
//   - the publisher pushes the API's images, from the main branch, and does nothing else.
func (a *Account) addRoles(scope constructs.Construct, file config.Account, account policy.Account) {
	this := constructs.NewConstruct(scope, jsii.String("pipeline"))
	provider := account.GlobalARN("iam", "oidc-provider/"+issuer)
	if !file.GitHub.ProviderExists {
		provider = iamopenidconnectprovider.NewIamOpenidConnectProvider(this, jsii.String("github"), &iamopenidconnectprovider.IamOpenidConnectProviderConfig{
			Url: jsii.String("https://" + issuer), ClientIdList: jsii.Strings("sts.amazonaws.com"),
		}).Arn()
	}
	managed := map[string]*string{} // ARNs of policies
	newRole := func(name, description string, subjects, policies []string, further ...policy.Condition) *string {
		role := iamrole.NewIamRole(this, jsii.String(name+"-role"), &iamrole.IamRoleConfig{
			Name: jsii.String("tap-" + name), Description: jsii.String(description),
			MaxSessionDuration: jsii.Number(sessionSeconds),
			AssumeRolePolicy: policy.Document(policy.Statement{
				Sid: "Assume", Actions: []string{"sts:AssumeRoleWithWebIdentity"},
				Principal: policy.Principal{Type: "Federated", Identifier: provider},
				Conditions: append([]policy.Condition{
					policy.Equals(issuer+":aud", jsii.String("sts.amazonaws.com")),
					policy.Equals(issuer+":sub", *jsii.Strings(subjects...)...),
					policy.Equals(issuer+":repository_id", jsii.String(file.GitHub.RepositoryID)),
				}, further...),
			}),
		})
		for _, policy := range policies {
			if managed[policy] == nil {
				managed[policy] = newPolicy(this, policy, file, account)
			}
			iamrolepolicyattachment.NewIamRolePolicyAttachment(this, jsii.String(name+"-has-"+policy), &iamrolepolicyattachment.IamRolePolicyAttachmentConfig{
				Role: role.Name(), PolicyArn: managed[policy],
			})
		}
		return role.Arn()
	}
	subject, branch := file.GitHub.Subject, "refs/heads/"+file.GitHub.Branch
	fromBranch, onBranch := subject+":ref:"+branch, policy.Equals(issuer+":ref", jsii.String(branch))
	environments := []string{}
	for _, environment := range file.Environments {
		environments = append(environments, subject+":environment:tap-"+environment.Suffix)
	}
	a.Planner = newRole("planner", "Plans an environment: no write, no secret",
		[]string{subject + ":pull_request", fromBranch}, []string{"planner"})
	a.Deployer = newRole("deployer", "Applies environments, as their GitHub environments approve", environments,
		[]string{"reader", "deployer-access", "deployer-data", "deployer-network", "deployer-service"}, onBranch)
	a.Inspector = newRole("inspector", "Compares environments with their states: no write", []string{fromBranch},
		[]string{"reader", "inspector"}, onBranch)
	a.Publisher = newRole("publisher", "Pushes the images of the API", []string{fromBranch},
		[]string{"publisher"}, onBranch)
}

// policies are the boundary and the policies of the pipeline's roles, JSON files with variables. A resource is named
// where AWS knows its name before it exists, else recognized by the project's tags. AWS allows 6,144 characters a
// policy, without white space, and 10 policies a role:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
//go:embed policies/*.json
var policies embed.FS

// newPolicy creates the managed policy tap-<name> and returns its ARN.
func newPolicy(scope constructs.Construct, name string, file config.Account, account policy.Account) *string {
	text, err := policies.ReadFile("policies/" + name + ".json")
	if err != nil {
		panic(err)
	}
	zones := []string{}
	for _, environment := range file.Environments {
		if zone := environment.LoadBalancer.Domain.ZoneID; zone != "" {
			zones = append(zones, zone)
		}
	}
	if len(zones) == 0 {
		zones = []string{"none"} // which is not the ID of a zone
	}
	completed := strings.NewReplacer(
		"${partition}", *account.Partition, "${account}", *account.ID, "${region}", account.Region,
		"${states}", file.StatesBucket(), "${repository}", config.Repository, "${iamUsername}", config.IAMUsername,
		"${zones}", strings.Join(zones, `","arn:`+*account.Partition+`:route53:::hostedzone/`),
	).Replace(*policy.JSON(json.RawMessage(text)))
	return iampolicy.NewIamPolicy(scope, jsii.String(name), &iampolicy.IamPolicyConfig{
		Name: jsii.String("tap-" + name), Policy: jsii.String(completed),
	}).Arn()
}
