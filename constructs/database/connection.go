package database

import (
	"strconv"

	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdscluster"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/connection"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// newConnections returns what a task needs to log in as the API does, and as the owner: the master user, with the
// newest password.
func newConnections(props Props, cluster rdscluster.RdsCluster, secret secret, group network.SecurityGroup,
	writer cdktf.ITerraformDependable) (api, owner connection.Connection) {
	user := props.Deployment.Account.ARN("rds-db", "dbuser:"+*cluster.ClusterResourceId()+"/"+config.IAMUsername)
	connect := policy.Statement{
		Sid: "ConnectToDatabase", Actions: []string{"rds-db:connect"}, Resources: []*string{user},
	}
	readSecret := policy.Statement{
		Sid:       "ReadDatabaseSecret",
		Actions:   []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"},
		Resources: []*string{secret.arn},
	}
	decrypt := map[string][]string{"secretsmanager": {"kms:Decrypt"}}

	api = connection.Connection{
		Name: "database",
		Variables: map[string]string{
			config.DatabaseHost:    *cluster.Endpoint(),
			config.DatabasePort:    strconv.Itoa(Port),
			config.DatabaseName:    props.Config.Name,
			config.DatabaseSSLMode: "verify-full",
		},
		Run:   connection.Access{Statements: []policy.Statement{connect}},
		Group: group,
		Port:  Port,
		Ready: []cdktf.ITerraformDependable{writer},
	}
	if props.Config.Readers > 0 {
		api.Variables[config.DatabaseReaderHost] = *cluster.ReaderEndpoint()
	}
	owner = connection.Connection{
		Name: "database-owner",
		Secrets: map[string]string{
			config.DatabaseUsername: secret.newestValue("username"),
			config.DatabasePassword: secret.newestValue("password"),
		},
		Start:     connection.Access{Statements: []policy.Statement{readSecret}, Key: decrypt},
		Endpoints: []string{"secretsmanager"},
	}
	if props.Config.Login == config.LoginIAM {
		api.Variables[config.DatabaseUsername] = config.IAMUsername
		return api, owner
	}
	api.Secrets = map[string]string{
		config.DatabaseUsername: secret.value("username"),
		config.DatabasePassword: secret.value("password"),
	}
	api.Start = owner.Start
	api.Run = connection.Access{Statements: []policy.Statement{readSecret, connect}, Key: decrypt}
	api.Endpoints = owner.Endpoints
	return api, owner
}
