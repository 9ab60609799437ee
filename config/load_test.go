package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tap/tests/must"
)

const development = "class: development\n"

// load loads a folder of the given files, which becomes the one below the working folder.
func load(t *testing.T, files map[string]string, requested string) ([]Environment, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	must.Do(t, os.Mkdir("environments", 0o755))
	for name, content := range files {
		must.Write(t, "environments/"+name, content)
	}
	environments, _, err := Load("environments", RequestedSuffix{Value: requested, Source: "ENVIRONMENT_SUFFIX"})
	return environments, err
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

func TestEnvironmentsAreTheFilesAndTheRequested(t *testing.T) {
	for _, test := range []struct{ name, files, requested, want string }{
		{"each file is one, sorted by suffix", "qa.yaml dev.yaml", "", "dev qa"},
		{"a requested suffix without a file is one more", "qa.yaml dev.yaml", "pr-17", "dev pr-17 qa"},
		{"a requested suffix with a file is that file's", "qa.yaml dev.yaml", "qa", "dev qa"},
		{"without files it is dev", "", "", "dev"},
		{"without files a requested suffix is the only one", "", "pr-17", "pr-17"},
		{"dot files, backups and a README are left alone", ".a.yaml qa.yaml~ README.md qa.yaml", "", "qa"},
	} {
		files := map[string]string{}
		for _, name := range strings.Fields(test.files) {
			files[name] = development
		}
		environments, err := load(t, files, test.requested)
		var got []string
		for _, environment := range environments {
			got = append(got, environment.Suffix)
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, %v, want %s", test.name, got, err, test.want)
		}
	}
	if got, _, err := Load("nowhere", RequestedSuffix{}); err != nil || len(got) != 1 || got[0].Suffix != "dev" {
		t.Errorf("without a folder: got %v, %v", got, err)
	}
}

func TestFileChangesOnlyWhatItSets(t *testing.T) {
	// With the byte order mark and the line ends of Windows.
	got, err := load(t, map[string]string{"qa.yaml": "\ufeff" + strings.ReplaceAll(development+`
region: eu-west-1
account: "012345678901"
protect: TRUE
service: {cpu: 512, memory: 1024, command: [sh, -c, "migrate\nexec serve $PORT"], image: app, environment: {A: débug}}
database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0.5, maximumCapacity: 8}}
`, "\n", "\r\n")}, "pr-17")
	requested, want := Preset(Development), Preset(Development)
	requested.Suffix, requested.Network.Zones = "pr-17", []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	want.Suffix, want.Network.Zones = "qa", []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
	want.Region, want.Account, want.Protect = "eu-west-1", "012345678901", true
	want.Service.CPU, want.Service.Memory, want.Service.Image = 512, 1024, "app"
	want.Service.Command = []string{"sh", "-c", "migrate\nexec serve $PORT"}
	want.Service.Environment = map[string]string{"A": "débug"}
	want.Database.InstanceClass, want.Database.Serverless = "db.serverless", Serverless{0.5, 8}
	if err != nil || !reflect.DeepEqual(got, []Environment{requested, want}) {
		t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, []Environment{requested, want})
	}
}

const withDomain = ownRange + "loadBalancer: {domain: {name: api.example.com, zoneId: Z1}}\n"

// allowed are contents of production files that break no rule.
var allowed = []string{
	ownRange + "service: {image: 'app@sha256:" + strings.Repeat("0", 64) + "'}\nloadBalancer: {certificateArn: " +
		"'arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012'}",
	noRange + "network: {cidr: 10.0.0.0/16, natGateways: 3, zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d]}",
	noRange + "network: {cidr: 192.168.240.0/20, zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d]}",
	noRange + "region: us-west-1\nnetwork: {existing: {publicSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3d4e5f60718], " +
		"privateSubnets: [subnet-0000000a, subnet-0000000b]}}",
	good + "region: us-gov-west-1",
	noRange + "region: us-west-1\nnetwork: {cidr: 10.0.0.0/16, zones: [us-west-1a, us-west-1c]}",
	good + "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0, maximumCapacity: 256}}",
	good + "database: {instanceClass: db.r8gd.48xlarge, engineVersion: '17.4'}",
	good + "database: {backupWindow: '23:45-00:15', maintenanceWindow: 'sun:23:00-sun:23:45'}",
	"service: {image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b:1'}\nloadBalancer: {allowPlainHttp: true}\n" +
		"network: {cidr: 10.0.0.0/16, natGateways: 0}",
	withDomain + "service: {image: 'app:1', cpu: 32768, memory: 249856, user: '1000680000:0'}",
	withDomain + "service: {image: 'app:1', executeCommand: true, readonlyRootFilesystem: false}",
	withDomain + "service: {image: 'app:1', scaling: {minimumTasks: 1, maximumTasks: 1}, healthCheck: {path: '/up?a=1'}}",
	withDomain + "service: {image: 'app:1', containerHealthCheck: [CMD-SHELL, 'curl -f localhost || exit 1'], " +
		"secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf:key::'}}",
	good + "tags: {'cost:center': 'payments @ 42', Empty: '', constructor: x}",
	good + "monitoring: {emails: [on-call+pay@example.com], latencySeconds: 0.25}",
	good + "firewall: {count: [" + strings.Join(FirewallRules, ", ") + "]}",
}

func TestWhatIsAllowedLoads(t *testing.T) {
	for _, content := range allowed {
		if err := read("class: production\n" + content); err != nil {
			t.Errorf("%s\ngot %v", content, err)
		}
	}
}

func TestProblemsOfAllFilesComeTogether(t *testing.T) {
	environments, err := load(t, map[string]string{
		"a.yaml": "class: development\nservice:\n  cpus: 300\n  port: 70000\nfirewall: {rateLimit: 9}\n",
		"b.yaml": "class: staging\nregion: mars\n",
		"c.yml":  development,
		"d.yaml": "class: development\nservice: {port: 0}\n" + strings.ReplaceAll(many("z%d: 1", 60), ", ", "\n"),
	}, "Mine")
	want := []string{
		"environments/a.yaml:3: service.cpus: is not a known key; did you mean service.cpu?",
		"environments/a.yaml:4: service.port: 70000 is not valid; allowed: 1 to 65535",
		"environments/a.yaml:5: firewall.rateLimit: 9 is not valid; allowed: 10 to 2000000000",
		`environments/b.yaml:1: class: "staging" is not valid; allowed: development, production`,
		`environments/b.yaml:2: region: "mars" is not valid; allowed: the code of an AWS Region, for example us-east-1`,
		"environments/c.yml: is not an environment file; allowed: <suffix>.yaml, README.md, dot files and names",
		"environments/d.yaml:2: service.port: 0 is not valid",
	}
	want = append(want, slices.Repeat([]string{"environments/d.yaml:"}, 49)...)
	want = append(want, "environments/d.yaml: more problems: 11", `ENVIRONMENT_SUFFIX: "Mine" is not a suffix; allowed: `)
	if wantProblems(t, err, want...); environments != nil {
		t.Error("environments came with the error")
	}
}

func TestProductionRangesDiffer(t *testing.T) {
	production := func(cidr string) string { return "class: production\n" + noRange + "network: {cidr: " + cidr + "}\n" }
	_, err := load(t, map[string]string{
		"a.yaml": production("10.1.0.0/16"), "b.yaml": production("10.1.128.0/20"), "c.yaml": production("10.2.0.0/16"),
		"d.yaml": development + "network: {cidr: 10.1.0.0/16}\n",
	}, "")
	wantProblems(t, err,
		"environments/b.yaml:4: network.cidr: overlaps 10.1.0.0/16 of environments/a.yaml; "+
			"the ranges of production environments have to differ")
}

func TestDomainsDiffer(t *testing.T) {
	content := development + "loadBalancer: {domain: {name: api.example.com, zoneId: Z1}}\n"
	_, err := load(t, map[string]string{"a.yaml": content, "b.yaml": content, "c.yaml": development}, "")
	wantProblems(t, err,
		"environments/b.yaml:2: loadBalancer.domain.name: is the domain of environments/a.yaml")
}

func TestProductionHasANATGatewayInEachZone(t *testing.T) {
	for settings, want := range map[string]int{
		"": 3, ", natGateways: 1": 1, ", zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d]": 4,
	} {
		f := newFile("a.yaml")
		f.fill(f.parse([]byte("class: production\n"+noRange+"network: {cidr: 10.1.0.0/16"+settings+"}"), environmentLimit))
		if got := f.environment.Network.NATGateways; got != want || len(f.problems) > 0 {
			t.Errorf("%s: got %d, %v, want %d", settings, got, f.problems, want)
		}
	}
}

func TestContentThatIsNotAnEnvironmentIsRefused(t *testing.T) {
	const missing = "a mapping of keys to values, with class: development or class: production"
	wants := map[string]string{
		"":                                 ":1: is empty; allowed: " + missing,
		"# nothing\n":                      ":1: is empty; allowed: " + missing,
		"---\n~\n":                         ":1: is empty; allowed: " + missing,
		"\nregion: us-east-1\n":            ":2: class: is missing; allowed: development, production",
		"- class\n":                        ":1: is not " + missing,
		"hello\n":                          ":1: is not " + missing,
		development + "---\nclass: a\n":    ":2: a second YAML document begins here",
		"class: [\n":                       ":1: is not YAML: did not find expected node content",
		development + "service:\n\tcpu: 1": ":3: is not YAML: found character that cannot start any token, such as a tab",
		"A: *hunter2":                      ": is not YAML: unknown anchor",
		strings.Repeat("[", 20000):         ": is not YAML: exceeded max depth of 10000",
		strings.Repeat("#", 65537):         ": has more than 65536 bytes",
		development + "# caf\xe9\n":        ":2: contains the character U+FFFD; allowed: visible text in UTF-8",
		"\xff\xfec\x00":                    ":1: contains the character U+FFFD",
	}
	for _, hidden := range "\x00\r\u200b\u202e\u3164\ufeff\U000E0041" {
		wants[development+"# "+string(hidden)] = fmt.Sprintf(":2: contains the character %U", hidden)
	}
	for content, want := range wants {
		_, err := load(t, map[string]string{"a.yaml": content}, "")
		wantProblems(t, err, "environments/a.yaml"+want)
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	_, err := load(t, map[string]string{".netrc": "password hunter2", "ok.yaml": development}, "")
	must.Do(t, err,
		os.Symlink(".netrc", "environments/a.yaml"), os.Symlink("/dev/zero", "environments/b.yaml"),
		os.Symlink("nowhere", "environments/c.yaml"), os.Mkdir("environments/d.yaml", 0o755),
		syscall.Mkfifo("environments/e.yaml", 0o644), os.Symlink("environments", "linked"))
	const refused = ".yaml: is not a regular file; links are not followed"
	_, _, err = Load("environments", RequestedSuffix{})
	wantProblems(t, err, "environments/a"+refused, "environments/b"+refused, "environments/c"+refused,
		"environments/d"+refused, "environments/e"+refused)
	for _, folder := range []string{"linked", "environments/ok.yaml"} {
		_, _, err := Load(folder, RequestedSuffix{})
		wantProblems(t, err, folder+": is not a folder; links are not followed")
	}
}

func TestSuffixIsRefused(t *testing.T) {
	for _, suffix := range []string{"Dev", "1dev", "dev-", "de--v", "dev_1", "sixteen-letters0"} {
		_, err := load(t, map[string]string{suffix + ".yaml": development}, "")
		wantProblems(t, err, "environments/"+suffix+`.yaml: "`+suffix+`" is not a suffix; allowed: one letter`)
	}
	_, err := load(t, map[string]string{"t\u202eb.yaml": development}, "")
	wantProblems(t, err, `"environments/t\u202eb.yaml": "t\u202eb" is not a suffix`)
}

func TestRequestedSuffixIsFound(t *testing.T) {
	const key = "context key environment_suffix in CDKTF_CONTEXT_JSON"
	for _, test := range []struct{ context, variable, want string }{
		{`{"environment_suffix": "one"}`, "two", "one of " + key},
		{`{"other": 1}`, "two", "two of ENVIRONMENT_SUFFIX"},
		{`{"environment_suffix": ""}`, "two", "two of ENVIRONMENT_SUFFIX"},
		{"", "", " of "},
		{`{"environment_suffix": 7}`, "two", "CDKTF_CONTEXT_JSON: is not JSON with text as environment_suffix: json: cannot"},
		{`{`, "two", "CDKTF_CONTEXT_JSON: is not JSON with text as environment_suffix: unexpected end of JSON input"},
	} {
		requested, err := FindRequestedSuffix(func(name string) string {
			return map[string]string{"CDKTF_CONTEXT_JSON": test.context, "ENVIRONMENT_SUFFIX": test.variable}[name]
		})
		got := requested.Value + " of " + requested.Source
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got %s, want %s", test.context, got, test.want)
		}
	}
}
