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
	// storedPassword is the password as Terraform reads it back from the stored secret; it is
	// ephemeral and stands in no plan and no state.
	storedPassword *string
	versionID      *string
}

// Value names one key of the stored JSON the way a container's secret takes it. It carries the
// version, so that a rotation makes a new task definition:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func (s Secret) Value(key string) *string {
	return jsii.Sprintf("%s:%s::%s", *s.ARN, key, *s.versionID)
}

// newSecret stores a random password and reads it back for the cluster. Giving the random password
// to both would be wrong: an apply that stops between the two draws another one when it is repeated,
// and only one of them would get it.
func newSecret(scope constructs.Construct, props Props, identifier string) Secret {
	this := constructs.NewConstruct(scope, jsii.String("secret"))
	// A deleted secret's name stays taken while it can be restored; AWS completes this one.
	secret := secretsmanagersecret.NewSecretsmanagerSecret(this, jsii.String("secret"), &secretsmanagersecret.SecretsmanagerSecretConfig{
		NamePrefix:           jsii.String("PaymentDB-" + props.Suffix + "-"),
		Description:          jsii.String("Master user of the cluster " + identifier),
		KmsKeyId:             props.KeyARN, // CKV_AWS_149
		RecoveryWindowInDays: jsii.Number(props.Database.PasswordRecoveryDays),
		Tags:                 &map[string]*string{"Name": jsii.String("PaymentDB-" + props.Suffix)},
		Lifecycle:            &cdktf.TerraformResourceLifecycle{PreventDestroy: jsii.Bool(props.PreventDestroy)},
	})

	password := newEphemeral(this, "database_password", "aws_secretsmanager_random_password", map[string]any{
		"password_length":     32,
		"exclude_punctuation": true,
	})
	version := secretsmanagersecretversion.NewSecretsmanagerSecretVersion(this, jsii.String("version"), &secretsmanagersecretversion.SecretsmanagerSecretVersionConfig{
		SecretId: secret.Id(),
		SecretStringWo: policy.JSON(map[string]any{
			"username":            props.Database.MasterUsername,
			"password":            "${" + password + ".random_password}",
			"engine":              "postgres",
			"port":                Port,
			"dbClusterIdentifier": identifier,
		}),
		SecretStringWoVersion: jsii.Number(props.Database.PasswordVersion),
		// Tasks that are still to be replaced name the old version.
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

// newEphemeral declares an ephemeral resource, which the bindings have no construct for, and returns
// the expression that it is referred to by.
func newEphemeral(scope constructs.Construct, name, kind string, arguments map[string]any) string {
	cdktf.TerraformStack_Of(scope).AddOverride(jsii.String("ephemeral."+kind+"."+name), arguments)
	return "ephemeral." + kind + "." + name
}
