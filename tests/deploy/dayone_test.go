package deploy

import (
	"fmt"
	"testing"

	"tap/tests/must"
)

// A cluster that something else made, and its snapshot.
const givenDatabase, givenSnapshot = "paymentdb-old", "paymentdb-noon"

// newGivenParts makes what somebody else's account has: a VPC with two public and two private subnets, and a database
// with its snapshot. It returns the VPC and the subnets, public ones first.
func (d *deployment) newGivenParts(t *testing.T) (vpc string, subnets [4]string) {
	t.Helper()
	vpc = d.ask(t, "ec2", "create_vpc", parameters{"CidrBlock": "10.7.0.0/16"}, "Vpc.VpcId")
	for i := range subnets {
		subnets[i] = d.ask(t, "ec2", "create_subnet", parameters{"VpcId": vpc, "CidrBlock": fmt.Sprintf("10.7.%d.0/24", i),
			"AvailabilityZone": region + []string{"a", "b"}[i%2]}, "Subnet.SubnetId")
	}
	gateway := d.ask(t, "ec2", "create_internet_gateway", nil, "InternetGateway.InternetGatewayId")
	d.answers(t,
		request{"ec2", "attach_internet_gateway", parameters{"InternetGatewayId": gateway, "VpcId": vpc}, "@", nil},
		request{"rds", "create_db_cluster", parameters{
			"DBClusterIdentifier": givenDatabase, "Engine": "aurora-postgresql", "EngineVersion": "15.10",
			"MasterUsername": "postgres", "MasterUserPassword": "somebody-elses", "StorageEncrypted": true,
			"DatabaseName": "payments"}, "@", nil},
		request{"rds", "create_db_cluster_snapshot", parameters{
			"DBClusterIdentifier": givenDatabase, "DBClusterSnapshotIdentifier": givenSnapshot}, "@", nil})
	return vpc, subnets
}

// In a VPC that exists, on arm64, with the data of a snapshot.
func TestLongDayOne(t *testing.T) {
	d := newDeployment(t, "dev")
	vpc, subnets := d.newGivenParts(t)
	d.given = d.inventory(t)
	base := development + "service: {architecture: arm64}\n" + fmt.Sprintf("network: {interfaceEndpoints: true, "+
		"existing: {publicSubnets: [%s, %s], privateSubnets: [%s, %s]}}\n", subnets[0], subnets[1], subnets[2], subnets[3])
	restored := base + "database: {restore: {snapshot: " + givenSnapshot + "}}\n"

	step(t, "a private subnet that is public is refused by the plan", func(t *testing.T) {
		d.configure(t, restored)
		setPublic := func(value bool) {
			d.ask(t, "ec2", "modify_subnet_attribute", parameters{"SubnetId": subnets[3],
				"MapPublicIpOnLaunch": parameters{"Value": value}}, "@")
		}
		setPublic(true)
		d.refused(t, "what starts in "+subnets[3], planning...)
		setPublic(false)
	})
	step(t, "all is made there, with the snapshot's data and a password of its own", func(t *testing.T) {
		// AWS and the provider restore no logins with IAM: the first apply stops before anything uses the database.
		d.refused(t, "logins with IAM are not restored", applying...)
		d.apply(t)
		d.proxy.expectPasswords(t, d.storedPassword(t)) // a modification after the restore
		definition := d.ask(t, "ecs", "list_task_definitions", nil, "taskDefinitionArns[0]")
		d.expectAnswers(t,
			request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"},
				"DBClusters[0].[DatabaseName, BackupRetentionPeriod, DBSubnetGroup]", []any{"payments", 7, "paymentdb-dev"}},
			request{"ecs", "describe_task_definition", parameters{"taskDefinition": definition},
				"taskDefinition.runtimePlatform.cpuArchitecture", "ARM64"},
			request{"elbv2", "describe_load_balancers", nil, "LoadBalancers[0].VpcId", vpc})
	})
	step(t, "what it was restored from may change or go", func(t *testing.T) {
		const other = "database: {restore: {cluster: gone, time: '2026-11-25T12:00:00Z'}}\n"
		for _, source := range []string{restored, base, base + other} {
			d.configure(t, source)
			d.plan(t).expect(t)
		}
	})
	step(t, "it ends without what was there before", func(t *testing.T) {
		must.Do(t, d.destroyByHand(t))
		d.expectNothingLeft(t)
	})
}

func TestLongRestoredCluster(t *testing.T) {
	d := newDeployment(t, "dev")
	d.newGivenParts(t)
	d.configure(t, development+"database: {restore: {cluster: "+givenDatabase+"}}\n")
	d.apply(t, d.target(t, "aws_rds_cluster"))
	d.expectAnswers(t, request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"},
		"DBClusters[0].DatabaseName", "payments"})
}
