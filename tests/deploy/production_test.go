package deploy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hostedZone is the id of the hosted zone in environment files.
const hostedZone = "Z0EMULATEDZONE"

const production = `
class: production
network: {cidr: 10.20.0.0/16}
service: {image: "` + account + ".dkr.ecr." + region + ".amazonaws.com/payment-api" +
	"@sha256:0000000000000000000000000000000000000000000000000000000000000000" + `", port: 8080}
loadBalancer: {domain: {name: api.payments.example.com, zoneId: ` + hostedZone + `}}
monitoring: {emails: [on-call@example.com]}
`

// finalSnapshot is the name of the snapshot that a deleted cluster leaves; its end is random, and in the state.
var finalSnapshot = regexp.MustCompile(`^paymentdb-prod-final-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func TestLongProduction(t *testing.T) {
	d := newDeployment(t, "prod")
	d.configure(t, production)

	step(t, "it is deployed", func(t *testing.T) { d.apply(t) })
	step(t, "the outputs name what exists", func(t *testing.T) { d.expectFile(t, "outputs.json", d.outputs(t)) })
	step(t, "it answers over HTTPS only", func(t *testing.T) { d.expectFile(t, "https.json", d.outputs(t)) })
	step(t, "a second plan is empty", func(t *testing.T) { d.plan(t).expect(t) })
	step(t, "changes are planned as they are judged", func(t *testing.T) { d.expectRecorded(t, production) })
	step(t, "what is renamed is missed, and kept by the moved blocks", d.expectGuarded)
	step(t, "a destroy is refused before it destroys anything", func(t *testing.T) {
		d.configure(t, production)
		before := d.left(t)
		if err := d.destroyByHand(t); !strings.Contains(fmt.Sprint(err), "Instance cannot be destroyed") {
			t.Errorf("the destruction ended with %v, expected a refusal", err)
		}
		if after := d.left(t); after != before || before == "" {
			t.Errorf("AWS contained before\n%s\nand contains after\n%s", before, after)
		}
	})
	step(t, "unprotected, it can be destroyed", func(t *testing.T) {
		d.configure(t, production+"protect: false\n")
		unprotected := d.plan(t)
		for _, change := range unprotected.changes {
			if !strings.HasPrefix(change, "update ") {
				t.Errorf("taking the protection away would %s, expected updates only", change)
			}
		}
		d.apply(t, unprotected.path)
		d.terraform(t, destroying...)
	})
	step(t, "the final snapshot is left, under a name of its own, and nothing else", func(t *testing.T) {
		name := d.ask(t, "rds", "describe_db_cluster_snapshots", parameters{"SnapshotType": "manual"},
			"join(' ', DBClusterSnapshots[].DBClusterSnapshotIdentifier)")
		if !finalSnapshot.MatchString(name) {
			t.Fatalf("RDS lists the snapshots %q, expected one named %s", name, finalSnapshot)
		}
		d.ask(t, "rds", "delete_db_cluster_snapshot", parameters{"DBClusterSnapshotIdentifier": name}, "@")
		d.ask(t, "route53", "delete_hosted_zone", parameters{"Id": hostedZone}, "@") // fails while it contains records
		d.expectNothingLeft(t)
	})
}
