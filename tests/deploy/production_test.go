package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hostedZone is the id of the hosted zone in environment files. The emulator's own ids do not begin with a Z, as all
// of AWS's do and as an environment file has to say.
const hostedZone = "Z0EMULATEDZONE"

const production = `
class: production
network: {cidr: 10.20.0.0/16}
service: {image: "` + image + `", port: 8080}
loadBalancer: {domain: {name: api.payments.example.com, zoneId: ` + hostedZone + `}}
monitoring: {emails: [on-call@example.com]}
`

// image is an image of the payment API; the emulator does not pull it.
const image = account + ".dkr.ecr." + region + ".amazonaws.com/payment-api:1.0.0"

// finalSnapshot is the name of the snapshot that a deleted cluster leaves; its end is random, and in the state.
var finalSnapshot = regexp.MustCompile(`^paymentdb-prod-final-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func TestLongProduction(t *testing.T) {
	d := newDeployment(t, "prod")
	d.newHostedZone(t)
	d.configure(t, production)

	step(t, "it is deployed", func(t *testing.T) { d.apply(t) })
	step(t, "the outputs name what exists", d.expectOutputs)
	step(t, "it answers over HTTPS only", d.expectHTTPS)
	step(t, "the secret names a master user of its own", func(t *testing.T) {
		d.storedCredentials(t).expect(t, "payment_owner", "paymentdb-prod")
	})
	step(t, "a second plan is empty", func(t *testing.T) { d.plan(t).expect(t) })
	step(t, "what is renamed is missed, and kept by the moved blocks", d.expectGuarded)
	step(t, "a destroy is refused before it destroys anything", func(t *testing.T) {
		d.configure(t, production)
		before := d.inventory(t)
		d.refused(t, []string{"Instance cannot be destroyed"}, destroying...)
		if after := d.inventory(t); !slices.Equal(before, after) {
			t.Errorf("AWS contained %d resources before and contains %d after, expected the same", len(before), len(after))
		}
	})
	step(t, "unprotected, it can be destroyed", func(t *testing.T) {
		d.configure(t, production+"protect: false\n")
		unprotected := d.plan(t)
		for _, change := range unprotected.changes {
			if !change.actions.Update() {
				t.Errorf("taking the protection away would %s, expected updates only", change)
			}
		}
		d.apply(t, unprotected.path)
		d.terraform(t, destroying...)
	})
	step(t, "the final snapshot is left, under a name of its own, and nothing else", func(t *testing.T) {
		manual := parameters{"SnapshotType": "manual"}
		snapshots := d.ask(t, request{"rds", "describe_db_cluster_snapshots", manual})[0]
		name := text(snapshots, "DBClusterSnapshots", 0, "DBClusterSnapshotIdentifier")
		if !finalSnapshot.MatchString(name) || at(snapshots, "DBClusterSnapshots", 1) != nil {
			t.Fatalf("RDS lists the snapshots %v, expected one named %s", snapshots, finalSnapshot)
		}
		answers := d.ask(t,
			request{"rds", "delete_db_cluster_snapshot", parameters{"DBClusterSnapshotIdentifier": name}},
			request{"route53", "delete_hosted_zone", parameters{"Id": d.zone}}, // fails while it contains records
		)
		for _, answer := range answers {
			if refused := at(answer, "Error"); refused != nil {
				t.Error(refused)
			}
		}
		d.expectNothingLeft(t)
	})
}

// newHostedZone creates a Route 53 hosted zone, which an environment with a domain needs to exist. From then on its id
// takes the place of hostedZone in what is configured.
func (d *deployment) newHostedZone(t *testing.T) {
	t.Helper()
	zone := parameters{"Name": "payments.example.com", "CallerReference": "deploy"}
	created := d.ask(t, request{"route53", "create_hosted_zone", zone})[0]
	d.zone = strings.TrimPrefix(text(created, "HostedZone", "Id"), "/hostedzone/")
	if d.zone == "" {
		t.Fatalf("Route 53 answered %v, expected a hosted zone", created)
	}
	d.given = d.inventory(t)
}

// expectHTTPS checks that the load balancer serves the domain over TLS, with a validated certificate and an alias.
func (d *deployment) expectHTTPS(t *testing.T) {
	t.Helper()
	outputs := d.outputs(t)
	answers := d.ask(t,
		request{"elbv2", "describe_listeners", parameters{"LoadBalancerArn": outputs["LoadBalancerArn"]}},
		request{"route53", "list_resource_record_sets", parameters{"HostedZoneId": d.zone}},
		request{"acm", "list_certificates", nil},
	)
	certificate := text(answers[2], "CertificateSummaryList", 0, "CertificateArn")
	described := d.ask(t, request{"acm", "describe_certificate", parameters{"CertificateArn": certificate}})[0]
	listeners := at(answers[0], "Listeners")
	https := find(listeners, "Port", 443.0)
	alias := find(at(answers[1], "ResourceRecordSets"), "Type", "A")
	if more := at(listeners, 2); more != nil {
		t.Errorf("the load balancer has a third listener: %v", more)
	}
	expectFacts(t,
		fact{"the listener's certificate", at(https, "Certificates", 0, "CertificateArn"), certificate},
		fact{"what 443 forwards to", at(https, "DefaultActions", 0, "TargetGroupArn"), outputs["TargetGroupArn"]},
		fact{"the certificate's name", at(described, "Certificate", "DomainName"), "api.payments.example.com"},
		fact{"the certificate's status", at(described, "Certificate", "Status"), "ISSUED"},
		fact{"the alias' name", at(alias, "Name"), "api.payments.example.com."},
		fact{"the alias", strings.TrimSuffix(text(alias, "AliasTarget", "DNSName"), "."), outputs["LoadBalancerDNS"]},
	)
}
