package tests

import (
	"encoding/json"
	"testing"
)

// With a certificate everything is TLS 1.3 or 1.2 with forward secrecy, and clear text is only redirected. Browsers are
// told to keep to HTTPS.
func TestHTTPSIsServedAlone(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		http := s.find("aws_lb_listener", "port", 80.0)
		http.want("mutual_authentication", nil)
		forwards := http
		if s.environment.LoadBalancer.HTTPS() {
			forwards = s.find("aws_lb_listener", "port", 443.0)
			forwards.want("protocol", "HTTPS")
			forwards.want("ssl_policy", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELB.17")
			forwards.want("routing_http_response_strict_transport_security_header_value", "max-age=31536000; includeSubDomains")
			http.want("default_action", json.RawMessage(
				`[{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"}}]`), "ELB.1")
			http.waitsFor(forwards) // clients are sent there once it answers
		} else {
			s.only("aws_lb_listener")
		}
		// The service can only be attached to a target group once a listener forwards to it.
		forwards.want("default_action", json.RawMessage(
			`[{"type": "forward", "target_group_arn": "${aws_lb_target_group.arn}"}]`))
		s.service().waitsFor(forwards)
		s.only("aws_lb").waitsFor(s.only("aws_s3_bucket_policy")) // it tries to write when it is told of the bucket
		for _, group := range s.some("aws_lb_target_group") {     // AWS refuses a time-out that is not smaller
			if group.At("health_check.interval").(float64) <= group.At("health_check.timeout").(float64) {
				s.Errorf("the health check is %v", group.At("health_check"))
			}
		}
	})
}

func TestClientsShowTheirCertificates(t *testing.T) {
	for key, want := range map[string]string{
		"loadBalancer.clientCertificates.mode":        `{"mode": "passthrough"}`,
		"loadBalancer.clientCertificates.revocations": `{"mode": "verify", "trust_store_arn": "${aws_lb_trust_store.arn}"}`,
		"loadBalancer.allowedSources":                 `{"mode": "off"}`, // without it, they would go on
	} {
		example(t, key).find("aws_lb_listener", "port", 443.0).want("mutual_authentication", json.RawMessage(want))
	}
	outside := example(t, "loadBalancer.clientCertificates.revocations").only("aws_route53_health_check")
	for attribute, want := range map[string]any{"type": "TCP", "enable_sni": nil, "resource_path": nil} {
		outside.want(attribute, want) // it has none to show
	}
}

func TestDomainHasItsCertificate(t *testing.T) {
	s := production(t)
	s.find("aws_lb_listener", "port", 443.0).want("certificate_arn", "${aws_acm_certificate_validation.certificate_arn}")
	s.only("aws_acm_certificate_validation").follow("validation_record_fqdns.0").want("alias", nil)
	s.find("aws_route53_record", "name", s.environment.LoadBalancer.Domain.Name).want("alias", json.RawMessage(
		`{"evaluate_target_health": true, "name": "${aws_lb.dns_name}", "zone_id": "${aws_lb.zone_id}"}`))
}
