package database

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecret"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecretversion"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/policy"
)

// Secret is the Secrets Manager secret of the master user: a JSON object with username, password,
// engine, port and dbClusterIdentifier.
type Secret struct {
	ARN *string // output DBSecretArn
	// storedPassword is the password as Terraform reads it back from the stored secret; it is ephemeral and
	// appears in no plan and no state.
	storedPassword *string
	versionID      *string
}

// Value names one key of the stored JSON in the form that a container definition takes. It contains the version,
// so that a rotation creates a new task definition:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func (s Secret) Value(key string) *string {
	return jsii.Sprintf("%s:%s::%s", *s.ARN, key, *s.versionID)
}

// newSecret stores a random password and reads it back for the cluster. If both got the random password itself, an
// apply that stops between the two would draw another one when it is repeated, and only one of them would get it.
func newSecret(scope constructs.Construct, props Props, identifier string) Secret {
	this := constructs.NewConstruct(scope, jsii.String("secret"))
	d := props.Deployment
	// AWS completes the name: that of a deleted secret stays taken while it can be restored.
	secret := secretsmanagersecret.NewSecretsmanagerSecret(this, jsii.String("secret"), &secretsmanagersecret.SecretsmanagerSecretConfig{
		NamePrefix:           jsii.String(d.Name("PaymentDB") + "-"),
		Description:          jsii.String("Master user of the cluster " + identifier),
		KmsKeyId:             d.KeyARN, // CKV_AWS_149
		RecoveryWindowInDays: jsii.Number(props.Config.SecretRecoveryDays),
		Tags:                 d.Tags("PaymentDB"),
		Lifecycle:            d.Lifecycle(),
	})

	password := newEphemeral(this, "database_password", "aws_secretsmanager_random_password", map[string]any{
		"password_length":     32,
		"exclude_punctuation": true,
	})
	version := secretsmanagersecretversion.NewSecretsmanagerSecretVersion(this, jsii.String("version"), &secretsmanagersecretversion.SecretsmanagerSecretVersionConfig{
		SecretId: secret.Id(),
		SecretStringWo: policy.JSON(map[string]any{
			"username":            props.Config.MasterUsername,
			"password":            "${" + password + ".random_password}",
			"engine":              "postgres",
			"port":                Port,
			"dbClusterIdentifier": identifier,
		}),
		SecretStringWoVersion: jsii.Number(props.Config.PasswordVersion),
		// Tasks that have not been replaced yet name the old version.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
	stored := newEphemeral(this, "stored_secret", "aws_secretsmanager_secret_version", map[string]any{
		"secret_id":  secret.Id(),
		"version_id": version.VersionId(),
	})
	return Secret{
		ARN:            secret.Arn(),
		storedPassword: jsii.String(`${jsondecode(` + stored + `.secret_string)["password"]}`),
		versionID:      version.VersionId(),
	}
}

// newEphemeral declares an ephemeral resource, for which the bindings have no construct, and returns the expression
// that refers to it.
func newEphemeral(scope constructs.Construct, name, kind string, arguments map[string]any) string {
	cdktf.TerraformStack_Of(scope).AddOverride(jsii.String("ephemeral."+kind+"."+name), arguments)
	return "ephemeral." + kind + "." + name
}
