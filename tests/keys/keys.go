// Package keys has another value for each key of an environment's file.
package keys

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
)

// HostedZone is the hosted zone of the bases.
const HostedZone = "Z0123456789"

const (
	// Image is a base with an image of the service.
	Image      = "service: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api:1.0.0}\n"
	domain     = "loadBalancer: {domain: {name: api.payments.example.com, zoneId: " + HostedZone + "}}\n"
	iam        = "database: {login: iam}\n"
	serverless = "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 1}}\n"

	existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}}\n"
	ownRange = "network: {cidr: 10.20.0.0/16}\n"

	// Production is the shortest file of its class, which demands an image, HTTPS and a range of its own.
	Production = "class: production\n" + Image + domain + ownRange
)

// Variant is another value of a key.
type Variant struct {
	Key   string
	Value any
	Base  string // a file in which the key matters; of class development unless it sets another
}

// All has one of each key.
var All = []Variant{
	{"class", "production", Image + domain + ownRange},
	{"region", "eu-west-1", ""},
	{"account", "123456789012", ""},
	{"tags", map[string]string{"CostCenter": "payments"}, ""},
	{"protect", true, ""},
	{"logs.retentionDays", 90, ""},

	{"network.cidr", "172.16.0.0/20", ""},
	{"network.zones", []string{"us-east-1b", "us-east-1d"}, ""},
	{"network.natGateways", 3, ""},
	{"network.interfaceEndpoints", true, ""},
	{"network.existing.publicSubnets", []string{"subnet-000000a1", "subnet-000000a2"}, existing},
	{"network.existing.privateSubnets", []string{"subnet-000000a1", "subnet-000000a2"}, existing},

	{"database.engineVersion", "15.12", ""},
	{"database.instanceClass", "db.r6g.large", ""},
	{"database.name", "payments", ""},
	{"database.login", "iam", Image},
	{"database.serverless.minimumCapacity", 2, serverless},
	{"database.serverless.maximumCapacity", 8, serverless},
	{"database.readers", 2, ""},
	{"database.passwordVersion", 2, ""},
	{"database.backupRetentionDays", 8, ""},
	{"database.backupWindow", "01:00-02:00", ""},
	{"database.maintenanceWindow", "mon:03:00-mon:04:00", ""},
	{"database.restore.snapshot", "noon", ""},
	{"database.restore.cluster", "paymentdb-prod", ""},
	{"database.restore.time", "2026-11-25T12:00:00Z", "database: {restore: {cluster: paymentdb-prod}}"},

	{"service.image", "example.com/api:2", Image},
	{"service.command", []string{"serve"}, Image},
	{"service.migration", []string{"migrate"}, Image + iam},
	{"service.port", 8081, ""},
	{"service.user", "1001", Image},
	{"service.readonlyRootFilesystem", false, ""},
	{"service.tmpfsMiB", 65, ""},
	{"service.architecture", "arm64", ""},
	{"service.cpu", 512, "service: {memory: 1024}"},
	{"service.memory", 1024, ""},
	{"service.scaling.minimumTasks", 3, ""},
	{"service.scaling.maximumTasks", 11, ""},
	{"service.scaling.cpuPercent", 71, ""},
	{"service.scaling.memoryPercent", 72, ""},
	{"service.scaling.requestsPerTarget", 73, ""},
	{"service.healthCheck.path", "/alive", ""},
	{"service.healthCheck.intervalSeconds", 31, ""},
	{"service.healthCheck.gracePeriodSeconds", 61, ""},
	{"service.containerHealthCheck", []string{"CMD", "true"}, ""},
	{"service.stopTimeoutSeconds", 31, ""},
	{"service.deregistrationDelaySeconds", 31, ""},
	{"service.environment", map[string]string{"LOG_LEVEL": "info"}, ""},
	{"service.secrets", map[string]string{
		"KEY": "arn:aws:secretsmanager:us-east-1:123456789012:secret:acquirer-AbCdEf:key::"}, ""},
	{"service.executeCommand", true, "service: {readonlyRootFilesystem: false}"},

	{"loadBalancer.certificateArn",
		"arn:aws:acm:us-east-1:123456789012:certificate/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0", ""},
	{"loadBalancer.domain.name", "www.example.com", domain},
	{"loadBalancer.domain.zoneId", "Z9", domain},
	{Permission, true, Production},
	{"loadBalancer.idleTimeoutSeconds", 61, ""},

	{"firewall.rateLimit", 2001, ""},
	{"firewall.count", []string{config.SQLInjectionRule}, ""},

	{"monitoring.emails", []string{"on-call@example.com"}, ""},
	{"monitoring.errorRatePercent", 2.5, ""},
	{"monitoring.minimumRequests", 7, ""},
	{"monitoring.availabilityPercent", 99.5, ""},
	{"monitoring.latencySeconds", 0.25, ""},
}

// Permission is the one key that changes no stack: without it a file may be refused.
const Permission = "loadBalancer.allowPlainHttp"

// In returns a file with what the key needs in order to matter, and the same with the variant's value.
func (v Variant) In(t testing.TB, file string) (base, changed string) {
	t.Helper()
	whole, value := map[string]any{}, map[string]any{}
	for _, text := range []string{"class: development", v.Base, file} {
		part := map[string]any{}
		must.Do(t, yaml.Unmarshal([]byte(text), &part))
		Merge(whole, part)
	}
	base = string(must.Get(yaml.Marshal(whole))(t))
	steps := strings.Split(v.Key, ".")
	last, within := len(steps)-1, value
	for _, step := range steps[:last] {
		inner := map[string]any{}
		within[step], within = inner, inner
	}
	within[steps[last]] = v.Value
	Merge(whole, value)
	return base, string(must.Get(yaml.Marshal(whole))(t))
}

// Merge puts the values of one map into another, and those of the maps in it likewise.
func Merge(into, from map[string]any) {
	for key, value := range from {
		inner, isMap := value.(map[string]any)
		if within, both := into[key].(map[string]any); isMap && both {
			Merge(within, inner)
		} else {
			into[key] = value
		}
	}
}
