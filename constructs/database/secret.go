package database

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecret"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecretversion"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/policy"
)

// secret is the Secrets Manager secret of the master user: a JSON object with username, password, engine, port and
// dbClusterIdentifier.
type secret struct {
	arn *string
	// storedPassword is the password as Terraform reads it back from the stored secret; it is ephemeral and
	// appears in no plan and no state.
	storedPassword *string
	versionID      *string
}

// value names one key of the stored JSON in the form that a container definition takes. It contains the version, so
// that a rotation creates a new task definition:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func (s secret) value(key string) string { return s.newestValue(key) + *s.versionID }

// newestValue is without the version: a task that starts gets the value of that time, and a rotation changes nothing.
func (s secret) newestValue(key string) string { return *s.arn + ":" + key + "::" }

// newSecret stores a random password and reads it back for the cluster. If both got the random password itself, an
// apply that stops between the two would draw another one when it is repeated, and only one of them would get it.
func newSecret(scope constructs.Construct, props Props, identifier string) secret {
	this := constructs.NewConstruct(scope, jsii.String("secret"))
	d := props.Deployment
	// AWS completes the name: that of a deleted secret stays taken while it can be restored.
	created := secretsmanagersecret.NewSecretsmanagerSecret(this, jsii.String("secret"), &secretsmanagersecret.SecretsmanagerSecretConfig{
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
		SecretId: created.Id(),
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
	// timestamp() is unknown while Terraform plans, which defers the reading to the apply: a pull request runs its own
	// code with the rights to plan, which must not include a secret's value.
	stored := newEphemeral(this, "stored_secret", "aws_secretsmanager_secret_version", map[string]any{
		"secret_id": `${timestamp() == "" ? "" : ` + *created.TerraformResourceType() + "." +
			*created.FriendlyUniqueId() + ".id}",
		"version_id": version.VersionId(),
	})
	return secret{
		arn:            created.Arn(),
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
