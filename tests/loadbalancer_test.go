package tests

import (
	"regexp"
	"slices"
	"testing"
)

// A target group that is in use is replaced after its successor, to which the service can only be attached once a
// listener forwards to it.
func TestTargetGroupIsReplacedInUse(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		group := s.only("aws_lb_target_group")
		group.want("name", nil) // it would collide with the successor's
		group.want("lifecycle.create_before_destroy", true)
		for _, listener := range s.some("aws_lb_listener") {
			if listener.at("default_action.0.type") == "forward" {
				listener.want("default_action.0.target_group_arn", group.ref("arn"))
				s.only("aws_ecs_service").waitsFor(listener)
			}
		}
	})
}

// With a certificate everything is TLS 1.3 or 1.2 with forward secrecy (ELB.17), and clear text is only redirected
// (ELB.1). Browsers are told to keep to HTTPS.
func TestHTTPSIsServedAlone(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		http := s.listener(80)
		if !s.environment.LoadBalancer.HTTPS() {
			http.want("default_action.0.type", "forward")
			s.only("aws_lb_listener")
			return
		}
		https := s.listener(443)
		https.want("protocol", "HTTPS")
		https.want("ssl_policy", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
		https.want("default_action.0.type", "forward")
		https.want("routing_http_response_strict_transport_security_header_value", "max-age=31536000; includeSubDomains")
		http.want("default_action", []any{map[string]any{"type": "redirect", "redirect": map[string]any{
			"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301",
		}}})
		http.waitsFor(https) // clients are sent there once it answers
	})
}

// ACM renews what a record in the zone validates (ACM.1).
func TestDomainHasItsCertificate(t *testing.T) {
	s := production(t)
	name, zone := s.environment.LoadBalancer.Domain.Name, s.environment.LoadBalancer.Domain.ZoneID
	certificate, validation := s.only("aws_acm_certificate"), s.only("aws_acm_certificate_validation")
	certificate.want("domain_name", name)
	certificate.want("lifecycle.create_before_destroy", true)
	certificate.want("key_algorithm", nil) // ACM.2: RSA of 2,048 bits
	validation.want("timeouts.create", "15m")
	validation.want("certificate_arn", certificate.ref("arn"))
	s.listener(443).want("certificate_arn", validation.ref("certificate_arn"))
	proof := validation.follow("validation_record_fqdns.0")
	for _, record := range s.some("aws_route53_record") {
		record.want("zone_id", zone)
		if record.name != proof.name {
			record.want("name", name)
			record.want("alias.name", s.only("aws_lb").ref("dns_name"))
			record.want("alias.zone_id", s.only("aws_lb").ref("zone_id"))
		}
	}
}

// The load balancer tries to write when it is told of the bucket of its access logs (ELB.5).
func TestAccessLogsCanBeDelivered(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		balancer, policy := s.only("aws_lb"), s.only("aws_s3_bucket_policy")
		balancer.want("access_logs.enabled", true)
		balancer.waitsFor(policy)
		bucket := balancer.follow("access_logs.bucket")
		s.only("aws_s3_bucket_lifecycle_configuration").want("rule.0.noncurrent_version_expiration.0.noncurrent_days", 7)
		objects := regexp.MustCompile(`^` + regexp.QuoteMeta(bucket.ref("arn")) + `/AWSLogs/` + accountID.String() + `/\*$`)
		if !slices.ContainsFunc(policy.policy(), func(statement statement) bool {
			return statement.allows("logdelivery.elasticloadbalancing.amazonaws.com", "s3:PutObject") &&
				len(statement.Resource) == 1 && objects.MatchString(statement.Resource[0])
		}) {
			s.Error("no statement lets the load balancer deliver its logs")
		}
	})
}
