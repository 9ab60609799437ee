package account

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamopenidconnectprovider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iampolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrole"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/iamrolepolicyattachment"

	"tap/config"
	"tap/constructs/policy"
)

// issuer is GitHub's OpenID Connect provider; its claims are described at
// https://docs.github.com/en/actions/reference/security/oidc
const issuer = "token.actions.githubusercontent.com"

// sessionSeconds is how long a workflow keeps a role: a first deployment takes half an hour.
const sessionSeconds = 7200

// addRoles creates the roles that GitHub's workflows assume:
//   - the planner plans, also a pull request: it writes nothing and reads no secret, since a branch's own code runs
//     with it;
//   - the deployer applies, from the main branch and through the GitHub environment that is named as the stack;
//   - the inspector compares environments with their states, from the main branch without an approval, as at night: it
//     writes nothing, but the provider's refresh reads the database's secret;
//   - the publisher pushes the API's images, from the main branch, and does nothing else.
func (a *Account) addRoles(scope constructs.Construct, file config.Account, account policy.Account) {
	this := constructs.NewConstruct(scope, jsii.String("pipeline"))
	created := map[string]*string{}
	managed := func(name string) *string {
		if created[name] == nil {
			created[name] = newPolicy(this, name, file, account)
		}
		return created[name]
	}
	provider := account.GlobalARN("iam", "oidc-provider/"+issuer)
	if !file.GitHub.ProviderExists {
		provider = iamopenidconnectprovider.NewIamOpenidConnectProvider(this, jsii.String("github"), &iamopenidconnectprovider.IamOpenidConnectProviderConfig{
			Url:          jsii.String("https://" + issuer),
			ClientIdList: jsii.Strings("sts.amazonaws.com"),
		}).Arn()
	}
	branch := "refs/heads/" + file.GitHub.Branch
	newRole := func(name, description string, subjects, policies []string, further ...policy.Condition) *string {
		role := iamrole.NewIamRole(this, jsii.String(name+"-role"), &iamrole.IamRoleConfig{
			Name:               jsii.String("tap-" + name),
			Description:        jsii.String(description),
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
			iamrolepolicyattachment.NewIamRolePolicyAttachment(this, jsii.String(name+"-has-"+policy), &iamrolepolicyattachment.IamRolePolicyAttachmentConfig{
				Role:      role.Name(),
				PolicyArn: managed(policy),
			})
		}
		return role.Arn()
	}
	onBranch := policy.Equals(issuer+":ref", jsii.String(branch))
	subject := file.GitHub.Subject
	environments := []string{}
	for _, environment := range file.Environments {
		environments = append(environments, subject+":environment:tap-"+environment.Suffix)
	}
	a.Planner = newRole("planner", "Plans an environment: no write, no secret",
		[]string{subject + ":pull_request", subject + ":ref:" + branch}, []string{"planner"})
	a.Deployer = newRole("deployer", "Applies environments, as their GitHub environments approve", environments,
		[]string{"reader", "deployer-access", "deployer-data", "deployer-network", "deployer-service"}, onBranch)
	onlyBranch := []string{subject + ":ref:" + branch}
	a.Inspector = newRole("inspector", "Compares environments with their states: no write", onlyBranch,
		[]string{"reader", "inspector"}, onBranch)
	a.Publisher = newRole("publisher", "Pushes the images of the API", onlyBranch, []string{"publisher"}, onBranch)
}

// newPolicy creates the managed policy tap-<name> and returns its ARN.
func newPolicy(scope constructs.Construct, name string, file config.Account, account policy.Account) *string {
	return iampolicy.NewIamPolicy(scope, jsii.String(name), &iampolicy.IamPolicyConfig{
		Name:   jsii.String("tap-" + name),
		Policy: document(name, account, file),
	}).Arn()
}

// policies are the boundary and the policies of the pipeline's roles, JSON files with variables. A resource is named
// where AWS knows its name before it exists, else recognized by the project's tags. AWS allows 6,144 characters a
// policy, without white space, and 10 policies a role:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
//go:embed policies/*.json
var policies embed.FS

// document returns the JSON of a policy on one line.
func document(name string, account policy.Account, file config.Account) *string {
	text, err := policies.ReadFile("policies/" + name + ".json")
	var compact bytes.Buffer
	if err == nil {
		err = json.Compact(&compact, text)
	}
	if err != nil {
		panic(fmt.Sprintf("policy %s: %v", name, err))
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
	return jsii.String(strings.NewReplacer(
		"${partition}", *account.Partition,
		"${account}", *account.ID,
		"${region}", account.Region,
		"${states}", file.StatesBucket(),
		"${repository}", config.Repository,
		"${iamUsername}", config.IAMUsername,
		"${zones}", strings.Join(zones, `","arn:`+*account.Partition+`:route53:::hostedzone/`),
	).Replace(compact.String()))
}
