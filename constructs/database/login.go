package database

import (
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdscluster"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecret"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/secretsmanagersecretversion"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/connection"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// secret is the Secrets Manager secret of the master user: a JSON object with username, password, engine, port and
// dbClusterIdentifier.
type secret struct {
	arn, versionID *string
	// storedPassword is the password as Terraform reads it back from the stored secret; it is ephemeral and
	// appears in no plan and no state.
	storedPassword *string
}

// newSecret stores a random password and reads it back for the cluster. If both got the random password itself, an
// apply that stops between the two would draw another one when it is repeated, and only one of them would get it.
func newSecret(scope constructs.Construct, props Props, identifier string) secret {
	this, d := constructs.NewConstruct(scope, jsii.String("secret")), props.Deployment
	created := secretsmanagersecret.NewSecretsmanagerSecret(this, jsii.String("secret"), &secretsmanagersecret.SecretsmanagerSecretConfig{
		// AWS completes the name: that of a deleted secret stays taken while it can be restored.
		NamePrefix:           jsii.String(d.Name(props.Name+"DB") + "-"),
		Description:          jsii.String("Master user of the cluster " + identifier),
		KmsKeyId:             d.Key.ARN, // CKV_AWS_149
		RecoveryWindowInDays: jsii.Number(props.Config.SecretRecoveryDays),
		Tags:                 d.Tags(props.Name + "DB"), Lifecycle: d.Lifecycle(),
	})
	password := newEphemeral(this, "password", "aws_secretsmanager_random_password", map[string]any{
		"password_length": 32, "exclude_punctuation": true,
	})
	version := secretsmanagersecretversion.NewSecretsmanagerSecretVersion(this, jsii.String("version"), &secretsmanagersecretversion.SecretsmanagerSecretVersionConfig{
		SecretId: created.Id(),
		SecretStringWo: policy.JSON(map[string]any{
			"username": props.Config.MasterUsername, "password": "${" + password + ".random_password}",
			"engine": "postgres", "port": Port, "dbClusterIdentifier": identifier,
		}),
		SecretStringWoVersion: jsii.Number(props.Config.PasswordVersion),
		// Tasks that have not been replaced yet name the old version.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
	// timestamp() is unknown while Terraform plans, which defers the reading to the apply: a pull request runs its own
	// code with the rights to plan, which must not include a secret's value.
	address := *created.TerraformResourceType() + "." + *created.FriendlyUniqueId()
	stored := newEphemeral(this, "stored", "aws_secretsmanager_secret_version", map[string]any{
		"secret_id": `${timestamp() == "" ? "" : ` + address + ".id}", "version_id": version.VersionId(),
	})
	return secret{
		arn: created.Arn(), versionID: version.VersionId(),
		storedPassword: jsii.String(`${jsondecode(` + stored + `.secret_string)["password"]}`),
	}
}

// newEphemeral declares an ephemeral resource, for which the bindings have no construct, and returns the expression
// that refers to it. Its name is that of the scope's path, as of a construct: an override of the same name would
// replace another's.
func newEphemeral(scope constructs.Construct, id, kind string, arguments map[string]any) string {
	stack := cdktf.TerraformStack_Of(scope)
	name := *stack.AllocateLogicalId(constructs.NewConstruct(scope, jsii.String(id)).Node())
	stack.AddOverride(jsii.String("ephemeral."+kind+"."+name), arguments)
	return "ephemeral." + kind + "." + name
}

// credentials are the user and the password of a version of the secret, in the form that a container definition takes.
// With the version a rotation creates a new task definition; without, it changes nothing, and a task that starts gets
// the values of that time:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func (s secret) credentials(version string) map[string]string {
	return map[string]string{
		config.DatabaseUsername: *s.arn + ":username::" + version,
		config.DatabasePassword: *s.arn + ":password::" + version,
	}
}

// newConnections returns what a task needs to log in as the API does, and as the owner: the master user, with the
// newest password.
func newConnections(props Props, cluster rdscluster.RdsCluster, secret secret, group network.SecurityGroup,
	writer cdktf.ITerraformDependable) (api, owner connection.Connection) {
	user := props.Deployment.ARNs.ARN("rds-db", "dbuser:"+*cluster.ClusterResourceId()+"/"+config.IAMUsername)
	connect := policy.Allow("ConnectToDatabase", "rds-db:connect").On(user)
	readSecret := policy.Allow("ReadDatabaseSecret", "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue").
		On(secret.arn)
	decrypt := map[string][]string{"secretsmanager": {"kms:Decrypt"}}
	owner = connection.Connection{
		Name: "database-owner", Secrets: secret.credentials(""), Endpoints: []string{"secretsmanager"},
		Execution: connection.Access{Statements: []policy.Statement{readSecret}, KMS: decrypt},
	}
	api = connection.Connection{
		Name: "database",
		Variables: map[string]string{
			config.DatabaseHost: *cluster.Endpoint(), config.DatabasePort: strconv.Itoa(Port),
			config.DatabaseName: props.Config.Name, config.DatabaseSSLMode: "verify-full",
		},
		Task:  connection.Access{Statements: []policy.Statement{connect}},
		Group: group, Port: Port, Ready: []cdktf.ITerraformDependable{writer},
	}
	if props.Config.Readers > 0 {
		api.Variables[config.DatabaseReaderHost] = *cluster.ReaderEndpoint()
	}
	if props.Config.Login == config.LoginIAM {
		api.Variables[config.DatabaseUsername] = config.IAMUsername
		return api, owner
	}
	api.Secrets, api.Execution, api.Endpoints = secret.credentials(*secret.versionID), owner.Execution, owner.Endpoints
	api.Task = connection.Access{Statements: []policy.Statement{readSecret, connect}, KMS: decrypt}
	return api, owner
}
