// Package account is what the environments of an AWS account share: the bucket of their states, the repository of the
// API's image, the delivery of firewall logs, and the roles of their pipeline.
package account

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrlifecyclepolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecrrepository"
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
func New(scope constructs.Construct, id string, config config.Account) Account {
	this := constructs.NewConstruct(scope, jsii.String(id))
	account := policy.AccountOf(this, "partition", config.ID, config.Region)
	states := bucket.New(this, "states", bucket.Props{
		Name:           jsii.String(config.StatesBucket()),
		Exists:         true,
		Protect:        true,
		NoncurrentDays: replacedStateDays,
	})
	repository := newRepository(this)
	firewall.AllowLogDelivery(this, "firewall-logs", "tap-firewall-logs", account, firewall.LogGroup("*"))
	// config.BoundaryPolicy is the most that a role of an environment can be allowed whatever its own policy says: the
	// deployer creates roles, and could otherwise create one with more permissions than its own. Every environment of
	// the account names it, with a pipeline or without.
	newPolicy(this, "boundary", config, account)
	result := Account{StatesBucket: states.Name, RepositoryURL: repository.RepositoryUrl()}
	if config.GitHub.Subject != "" {
		result.addRoles(this, config, account)
	}
	return result
}

// newRepository creates the repository of the API's image: a tag never moves, and every image is scanned (ECR.1, ECR.2,
// ECR.3).
func newRepository(scope constructs.Construct) ecrrepository.EcrRepository {
	repository := ecrrepository.NewEcrRepository(scope, jsii.String("repository"), &ecrrepository.EcrRepositoryConfig{
		Name:                       jsii.String(config.Repository),
		ImageTagMutability:         jsii.String("IMMUTABLE"),
		ImageScanningConfiguration: &ecrrepository.EcrRepositoryImageScanningConfiguration{ScanOnPush: jsii.Bool(true)},
		EncryptionConfiguration: []*ecrrepository.EcrRepositoryEncryptionConfiguration{{
			EncryptionType: jsii.String("KMS"), // under the account's key for ECR
		}},
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(true)},
	})
	expire := map[string]any{"type": "expire"}
	ecrlifecyclepolicy.NewEcrLifecyclePolicy(scope, jsii.String("expiry"), &ecrlifecyclepolicy.EcrLifecyclePolicyConfig{
		Repository: repository.Name(),
		Policy: policy.JSON(map[string]any{"rules": []any{
			map[string]any{
				"rulePriority": 1, "description": "Layers without a tag", "action": expire,
				"selection": map[string]any{
					"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14,
				},
			},
			map[string]any{
				"rulePriority": 2, "description": "More than anybody rolls back to", "action": expire,
				"selection": map[string]any{
					"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keptImages,
				},
			},
		}}),
	})
	return repository
}
