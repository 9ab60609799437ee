package deploy

import (
	"strings"
	"testing"
)

const development = "class: development\n"

func TestDeployment(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development)
	d.apply(t)
	d.expectOutputs(t)
	stored := d.storedCredentials(t)
	stored.expect(t, "postgres", "paymentdb-dev")
	d.proxy.expectPasswords(t, stored.Password)

	d.plan(t).expect(t)
	d.expectNowhere(t, stored.Password)
}

func TestLongChanges(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development)

	var first, second credentials
	var deployed string
	step(t, "an apply that stops between the secret and the cluster can be repeated", func(t *testing.T) {
		d.proxy.refuse("CreateDBCluster")
		d.refused(t, []string{refusal}, append(applying, d.target(t, "aws_rds_cluster"))...)
		first = d.storedCredentials(t)
		d.proxy.intercept("CreateDBCluster", nil)
		d.apply(t)
		if again := d.storedCredentials(t); again != first {
			t.Error("the repeated apply has stored other credentials")
		}
		d.proxy.expectPasswords(t, first.Password, first.Password)
	})
	step(t, "a plan that would replace what cannot be replaced is refused", func(t *testing.T) {
		d.configure(t, production+"region: eu-west-1\n")
		d.expectWords(t, 1, "region is us-east-1 in", "class is development in", "network.cidr is 10.0.0.0/16 in")
	})
	step(t, "a rotation changes the secret, the cluster and the tasks only", func(t *testing.T) {
		d.configure(t, development+"database: {passwordVersion: 2}\n")
		rotation := d.plan(t)
		rotation.expect(t,
			"update aws_ecs_service.service (task_definition)",
			"delete create aws_ecs_task_definition.service_task-definition (container_definitions)",
			"update aws_rds_cluster.database_cluster (master_password_wo_version)",
			"create delete aws_secretsmanager_secret_version.database_secret_version (secret_string_wo_version)",
		)
		d.apply(t, rotation.path)
		second = d.storedCredentials(t)
		second.expect(t, "postgres", "paymentdb-dev")
		if second.Password == first.Password {
			t.Error("the rotation has stored the same password again")
		}
		d.proxy.expectPasswords(t, first.Password, first.Password, second.Password)
		d.expectNowhere(t, first.Password, second.Password)
	})
	step(t, "another image and more tasks change the tasks and their scaling only", func(t *testing.T) {
		const image = "public.ecr.aws/docker/library/httpd:2.4"
		deployed = development + "database: {passwordVersion: 2}\n" +
			"service: {image: '" + image + "', scaling: {maximumTasks: 12}}\n"
		d.configure(t, deployed)
		changed := d.plan(t)
		changed.expect(t,
			"update aws_appautoscaling_target.service_scaling_target (max_capacity)",
			"update aws_ecs_service.service (task_definition)",
			"delete create aws_ecs_task_definition.service_task-definition (container_definitions)",
		)
		d.apply(t, changed.path)
		newest := d.ask(t, request{"ecs", "describe_task_definition", parameters{"taskDefinition": "PaymentTask-dev"}})[0]
		expectFacts(t, fact{"the image of the newest task definition",
			at(newest, "taskDefinition", "containerDefinitions", 0, "image"), image})
	})
	step(t, "a plan says in words what is lost", func(t *testing.T) {
		for _, change := range []struct {
			file   string
			status int
			says   []string
		}{
			{deployed, 0, []string{"No changes."}},
			{deployed + "monitoring: {latencySeconds: 3}\n", 2, []string{"Harmless changes: 2."}},
			{deployed + "logs: {retentionDays: 7}\n", 3, []string{"### Weakens protection", "from `30` to `7`"}},
			{strings.Replace(deployed, "service: {", "service: {port: 8080, ", 1), 3, []string{"### Interrupts traffic"}},
		} {
			d.configure(t, change.file)
			d.expectWords(t, change.status, change.says...)
		}
	})
}

// A provider that fails to update a resource keeps the attributes that it was to set: after a refused rotation
// Terraform takes the new password for set.
func TestLongRefusedRotation(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development)
	cluster := d.target(t, "aws_rds_cluster")
	d.apply(t, cluster)
	first := d.storedCredentials(t).Password

	d.configure(t, development+"database: {passwordVersion: 2}\n")
	d.proxy.refuse("ModifyDBCluster")
	d.refused(t, []string{refusal}, append(applying, cluster)...)
	refused := d.storedCredentials(t).Password
	d.proxy.intercept("ModifyDBCluster", nil)

	d.configure(t, development+"database: {passwordVersion: 3}\n")
	d.apply(t, cluster)
	last := d.storedCredentials(t).Password
	d.proxy.expectPasswords(t, first, refused, last)
	if last == refused || last == first {
		t.Error("the last rotation has stored an earlier password again")
	}
}

// expectOutputs checks that what the outputs name exists in AWS, runs and belongs together.
func (d *deployment) expectOutputs(t *testing.T) {
	t.Helper()
	outputs := d.outputs(t)
	ecsService := parameters{"cluster": outputs["ECSClusterName"], "services": []string{outputs["ECSServiceName"]}}
	balancers := parameters{"LoadBalancerArns": []string{outputs["LoadBalancerArn"]}}
	answers := d.ask(t,
		request{"ecs", "describe_services", ecsService},
		request{"rds", "describe_db_clusters", parameters{"DBClusterIdentifier": outputs["DBClusterIdentifier"]}},
		request{"secretsmanager", "describe_secret", parameters{"SecretId": outputs["DBSecretArn"]}},
		request{"elbv2", "describe_load_balancers", balancers},
		request{"elbv2", "describe_target_groups", parameters{"LoadBalancerArn": outputs["LoadBalancerArn"]}},
		request{"cloudwatch", "get_dashboard", parameters{"DashboardName": outputs["DashboardName"]}},
		request{"wafv2", "get_web_acl_for_resource", parameters{"ResourceArn": outputs["LoadBalancerArn"]}},
	)
	service, balancer := at(answers[0], "services", 0), at(answers[3], "LoadBalancers", 0)
	expectFacts(t,
		fact{"the service's status", at(service, "status"), "ACTIVE"},
		fact{"the service's tasks", at(service, "runningCount"), at(service, "desiredCount")},
		fact{"the service's target group", at(service, "loadBalancers", 0, "targetGroupArn"), outputs["TargetGroupArn"]},
		fact{"the cluster's status", at(answers[1], "DBClusters", 0, "Status"), "available"},
		fact{"the secret's ARN", at(answers[2], "ARN"), outputs["DBSecretArn"]},
		fact{"the load balancer's host name", at(balancer, "DNSName"), outputs["LoadBalancerDNS"]},
		fact{"the load balancer's VPC", at(balancer, "VpcId"), outputs["VPCId"]},
		fact{"the target group behind it", at(answers[4], "TargetGroups", 0, "TargetGroupArn"), outputs["TargetGroupArn"]},
		fact{"the dashboard's name", at(answers[5], "DashboardName"), outputs["DashboardName"]},
		fact{"the web ACL of the load balancer", at(answers[6], "WebACL", "ARN"), outputs["WebACLArn"]},
	)
}
