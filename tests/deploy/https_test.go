package deploy

import (
	"regexp"
	"strings"
	"testing"
)

// finalSnapshot is the name of the snapshot that a deleted cluster leaves: a part of it is random, and kept in the state.
var finalSnapshot = regexp.MustCompile(`^paymentdb-prod-final-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// hostedZone is the id of the hosted zone in environment files. The emulator's own ids do not begin
// with a Z, as all of AWS's do and as an environment file has to say.
const hostedZone = "Z0EMULATEDZONE"

// newHostedZone creates a Route 53 hosted zone, which an environment with a domain needs to exist.
// From then on its id takes the place of hostedZone in what is synthesized.
func (d *deployment) newHostedZone(t *testing.T, name string) {
	t.Helper()
	created := d.ask(t, request{Service: "route53", Operation: "create_hosted_zone", Parameters: parameters{"Name": name, "CallerReference": name}})[0]
	d.zone = strings.TrimPrefix(text(created, "HostedZone", "Id"), "/hostedzone/")
	if d.zone == "" {
		t.Fatalf("Route 53 answered %v, expected a hosted zone", created)
	}
	d.given = d.inventory(t)
}

// removeHostedZone deletes the hosted zone, and fails when it holds records.
func (d *deployment) removeHostedZone(t *testing.T) {
	t.Helper()
	if answer := d.ask(t, request{Service: "route53", Operation: "delete_hosted_zone", Parameters: parameters{"Id": d.zone}})[0]; at(answer, "Error") != nil {
		t.Errorf("delete the hosted zone: %v", at(answer, "Error"))
	}
}

// expectHTTPS checks that the load balancer serves the domain over TLS and redirects what comes in
// clear, with a validated certificate and an alias record.
func (d *deployment) expectHTTPS(t *testing.T, domain string) {
	t.Helper()
	outputs := d.outputs(t)
	answers := d.ask(t,
		request{Service: "elbv2", Operation: "describe_listeners", Parameters: parameters{"LoadBalancerArn": outputs["LoadBalancerArn"]}},
		request{Service: "route53", Operation: "list_resource_record_sets", Parameters: parameters{"HostedZoneId": d.zone}},
		request{Service: "acm", Operation: "list_certificates"},
	)
	listeners := map[float64]any{}
	found, _ := at(answers[0], "Listeners").([]any)
	for _, listener := range found {
		port, _ := at(listener, "Port").(float64)
		listeners[port] = listener
	}
	certificate := text(answers[2], "CertificateSummaryList", 0, "CertificateArn")
	described := d.ask(t, request{Service: "acm", Operation: "describe_certificate", Parameters: parameters{"CertificateArn": certificate}})[0]
	var alias any
	records, _ := at(answers[1], "ResourceRecordSets").([]any)
	for _, record := range records {
		if text(record, "Name") == domain+"." && text(record, "Type") == "A" {
			alias = record
		}
	}
	for _, check := range []struct {
		fact          string
		found, wanted any
	}{
		{"the number of listeners", len(found), 2},
		{"the protocol on 443", at(listeners[443], "Protocol"), "HTTPS"},
		{"the TLS policy", at(listeners[443], "SslPolicy"), "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
		{"the listener's certificate", at(listeners[443], "Certificates", 0, "CertificateArn"), certificate},
		{"what 443 forwards to", at(listeners[443], "DefaultActions", 0, "TargetGroupArn"), outputs["TargetGroupArn"]},
		{"the protocol on 80", at(listeners[80], "Protocol"), "HTTP"},
		{"what 80 does", at(listeners[80], "DefaultActions", 0, "Type"), "redirect"},
		{"the protocol that 80 redirects to", at(listeners[80], "DefaultActions", 0, "RedirectConfig", "Protocol"), "HTTPS"},
		{"the port that 80 redirects to", at(listeners[80], "DefaultActions", 0, "RedirectConfig", "Port"), "443"},
		{"the redirect's status", at(listeners[80], "DefaultActions", 0, "RedirectConfig", "StatusCode"), "HTTP_301"},
		{"the certificate's name", at(described, "Certificate", "DomainName"), domain},
		{"the certificate's status", at(described, "Certificate", "Status"), "ISSUED"},
		{"the alias", strings.TrimSuffix(text(alias, "AliasTarget", "DNSName"), "."), outputs["LoadBalancerDNS"]},
	} {
		if check.found != check.wanted || check.wanted == "" {
			t.Errorf("%s is %v, expected %v", check.fact, check.found, check.wanted)
		}
	}
}
