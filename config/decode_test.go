package config

import (
	"reflect"
	"strings"
	"testing"
)

func wantSame(t *testing.T, got, want Environment) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// problemTest is a file of class development, without that line, and what is wrong with it;
// the first line of the content is line 2.
type problemTest struct{ name, content, want string }

func runProblemTests(t *testing.T, class Class, tests []problemTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			for _, line := range strings.Split(test.want, "\n") {
				want = append(want, "environments/a.yaml:"+line)
			}
			wantProblems(t, map[string]string{"a.yaml": "class: " + string(class) + "\n" + test.content}, want...)
		})
	}
}

func TestDecodingRefuses(t *testing.T) {
	runProblemTests(t, Development, []problemTest{
		{"an unknown key near a known one", "servce: {}", "2: servce: is not a known key; did you mean service?"},
		{"an unknown key in another case", "service: {CPU: 256}", "2: service.CPU: is not a known key; did you mean service.cpu?"},
		{"a key in the wrong place", "natGateways: 1", "2: natGateways: is not a known key; did you mean network.natGateways?"},
		{"an unknown key near none", "logs: {level: debug}", "2: logs.level: is not a known key; allowed: retentionDays"},
		{"a key that is no word", "'a b': 1", `2: "a b": is not a known key; allowed: account, class, database, encryption, firewall, loadBalancer, logs, monitoring, network, preventDestroy, region, service, state, tags`},
		{"a key twice", "service:\n  port: 80\n  cpu: 256\n  port: 81", "5: service.port: is given twice; the first one is in line 3"},
		{"a class twice", "class: production", "2: class: is given twice; the first one is in line 1"},
		{"a map's key twice", "tags: {Team: a, Team: b}", "2: tags.Team: is given twice; the first one is in line 2"},
		{"a key that is a list", "? [a]\n: b", "2: a list is not a key; a key is plain text"},
		{"an anchor", "service: &s\n  port: 80", "2: service: anchors and aliases (& and *) are not supported; write the value out"},
		{"an anchor on a value and its alias", "region: &r us-east-1\naccount: *r", "2: region: anchors and aliases (& and *) are not supported; write the value out\n3: account: anchors and aliases (& and *) are not supported; write the value out"},
		{"a merge key", "service:\n  <<: {port: 80}", "3: service: merge keys (<<) are not supported; write the keys out"},
		{"a tag", "account: !!str 123456789012", `2: account: tags ("!!str") are not supported; write the plain value, in quotes if it is text`},
		{"a key without a value", "service:\n  port:\n", "3: service.port: has no value; leave the key out to get the default of the class"},
		{"a null", "service: ~", "2: service: has no value; leave the key out to get the default of the class"},
		{"a mapping where a list is expected", "network: {zones: {a: b}}", `2: network.zones: a mapping is not a list; write [a, b], or one "- a" per line`},
		{"text where a list is expected", "monitoring: {emails: a@example.com}", `2: monitoring.emails: "a@example.com" is not a list; write [a, b], or one "- a" per line`},
		{"text where a mapping is expected", "service: yes", `2: service: "yes" is not a mapping of keys to values`},
		{"a list where a mapping is expected", "tags: [a]", "2: tags: a list is not a mapping of keys to values"},
		{"a list where text is expected", "region: [us-east-1]", "2: region: a list is not text"},
		{"a null item", "network:\n  zones:\n    - us-east-1a\n    -\n", "5: network.zones[1]: has no value; leave the key out to get the default of the class"},
		{"a quoted boolean", "preventDestroy: 'true'", `2: preventDestroy: "true" is not a boolean; allowed: true, false`},
		{"a yes", "preventDestroy: yes", `2: preventDestroy: "yes" is not a boolean; allowed: true, false`},
		{"a number where a boolean is expected", "preventDestroy: 1", "2: preventDestroy: 1 is not a boolean; allowed: true, false"},
		{"a quoted number", "service: {port: '80'}", `2: service.port: "80" is not a whole number in decimal digits because of its quotes; allowed: 1 to 65535`},
		{"a hexadecimal number", "service: {port: 0x50}", "2: service.port: 0x50 is not a whole number in decimal digits; allowed: 1 to 65535"},
		{"an octal number", "service: {port: 0120}", "2: service.port: 0120 is not a whole number in decimal digits; allowed: 1 to 65535"},
		{"digits in groups", "service: {port: 8_080}", "2: service.port: 8_080 is not a whole number in decimal digits; allowed: 1 to 65535"},
		{"a sign in front", "service: {port: +80}", "2: service.port: +80 is not a whole number in decimal digits; allowed: 1 to 65535"},
		{"a fraction where a whole number is expected", "service: {port: 80.0}", "2: service.port: 80.0 is not a whole number in decimal digits; allowed: 1 to 65535"},
		{"a number beyond 32 bits", "service: {desiredCount: 2147483648}", "2: service.desiredCount: 2147483648 is out of range; allowed: 1 or more, up to 2147483647"},
		{"a number beyond 64 bits", "service: {port: 99999999999999999999}", "2: service.port: 99999999999999999999 is out of range; allowed: 1 to 65535"},
		{"infinity", "monitoring: {latencySeconds: .inf}", "2: monitoring.latencySeconds: .inf is not a number in decimal digits; allowed: over 0 to 4000"},
		{"an exponent", "monitoring: {latencySeconds: 1e1}", "2: monitoring.latencySeconds: 1e1 is not a number in decimal digits; allowed: over 0 to 4000"},
		{"an unquoted account", "account: 012345678901", `2: account: 012345678901 is a number to YAML, and text is expected; quote it: "012345678901"`},
		{"an unquoted version", "database: {engineVersion: 15.10}", `2: database.engineVersion: 15.10 is a number to YAML, and text is expected; quote it: "15.10"`},
		{"an unquoted boolean as text", "tags: {Billed: true}", `2: tags.Billed: true is a boolean to YAML, and text is expected; quote it: "true"`},
		{"an unquoted date as text", "tags: {Since: 2026-01-01}", `2: tags.Since: 2026-01-01 is a date to YAML, and text is expected; quote it: "2026-01-01"`},
		{"what Terraform would interpolate", "service: {image: 'a:${b}'}", `2: service.image: "a:${b}" holds ${, which Terraform would evaluate; write it without, for example $NAME instead of ${NAME}`},
		{"a directive of Terraform's templates", "tags: {Team: '%{ if true }'}", `2: tags.Team: "%{ if true }" holds %{, which Terraform would evaluate; write it without, for example $NAME instead of ${NAME}`},
		{"an escaped interpolation", "service: {image: a, command: ['$${b}']}", `2: service.command[0]: "$${b}" holds ${, which Terraform would evaluate; write it without, for example $NAME instead of ${NAME}`},
		{"an interpolation in a key", "tags: {'${a}': b}", `2: tags."${a}": the key holds ${, which Terraform would evaluate; write it without, for example $NAME instead of ${NAME}`},
		{"an escaped control character", `region: "us-east-1\u0007"`, `2: region: "us-east-1\a" holds the character U+0007; only printable text is allowed`},
		{"a line feed where there are no lines", "region: |\n  us-east-1\n", `2: region: "us-east-1\n" holds the character U+000A; only printable text is allowed`},
		{"a value that may be a secret, without showing it", "service: {secrets: {TOKEN: 'hunter2${'}, environment: {PIN: 1234}}", "2: service.environment.PIN: the value is a number to YAML, and text is expected; quote it\n2: service.secrets.TOKEN: the value holds ${, which Terraform would evaluate; write it without, for example $NAME instead of ${NAME}"},
	})
}

func TestACommandMayHaveSeveralLines(t *testing.T) {
	environment := load(t, map[string]string{"a.yaml": development + "service:\n  image: app:1\n  command:\n    - sh\n    - -c\n    - |\n      migrate\n      exec serve $PORT\n"}, RequestedSuffix{})[0]
	if got := environment.Service.Command[2]; got != "migrate\nexec serve $PORT\n" {
		t.Errorf("got %q", got)
	}
}

func TestALongValueIsShortened(t *testing.T) {
	wantProblems(t, map[string]string{"a.yaml": development + "region: " + strings.Repeat("é", 100) + "\n"},
		`environments/a.yaml:2: region: "`+strings.Repeat("é", 40)+`..." is not an AWS Region; allowed: a Region's code, for example us-east-1`)
}

func TestTheClassIsRequired(t *testing.T) {
	for _, test := range []problemTest{
		{"missing", "region: eu-west-1\n", "1: class: is missing; allowed: development, production"},
		{"empty", "class:\n", "1: class: has no value; allowed: development, production"},
		{"abbreviated", "class: prod\n", `1: class: "prod" is not a class; allowed: development, production; did you mean production?`},
		{"a number", "class: 1\n", `1: class: 1 is a number to YAML, and text is expected; quote it: "1"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantProblems(t, map[string]string{"a.yaml": test.content}, "environments/a.yaml:"+test.want)
		})
	}
}
