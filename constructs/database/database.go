// Package database is the Aurora PostgreSQL cluster, its credentials and its logs.
package database

import (
	"fmt"
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsrdsengineversion"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dbparametergroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dbsubnetgroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdscluster"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdsclusterinstance"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdsclusterparametergroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/internal/loggroup"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// Port is PostgreSQL's.
const Port = 5432

const engine = "aurora-postgresql"

// Props says what the database is and how it is kept.
type Props struct {
	Suffix         string
	Account        policy.Account
	Network        network.Network
	Database       config.Database
	KeyARN         *string // encrypts storage, snapshots, the secret, insights and logs
	Logs           loggroup.Retention
	PreventDestroy bool
	DeploymentID   *string // unique to this deployment of the environment
}

// Database is a cluster with one writer and any number of readers.
type Database struct {
	Identifier    *string // output DBClusterIdentifier and dimension of the AWS/RDS metrics
	Endpoint      *string // host name of the writer
	SecurityGroup network.SecurityGroup
	Secret        Secret
	// IAMUserARN is the database user that a role may be allowed to connect as (rds-db:connect).
	IAMUserARN *string
	// Writer is what has to exist before the endpoint answers.
	Writer cdktf.ITerraformDependable
}

// New creates the database.
func New(scope constructs.Construct, id string, props Props) Database {
	this := constructs.NewConstruct(scope, jsii.String(id))
	settings := props.Database
	identifier := "paymentdb-" + props.Suffix
	tags := &map[string]*string{"Name": jsii.String("PaymentDB-" + props.Suffix)}

	group := props.Network.NewSecurityGroup(this, "security-group", "PaymentDB-"+props.Suffix, "Aurora cluster of the payment API")
	subnets := dbsubnetgroup.NewDbSubnetGroup(this, jsii.String("subnet-group"), &dbsubnetgroup.DbSubnetGroupConfig{
		Name:        jsii.String(identifier),
		Description: jsii.String("Private subnets of the payment API"),
		SubnetIds:   &props.Network.PrivateSubnets,
		Tags:        tags,
	})
	secret := newSecret(this, props, identifier)
	monitoring := newMonitoringRole(this, props)
	// Aurora exports to a log group of this name; it is created first, to be encrypted and to end with the cluster.
	logs := loggroup.New(this, "postgresql-logs", "/aws/rds/cluster/"+identifier+"/postgresql", props.Logs)
	clusterParameters, instanceParameters := newParameterGroups(this, props, identifier)
	monitoringRole := monitoring.ARN
	if settings.MonitoringIntervalSeconds == 0 {
		// RDS refuses a role for no monitoring:
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
		monitoringRole = nil
	}

	version, lifecycle := newVersion(this, settings)
	lifecycle.PreventDestroy = jsii.Bool(props.PreventDestroy)

	cluster := rdscluster.NewRdsCluster(this, jsii.String("cluster"), &rdscluster.RdsClusterConfig{
		ClusterIdentifier:                jsii.String(identifier),
		Engine:                           jsii.String(engine),
		EngineVersion:                    version,
		AllowMajorVersionUpgrade:         jsii.Bool(true),
		DbInstanceParameterGroupName:     instanceParameters.Name(), // a major upgrade moves the instances to it
		Port:                             jsii.Number(Port),
		DbSubnetGroupName:                subnets.Name(),
		VpcSecurityGroupIds:              &[]*string{group.ID},
		MasterUsername:                   jsii.String(settings.MasterUsername),
		MasterPasswordWo:                 secret.storedPassword,
		MasterPasswordWoVersion:          jsii.Number(settings.PasswordVersion),
		IamDatabaseAuthenticationEnabled: jsii.Bool(true), // RDS.12, CKV_AWS_162

		StorageEncrypted:                   jsii.Bool(true), // RDS.27, CKV_AWS_96, CKV_AWS_327
		KmsKeyId:                           props.KeyARN,
		DbClusterParameterGroupName:        clusterParameters.Name(),
		EnabledCloudwatchLogsExports:       jsii.Strings("postgresql"), // RDS.37, CKV_AWS_324
		DatabaseInsightsMode:               jsii.String(settings.Insights),
		PerformanceInsightsEnabled:         jsii.Bool(true),
		PerformanceInsightsKmsKeyId:        props.KeyARN,
		PerformanceInsightsRetentionPeriod: jsii.Number(insightsRetentionDays(settings)),

		BackupRetentionPeriod:            jsii.Number(settings.BackupRetentionDays), // RDS.50 asks for 7 or more
		PreferredBackupWindow:            jsii.String(settings.BackupWindow),
		PreferredMaintenanceWindow:       jsii.String(settings.MaintenanceWindow),
		ApplyImmediately:                 jsii.Bool(settings.ApplyImmediately),
		CopyTagsToSnapshot:               jsii.Bool(true),                        // RDS.16, CKV_AWS_313
		DeletionProtection:               jsii.Bool(settings.DeletionProtection), // RDS.7, CKV_AWS_139
		SkipFinalSnapshot:                jsii.Bool(!settings.FinalSnapshot),
		FinalSnapshotIdentifier:          finalSnapshot(props, identifier),
		Serverlessv2ScalingConfiguration: serverless(settings),

		Tags:      tags,
		DependsOn: &[]cdktf.ITerraformDependable{logs},
		Lifecycle: lifecycle,
	})

	result := Database{
		Identifier:    cluster.ClusterIdentifier(),
		Endpoint:      cluster.Endpoint(),
		SecurityGroup: group,
		Secret:        secret,
		IAMUserARN:    props.Account.ARN("rds-db", "dbuser:"+*cluster.ClusterResourceId()+"/"+settings.IAMUsername),
	}
	for number := 0; number <= settings.Readers; number++ {
		// A failover prefers the lowest tier; readers of tiers 0 and 1 of a serverless cluster
		// would always be as large as the writer.
		name, tier := "writer", 0
		ready := []cdktf.ITerraformDependable{monitoring.Permissions}
		if number > 0 {
			name, tier = fmt.Sprintf("reader-%d", number), 2
			// A cluster is created empty, and its first instance becomes the writer:
			// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
			ready = append(ready, result.Writer)
		}
		instance := rdsclusterinstance.NewRdsClusterInstance(this, jsii.String(name), &rdsclusterinstance.RdsClusterInstanceConfig{
			Identifier:                         jsii.String(identifier + "-" + name),
			ClusterIdentifier:                  cluster.Id(),
			Engine:                             jsii.String(engine),
			InstanceClass:                      jsii.String(settings.InstanceClass),
			PromotionTier:                      jsii.Number(tier),
			DbParameterGroupName:               instanceParameters.Name(),
			PubliclyAccessible:                 jsii.Bool(false),                      // RDS.2, CKV_AWS_17
			AutoMinorVersionUpgrade:            jsii.Bool(!settings.IsExactVersion()), // RDS.13, RDS.35, CKV_AWS_226
			CopyTagsToSnapshot:                 jsii.Bool(true),
			ApplyImmediately:                   jsii.Bool(settings.ApplyImmediately),
			PreferredMaintenanceWindow:         jsii.String(settings.MaintenanceWindow),
			MonitoringInterval:                 jsii.Number(settings.MonitoringIntervalSeconds), // RDS.6, CKV_AWS_118
			MonitoringRoleArn:                  monitoringRole,
			PerformanceInsightsEnabled:         jsii.Bool(true), // CKV_AWS_353, CKV_AWS_354
			PerformanceInsightsKmsKeyId:        props.KeyARN,
			PerformanceInsightsRetentionPeriod: jsii.Number(insightsRetentionDays(settings)),
			Tags:                               &map[string]*string{"Name": jsii.String("PaymentDB-" + props.Suffix + "-" + name)},
			DependsOn:                          &ready,
		})
		if number == 0 {
			result.Writer = instance
		}
	}
	return result
}

// newParameterGroups creates the cluster's and the instances' own parameter groups: the default
// ones cannot be changed. Names are completed by AWS because another engine family replaces a group
// that is still in use.
func newParameterGroups(scope constructs.Construct, props Props, identifier string) (rdsclusterparametergroup.RdsClusterParameterGroup, dbparametergroup.DbParameterGroup) {
	parameter := func(name, value string) *rdsclusterparametergroup.RdsClusterParameterGroupParameter {
		return &rdsclusterparametergroup.RdsClusterParameterGroupParameter{Name: jsii.String(name), Value: jsii.String(value)}
	}
	cluster := rdsclusterparametergroup.NewRdsClusterParameterGroup(scope, jsii.String("cluster-parameters"), &rdsclusterparametergroup.RdsClusterParameterGroupConfig{
		NamePrefix:  jsii.String(identifier + "-"),
		Family:      jsii.String(props.Database.ParameterGroupFamily()),
		Description: jsii.String("TLS only; connections, DDL and slow statements are logged, values are not"),
		Parameter: []*rdsclusterparametergroup.RdsClusterParameterGroupParameter{
			// Who connected, from where and when (PCI DSS 10.2.1).
			parameter("log_connections", "1"),
			parameter("log_disconnections", "1"),
			parameter("log_min_duration_statement", strconv.Itoa(props.Database.SlowStatementMilliseconds)),
			// Bound values can be card data: 0 keeps them out of the log, also of failed statements.
			parameter("log_parameter_max_length", "0"),
			parameter("log_parameter_max_length_on_error", "0"),
			// all would log every statement with the card data in it (CKV2_AWS_27).
			parameter("log_statement", "ddl"),
			parameter("rds.force_ssl", "1"),
		},
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
	instance := dbparametergroup.NewDbParameterGroup(scope, jsii.String("instance-parameters"), &dbparametergroup.DbParameterGroupConfig{
		NamePrefix:  jsii.String(identifier + "-"),
		Family:      jsii.String(props.Database.ParameterGroupFamily()),
		Description: jsii.String("Inherits the cluster's parameters; one set here would need no restart to be attached"),
		Lifecycle:   &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
	return cluster, instance
}

// newMonitoringRole creates the role that sends enhanced monitoring, with the permissions of the
// AWS managed policy AmazonRDSEnhancedMonitoringRole, narrowed to the account.
func newMonitoringRole(scope constructs.Construct, props Props) policy.Role {
	group := *props.Account.ARN("logs", "log-group:RDS*")
	return policy.NewRole(scope, "monitoring-role", policy.RoleProps{
		Name:        "PaymentDBMonitoringRole-" + props.Suffix,
		Description: "Sends the database's enhanced monitoring",
		Service:     "monitoring.rds.amazonaws.com",
		Conditions:  []policy.Condition{policy.Equals("aws:SourceAccount", props.Account.ID)},
		Statements: []policy.Statement{
			{
				Sid: "CreateGroups", Actions: []string{"logs:CreateLogGroup", "logs:PutRetentionPolicy"},
				Resources: []*string{jsii.String(group)},
			},
			{
				Sid: "WriteStreams", Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"},
				Resources: []*string{jsii.String(group + ":log-stream:*")},
			},
		},
	})
}

// insightsRetentionDays is the period of each mode of Database Insights:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Database-Insights.html
func insightsRetentionDays(settings config.Database) int {
	if settings.Insights == "advanced" {
		return 465
	}
	return 7
}

// newVersion returns the cluster's engine version and the lifecycle that goes with it. An exact minor is
// kept. Of a major version it is the newest minor at the time when the cluster is made; from then on
// AWS upgrades it, and Terraform leaves the version alone. The bare major would be sent with every
// later change, a rotation of the password included, and AWS refuses all of it once the cluster is
// past the minor that the major stands for:
// https://github.com/hashicorp/terraform-provider-aws/issues/45026
func newVersion(scope constructs.Construct, settings config.Database) (*string, *cdktf.TerraformResourceLifecycle) {
	if settings.IsExactVersion() {
		return jsii.String(settings.EngineVersion), &cdktf.TerraformResourceLifecycle{}
	}
	newest := dataawsrdsengineversion.NewDataAwsRdsEngineVersion(scope, jsii.String("newest-version"), &dataawsrdsengineversion.DataAwsRdsEngineVersionConfig{
		Engine:               jsii.String(engine),
		ParameterGroupFamily: jsii.String(settings.ParameterGroupFamily()),
		Latest:               jsii.Bool(true),
	})
	return newest.Version(), &cdktf.TerraformResourceLifecycle{IgnoreChanges: jsii.Strings("engine_version")}
}

// finalSnapshot names the snapshot that a deleted cluster leaves: always the same for one deployment of
// the environment, and another one for the next, whose own snapshot would otherwise be refused.
func finalSnapshot(props Props, identifier string) *string {
	if !props.Database.FinalSnapshot {
		return nil
	}
	return jsii.Sprintf("%s-final-%s", identifier, *props.DeploymentID)
}

// serverless is the capacity range of a cluster whose instances are db.serverless.
func serverless(settings config.Database) *rdscluster.RdsClusterServerlessv2ScalingConfiguration {
	if !settings.IsServerless() {
		return nil
	}
	scaling := &rdscluster.RdsClusterServerlessv2ScalingConfiguration{
		MinCapacity: jsii.Number(settings.Serverless.MinimumCapacity),
		MaxCapacity: jsii.Number(settings.Serverless.MaximumCapacity),
	}
	if settings.Serverless.MinimumCapacity == 0 {
		scaling.SecondsUntilAutoPause = jsii.Number(settings.Serverless.AutoPauseSeconds)
	}
	return scaling
}
