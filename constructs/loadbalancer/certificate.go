package loadbalancer

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/acmcertificate"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/acmcertificatevalidation"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/lb"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/route53record"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
)

// newCertificate returns the ARN of a certificate that can be used at once: the configured one, or one
// requested for the domain and validated by DNS, which ACM renews as long as the validation record exists.
// The domain then also gets its alias record.
func newCertificate(scope constructs.Construct, config config.LoadBalancer, balancer lb.Lb) *string {
	if config.CertificateARN != "" {
		return jsii.String(config.CertificateARN)
	}
	this := constructs.NewConstruct(scope, jsii.String("domain"))
	certificate := acmcertificate.NewAcmCertificate(this, jsii.String("certificate"), &acmcertificate.AcmCertificateConfig{
		DomainName:       jsii.String(config.Domain.Name),
		ValidationMethod: jsii.String("DNS"),
		// A listener's certificate cannot be deleted before the listener has another.
		Lifecycle: &cdktf.TerraformResourceLifecycle{CreateBeforeDestroy: jsii.Bool(true)},
	})
	proof := certificate.DomainValidationOptions().Get(jsii.Number(0))
	record := route53record.NewRoute53Record(this, jsii.String("validation-record"), &route53record.Route53RecordConfig{
		ZoneId:  jsii.String(config.Domain.ZoneID),
		Name:    proof.ResourceRecordName(),
		Type:    proof.ResourceRecordType(),
		Records: &[]*string{proof.ResourceRecordValue()},
		Ttl:     jsii.Number(60),
		// ACM asks for the same record for every certificate of one name, also for that of another environment
		// that had the name before.
		AllowOverwrite: jsii.Bool(true),
	})
	validated := acmcertificatevalidation.NewAcmCertificateValidation(this, jsii.String("validation"), &acmcertificatevalidation.AcmCertificateValidationConfig{
		CertificateArn:        certificate.Arn(),
		ValidationRecordFqdns: &[]*string{record.Fqdn()},
		// Minutes, where the zone answers for the domain. Where it does not, waiting longer would not help.
		Timeouts: &acmcertificatevalidation.AcmCertificateValidationTimeouts{Create: jsii.String("15m")},
	})
	route53record.NewRoute53Record(this, jsii.String("alias"), &route53record.Route53RecordConfig{
		ZoneId: jsii.String(config.Domain.ZoneID),
		Name:   jsii.String(config.Domain.Name),
		Type:   jsii.String("A"),
		Alias: &route53record.Route53RecordAlias{
			Name:                 balancer.DnsName(),
			ZoneId:               balancer.ZoneId(),
			EvaluateTargetHealth: jsii.Bool(true),
		},
	})
	return validated.CertificateArn()
}
