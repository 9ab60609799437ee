package tests

import (
	"encoding/json"
	"testing"
)

// With a certificate everything is TLS 1.3 or 1.2 with forward secrecy (ELB.17), and clear text is only redirected
// (ELB.1). Browsers are told to keep to HTTPS.
func TestHTTPSIsServedAlone(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		http := s.find("aws_lb_listener", "port", 80.0)
		forwards := http
		if s.environment.LoadBalancer.HTTPS() {
			forwards = s.find("aws_lb_listener", "port", 443.0)
			forwards.want("protocol", "HTTPS")
			forwards.want("ssl_policy", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
			forwards.want("routing_http_response_strict_transport_security_header_value", "max-age=31536000; includeSubDomains")
			http.want("default_action", json.RawMessage(
				`[{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"}}]`))
			http.waitsFor(forwards) // clients are sent there once it answers
		} else {
			s.only("aws_lb_listener")
		}
		// A target group that is in use is replaced after its successor, which therefore has another name, and to which
		// the service can only be attached once a listener forwards to it.
		forwards.want("default_action", json.RawMessage(
			`[{"type": "forward", "target_group_arn": "${aws_lb_target_group.arn}"}]`))
		s.service().waitsFor(forwards)
		s.want("aws_lb_target_group.name", nil)
		s.want("aws_lb_target_group.health_check.matcher", "200")
		s.want("aws_lb_target_group.lifecycle.create_before_destroy", true)
		for _, group := range s.some("aws_lb_target_group") { // AWS refuses a time-out that is not smaller
			if group.At("health_check.interval").(float64) <= group.At("health_check.timeout").(float64) {
				s.Errorf("the health check is %v", group.At("health_check"))
			}
		}
	})
}

// ACM renews what a record in the zone validates (ACM.1).
func TestDomainHasItsCertificate(t *testing.T) {
	s := production(t)
	name := s.environment.LoadBalancer.Domain.Name
	s.want("aws_acm_certificate.domain_name", name)
	s.want("aws_acm_certificate.lifecycle.create_before_destroy", true)
	s.want("aws_acm_certificate.key_algorithm", nil) // ACM.2: RSA of 2,048 bits
	s.want("aws_acm_certificate_validation.timeouts.create", "15m")
	s.want("aws_acm_certificate_validation.certificate_arn", "${aws_acm_certificate.arn}")
	s.find("aws_lb_listener", "port", 443.0).want("certificate_arn", "${aws_acm_certificate_validation.certificate_arn}")
	s.want("aws_route53_record.zone_id", s.environment.LoadBalancer.Domain.ZoneID)
	s.only("aws_acm_certificate_validation").follow("validation_record_fqdns.0").want("alias", nil)
	s.find("aws_route53_record", "name", name).want("alias", json.RawMessage(
		`{"evaluate_target_health": true, "name": "${aws_lb.dns_name}", "zone_id": "${aws_lb.zone_id}"}`))
}

// The load balancer tries to write when it is told of the bucket of its access logs (ELB.5).
func TestAccessLogsCanBeDelivered(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		balancer := s.only("aws_lb")
		balancer.want("access_logs", json.RawMessage(`{"enabled": true, "bucket": "${aws_s3_bucket.bucket}"}`))
		balancer.waitsFor(s.only("aws_s3_bucket_policy"))
		s.want("aws_s3_bucket_lifecycle_configuration.rule.0.expiration.0.days", s.environment.Logs.RetentionDays)
		s.want("aws_s3_bucket_lifecycle_configuration.rule.0.noncurrent_version_expiration.0.noncurrent_days", 7)
		delivery := s.only("aws_s3_bucket_policy").part("policy.Statement.1")
		delivery.want("Effect", "Allow")
		delivery.want("Principal.Service", "logdelivery.elasticloadbalancing.amazonaws.com")
		delivery.want("Action", []string{"s3:PutObject"})
		delivery.want("Resource", []string{"${aws_s3_bucket.arn}/AWSLogs/${data.aws_caller_identity.account_id}/*"})
	})
}
