// Package bucket creates private S3 buckets: nothing public, TLS only, versioned, encrypted.
package bucket

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucket"
	lifecycle "github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketlifecycleconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketownershipcontrols"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketpublicaccessblock"
	encryption "github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketserversideencryptionconfiguration"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/s3bucketversioning"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/policy"
)

// Props configures New.
type Props struct {
	Name           *string
	Exists         bool // it was created by hand, and Terraform takes it over; Name is its literal name then
	Protect        bool // while false, a destroy empties the bucket first
	ExpireDays     int  // objects are deleted after so many days; 0 keeps them for ever
	NoncurrentDays int  // overwritten and deleted versions are kept for so many days
	// Allow is what somebody may do in the bucket of that ARN; clear text is denied in any case.
	Allow func(arn string) policy.Statement
}

// Bucket is a private S3 bucket.
type Bucket struct {
	Name  *string
	Ready cdktf.ITerraformDependable // has to exist before a service can write to the bucket
}

// New creates a bucket encrypted with S3's own keys (SSE-S3), the only encryption that the
// load balancer's access logs support.
func New(scope constructs.Construct, id string, props Props) Bucket {
	this := constructs.NewConstruct(scope, jsii.String(id))
	bucket := s3bucket.NewS3Bucket(this, jsii.String("bucket"), &s3bucket.S3BucketConfig{
		Bucket: props.Name, ForceDestroy: jsii.Bool(!props.Protect),
		Lifecycle: &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(props.Protect)},
	})
	if props.Exists {
		bucket.ImportFrom(props.Name, nil)
	}
	name, arn := bucket.Bucket(), *bucket.Arn()
	blocked := s3bucketpublicaccessblock.NewS3BucketPublicAccessBlock(this, jsii.String("public-access"), &s3bucketpublicaccessblock.S3BucketPublicAccessBlockConfig{
		Bucket: name, BlockPublicAcls: jsii.Bool(true), BlockPublicPolicy: jsii.Bool(true),
		IgnorePublicAcls: jsii.Bool(true), RestrictPublicBuckets: jsii.Bool(true),
	})
	owned := s3bucketownershipcontrols.NewS3BucketOwnershipControls(this, jsii.String("ownership"), &s3bucketownershipcontrols.S3BucketOwnershipControlsConfig{
		Bucket: name,
		Rule:   &s3bucketownershipcontrols.S3BucketOwnershipControlsRule{ObjectOwnership: jsii.String("BucketOwnerEnforced")},
	})
	encryption.NewS3BucketServerSideEncryptionConfigurationA(this, jsii.String("encryption"), &encryption.S3BucketServerSideEncryptionConfigurationAConfig{
		Bucket: name,
		Rule: []*encryption.S3BucketServerSideEncryptionConfigurationRuleA{{
			ApplyServerSideEncryptionByDefault: &encryption.S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA{
				SseAlgorithm: jsii.String("AES256"),
			},
		}},
	})
	versioned := s3bucketversioning.NewS3BucketVersioningA(this, jsii.String("versioning"), &s3bucketversioning.S3BucketVersioningAConfig{
		Bucket: name,
		VersioningConfiguration: &s3bucketversioning.S3BucketVersioningVersioningConfiguration{
			Status: jsii.String("Enabled"),
		},
	})
	expiration := &lifecycle.S3BucketLifecycleConfigurationRuleExpiration{Days: jsii.Number(props.ExpireDays)}
	if props.ExpireDays == 0 {
		// A deletion, of Terraform's lock for example, leaves a marker that no version follows in the end.
		expiration = &lifecycle.S3BucketLifecycleConfigurationRuleExpiration{ExpiredObjectDeleteMarker: jsii.Bool(true)}
	}
	lifecycle.NewS3BucketLifecycleConfiguration(this, jsii.String("lifecycle"), &lifecycle.S3BucketLifecycleConfigurationConfig{
		Bucket: name, DependsOn: &[]cdktf.ITerraformDependable{versioned},
		Rule: []*lifecycle.S3BucketLifecycleConfigurationRule{{
			Id: jsii.String("keep-and-clean-up"), Status: jsii.String("Enabled"),
			Filter:     []*lifecycle.S3BucketLifecycleConfigurationRuleFilter{{Prefix: jsii.String("")}},
			Expiration: []*lifecycle.S3BucketLifecycleConfigurationRuleExpiration{expiration},
			AbortIncompleteMultipartUpload: []*lifecycle.S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload{{
				DaysAfterInitiation: jsii.Number(7),
			}},
			NoncurrentVersionExpiration: []*lifecycle.S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration{{
				NoncurrentDays: jsii.Number(props.NoncurrentDays),
			}},
		}},
	})

	statements := []policy.Statement{policy.DenyClearText("s3:*", jsii.String(arn), jsii.String(arn+"/*"))}
	if props.Allow != nil {
		statements = append(statements, props.Allow(arn))
	}
	allowed := s3bucketpolicy.NewS3BucketPolicy(this, jsii.String("policy"), &s3bucketpolicy.S3BucketPolicyConfig{
		Bucket: name, Policy: policy.Document(statements...),
		// S3 answers changes of one bucket's settings with a conflict when they come together.
		DependsOn: &[]cdktf.ITerraformDependable{blocked, owned},
	})
	return Bucket{Name: name, Ready: allowed}
}
