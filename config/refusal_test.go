package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
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
	applyRulesBetween([]*file{f}, newFile("accounts.yaml"), nil)
	return f.environment, errors.Join(f.errors()...)
}

// wantProblems compares the lines of an error with what they have to begin with. Without any there is to be no error.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	nonsense := regexp.MustCompile(`hunter2|is (""|\[\]) \(the default\)`)
	if !slices.EqualFunc(got, want, strings.HasPrefix) || nonsense.MatchString(fmt.Sprint(err)) {
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
	" is not valid; allowed: 6 to 300":                  {"service.healthCheck.intervalSeconds 5"}, // the time-out
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
		"region '${TfToken[TOKEN.0]}'", "service.image 'a:${b}'"},
	" contains %{, which": {"tags.Team '%{ if true }'"},
	" contains TfToken[":  {"monitoring.emails[0] '#{TfToken[TOKEN.0]}'"},
	// Nobody sees these, and nobody should see those after them.
	"the value is not valid; allowed: visible text": {
		`service.command[0] "a\u200bb" | "\U000E0041" | "\u3164" | "\ufe0f" | "\u00a0" | "\u0007"`,
		`service.migration[0] --key=sk_live_hunter2`, `service.containerHealthCheck[0] http://me:hunter2@localhost`,
		`service.environment.LEVEL "hunter2\u200b" | hunter2 AKIAIOSFODNN7EXAMPLE | ASIAIOSFODNN7EXAMPLE/hunter2 | ` +
			`whsec_hunter2 | sk_live_hunter2 | rk_live_hunter2 | ` +
			`"-----BEGIN PRIVATE KEY-----\nhunter2" | postgres://:hunter2@db/a`},
	"is not a mapping of keys": {"service.environment hunter2"},
	"tags (!) are not":         {"service.environment.LEVEL !hunter2 a"},
	"the value is not text":    {"service.environment.LEVEL 1234"},
	"the value is not valid; allowed: arn:aws:secretsmanage": {"service.secrets.TOKEN hunter2"},
	"the value contains ${, which Terraform": {
		"service.secrets.TOKEN 'hunter2${'", "service.command[0] '$${b}'"},
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

func TestLongValuesAreCutVisibly(t *testing.T) {
	for key, value := range map[string]string{"region": strings.Repeat("a", 1000), "protect": strings.Repeat("1", 1000),
		"service.command": "[" + many("a%d", 1000) + "]"} {
		if _, err := read(written(key, value)); len(err.Error()) > 500 || !strings.Contains(err.Error(), "...") {
			t.Errorf("got %v", err)
		}
	}
}

// documents returns the documents of a file in testdata.
func documents(t testing.TB, name string) []string {
	t.Helper()
	return strings.Split(string(must.Get(os.ReadFile("testdata/"+name))(t)), "\n---\n")
}

func TestWhatIsAllowedLoads(t *testing.T) {
	for _, content := range documents(t, "allowed.yaml") {
		_, err := read(content)
		wantProblems(t, err)
	}
}

// rows returns how each mistake in a document of refused.yaml begins, and where the schema says it: /service/image/.
func rows(content string) (says, schema []string) {
	for i, line := range strings.Split(content, "\n") {
		_, problems, _ := strings.Cut(line, " # ")
		for _, part := range mistake.FindAllStringSubmatch(problems, -1) {
			says = append(says, fmt.Sprintf("a.yaml:%d: %s", i+1, part[2]))
			if part[1] != "*" {
				schema = append(schema, "/"+inSlashes.Replace(cmp.Or(part[1], part[3]))+"/")
			}
		}
	}
	return says, schema
}

var mistake = regexp.MustCompile(`(?:\[([*\w.]+)\] )?((.*?): (?:[^|]|\|\S)+)(?: \| |$)`)
var inSlashes = strings.NewReplacer(`"`, "", ".", "/", "[", "/", "]", "")

func TestFilesAreRefused(t *testing.T) {
	for _, content := range documents(t, "refused.yaml") {
		want, _ := rows(content)
		_, err := read(content)
		wantProblems(t, err, want...)
	}
}
