package tests

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
)

const (
	digest     = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	image      = "service: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api" + digest + "}\n"
	domain     = "loadBalancer: {domain: {name: api.example.com, zoneId: Z0123456789}}\n"
	iam        = "database: {login: iam}\n"
	serverless = "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 1}}\n"

	existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}}\n"
	ownRange = "network: {cidr: 10.20.0.0/16}\n"

	// The shortest files of each class; production demands an image, HTTPS and a range of its own.
	minimalDevelopment = "class: development\n"
	minimalProduction  = "class: production\n" + image + domain + ownRange
)

// variant is another value of a key.
type variant struct {
	key   string
	value any
	base  string // a file in which the key matters; of class development unless it sets another
}

var variants = []variant{
	{"class", "production", image + domain + ownRange},
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
	{"database.login", "iam", image},
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

	{"service.image", "example.com/api:2", image},
	{"service.command", []string{"serve"}, image},
	{"service.migration", []string{"migrate"}, image + iam},
	{"service.port", 8081, ""},
	{"service.user", "1001", image},
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
	{permission, true, minimalProduction},
	{"loadBalancer.idleTimeoutSeconds", 61, ""},

	{"firewall.rateLimit", 2001, ""},
	{"firewall.count", []string{config.SQLInjectionRule}, ""},

	{"monitoring.emails", []string{"on-call@example.com"}, ""},
	{"monitoring.errorRatePercent", 2.5, ""},
	{"monitoring.minimumRequests", 7, ""},
	{"monitoring.availabilityPercent", 99.5, ""},
	{"monitoring.latencySeconds", 0.25, ""},
}

// permission is the one key that changes no stack: without it a file may be refused.
const permission = "loadBalancer.allowPlainHttp"

// sibling names the stack of minimalDevelopment under another suffix.
const sibling = "sibling"

var synthesized map[string]stack

// example returns the stack of a variant by its key, or of a base by its content. They are synthesized once.
func example(t *testing.T, name string) stack {
	t.Helper()
	if synthesized == nil {
		files := map[string]string{sibling: minimalDevelopment, minimalProduction: minimalProduction}
		for _, v := range variants {
			files[cmp.Or(v.base, minimalDevelopment)], files[v.key] = v.files(t)
		}
		names, environments := slices.Sorted(maps.Keys(files)), []config.Environment(nil)
		for i, name := range names {
			suffix := fmt.Sprintf("zq%02d", i) // found nowhere else, and all of one length
			environments = append(environments, parse(t, suffix, files[name]))
		}
		all := synthesize(t, environments, nil)
		synthesized = map[string]stack{}
		for i, name := range names {
			synthesized[name] = all[environments[i].Suffix]
		}
	}
	s, found := synthesized[name]
	if !found {
		t.Fatalf("there is no example %q", name)
	}
	return s.in(t)
}

// development and production are the stacks of environments that leave everything to their class. Unlike those in the
// repository's folder environments, they stay as they are when somebody changes an environment.
func development(t *testing.T) stack { return example(t, minimalDevelopment) }
func production(t *testing.T) stack  { return example(t, minimalProduction) }

// files returns the base, and the base with the variant's value.
func (v variant) files(t *testing.T) (base, changed string) {
	t.Helper()
	file := map[string]any{"class": "development"}
	must.Do(t, yaml.Unmarshal([]byte(v.base), &file))
	base = string(must.Get(yaml.Marshal(file))(t))
	within, steps := file, strings.Split(v.key, ".")
	for _, step := range steps[:len(steps)-1] {
		if within[step] == nil {
			within[step] = map[string]any{}
		}
		within = within[step].(map[string]any)
	}
	within[steps[len(steps)-1]] = v.value
	return base, string(must.Get(yaml.Marshal(file))(t))
}

// All that a key changes is kept: kind.attribute, or the kind of what is more or less.
func TestGoldenSaysWhatEachKeyChanges(t *testing.T) {
	var keys, tried []string
	for _, key := range config.Keys() {
		keys = append(keys, key.Path)
	}
	text := &strings.Builder{}
	for _, v := range variants {
		tried = append(tried, v.key)
		changed := example(t, v.key).changesFrom(example(t, cmp.Or(v.base, minimalDevelopment)))
		if (len(changed) == 0) != (v.key == permission) {
			t.Errorf("%s: %v changes %q", v.key, v.value, changed)
		}
		fmt.Fprintln(text, strings.Join(append([]string{v.key}, changed...), "\n  "))
	}
	same(t, "the keys with a line in keys_test.go", tried, keys)
	golden(t, "golden/keys.txt", text.String())
}

// Ids are what Terraform knows resources by: one with the suffix in it would replace a resource when an environment is
// named otherwise.
func TestEnvironmentsDifferInSuffixOnly(t *testing.T) {
	one, other := development(t), example(t, sibling)
	if renamed := strings.ReplaceAll(other.json, other.suffix, one.suffix); renamed != one.json {
		t.Error(firstDifference(renamed, one.json))
	}
	same(t, "the addresses", addresses(other.all()), addresses(one.all()))
}
