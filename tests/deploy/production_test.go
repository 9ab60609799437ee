package deploy

import (
	"slices"
	"strings"
	"testing"
)

// productionImage stands for the payment API; the emulator pulls no image.
const productionImage = account + ".dkr.ecr." + region + ".amazonaws.com/payment-api:1.0.0"

func TestLifeOfAProductionEnvironment(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "prod", 2)
	d.newHostedZone(t, "payments.example.com")
	production := settings{
		"class":                    "production",
		"service.image":            productionImage,
		"service.port":             8080,
		"loadBalancer.domain.name": "api.payments.example.com", "loadBalancer.domain.zoneId": hostedZone,
		"monitoring.emails": []string{"on-call@example.com"},
	}
	d.configure(t, production)
	d.initialize(t)

	step(t, "it is deployed", func(t *testing.T) { d.apply(t) })
	step(t, "the outputs name what exists", func(t *testing.T) { d.expectOutputs(t, "prod") })
	step(t, "it answers over HTTPS only", func(t *testing.T) { d.expectHTTPS(t, "api.payments.example.com") })
	step(t, "the secret names a master user of its own", func(t *testing.T) {
		d.storedCredentials(t).expectShape(t, "payment_owner", "paymentdb-prod")
	})
	step(t, "a second plan shows only what the emulator forgets", func(t *testing.T) {
		d.plan(t, "second").expect(t)
	})
	step(t, "a destroy is refused before it destroys anything", func(t *testing.T) {
		before := d.inventory(t)
		output, err := d.terraform(t, long, "destroy", "-json", "-auto-approve")
		if err == nil || !strings.Contains(output, "Instance cannot be destroyed") {
			t.Fatalf("terraform destroy ended with %v, expected the refusal of a plan\n%s", err, tail(told(output), 40))
		}
		if strings.Contains(output, `"action":"delete"},"type":"apply_start"`) {
			t.Error("terraform destroy has begun to destroy")
		}
		if after := d.inventory(t); !slices.Equal(before, after) {
			t.Errorf("AWS held %d resources before and holds %d after, expected the same", len(before), len(after))
		}
	})
	step(t, "AWS itself refuses to delete the database and the load balancer", func(t *testing.T) {
		outputs := d.outputs(t)
		answers := d.ask(t,
			request{Service: "rds", Operation: "describe_db_clusters", Parameters: parameters{"DBClusterIdentifier": outputs["DBClusterIdentifier"]}},
			request{Service: "elbv2", Operation: "describe_load_balancer_attributes", Parameters: parameters{"LoadBalancerArn": outputs["LoadBalancerArn"]}},
		)
		if found := at(answers[0], "DBClusters", 0, "DeletionProtection"); found != true {
			t.Errorf("the cluster's deletion protection is %v, expected true", found)
		}
		attributes, _ := at(answers[1], "Attributes").([]any)
		if !slices.ContainsFunc(attributes, func(attribute any) bool {
			return at(attribute, "Key") == "deletion_protection.enabled" && at(attribute, "Value") == "true"
		}) {
			t.Errorf("the load balancer's attributes are %v, expected deletion protection", attributes)
		}
	})
	step(t, "without its guards it can be destroyed", func(t *testing.T) {
		d.configure(t, production.with(settings{
			"preventDestroy":                  false,
			"database.deletionProtection":     false,
			"database.passwordRecoveryDays":   0,
			"loadBalancer.deletionProtection": false,
		}))
		p := d.plan(t, "unguarded")
		for _, change := range p.changes(t) {
			if !slices.Equal(change.Actions, []string{"update"}) {
				t.Errorf("taking the guards away plans %+v, expected updates only", change)
			}
		}
		d.apply(t, p.path)
		d.destroy(t)
	})
	step(t, "the final snapshot is left, under a name of its own, and nothing else", func(t *testing.T) {
		snapshots := d.ask(t, request{Service: "rds", Operation: "describe_db_cluster_snapshots", Parameters: parameters{"SnapshotType": "manual"}})[0]
		name := text(snapshots, "DBClusterSnapshots", 0, "DBClusterSnapshotIdentifier")
		if !finalSnapshot.MatchString(name) || at(snapshots, "DBClusterSnapshots", 1) != nil {
			t.Fatalf("RDS lists the snapshots %v, expected one named %s", snapshots, finalSnapshot)
		}
		d.ask(t, request{Service: "rds", Operation: "delete_db_cluster_snapshot", Parameters: parameters{"DBClusterSnapshotIdentifier": name}})
		d.removeHostedZone(t)
		d.expectNothingLeft(t)
	})
}
