package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// read returns the environment of a file's content, and what is wrong with it.
func read(content string) (Environment, error) {
	f := newFile("a.yaml")
	f.fill(f.parse([]byte(content), environmentLimit))
	return f.environment, errors.Join(f.errors()...)
}

// wantProblems compares the lines of an error with what they have to begin with. Without any there is to be no error.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) || strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func many(format string, count int) string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(texts, ", ")
}

// refused are values that no file can have, after their key, by the message or, with a space, its end. The YAML library
// would let through 0120, 80.0, 8_080, +80, 1e1, yes, unquoted numbers for text, what is empty, tags and aliases.
var refused = map[string][]string{
	"anchors and aliases (& and *) are not supported":        {"service &s {port: 80}"},
	"tags (!) are not supported":                             {"account !!str 123456789012"},
	"has no value; leave the key out to get the default":     {"class  | ~", "service ~"},
	"is not a mapping of keys to values":                     {"service yes", "tags [a]"},
	` is not a list; write [a, b], or one "- a" per line`:    {"monitoring.emails a@b.com", "network.zones {a: b}"},
	" is not a boolean without quotes; allowed: true, false": {"protect 'true' | yes | 1"},
	" is not a number in decimal digits without quotes; allowed: more than 0": {
		"monitoring.latencySeconds .inf | 1e1 | '1'"},
	" is not a whole number in decimal digits without quotes; allowed: 1 to 65535": {
		"service.port '80' | 0x50 | 0120 | 8_080 | +80 | 80.0 | 80.5 | http"},
	" is not text to YAML unless it is in quotes; allowed: ": {"account 012345678901", "database.engineVersion 15.10",
		"class 1", "database.restore.time 2026-11-25T12:00:00Z", "region [us-east-1]", "tags.Team true | 2026-01-01"},

	" is not valid; allowed: 1 to 65535": {
		"service.port 0 | -1 | 65536 | 9999999999999999999 | 99999999999999999999"},
	" is not valid; allowed: more than 0, up to 100":    {"monitoring.errorRatePercent 0 | 100.5"},
	" is not valid; allowed: 1 to 256 in steps of 0.5":  {"database.serverless.maximumCapacity 1.25 | 0.5"},
	" is not valid; allowed: 256, 512, 1024, 2048, 409": {"service.cpu 300"},
	" is not valid; allowed: development, production":   {"class prod | staging"},
	" is not valid; allowed: the 12 digits of an AWS a": {"account '1234'"},
	" is not valid; allowed: ": {
		"database.backupRetentionDays 0 | 36", "database.backupWindow '24:00-25:00' | '7:00-8:00'",
		"database.engineVersion '15.12.1'", "database.instanceClass db.m5 | t3.medium", "database.login password",
		"database.maintenanceWindow 'Sun:01:00-Sun:02:00'", "database.readers 16",
		"database.name Payments | 1payments | pay-ments | template1 | rdsadmin | pg_payments | user | _" +
			strings.Repeat("a", 63),
		"database.restore.cluster Prod | prod- | a--b",
		"database.restore.snapshot 'arn:aws:rds:us-east-1:123456789012:snapshot:a'",
		"database.restore.time '2026-11-25 12:00' | noon | '2026-11-25T12:00:00+01:00'",
		"firewall.count[0] RateLimit", "firewall.rateLimit 9 | 2000000001", "loadBalancer.idleTimeoutSeconds 4001",
		"loadBalancer.certificateArn 'arn:aws:iam::123456789012:server-certificate/a'",
		"loadBalancer.domain.name API | api.example.com. | " + strings.Repeat("a", 53) + ".example.com",
		"loadBalancer.domain.zoneId example.com", "logs.retentionDays 31",
		"monitoring.emails[0] me@localhost | a/b@example.com", "network.cidr 'fd00::/16' | 10.0.300.0/16 | 10.0.0.0/8",
		"network.existing.publicSubnets[0] vpc-00000001 | subnet-1", "network.zones[0] us-east-1-bos-1a",
		`region us-east-1a | "us-east-1\u0007" | "us-east-1\n" | ` + strings.Repeat("é", 100),
		"service.healthCheck.path health | '/a;b' | /" + strings.Repeat("a", 1024), "service.tmpfsMiB 2147483648",
		"service.image App | 'app@sha256:abc' | " + strings.Repeat("a", 256),
		"service.user '0' | app | '1000:4294967295'", "tags.Team 'a*'"},
	"a list of 1 is not valid; allowed: 2 to 6": {"network.zones [us-east-1a]"},

	// Terraform and CDKTF would evaluate these, also where a text is free.
	" contains ${, which Terraform or CDKTF would evaluate; for the shell, write $NAME": {
		"region '${TfToken[TOKEN.0]}'", "service.command[0] '$${b}'", "service.image 'a:${b}'"},
	" contains %{, which": {"tags.Team '%{ if true }'"},
	" contains TfToken[":  {"monitoring.emails[0] '#{TfToken[TOKEN.0]}'"},
	// Nobody sees these.
	" is not valid; allowed: visible text": {
		`service.command[0] "a\u200bb" | "\U000E0041" | "\u3164" | "\ufe0f" | "\u00a0" | "\u0007"`},
	// Nobody should see these.
	"is not a mapping of keys":                               {"service.environment hunter2"},
	"tags (!) are not":                                       {"service.environment.TOKEN !hunter2 a"},
	"the value is not text":                                  {"service.environment.TOKEN 1234"},
	"the value is not valid; allowed: visible text":          {`service.environment.TOKEN "hunter2\u200b"`},
	"the value is not valid; allowed: arn:aws:secretsmanage": {"service.secrets.TOKEN hunter2"},
	"the value contains ${, which Terraform":                 {"service.secrets.TOKEN 'hunter2${'"},
}

// eachRefused calls use with each of them.
func eachRefused(use func(key, value, message string)) {
	for message, lists := range refused {
		for _, list := range lists {
			key, values, _ := strings.Cut(list, " ")
			for value := range strings.SplitSeq(values, " | ") {
				use(key, value, message)
			}
		}
	}
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
	eachRefused(func(key, value, message string) {
		if strings.HasPrefix(message, " ") {
			var node yaml.Node
			must.Do(t, yaml.Unmarshal([]byte(value), &node))
			message = describe(node.Content[0]) + message
		}
		content := written(key, value)
		_, err := read(content)
		wantProblems(t, err, fmt.Sprintf("a.yaml:%d: %s: %s", 1+strings.Count(content, "\n"), key, message))
	})
}

// What a production file needs beside its class, with its range and without; and what files refer to.
const (
	good      = noRange + ownRange
	noRange   = "service: {image: 'app:1'}\nloadBalancer: {allowPlainHttp: true}\n"
	ownRange  = "network: {cidr: 10.20.0.0/16}\n"
	certified = "loadBalancer: {certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/" +
		"12345678-1234-1234-1234-123456789012'"
	secret  = "'arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf'"
	subnets = "publicSubnets: [subnet-00000001, subnet-00000002], privateSubnets: [subnet-00000003, subnet-00000004]"
)

// Each content is that of a file from its second line on; each line of the error begins with the number of a line.
func TestFilesAreRefused(t *testing.T) {
	const unknown, arn = "is not a known key; ", "loadBalancer.certificateArn: "
	const ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a"
	const http, image = "loadBalancer.allowPlainHttp: production does not serve clear-text HTTP; set loadBalancer.cert",
		"service.image: production needs an image that stays the same: one with a digest (@sha256:...), or with a tag"
	for class, tests := range map[Class][][2]string{Development: {
		{"servce: {}", "2: servce: " + unknown + "did you mean service?"},
		{"service: {CPU: 256}", "2: service.CPU: " + unknown + "did you mean service.cpu?"},
		{"natGateways: 1", "2: natGateways: " + unknown + "did you mean network.natGateways?"},
		{"service.cpu: 256", `2: "service.cpu": ` + unknown + "keys are nested: write cpu below service"},
		{"service: {scaling.cpuPercent: 9}", `2: service."scaling.cpuPercent": ` + unknown + "keys are nested: write cpuP"},
		{"logs: {level: debug}", "2: logs.level: " + unknown + "allowed: retentionDays"},
		{"'a b': 1", `2: "a b": ` + unknown + "allowed: account, class, database, firewall, loadBalancer"},
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

		{"region: &r us-east-1\naccount: *r", "2: region: anchors and aliases\n3: account: anchors and aliases"},
		{"network:\n  zones:\n    - us-east-1a\n    -\n    - b", "5: network.zones[1]: has no value\n6: network.zones[2]: "},
		{"firewall: {count: [a, a, RateLimitRule]}", "2: firewall.count[0]: \n2: firewall.count[1]: "},
		{"monitoring: {emails: [a@b.com, a@b.com]}", `2: monitoring.emails[1]: "a@b.com" is in the list twice; it is mon`},

		{"region: us-west-1", "2: region: the Region does not offer its zones a, b and c to every account"},
		{"region: eu-west-1\nnetwork: {zones: [eu-west-1a, us-east-1b]}", `3: network.zones[1]: "us-east-1b" is not a zone`},
		{"network: {natGateways: 4}", "2: network.natGateways: there is one NAT gateway for each zone at most; " +
			`network.natGateways is 4, network.zones is ["us-east-1a" "us-east-1b" "us-east-1c"] (the default)`},
		{"network: {natGateways: 0}", "2: network.natGateways: without a NAT gateway, tasks get images and secrets"},
		{"network: {natGateways: 0, interfaceEndpoints: true}", "2: network.natGateways: without a NAT gateway, tasks get a"},
		{"service: {image: " + ecr + "}\nnetwork: {interfaceEndpoints: true, natGateways: 0}", "3: network.natGateways: without"},
		{"network: {cidr: 10.0.0.0/16, natGateways: 0, zones: [us-east-1a, us-east-1b], existing: {" + subnets + "}}",
			"2: network.cidr: excludes network.existing\n2: network.natGateways: ex\n2: network.zones: ex"},
		{"network: {existing: {publicSubnets: [subnet-00000001]}}", "2: network.existing.publicSubnets: load balancer and"},
		{"network: {existing: {" + strings.Replace(subnets, "00002", "00003", 1) + "}}",
			`2: network.existing.privateSubnets[0]: "subnet-00000003" is in network.existing.publicSubnets as well`},

		{"database: {instanceClass: db.serverless, serverless: {minimumCapacity: 8}}", "2: database.serverless.minimumCa"},
		{"database:\n  serverless: {maximumCapacity: 8}", "3: database.serverless: has an effect only with the"},
		{"database: {restore: {snapshot: a, cluster: b}}", "2: database.restore.snapshot: a snapshot excludes a cluster"},
		{"database: {restore: {time: '2026-11-25T12:00:00Z'}}", "2: database.restore.time: is a moment of database.restore"},
		{"database: {restore: {cluster: a, time: '2026-02-30T12:00:00Z'}}", "2: database.restore.time: is not a day of the"},
		{"database: {restore: {cluster: 'arn:aws:rds:eu-west-1:123456789012:cluster:a'}}", "2: database.restore.cluster: is"},
		{"database: {backupWindow: '23:45-00:14'}", "2: database.backupWindow: the window is shorter than 30 minutes"},
		{"database: {maintenanceWindow: 'mon:01:00-mon:01:00'}", "2: database.maintenanceWindow: the window is shorter"},
		{"database: {maintenanceWindow: 'tue:07:59-tue:09:00'}", "2: database.maintenanceWindow: the windows overlap; dat"},
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

		{"region: eu-west-1\n" + certified + "}", "3: " + arn + "the certificate is not in the load balancer's Region"},
		{"account: '210987654321'\n" + certified + "}", "3: " + arn + "the certificate is not in the load balancer's acc"},
		{certified + ", domain: {name: a.example.com, zoneId: Z1}}", "2: " + arn + "a certificate excludes loadBalancer"},
		{"loadBalancer: {domain: {name: api.example.com}}", "2: loadBalancer.domain.name: a name needs the ID"},
		{"loadBalancer: {domain: {zoneId: Z1}}", "2: loadBalancer.domain.zoneId: a name needs the ID of the hosted zone"},
	}, Production: {
		{"", "1: " + http + "\n1: network.cidr: is missing: production sets a range of its own, for exa\n1: " + image},
		{ownRange + "service: {image: 'app:1'}\nloadBalancer:\n  idleTimeoutSeconds: 30", "4: " + http},
		{ownRange + "service: {image: 'localhost:5000/app'}\nloadBalancer: {allowPlainHttp: true}", "3: " + image},
		{ownRange + "service: {image: 'app:latest'}\nloadBalancer: {allowPlainHttp: true}", "3: " + image},
		// One mistake, one message: a domain that is refused does not count as clear-text HTTP, and so on.
		{ownRange + "service: {image: 'a:1'}\nloadBalancer: {domain: {name: API, zoneId: Z1}}", "4: loadBalancer.domain.na"},
		{ownRange + "service: {image: 'app:1'}\nloadBalancer: http", "4: loadBalancer: is not a mapping of keys to values"},
		{noRange + "region: mars\nnetwork: {cidr: 10.0.0.0/16, zones: [us-east-1a, us-east-1b]}", "4: region: "},
		{noRange + "network: {cidr: 10.0.0.0/8}", "4: network.cidr: \"10.0.0.0/8\" is not valid"},
		{ownRange + "service: {image: 1.5}\nloadBalancer: {allowPlainHttp: true}", "3: service.image: 1.5 is not text"},
		{noRange + "network: {cidr: 10.0.0.0/16, natGateways: 4, zones: [us-east-1a, b]}", "4: network.zones[1]: "},
	}} {
		for _, test := range tests {
			t.Run(test[0], func(t *testing.T) {
				want := strings.Split("a.yaml:"+strings.ReplaceAll(test[1], "\n", "\na.yaml:"), "\n")
				_, err := read("class: " + string(class) + "\n" + test[0])
				wantProblems(t, err, want...)
			})
		}
	}
}
