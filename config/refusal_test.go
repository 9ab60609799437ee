package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// read returns the problems of a file's content.
func read(content string) error {
	f := newFile("a.yaml")
	f.fill(f.parse([]byte(content), environmentLimit))
	return errors.Join(f.errors()...)
}

// check reads files that consist of the class and a content, whose first line is line 2. Each line of the error has to
// begin with a wanted one after the name of the file.
func check(t *testing.T, class Class, wantOf [][2]string) {
	t.Helper()
	for _, test := range wantOf {
		t.Run(test[0], func(t *testing.T) {
			want := strings.Split("a.yaml:"+strings.ReplaceAll(test[1], "\n", "\na.yaml:"), "\n")
			wantProblems(t, read("class: "+string(class)+"\n"+test[0]), want...)
		})
	}
}

func TestKeysAreRefused(t *testing.T) {
	check(t, Development, [][2]string{
		{"servce: {}", "2: servce: is not a known key; did you mean service?"},
		{"service: {CPU: 256}", "2: service.CPU: is not a known key; did you mean service.cpu?"},
		{"natGateways: 1", "2: natGateways: is not a known key; did you mean network.natGateways?"},
		{"service.cpu: 256", `2: "service.cpu": is not a known key; keys are nested: write cpu below service`},
		{"service: {scaling.cpuPercent: 9}", `2: service."scaling.cpuPercent": is not a known key; keys are nested: ` +
			"write cpuPercent below service.scaling"},
		{"logs: {level: debug}", "2: logs.level: is not a known key; allowed: retentionDays"},
		{"'a b': 1", `2: "a b": is not a known key; allowed: account, class, database, firewall, loadBalancer`},
		{"? [a]\n: b", `2: "": a key is plain text`},
		{"!!str region: eu-west-1", "2: region: a key is plain text"},
		{"service:\n  port: 80\n  cpu: 256\n  port: 81", "5: service.port: is given twice; the first one is in line 3"},
		{"class: production\nregion: mars", "2: class: is given twice; the first one is in line 1\n3: region: "},
		{"tags: {Team: a, Team: b}", "2: tags.Team: is given twice; the first one is in line 2"},
		{"service:\n  <<: {port: 80}", `3: service."<<": merge keys are not supported`},
		{"tags: {'${a}': b}", `2: tags."${a}": is not a valid name; allowed: 1 to 128 letters`},
		{"tags: {'a*': b, __proto__: b}", "2: tags.\"a*\": is not a valid name\n2: tags.__proto__: is not a valid name"},
		{"tags: {'AWS:x': y, managedby: me}", "2: tags.\"AWS:x\": is not a valid\n2: tags.managedby: is not a valid name"},
		{"tags: {team: a, Team: b}", "2: tags.team: differs in case only from another tag, and is the same to IAM: Team"},
		{"tags: {" + many("T%d: x", 47) + "}", "2: tags: 47 entries are too many; allowed: up to 46"},
		{"service: {environment: {A-B: c}}", "2: service.environment.A-B: is not a valid name"},
		{"service: {environment: {DB_HOST: c}}", "2: service.environment.DB_HOST: is not a valid name"},
	})
}

func many(format string, count int) string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(texts, ", ")
}

const (
	notText    = " is not text to YAML unless it is in quotes; allowed: "
	notBoolean = " is not a boolean without quotes; allowed: true, false"
	notWhole   = " is not a whole number in decimal digits without quotes; allowed: 1 to 65535"
	notNumber  = " is not a number in decimal digits without quotes; allowed: more than 0, up to 4000"
	notList    = ` is not a list; write [a, b], or one "- a" per line`
	notMapping = "is not a mapping of keys to values"
	notValid   = " is not valid; allowed: "
)

// refused are values that no file can have, with the end of the message or its beginning. The YAML library would let
// through 0120, 80.0, 8_080, +80, 1e1, yes, unquoted numbers for text, what is empty, tags and aliases.
var refused = []struct {
	key, message string
	values       []string
}{
	{"account", notText, []string{"012345678901"}},
	{"account", notValid + "the 12 digits of an AWS account", []string{"'1234'"}},
	{"account", "tags (!) are not supported", []string{"!!str 123456789012"}},
	{"class", "has no value", []string{"", "~"}},
	{"class", notText + "development, production", []string{"1"}},
	{"class", notValid + "development, production", []string{"prod", "staging"}},
	{"database.backupRetentionDays", notValid + "1 to 35", []string{"0", "36"}},
	{"database.backupWindow", notValid + "hh:mm-hh:mm", []string{"'24:00-25:00'", "'7:00-8:00'"}},
	{"database.engineVersion", notText, []string{"15.10"}},
	{"database.engineVersion", notValid, []string{"'15.12.1'"}},
	{"database.instanceClass", notValid + "db.<family>.<size>", []string{"db.m5", "t3.medium"}},
	{"database.maintenanceWindow", notValid + "ddd:hh:mm-ddd:hh:mm", []string{"'Sun:01:00-Sun:02:00'"}},
	{"database.login", notValid + "iam, master", []string{"password"}},
	{"database.name", notValid + "a lower-case letter or underscore, then up to 62", []string{
		"Payments", "1payments", "pay-ments", strings.Repeat("a", 64), "template1", "rdsadmin", "pg_payments", "user"}},
	{"database.readers", notValid + "0 to 15", []string{"16"}},
	{"database.restore.cluster", notValid + "the identifier of a cluster in lower case", []string{"Prod", "prod-",
		"a--b"}},
	{"database.restore.snapshot", notValid + "the identifier of a cluster snapshot", []string{
		"'arn:aws:rds:us-east-1:123456789012:snapshot:a'"}},
	{"database.restore.time", notValid + "a time of RFC 3339 in UTC", []string{
		"'2026-11-25 12:00'", "'2026-11-25T12:00:00+01:00'", "noon"}},
	{"database.restore.time", notText, []string{"2026-11-25T12:00:00Z"}},
	{"database.serverless.maximumCapacity", notValid + "1 to 256 in steps of 0.5", []string{"1.25", "0.5"}},
	{"firewall.count[0]", notValid + "RateLimitRule, SQLInjectionRule", []string{"RateLimit"}},
	{"firewall.rateLimit", notValid + "10 to 2000000000", []string{"9", "2000000001"}},
	{"loadBalancer.certificateArn", notValid, []string{"'arn:aws:iam::123456789012:server-certificate/a'"}},
	{"loadBalancer.domain.name", notValid, []string{"api.example.com.", "API", strings.Repeat("a", 53) + ".example.com"}},
	{"loadBalancer.domain.zoneId", notValid + "Z, then up to 31", []string{"example.com"}},
	{"loadBalancer.idleTimeoutSeconds", notValid + "1 to 4000", []string{"4001"}},
	{"logs.retentionDays", notValid + "1, 3, 5, 7, 14, 30", []string{"31"}},
	{"monitoring.emails", notList, []string{"a@example.com"}},
	{"monitoring.emails[0]", notValid + "name@domain", []string{"me@localhost", "a/b@example.com"}},
	{"monitoring.errorRatePercent", notValid + "more than 0, up to 100", []string{"0", "100.5"}},
	{"monitoring.latencySeconds", notNumber, []string{".inf", "1e1", "'1'"}},
	{"network.cidr", notValid + "the first address and the size of a range of /16 to /20", []string{
		"10.0.0.0/8", "10.0.0.0/21", "'fd00::/16'", "10.0.300.0/16", "11.0.0.0/16", "172.32.0.0/16", "10.0.1.0/16"}},
	{"network.existing.publicSubnets[0]", notValid + "subnet-<8 or 17 hex", []string{"vpc-00000001", "subnet-1"}},
	{"network.zones", notList, []string{"{a: b}"}},
	{"network.zones", "a list of 1 is not valid; allowed: 2 to 6", []string{"[us-east-1a]"}},
	{"network.zones[0]", notValid, []string{"us-east-1-bos-1a"}},
	{"protect", notBoolean, []string{"'true'", "yes", "1"}},
	{"region", notText, []string{"[us-east-1]"}},
	{"region", notValid, []string{"us-east-1a", `"us-east-1\u0007"`, `"us-east-1\n"`, strings.Repeat("é", 100)}},
	{"service", "anchors and aliases (& and *) are not supported", []string{"&s {port: 80}"}},
	{"service", "has no value; leave the key out to get the default", []string{"~"}},
	{"service", notMapping, []string{"yes"}},
	{"service.cpu", notValid + "256, 512, 1024, 2048, 4096, 8192, 16384, 32768", []string{"300"}},
	{"service.healthCheck.path", notValid + "a slash, then", []string{
		"health", "'/a;b'", "/" + strings.Repeat("a", 1024)}},
	{"service.image", notValid + "[registry/]repository[:tag]", []string{
		"App", "'app@sha256:abc'", strings.Repeat("a", 256)}},
	{"service.port", notValid + "1 to 65535", []string{"0", "-1", "65536", "9999999999999999999", "99999999999999999999"}},
	{"service.port", notWhole, []string{"'80'", "0x50", "0120", "8_080", "+80", "80.0", "80.5", "http"}},
	{"service.secrets.TOKEN", "the value" + notValid + "arn:aws:secretsmanager:<Region>", []string{"hunter2"}},
	{"service.secrets.TOKEN", "the value contains ${, which Terraform", []string{"'hunter2${'"}},
	{"service.environment", notMapping, []string{"hunter2"}},
	{"service.environment.TOKEN", "tags (!) are not", []string{"!hunter2 a"}},
	{"service.environment.TOKEN", "the value" + notText, []string{"1234"}},
	{"service.environment.TOKEN", "the value" + notValid + "visible text", []string{`"hunter2\u200b"`}},
	{"service.tmpfsMiB", notValid + "1 to 2147483647", []string{"2147483648"}},
	{"service.user", notValid + "uid or uid:gid in digits, under 2000000000", []string{"'0'", "app", "'1000:4294967295'"}},
	{"tags", notMapping, []string{"[a]"}},
	{"tags.Team", notText, []string{"true", "2026-01-01"}},
	{"tags.Team", notValid, []string{"'a*'"}},

	// Terraform and CDKTF would evaluate these, also where a text is free.
	{"monitoring.emails[0]", " contains TfToken[, which", []string{"'#{TfToken[TOKEN.0]}'"}},
	{"region", " contains ${, which", []string{"'${TfToken[TOKEN.0]}'"}},
	{"service.command[0]", " contains ${, which Terraform or CDKTF would evaluate; for", []string{"'$${b}'"}},
	{"service.image", " contains ${, which", []string{"'a:${b}'"}},
	{"tags.Team", " contains %{, which", []string{"'%{ if true }'"}},
	// Nobody sees these.
	{"service.command[0]", notValid + "visible text", []string{
		`"a\u200bb"`, `"\U000E0041"`, `"\u3164"`, `"\ufe0f"`, `"\u00a0"`, `"\u0007"`}},
}

// written returns a file that gives the key a value in its last line. The value of a key that ends in [0] is an item.
func written(key, value string) string {
	content := "class: development\n"
	if key == "class" {
		content = ""
	}
	key, isItem := strings.CutSuffix(key, "[0]")
	if isItem {
		value = "[" + value + "]"
	}
	for depth, name := range strings.Split(key, ".") {
		content += "\n" + strings.Repeat(" ", depth) + name + ":"
	}
	return content + " " + value
}

func TestValuesAreRefused(t *testing.T) {
	for _, test := range refused {
		for _, value := range test.values {
			content, want := written(test.key, value), test.message
			if strings.HasPrefix(want, " ") {
				var node yaml.Node
				must.Do(t, yaml.Unmarshal([]byte(value), &node))
				want = describe(node.Content[0]) + want
			}
			wantProblems(t, read(content), fmt.Sprintf("a.yaml:%d: %s: %s", 1+strings.Count(content, "\n"), test.key, want))
		}
	}
}

func TestItemsAreRefusedInTheirLines(t *testing.T) {
	const twice = ` is in the list twice; it is `
	check(t, Development, [][2]string{
		{"region: &r us-east-1\naccount: *r", "2: region: anchors and aliases\n3: account: anchors and aliases"},
		{"network:\n  zones:\n    - us-east-1a\n    -\n    - b", "5: network.zones[1]: has no value\n6: network.zones[2]: "},
		{"firewall:\n  count:\n    - RateLimitRule\n    - a\n    - a\n    - RateLimitRule", "5: firewall.count[1]: \n" +
			`6: firewall.count[2]: ` + "\n" + `7: firewall.count[3]: "RateLimitRule"` + twice + "firewall.count[0] already"},
		{"monitoring: {emails: [a@b.com, a@b.com]}", `2: monitoring.emails[1]: "a@b.com"` + twice + "monitoring.emails[0]"},
		{"network: {zones: [us-east-1a, us-east-1b, us-east-1a]}", `2: network.zones[2]: "us-east-1a"` + twice},
	})
}

func TestValuesThatDoNotGoTogetherAreRefused(t *testing.T) {
	const arn = "'arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012'"
	const secret = "'arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf'"
	const ecr = "{image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1'}"
	const subnets = "{publicSubnets: [subnet-00000001, subnet-00000002], privateSubnets: [subnet-00000003, " +
		"subnet-00000004]}"
	check(t, Development, [][2]string{
		{"region: us-west-1", "2: region: the Region does not offer its zones a, b and c to every account"},
		{"region: eu-west-1\nnetwork: {zones: [eu-west-1a, us-east-1b]}", `3: network.zones[1]: "us-east-1b" is not a zone`},
		{"network: {natGateways: 4}", "2: network.natGateways: there is one NAT gateway for each zone at most; " +
			`network.natGateways is 4, network.zones is ["us-east-1a" "us-east-1b" "us-east-1c"] (the default)`},
		{"network: {natGateways: 0}", "2: network.natGateways: without a NAT gateway, tasks get images and secrets"},
		{"network: {natGateways: 0, interfaceEndpoints: true}\nservice: {image: 'public.ecr.aws/a/b:1'}",
			"2: network.natGateways: without a NAT gateway, tasks get an image only from a private ECR repository"},
		{"service: " + ecr + "\nnetwork: {interfaceEndpoints: true, natGateways: 0}", "3: network.natGateways: without"},
		{"network: {cidr: 10.0.0.0/16, natGateways: 0, zones: [us-east-1a, us-east-1b], existing: " + subnets + "}",
			"2: network.cidr: excludes network.existing\n2: network.natGateways: ex\n2: network.zones: ex"},
		{"network: {existing: {publicSubnets: [subnet-00000001]}}", "2: network.existing.publicSubnets: load balancer and " +
			`database need subnets in two zones at least; network.existing.publicSubnets is ["subnet-00000001"], network.ex`},
		{"network: {existing: {publicSubnets: [subnet-00000001, subnet-00000003], privateSubnets: [subnet-00000003, " +
			"subnet-00000001]}}", "2: network.existing.privateSubnets[0]: \"subnet-00000003\" is in network.existing.public" +
			"\n2: network.existing.privateSubnets[1]: "},

		{"database: {instanceClass: db.serverless, serverless: {minimumCapacity: 8}}",
			"2: database.serverless.minimumCapacity: the smallest capacity is more than the largest"},
		{"database:\n  serverless: {maximumCapacity: 8}", "3: database.serverless: has an effect only with the"},
		{"database: {restore: {snapshot: a, cluster: b}}", "2: database.restore.snapshot: a snapshot excludes a cluster"},
		{"database: {restore: {time: '2026-11-25T12:00:00Z'}}",
			"2: database.restore.time: is a moment of database.restore.cl"},
		{"database: {restore: {cluster: a, time: '2026-02-30T12:00:00Z'}}", "2: database.restore.time: is not a day of the"},
		{"database: {restore: {snapshot: 'arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:a'}}",
			"2: database.restore.snapshot: is not in the cluster's Region; copy a snapshot there"},
		{"database: {backupWindow: '23:45-00:14'}", "2: database.backupWindow: the window is shorter than 30 minutes"},
		{"database: {maintenanceWindow: 'mon:01:00-mon:01:00'}", "2: database.maintenanceWindow: the window is shorter"},
		{"database: {maintenanceWindow: 'tue:07:59-tue:09:00'}", "2: database.maintenanceWindow: the windows overlap; " +
			`database.maintenanceWindow is "tue:07:59-tue:09:00", database.backupWindow is "07:00-08:00" (the default)`},
		// Over the end of the week, and one within the other.
		{"database:\n  backupWindow: '00:00-00:30'\n  maintenanceWindow: sun:23:30-mon:00:01", "4: database.maint"},
		{"database:\n  backupWindow: '02:00-02:30'\n  maintenanceWindow: wed:01:00-wed:05:00", "4: database.maint"},

		{"service:\n  tmpfsMiB: 512", "3: service.tmpfsMiB: /tmp leaves nothing of the memory that it is a part of"},
		{"service:\n  cpu: 256\n  memory: 4096", "4: service.memory: Fargate offers 512, 1024, 2048 MiB with 256 CPU units"},
		{"service:\n  cpu: 8192", "3: service.cpu: Fargate offers 16384, 20480, 24576"},
		{"service: {scaling: {minimumTasks: 11}}", "2: service.scaling.minimumTasks: the smallest number of tasks is more"},
		{"service: {command: [serve]}", "2: service.command: the placeholder has a command of its own"},
		{"service: {migration: [migrate]}", "2: service.migration: a migration is a command of an image"},
		{"database: {login: iam}", "2: database.login: only an image of your own can log in with a token"},
		{"service: {containerHealthCheck: [curl, localhost]}", "2: service.containerHealthCheck: is neither CMD and the"},
		{"service: {containerHealthCheck: [CMD]}", "2: service.containerHealthCheck: is neither CMD and the words"},
		{"service: {containerHealthCheck: [CMD-SHELL, a, b]}", "2: service.containerHealthCheck: is neither CMD and the"},
		{"service: {executeCommand: true}", "2: service.executeCommand: ECS Exec writes to the container's root file"},
		{"service:\n  environment: {A: c}\n  secrets: {A: " + secret + "}", "4: service.secrets.A: is in service.env"},

		{"region: eu-west-1\nloadBalancer: {certificateArn: " + arn + "}",
			"3: loadBalancer.certificateArn: the certificate is not in the load balancer's Region"},
		{"account: '210987654321'\nloadBalancer: {certificateArn: " + arn + "}",
			"3: loadBalancer.certificateArn: the certificate is not in the load balancer's account"},
		{"loadBalancer: {domain: {name: a.example.com, zoneId: Z1}, certificateArn: " + arn + "}",
			"2: loadBalancer.certificateArn: a certificate excludes loadBalancer.domain"},
		{"loadBalancer: {domain: {name: api.example.com}}", "2: loadBalancer.domain.name: a name needs the ID"},
		{"loadBalancer: {domain: {zoneId: Z1}}", "2: loadBalancer.domain.zoneId: a name needs the ID of the hosted zone"},
	})
}

// What a production file needs beside its class, with its range and without.
const (
	good     = noRange + ownRange
	noRange  = "service: {image: 'app:1'}\nloadBalancer: {allowPlainHttp: true}\n"
	ownRange = "network: {cidr: 10.20.0.0/16}\n"
)

func TestProductionRefusesMore(t *testing.T) {
	const http = ": production does not serve clear-text HTTP; set loadBalancer.certificateArn, or name and zoneId of " +
		"loadBalancer.domain, or loadBalancer.allowPlainHttp: true"
	const image = ": production needs an image that stays the same: one with a digest (@sha256:...), or with a tag"
	const cidr = ": is missing: production sets a range of its own, for example 10.20.0.0/16"
	check(t, Production, [][2]string{
		{"", "1: loadBalancer.allowPlainHttp" + http + "\n1: network.cidr" + cidr + "\n1: service.image" + image},
		{ownRange + "service: {image: 'app:1'}\nloadBalancer:\n  idleTimeoutSeconds: 30",
			"4: loadBalancer.allowPlainHttp" + http},
		{ownRange + "service: {image: 'localhost:5000/app'}\nloadBalancer: {allowPlainHttp: true}", "3: service.image" +
			image},
		{ownRange + "service: {image: 'app:latest'}\nloadBalancer: {allowPlainHttp: true}", "3: service.image" + image},
		// One mistake, one message: a domain that is refused does not count as clear-text HTTP, and so on.
		{ownRange + "service: {image: 'app:1'}\nloadBalancer: {domain: {name: API, zoneId: Z1}}",
			"4: loadBalancer.domain.name: "},
		{ownRange + "service: {image: 'app:1'}\nloadBalancer: http", "4: loadBalancer: is not a mapping of keys to values"},
		{noRange + "region: mars\nnetwork: {cidr: 10.0.0.0/16, zones: [us-east-1a, us-east-1b]}", "4: region: "},
		{noRange + "network: {cidr: 10.0.0.0/8}", "4: network.cidr: \"10.0.0.0/8\" is not valid"},
		{ownRange + "service: {image: 1.5}\nloadBalancer: {allowPlainHttp: true}", "3: service.image: 1.5 is not text"},
		{noRange + "network: {cidr: 10.0.0.0/16, natGateways: 4, zones: [us-east-1a, b]}", "4: network.zones[1]: "},
	})
}
