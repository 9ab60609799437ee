// Package state is where Terraform keeps what it knows of each stack.
package state

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/internal/bucket"
)

// NewLocal keeps a stack's state in a file beside the output folder of the synthesis: a stack is
// cdktf.out/stacks/<stack>, its state terraform.<stack>.tfstate beside cdktf.out. It may not lie inside:
// the CDKTF command line deletes the folders of stacks that a synthesis did not produce.
func NewLocal(stack cdktf.TerraformStack, name string) {
	cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{Path: jsii.String("../../../terraform." + name + ".tfstate")})
}

// NewS3 keeps a stack's state in a bucket, encrypted, under a key of its own, and locked while it is
// in use (use_lockfile: Terraform 1.10).
func NewS3(stack cdktf.TerraformStack, name, bucket, region, account string) {
	config := &cdktf.S3BackendConfig{
		Bucket:  jsii.String(bucket),
		Key:     jsii.String(name + "/terraform.tfstate"),
		Region:  jsii.String(region),
		Encrypt: jsii.Bool(true),
	}
	backend := cdktf.NewS3Backend(stack, config)
	backend.AddOverride(jsii.String("use_lockfile"), true)
	if account != "" {
		backend.AddOverride(jsii.String("allowed_account_ids"), jsii.Strings(account))
	}
}

// noncurrentDays is how long an overwritten state can still be restored.
const noncurrentDays = 365

// NewBucket creates the bucket of the states: versioned, encrypted, private, TLS only, and never
// destroyed by a plan.
func NewBucket(scope constructs.Construct, id, name string) *string {
	return bucket.New(scope, id, bucket.Props{
		Name:           jsii.String(name),
		PreventDestroy: true,
		NoncurrentDays: noncurrentDays,
	}).Name
}
