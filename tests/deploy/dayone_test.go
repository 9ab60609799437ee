package deploy

import (
	"fmt"
	"testing"
)

// A cluster that something else made, and its snapshot.
const givenDatabase, givenSnapshot = "paymentdb-old", "paymentdb-noon"

// newGivenParts makes what somebody else's account has: a VPC with two public and two private subnets, and a database
// with its snapshot. It returns the subnets.
func (d *deployment) newGivenParts(t *testing.T) (public, private [2]string) {
	t.Helper()
	vpc := text(d.ask(t, request{"ec2", "create_vpc", parameters{"CidrBlock": "10.7.0.0/16"}}), 0, "Vpc", "VpcId")
	subnet := func(block int, zone string) string {
		place := parameters{"VpcId": vpc, "CidrBlock": fmt.Sprintf("10.7.%d.0/24", block), "AvailabilityZone": region + zone}
		return text(d.ask(t, request{"ec2", "create_subnet", place}), 0, "Subnet", "SubnetId")
	}
	gateway := text(d.ask(t, request{"ec2", "create_internet_gateway", nil}), 0, "InternetGateway", "InternetGatewayId")
	for _, answer := range d.ask(t,
		request{"ec2", "attach_internet_gateway", parameters{"InternetGatewayId": gateway, "VpcId": vpc}},
		request{"rds", "create_db_cluster", parameters{
			"DBClusterIdentifier": givenDatabase, "Engine": "aurora-postgresql", "EngineVersion": "15.10",
			"MasterUsername": "postgres", "MasterUserPassword": "somebody-elses", "StorageEncrypted": true,
			"DatabaseName": "payments"}},
		request{"rds", "create_db_cluster_snapshot", parameters{
			"DBClusterIdentifier": givenDatabase, "DBClusterSnapshotIdentifier": givenSnapshot}},
	) {
		if refused := at(answer, "Error"); refused != nil {
			t.Fatal(refused)
		}
	}
	return [2]string{subnet(1, "a"), subnet(2, "b")}, [2]string{subnet(3, "a"), subnet(4, "b")}
}

// In a VPC that exists, on arm64, with the data of a snapshot.
func TestLongDayOne(t *testing.T) {
	d := newDeployment(t, "dev")
	public, private := d.newGivenParts(t)
	d.given = d.inventory(t)
	base := development + "service: {architecture: arm64}\n" + fmt.Sprintf("network: {interfaceEndpoints: true, "+
		"existing: {publicSubnets: [%s, %s], privateSubnets: [%s, %s]}}\n", public[0], public[1], private[0], private[1])
	restored := base + "database: {restore: {snapshot: " + givenSnapshot + "}}\n"

	step(t, "a private subnet that is public is refused by the plan", func(t *testing.T) {
		d.configure(t, restored)
		setPublic := func(value bool) {
			settings := parameters{"SubnetId": private[1], "MapPublicIpOnLaunch": parameters{"Value": value}}
			d.ask(t, request{"ec2", "modify_subnet_attribute", settings})
		}
		setPublic(true)
		d.refused(t, []string{"self.map_public_ip_on_launch is true", private[1]}, "plan", "-no-color")
		setPublic(false)
	})
	step(t, "all is made there, with the snapshot's data and a password of its own", func(t *testing.T) {
		// AWS and the provider restore no logins with IAM: the first apply stops before anything uses the database.
		d.refused(t, []string{"logins with IAM are not restored"}, applying...)
		d.apply(t)
		stored := d.storedCredentials(t)
		d.proxy.expectPasswords(t, stored.Password) // a modification after the restore
		answers := d.ask(t,
			request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"}},
			request{"ecs", "list_task_definitions", nil},
			request{"elbv2", "describe_load_balancers", nil},
			request{"ec2", "describe_subnets", parameters{"SubnetIds": []string{public[0]}}},
		)
		definition := d.ask(t, request{"ecs", "describe_task_definition", parameters{
			"taskDefinition": text(answers[1], "taskDefinitionArns", 0)}})
		cluster := at(answers[0], "DBClusters", 0)
		expectFacts(t,
			fact{"the database of the snapshot", at(cluster, "DatabaseName"), "payments"},
			fact{"the cluster's backups", at(cluster, "BackupRetentionPeriod"), 7.0},
			fact{"the cluster's subnets", at(cluster, "DBSubnetGroup"), "paymentdb-dev"},
			fact{"the tasks' processor", at(definition, 0, "taskDefinition", "runtimePlatform", "cpuArchitecture"), "ARM64"},
			fact{"the load balancer's VPC", at(answers[2], "LoadBalancers", 0, "VpcId"), at(answers[3], "Subnets", 0, "VpcId")},
		)
	})
	step(t, "what it was restored from may change or go", func(t *testing.T) {
		const other = "database: {restore: {cluster: gone, time: '2026-11-25T12:00:00Z'}}\n"
		for _, source := range []string{restored, base, base + other} {
			d.configure(t, source)
			d.plan(t).expect(t)
		}
	})
	step(t, "it ends without what was there before", func(t *testing.T) {
		d.terraform(t, destroying...)
		d.expectNothingLeft(t)
	})
}

func TestLongRestoredCluster(t *testing.T) {
	d := newDeployment(t, "dev")
	d.newGivenParts(t)
	d.configure(t, development+"database: {restore: {cluster: "+givenDatabase+"}}\n")
	d.apply(t, d.target(t, "aws_rds_cluster"))
	cluster := d.ask(t, request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"}})
	expectFacts(t, fact{"the cluster's database", at(cluster, 0, "DBClusters", 0, "DatabaseName"), "payments"})
}
