package deploy

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/internal/emulator"
)

// gapOfVersion6 shows with version 6 of the provider only, which a mirror may serve for 5.
var gapOfVersion6 = emulator.Gap{Type: "aws_s3_bucket", Attribute: "tags_all"}

func TestLifeOfADevelopmentEnvironment(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "dev", 2)
	base := settings{"class": "development"}
	d.configure(t, base)
	d.initialize(t)

	var first, second credentials
	var seen []emulator.Gap
	var version6 bool // of the provider
	step(t, "an apply that stops between the secret and the cluster can be repeated", func(t *testing.T) {
		d.endpoint.Refuse("CreateDBCluster")
		// The cluster and what it needs are enough.
		output, err := d.terraform(t, long, "apply", "-json", "-auto-approve", "-target="+d.address(t, "aws_rds_cluster"))
		if err == nil || !strings.Contains(output, refusal) {
			t.Fatalf("terraform apply ended with %v, expected AWS's refusal of the cluster\n%s", err, tail(told(output), 40))
		}
		first = d.storedCredentials(t)
		d.endpoint.Refuse("")
		d.apply(t)
		if again := d.storedCredentials(t); again != first {
			t.Error("the repeated apply has stored other credentials")
		}
		d.expectPasswords(t, first.Password, first.Password)
	})
	step(t, "the secret holds what an application needs to connect", func(t *testing.T) {
		first.expectShape(t, "postgres", "paymentdb-dev")
	})
	step(t, "the outputs name what exists", func(t *testing.T) { d.expectOutputs(t, "dev") })
	step(t, "a second plan shows only what the emulator forgets", func(t *testing.T) {
		p := d.plan(t, "second")
		p.expect(t)
		seen = p.gaps(t)
		version6 = p.ofVersion6(t)
	})

	step(t, "a plan that would replace what cannot be replaced is refused", func(t *testing.T) {
		for _, values := range []settings{
			{"region": "eu-west-1"},
			{"database.masterUsername": "owner", "network.cidr": "10.1.0.0/16", "network.subnetPrefixLength": 25},
		} {
			d.configure(t, base.with(values))
			output, err := d.terraform(t, long, "plan", "-json", "-refresh=false")
			if err == nil {
				t.Errorf("terraform plans %v", values)
			}
			for key := range values {
				if !strings.Contains(output, key+" is ") {
					t.Errorf("%s is not refused:\n%s", key, tail(told(output), 40))
				}
			}
		}
	})

	step(t, "a rotation changes the secret's version, the cluster, the task definition and the service, and nothing else", func(t *testing.T) {
		d.configure(t, base.with(settings{"database.passwordVersion": 2}))
		p := d.plan(t, "rotation")
		p.expect(t,
			change{"aws_ecs_service.service", []string{"update"}, []string{"task_definition"}},
			change{"aws_ecs_task_definition.service_task-definition", []string{"create", "delete"}, nil},
			change{"aws_rds_cluster.database_cluster", []string{"update"}, []string{"master_password_wo_version"}},
			change{"aws_secretsmanager_secret_version.database_secret_version", []string{"create", "delete"}, nil},
		)
		seen = append(seen, p.gaps(t)...)
		d.apply(t, p.path)
		second = d.storedCredentials(t)
		second.expectShape(t, "postgres", "paymentdb-dev")
		if second.Password == first.Password {
			t.Error("the rotation has stored the same password again")
		}
		d.expectPasswords(t, first.Password, first.Password, second.Password)
	})
	step(t, "every listed gap of the emulator has shown", func(t *testing.T) {
		for _, gap := range emulator.Gaps {
			if gap == gapOfVersion6 && !version6 {
				continue
			}
			if !slices.Contains(seen, gap) {
				t.Errorf("%+v is listed but has shown in no plan", gap)
			}
		}
	})
	step(t, "no password stands in the state, in a plan, in the JSON or in what Terraform prints", func(t *testing.T) {
		d.expectNowhere(t, first.Password, second.Password)
	})
	step(t, "a destroy leaves nothing", func(t *testing.T) {
		d.destroy(t)
		d.expectNothingLeft(t)
	})
}

func TestAnotherImageAndMoreTasksChangeTheTaskDefinitionTheServiceAndItsScalingOnly(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "dev", 2)
	base := settings{"class": "development", "database.readers": 0} // readers take long
	d.configure(t, base)
	d.initialize(t)
	d.apply(t)

	d.configure(t, base.with(settings{
		"service.image":                "public.ecr.aws/docker/library/httpd:2.4",
		"service.scaling.maximumTasks": 12,
	}))
	p := d.plan(t, "change")
	p.expect(t,
		change{"aws_appautoscaling_target.service_scaling_target", []string{"update"}, []string{"max_capacity"}},
		change{"aws_ecs_service.service", []string{"update"}, []string{"task_definition"}},
		change{"aws_ecs_task_definition.service_task-definition", []string{"create", "delete"}, nil},
	)
	d.apply(t, p.path)
	answer := d.ask(t, request{Service: "ecs", Operation: "describe_task_definition", Parameters: parameters{"taskDefinition": "PaymentTask-dev"}})[0]
	if image := text(answer, "taskDefinition", "containerDefinitions", 0, "image"); image != "public.ecr.aws/docker/library/httpd:2.4" {
		t.Errorf("the newest task definition runs %q", image)
	}
}

// A provider that fails to update a resource keeps the attributes that it was to set: after a refused
// rotation Terraform takes the new password for set.
func TestARotationThatAWSRefusesIsFinishedByRaisingTheNumberAgain(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "dev", 2)
	base := settings{"class": "development"}
	d.configure(t, base)
	d.initialize(t)
	cluster := "-target=" + d.address(t, "aws_rds_cluster") // with what it needs
	d.apply(t, cluster)
	first := d.storedCredentials(t).Password

	d.configure(t, base.with(settings{"database.passwordVersion": 2}))
	d.endpoint.Refuse("ModifyDBCluster")
	output, err := d.terraform(t, long, "apply", "-json", "-auto-approve", cluster)
	if err == nil || !strings.Contains(output, refusal) {
		t.Fatalf("terraform apply ended with %v, expected AWS's refusal\n%s", err, tail(told(output), 40))
	}
	refused := d.storedCredentials(t).Password
	d.endpoint.Refuse("")

	d.configure(t, base.with(settings{"database.passwordVersion": 3}))
	d.apply(t, cluster)
	last := d.storedCredentials(t).Password
	d.expectPasswords(t, first, refused, last)
	if last == refused || last == first {
		t.Error("the last rotation has stored an earlier password again")
	}
}

// credentials are what the secret of the database holds.
type credentials struct {
	Username            string `json:"username"`
	Password            string `json:"password"`
	Engine              string `json:"engine"`
	Port                int    `json:"port"`
	DBClusterIdentifier string `json:"dbClusterIdentifier"`
}

// storedCredentials returns what Secrets Manager holds.
func (d *deployment) storedCredentials(t *testing.T) credentials {
	t.Helper()
	listed := d.ask(t, request{Service: "secretsmanager", Operation: "list_secrets"})[0]
	name := text(listed, "SecretList", 0, "ARN")
	if more := at(listed, "SecretList", 1); name == "" || more != nil {
		t.Fatalf("Secrets Manager lists %v, expected one secret", listed)
	}
	value := d.ask(t, request{Service: "secretsmanager", Operation: "get_secret_value", Parameters: parameters{"SecretId": name}})[0]
	decoder := json.NewDecoder(strings.NewReader(text(value, "SecretString")))
	decoder.DisallowUnknownFields()
	var stored credentials
	if err := decoder.Decode(&stored); err != nil {
		t.Fatalf("the stored secret: %v", err)
	}
	return stored
}

var passwordShape = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

func (c credentials) expectShape(t *testing.T, username, cluster string) {
	t.Helper()
	if !passwordShape.MatchString(c.Password) {
		t.Errorf("the password has %d characters or other than letters and digits, expected 32 of these", len(c.Password))
	}
	c.Password = ""
	if wanted := (credentials{username, "", "postgres", 5432, cluster}); c != wanted {
		t.Errorf("beside the password the secret holds %+v, expected %+v", c, wanted)
	}
}

// expectPasswords fails unless RDS was given exactly these master passwords, in this order. The
// passwords themselves are not printed.
func (d *deployment) expectPasswords(t *testing.T, wanted ...string) {
	t.Helper()
	given := d.endpoint.Passwords()
	if len(given) != len(wanted) {
		t.Fatalf("RDS was given %d master passwords, expected %d", len(given), len(wanted))
	}
	for i := range given {
		if given[i] != wanted[i] {
			t.Errorf("the master password that RDS was given as number %d is not the one that was stored", i+1)
		}
	}
}

// expectOutputs checks the ten outputs against what AWS says of what they name.
func (d *deployment) expectOutputs(t *testing.T, suffix string) {
	t.Helper()
	outputs := d.outputs(t)
	names := []string{
		"DBClusterIdentifier", "DBSecretArn", "DashboardName", "ECSClusterName", "ECSServiceName",
		"LoadBalancerArn", "LoadBalancerDNS", "TargetGroupArn", "VPCId", "WebACLArn",
	}
	if found := slices.Sorted(maps.Keys(outputs)); !slices.Equal(found, names) {
		t.Fatalf("the outputs are %v, expected %v", found, names)
	}
	balancer := parameters{"LoadBalancerArns": []string{outputs["LoadBalancerArn"]}}
	answers := d.ask(t,
		request{Service: "ec2", Operation: "describe_vpcs", Parameters: parameters{"VpcIds": []string{outputs["VPCId"]}}},
		request{Service: "ecs", Operation: "describe_services", Parameters: parameters{"cluster": outputs["ECSClusterName"], "services": []string{outputs["ECSServiceName"]}}},
		request{Service: "rds", Operation: "describe_db_clusters", Parameters: parameters{"DBClusterIdentifier": outputs["DBClusterIdentifier"]}},
		request{Service: "secretsmanager", Operation: "describe_secret", Parameters: parameters{"SecretId": outputs["DBSecretArn"]}},
		request{Service: "elbv2", Operation: "describe_load_balancers", Parameters: balancer},
		request{Service: "elbv2", Operation: "describe_target_groups", Parameters: parameters{"LoadBalancerArn": outputs["LoadBalancerArn"]}},
		request{Service: "cloudwatch", Operation: "get_dashboard", Parameters: parameters{"DashboardName": outputs["DashboardName"]}},
		request{Service: "wafv2", Operation: "get_web_acl_for_resource", Parameters: parameters{"ResourceArn": outputs["LoadBalancerArn"]}},
	)
	vpc, service, cluster, secret, loadBalancer, targets, dashboard, acl := answers[0], at(answers[1], "services", 0),
		at(answers[2], "DBClusters", 0), answers[3], at(answers[4], "LoadBalancers", 0), at(answers[5], "TargetGroups", 0), answers[6], at(answers[7], "WebACL")
	for _, check := range []struct {
		fact          string
		found, wanted any
	}{
		{"the VPC's range", at(vpc, "Vpcs", 0, "CidrBlock"), "10.0.0.0/16"},
		{"the service's name", at(service, "serviceName"), "PaymentService-" + suffix},
		{"the service's status", at(service, "status"), "ACTIVE"},
		{"the service's tasks", at(service, "runningCount"), at(service, "desiredCount")},
		{"the service's target group", at(service, "loadBalancers", 0, "targetGroupArn"), outputs["TargetGroupArn"]},
		{"the cluster's engine", at(cluster, "Engine"), "aurora-postgresql"},
		{"the cluster's status", at(cluster, "Status"), "available"},
		{"the writer", writerOf(cluster), "paymentdb-" + suffix + "-writer"},
		{"the secret's ARN", at(secret, "ARN"), outputs["DBSecretArn"]},
		{"the load balancer's host name", at(loadBalancer, "DNSName"), outputs["LoadBalancerDNS"]},
		{"the load balancer's VPC", at(loadBalancer, "VpcId"), outputs["VPCId"]},
		{"the target group behind the load balancer", at(targets, "TargetGroupArn"), outputs["TargetGroupArn"]},
		{"the dashboard's name", at(dashboard, "DashboardName"), "PaymentAPI-" + suffix},
		{"the web ACL of the load balancer", at(acl, "ARN"), outputs["WebACLArn"]},
	} {
		if check.found != check.wanted || check.wanted == nil {
			t.Errorf("%s is %v, expected %v", check.fact, check.found, check.wanted)
		}
	}
}

// writerOf returns the instance that a database cluster writes with.
func writerOf(cluster any) any {
	members, _ := at(cluster, "DBClusterMembers").([]any)
	for _, member := range members {
		if at(member, "IsClusterWriter") == true {
			return at(member, "DBInstanceIdentifier")
		}
	}
	return nil
}
