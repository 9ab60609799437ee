package config

import (
	"fmt"
	"strings"
)

func (f *file) validateLoadBalancer() {
	const certificate, name, zone = "loadBalancer.certificateArn", "loadBalancer.domain.name", "loadBalancer.domain.zoneId"
	balancer := f.environment.LoadBalancer
	domain := balancer.Domain

	switch {
	case domain.Name != "" && domain.ZoneID == "":
		f.reject(fmt.Sprintf("%s needs %s, the Route 53 hosted zone that holds it", quote(domain.Name), zone), name, zone)
	case domain.Name == "" && domain.ZoneID != "":
		f.reject(fmt.Sprintf("the hosted zone %s needs %s, the name in it that the API has", quote(domain.ZoneID), name), zone, name)
	}
	if balancer.CertificateARN != "" {
		if domain != (Domain{}) {
			f.reject("excludes loadBalancer.domain, which has a certificate requested; keep one of them", certificate, name, zone)
		}
		f.validateCertificate()
	}
	if f.environment.Class == Production && !balancer.HTTPS() && !balancer.AllowPlainHTTP {
		f.reject("production does not serve clear-text HTTP: name loadBalancer.certificateArn, or loadBalancer.domain with name and zoneId, or set loadBalancer.allowPlainHttp: true",
			"loadBalancer.allowPlainHttp", certificate, name, zone)
	}
}

// validateCertificate checks that the load balancer can use the certificate: one of its own
// Region and account, https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html
func (f *file) validateCertificate() {
	const at = "loadBalancer.certificateArn"
	parts := strings.Split(f.environment.LoadBalancer.CertificateARN, ":")
	if f.isRejected(at) || len(parts) < 5 {
		return
	}
	if region := parts[3]; region != f.environment.Region {
		f.reject(fmt.Sprintf("the certificate is in %s, and the load balancer in %s; it has to be in the same Region", region, f.show("region", f.environment.Region)), at, "region")
	}
	if account := parts[4]; f.environment.Account != "" && account != f.environment.Account {
		f.reject(fmt.Sprintf("the certificate is in account %s, and the load balancer in %s; it has to be in the same account", account, f.environment.Account), at, "account")
	}
}
