package monitoring

import (
	_ "embed"
	"fmt"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/kmskey"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/route53healthcheck"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/encryption"
	"tap/constructs/policy"
)

//go:embed outside.yaml
var outsideFile string

// WatchOutside has Route 53 call a domain's path as customers do, by its name and over TLS, once ready, and watches
// that in config.OutsideRegion. Without a path, as where clients have to show a certificate, it only connects. Where
// that Region is not the environment's, whose provider is nil, the alarm has a key and a topic of its own there, whose
// ARN is returned.
func (m *Monitoring) WatchOutside(scope constructs.Construct, id, domain, path string, provider cdktf.TerraformProvider,
	ready []cdktf.ITerraformDependable) (topicARN *string) {
	this, outside := constructs.NewConstruct(scope, jsii.String(id)), *m
	// From 8 Regions of the world. It is healthy while more than 18 % of the checkers see a status under 400, whatever
	// the certificate's chain and dates:
	// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
	settings := &route53healthcheck.Route53HealthCheckConfig{
		Type: jsii.String("HTTPS"), Fqdn: jsii.String(domain), Port: jsii.Number(443), EnableSni: jsii.Bool(true),
		ResourcePath: jsii.String(path), RequestInterval: jsii.Number(30), FailureThreshold: jsii.Number(3),
		Tags: m.deployment.Tags(m.name + "Outside"), DependsOn: &ready,
	}
	seen := fmt.Sprintf("gets an answer under status 400 from https://%s%s, for 3 minutes", domain, path)
	if path == "" {
		settings.Type, settings.EnableSni, settings.ResourcePath = jsii.String("TCP"), nil, nil
		seen = fmt.Sprintf("can connect to port 443 of %s, for 3 minutes (neither the certificate nor a path is looked at)",
			domain)
	}
	check := route53healthcheck.NewRoute53HealthCheck(this, jsii.String("health-check"), settings)
	if d := &outside.deployment; provider != nil {
		d.ARNs.Region, d.Provider = config.OutsideRegion, provider
		// It stores nothing, so that it is not protected: a domain can be given up.
		key := kmskey.NewKmsKey(this, jsii.String("key"), &kmskey.KmsKeyConfig{
			Description:       jsii.String("Alarms of the payment API of environment " + d.Suffix + " on their way to people"),
			EnableKeyRotation: jsii.Bool(true), Provider: provider,
			Policy: policy.Document(encryption.Administer(d.ARNs),
				encryption.Publish("PublishAlarms", "cloudwatch.amazonaws.com")),
		})
		d.Key = &encryption.Key{ARN: key.Arn()}
		outside.TopicARN = outside.newTopic(this, "topic", "OutsideAlarms", " from outside")
		topicARN = outside.TopicARN
	}
	outside.watch(this, []cloudwatch.Signals{cloudwatch.Read(outsideFile, m.name, map[string]any{
		"check": check.Id(), "seen": seen, "region": config.OutsideRegion,
	})})
	m.alarms, m.graphs = outside.alarms, outside.graphs
	return topicARN
}
