// Package database is the Aurora PostgreSQL cluster, its credentials and its logs.
package database

import (
	"cmp"
	_ "embed"
	"fmt"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dataawsrdsengineversion"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dbparametergroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/dbsubnetgroup"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdscluster"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdsclusterinstance"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/rdsclusterparametergroup"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/logs"
	"tap/constructs/network"
	"tap/constructs/policy"
)

// Port is PostgreSQL's.
const Port = 5432

const (
	engine = "aurora-postgresql"
	// insightsRetentionDays is the free period of Performance Insights:
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Database-Insights.html
	insightsRetentionDays = 7
)

//go:embed signals.yaml
var signalsFile string

//go:embed parameters.yaml
var parametersFile string

//go:embed readers.yaml
var readersFile string

// Props configures New.
type Props struct {
	Deployment deployment.Deployment
	Name       string // begins the names of the cluster's resources, for example Payment of PaymentDB-<suffix>
	Network    *network.Network
	Config     config.Database

	MorningTopicARN *string // hears of backups and copies that failed
}

// Database is a cluster with one writer and any number of readers.
type Database struct {
	Identifier *string // output DBClusterIdentifier
	SecretARN  *string // output DBSecretArn
	// Connection is what a task needs to log in as the API does, and Owner as the master user.
	Connection, Owner connection.Connection
	// Signals are those of all instances, and the alarms on readers where there are any.
	Signals, ReaderSignals cloudwatch.Signals
}

// New creates the database.
func New(scope constructs.Construct, id string, props Props) Database {
	this, d := constructs.NewConstruct(scope, jsii.String(id)), props.Deployment
	identifier, kind := strings.ToLower(props.Name)+"db-"+d.Suffix, props.Name+"DB"
	group := props.Network.NewSecurityGroup(this, "security-group", kind, "Aurora cluster of the payment API")
	subnets := dbsubnetgroup.NewDbSubnetGroup(this, jsii.String("subnet-group"), &dbsubnetgroup.DbSubnetGroupConfig{
		Name: jsii.String(identifier), Description: jsii.String("Private subnets of the payment API"),
		SubnetIds: &props.Network.PrivateSubnets, Tags: d.Tags(kind),
	})
	secret := newSecret(this, props, identifier)
	monitoring := newMonitoringRole(this, d, kind)
	// Aurora exports to a log group of this name.
	exported := logs.NewMaskedGroup(this, "postgresql-logs", d, "/aws/rds/cluster/"+identifier+"/postgresql")
	clusterParameters, instanceParameters := newParameterGroups(this, props.Config, identifier)
	version, ignored := newVersion(this, props)

	clusterConfig := rdscluster.RdsClusterConfig{
		ClusterIdentifier: jsii.String(identifier), Engine: jsii.String(engine), EngineVersion: version,
		EngineLifecycleSupport:   jsii.String(props.Config.EngineLifecycleSupport),
		AllowMajorVersionUpgrade: jsii.Bool(true), DbClusterParameterGroupName: clusterParameters.Name(),
		DbInstanceParameterGroupName: instanceParameters.Name(), // a major upgrade moves the instances to it
		DbSubnetGroupName:            subnets.Name(), VpcSecurityGroupIds: &[]*string{group.ID}, Port: jsii.Number(Port),
		MasterUsername: jsii.String(props.Config.MasterUsername), MasterPasswordWo: secret.storedPassword,
		MasterPasswordWoVersion:          jsii.Number(props.Config.PasswordVersion),
		IamDatabaseAuthenticationEnabled: jsii.Bool(true), // RDS.12, CKV_AWS_162

		StorageType:                  jsii.String(props.Config.StorageType),
		StorageEncrypted:             jsii.Bool(true),            // RDS.27, CKV_AWS_96
		KmsKeyId:                     d.Key.ARN,                  // CKV_AWS_327
		EnabledCloudwatchLogsExports: jsii.Strings("postgresql"), // RDS.37, CKV_AWS_324
		DatabaseInsightsMode:         jsii.String("standard"), PerformanceInsightsEnabled: jsii.Bool(true),
		PerformanceInsightsKmsKeyId: d.Key.ARN, PerformanceInsightsRetentionPeriod: jsii.Number(insightsRetentionDays),

		BackupRetentionPeriod:      jsii.Number(props.Config.BackupRetentionDays), // RDS.50 asks for 7 or more
		PreferredBackupWindow:      jsii.String(props.Config.BackupWindow),
		PreferredMaintenanceWindow: jsii.String(props.Config.MaintenanceWindow),
		CopyTagsToSnapshot:         jsii.Bool(true),      // RDS.16, CKV_AWS_313
		DeletionProtection:         jsii.Bool(d.Protect), // RDS.7, CKV_AWS_139
		SkipFinalSnapshot:          jsii.Bool(!props.Config.FinalSnapshot),
		// Otherwise a new master password would wait for the window while the tasks already use it:
		// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html
		ApplyImmediately: jsii.Bool(true),

		Tags: d.Tags(kind), DependsOn: &[]cdktf.ITerraformDependable{exported}, Lifecycle: d.Lifecycle(),
	}
	// The provider would replace the cluster to change or remove what it was made from, and plan a change of the
	// enrolment in Extended Support with every apply, since it never sends one.
	ignored = append(ignored, "engine_lifecycle_support", "restore_to_point_in_time", "snapshot_identifier")
	clusterConfig.Lifecycle.IgnoreChanges = jsii.Strings(ignored...)
	if props.Config.FinalSnapshot {
		// The name is the deployment's: AWS refuses that of a snapshot which an earlier one left.
		clusterConfig.FinalSnapshotIdentifier = jsii.Sprintf("%s-final-%s", identifier, *d.ID)
	}
	if props.Config.IsServerless() {
		capacity := &rdscluster.RdsClusterServerlessv2ScalingConfiguration{
			MinCapacity: jsii.Number(props.Config.Serverless.MinimumCapacity),
			MaxCapacity: jsii.Number(props.Config.Serverless.MaximumCapacity),
		}
		if props.Config.Serverless.MinimumCapacity == 0 {
			capacity.SecondsUntilAutoPause = jsii.Number(300) // the least
		}
		clusterConfig.Serverlessv2ScalingConfiguration = capacity
	}
	restore(&clusterConfig, props.Config)
	cluster := rdscluster.NewRdsCluster(this, jsii.String("cluster"), &clusterConfig)

	// newInstance creates an instance of the cluster. A failover prefers the lowest tier; readers of tiers 0 and 1
	// of a serverless cluster would always be as large as the writer.
	newInstance := func(name string, tier int, after ...cdktf.ITerraformDependable) rdsclusterinstance.RdsClusterInstance {
		return rdsclusterinstance.NewRdsClusterInstance(this, jsii.String(name), &rdsclusterinstance.RdsClusterInstanceConfig{
			Identifier: jsii.String(identifier + "-" + name), ClusterIdentifier: cluster.Id(), Engine: jsii.String(engine),
			InstanceClass: jsii.String(props.Config.InstanceClass), PromotionTier: jsii.Number(tier),
			DbParameterGroupName: instanceParameters.Name(), CopyTagsToSnapshot: jsii.Bool(true),
			MonitoringInterval: jsii.Number(60), MonitoringRoleArn: monitoring.ARN, // RDS.6, CKV_AWS_118
			PubliclyAccessible:                 jsii.Bool(false),                          // RDS.2, CKV_AWS_17
			AutoMinorVersionUpgrade:            jsii.Bool(!props.Config.IsExactVersion()), // RDS.13, RDS.35, CKV_AWS_226
			ApplyImmediately:                   jsii.Bool(props.Config.ApplyInstancesImmediately),
			PreferredMaintenanceWindow:         jsii.String(props.Config.MaintenanceWindow),
			PerformanceInsightsEnabled:         jsii.Bool(true), // CKV_AWS_353
			PerformanceInsightsKmsKeyId:        d.Key.ARN,       // CKV_AWS_354
			PerformanceInsightsRetentionPeriod: jsii.Number(insightsRetentionDays),
			Tags:                               deployment.NameTag(d.Name(kind) + "-" + name), DependsOn: &after,
		})
	}
	writer := newInstance("writer", 0, monitoring.Permissions)
	for number := 1; number <= props.Config.Readers; number++ {
		// A cluster is created empty, and its first instance becomes the writer:
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
		newInstance(fmt.Sprintf("reader-%d", number), 2, monitoring.Permissions, writer)
	}
	if props.Config.BackupCopy.Vault != "" {
		newBackupCopy(this, props, kind, cluster.Arn())
	}
	api, owner := newConnections(props, cluster, secret, group, writer)
	signals, readerSignals := newSignals(props, cluster.ClusterIdentifier())
	return Database{
		Identifier: cluster.ClusterIdentifier(), SecretARN: secret.arn, Connection: api, Owner: owner,
		Signals: signals, ReaderSignals: readerSignals,
	}
}

// newParameterGroups creates parameter groups for the cluster and its instances: AWS's default ones cannot be
// changed. Another major version replaces a group while the cluster still uses it: the new one is created first,
// so AWS completes its name.
func newParameterGroups(scope constructs.Construct, database config.Database, identifier string) (
	rdsclusterparametergroup.RdsClusterParameterGroup, dbparametergroup.DbParameterGroup) {
	var parameters []*rdsclusterparametergroup.RdsClusterParameterGroupParameter
	if err := yaml.Unmarshal([]byte(parametersFile), &parameters); err != nil {
		panic(err)
	}
	prefix, family := jsii.String(identifier+"-"), family(database)
	createFirst := &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)}
	cluster := rdsclusterparametergroup.NewRdsClusterParameterGroup(scope, jsii.String("cluster-parameters"), &rdsclusterparametergroup.RdsClusterParameterGroupConfig{
		NamePrefix: prefix, Family: family, Lifecycle: createFirst,
		Description: jsii.String("TLS only; connections, DDL and slow statements are logged without their parameters"),
		Parameter:   parameters,
	})
	instance := dbparametergroup.NewDbParameterGroup(scope, jsii.String("instance-parameters"), &dbparametergroup.DbParameterGroupConfig{
		NamePrefix: prefix, Family: family, Lifecycle: createFirst,
		Description: jsii.String("Inherits the cluster's parameters; one set here would need no restart to be attached"),
	})
	return cluster, instance
}

// newMonitoringRole creates the role that sends enhanced monitoring, with the permissions of the AWS managed
// policy AmazonRDSEnhancedMonitoringRole, narrowed to the account.
func newMonitoringRole(scope constructs.Construct, d deployment.Deployment, kind string) deployment.Role {
	group := d.ARNs.ARN("logs", "log-group:RDS*")
	return d.NewRole(scope, "monitoring-role", deployment.RoleProps{
		Name: kind + "MonitoringRole", Description: "Sends the database's enhanced monitoring",
		Service:    "monitoring.rds.amazonaws.com",
		Conditions: []policy.Condition{policy.Equals("aws:SourceAccount", d.ARNs.ID)},
		Statements: []policy.Statement{
			policy.Allow("CreateGroups", "logs:CreateLogGroup", "logs:PutRetentionPolicy").On(group),
			policy.Allow("WriteStreams", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents",
				"logs:PutLogEvents").On(jsii.String(*group + ":log-stream:*")),
		},
	})
}

// newVersion returns the cluster's engine version and which of its changes are ignored. An exact minor version is
// kept. Of a major version it is the newest minor at the time when the cluster is created; from then on AWS upgrades
// it, and Terraform leaves the version alone. The bare major version would be sent with every later change, a
// rotation of the password included, and AWS refuses all of it once the cluster is past the minor version that the
// major means: https://github.com/hashicorp/terraform-provider-aws/issues/45026
func newVersion(scope constructs.Construct, props Props) (version *string, ignored []string) {
	if props.Config.IsExactVersion() {
		return jsii.String(props.Config.EngineVersion), nil
	}
	newest := dataawsrdsengineversion.NewDataAwsRdsEngineVersion(scope, jsii.String("newest-version"), &dataawsrdsengineversion.DataAwsRdsEngineVersionConfig{
		Engine: jsii.String(engine), ParameterGroupFamily: family(props.Config),
		Latest: jsii.Bool(true),
	})
	return newest.Version(), []string{"engine_version"}
}

// family is that of the engine's parameter groups, for example aurora-postgresql15.
func family(database config.Database) *string { return jsii.String(engine + database.MajorVersion()) }

// restore makes the cluster from what the file names, and stops an apply in which that is not what the file says: the
// provider would replace a cluster with another master user, and only its next update allows logins with IAM, which it
// leaves out when it restores a snapshot.
func restore(cluster *rdscluster.RdsClusterConfig, database config.Database) {
	source := database.Restore
	switch {
	case source.Snapshot != "":
		cluster.SnapshotIdentifier = jsii.String(source.Snapshot)
	case source.Cluster != "":
		moment := &rdscluster.RdsClusterRestoreToPointInTime{SourceClusterIdentifier: jsii.String(source.Cluster)}
		if source.Time == "" {
			moment.UseLatestRestorableTime = jsii.Bool(true)
		} else {
			moment.RestoreToTime = jsii.String(source.Time)
		}
		cluster.RestoreToPointInTime = moment
	default:
		return
	}
	cluster.Lifecycle.Postcondition = &[]*cdktf.Postcondition{{
		Condition: jsii.Sprintf("${self.master_username == %q}", database.MasterUsername),
		ErrorMessage: jsii.Sprintf("database.restore: the master user is ${self.master_username}, and that of this class "+
			"%s; destroy the environment, and restore into one of the other class", database.MasterUsername),
	}, {
		Condition:    jsii.String("${self.iam_database_authentication_enabled}"),
		ErrorMessage: jsii.String("database.restore: logins with IAM are not restored with a snapshot; apply once more"),
	}}
}

func newSignals(props Props, cluster *string) (all, readers cloudwatch.Signals) {
	// The original system's thresholds for db.t3.medium, and the same share of what another class has, as far as that is
	// known.
	connections := cmp.Or(300*props.Config.MaximumConnections()/419, 300)
	freeableMiB := cmp.Or(int(props.Config.MemoryGiB()*1024/16), 256)
	values := map[string]any{
		"cluster": cluster, "config": props.Config, "connections": connections, "freeableMiB": freeableMiB,
		"freeable": freeableMiB << 20,
	}
	if props.Config.Readers > 0 {
		readers = cloudwatch.Read(readersFile, props.Name, values)
	}
	return cloudwatch.Read(signalsFile, props.Name, values), readers
}
