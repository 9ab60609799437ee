package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const development = "class: development\n"

// inFolder makes the folder of a project with the given environment files the working folder.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("environments", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join("environments", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load loads the given files, which have to be good.
func load(t *testing.T, files map[string]string, requested RequestedSuffix) []Environment {
	t.Helper()
	inFolder(t, files)
	environments, err := Load("environments", requested)
	if err != nil {
		t.Fatal(err)
	}
	return environments
}

// wantLoadError loads the folder and compares the lines of the error.
func wantLoadError(t *testing.T, requested RequestedSuffix, want ...string) {
	t.Helper()
	environments, err := Load("environments", requested)
	if err == nil || environments != nil {
		t.Fatalf("got %v, %v", environments, err)
	}
	wantLines(t, err.Error(), "", strings.Join(want, "\n"))
}

func suffixes(environments []Environment) []string {
	var all []string
	for _, environment := range environments {
		all = append(all, environment.Suffix)
	}
	return all
}

func TestEnvironmentsAreTheFilesAndTheRequested(t *testing.T) {
	two := map[string]string{"qa.yaml": development, "dev.yaml": development}
	noEnvironments := map[string]string{".hidden.yaml": "x", "qa.yaml~": "x", "README.md": "x", "qa.yaml": development}
	for _, test := range []struct {
		name      string
		files     map[string]string
		requested string
		want      []string
	}{
		{"each file is one, sorted by suffix", two, "", []string{"dev", "qa"}},
		{"a requested suffix without a file is one more", two, "pr-17", []string{"dev", "pr-17", "qa"}},
		{"a requested suffix with a file is that file's", two, "qa", []string{"dev", "qa"}},
		{"without files it is dev", nil, "", []string{"dev"}},
		{"without files a requested suffix is the only one", nil, "pr-17", []string{"pr-17"}},
		{"dot files, backups and a README are left alone", noEnvironments, "", []string{"qa"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := suffixes(load(t, test.files, RequestedSuffix{Value: test.requested, Source: "test"}))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	t.Chdir(t.TempDir())
	if got, err := Load("environments", RequestedSuffix{}); err != nil || !slices.Equal(suffixes(got), []string{"dev"}) {
		t.Errorf("without a folder: got %v, %v", suffixes(got), err)
	}
}

func TestRequestedEnvironmentIsCompleteDevelopment(t *testing.T) {
	got := load(t, nil, RequestedSuffix{Value: "pr-17", Source: "test"})[0]
	want := Preset(Development)
	want.Suffix, want.Network.Zones = "pr-17", []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestFileChangesOnlyWhatItSets(t *testing.T) {
	// With the byte order mark and the line ends of Windows.
	got := load(t, map[string]string{"qa.yaml": "\ufeff" + strings.ReplaceAll(development+`
region: eu-west-1
account: "012345678901"
protect: TRUE
service:
  cpu: 512
  memory: 1024
  command: [sh, -c, "migrate\nexec serve $PORT"]
  image: nginx:1.27
  environment: {LEVEL: débug}
database:
  instanceClass: db.serverless
  serverless: {minimumCapacity: 0.5}
monitoring:
  latencySeconds: 3
`, "\n", "\r\n")}, RequestedSuffix{})[0]
	want := Preset(Development)
	want.Suffix = "qa"
	want.Region = "eu-west-1"
	want.Account = "012345678901"
	want.Protect = true
	want.Network.Zones = []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
	want.Service.CPU, want.Service.Memory = 512, 1024
	want.Service.Command = []string{"sh", "-c", "migrate\nexec serve $PORT"}
	want.Service.Image = "nginx:1.27"
	want.Service.Environment = map[string]string{"LEVEL": "débug"}
	want.Database.InstanceClass = "db.serverless"
	want.Database.Serverless.MinimumCapacity = 0.5
	want.Monitoring.LatencySeconds = 3
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

const withDomain = "loadBalancer: {domain: {name: api.example.com, zoneId: Z1}}\n"

// allowed are contents of production files that break no rule.
var allowed = []string{
	"service: {image: 'app@sha256:" + strings.Repeat("0", 64) + "'}\nloadBalancer: {certificateArn: " +
		"'arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012'}",
	good + "network: {natGateways: 3, zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d]}",
	good + "network: {cidr: 192.168.240.0/20, zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f]}",
	good + "region: us-gov-west-1",
	good + "region: us-west-1\nnetwork: {zones: [us-west-1a, us-west-1c]}",
	good + "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0, maximumCapacity: 256}}",
	good + "database: {instanceClass: db.r8gd.48xlarge, engineVersion: '17.4'}",
	good + "database: {backupWindow: '23:45-00:15', maintenanceWindow: 'sun:23:00-sun:23:45'}",
	withDomain + "service: {image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b:1'}\nnetwork: {natGateways: 0}",
	withDomain + "service: {image: 'app:1', cpu: 32768, memory: 249856, user: '1000680000:0'}",
	withDomain + "service: {image: 'app:1', executeCommand: true, readonlyRootFilesystem: false}",
	withDomain + "service: {image: 'app:1', scaling: {minimumTasks: 1, maximumTasks: 1}}",
	withDomain + "service: {image: 'app:1', containerHealthCheck: [CMD-SHELL, 'curl -f localhost || exit 1'], " +
		"secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf:key::'}}",
	good + "tags: {'cost:center': 'payments @ 42', Empty: '', constructor: x}",
	good + "monitoring: {emails: [on-call+pay@example.com], latencySeconds: 0.25}",
	good + "firewall: {count: [" + strings.Join(FirewallRules, ", ") + "]}",
}

func TestWhatIsAllowedLoads(t *testing.T) {
	for _, content := range allowed {
		f := newFile("a.yaml")
		f.read([]byte("class: production\n" + content))
		if len(f.problems) > 0 {
			t.Errorf("%s\ngot %v", content, f.problems)
		}
	}
}

func TestProblemsOfAllFilesComeTogether(t *testing.T) {
	inFolder(t, map[string]string{
		"a.yaml": "class: development\nservice:\n  cpus: 300\n  port: 70000\nfirewall: {rateLimit: 9}\n",
		"b.yaml": "class: staging\nregion: mars\n",
		"c.yml":  development,
		"d.yaml": "class: development\nservice: {port: 0}\n" + strings.ReplaceAll(many("z%d: 1", 60), ", ", "\n"),
	})
	want := []string{
		"environments/a.yaml:3: service.cpus: is not a known key; did you mean service.cpu?",
		"environments/a.yaml:4: service.port: 70000 is not valid; allowed: 1 to 65535",
		"environments/a.yaml:5: firewall.rateLimit: 9 is not valid; allowed: 10 to 2000000000",
		`environments/b.yaml:1: class: "staging" is not valid; allowed: development, production`,
		`environments/b.yaml:2: region: "mars" is not valid; allowed: the code of an AWS Region, for example us-east-1`,
		"environments/c.yml: is not an environment file; allowed: <suffix>.yaml, README.md, dot files and names ending in ~",
		"environments/d.yaml:2: service.port: 0 is not valid",
	}
	for range 49 {
		want = append(want, "environments/d.yaml:")
	}
	wantLoadError(t, RequestedSuffix{Value: "Mine", Source: "ENVIRONMENT_SUFFIX"}, append(want,
		"environments/d.yaml: more problems: 11",
		`ENVIRONMENT_SUFFIX: "Mine" is not a suffix; allowed: one letter, then up to 14 letters, digits or single hyphens`)...)

	_, err := Load("environments", RequestedSuffix{})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 57 ||
		problems[2] != (Problem{"environments/a.yaml", 5, "firewall.rateLimit", "9 is not valid; allowed: 10 to 2000000000"}) {
		t.Errorf("got %#v", err)
	}
}

func TestContentThatIsNotAnEnvironmentIsRefused(t *testing.T) {
	const missing = "a mapping of keys to values, with class: development or class: production"
	for _, test := range []struct{ name, content, want string }{
		{"an empty file", "", ":1: is empty; allowed: " + missing},
		{"a file of comments", "# nothing\n", ":1: is empty; allowed: " + missing},
		{"a null document", "---\n~\n", ":1: is empty; allowed: " + missing},
		{"no class", "\nregion: mars\n", ":2: class: is missing; allowed: development, production\nenvironments/a.yaml:2: region: "},
		{"a list", "- class\n", ":1: a list is not " + missing},
		{"plain text", "hello\n", `:1: "hello" is not ` + missing},
		{"a second document", development + "---\nclass: production\n", ":2: a second YAML document begins here"},
		{"what is not YAML", "class: [\n", ":1: is not YAML: did not find expected node content"},
		{"a tab that indents", "class: development\nservice:\n\tport: 80\n", ":3: is not YAML: found character that"},
		{"bytes that are not UTF-8", "class: development\n# caf\xe9\n", ":2: contains the character U+FFFD"},
		{"UTF-16", "\xff\xfec\x00", ":1: contains the character U+FFFD; allowed: visible text in UTF-8"},
		{"a NUL", "class: development\n\x00", ":2: contains the character U+0000"},
		{"text that shows in another order", "class: development # \u202e\n", ":1: contains the character U+202E"},
		{"a byte order mark inside", "class: development\n\ufeff", ":2: contains the character U+FEFF"},
		{"a space without width", "class: develop\u200bment\n", ":1: contains the character U+200B"},
		{"a tag character", "class: development\nregion: us-east-1\U000E0041\n", ":2: contains the character U+E0041"},
		{"a letter that fills", "class: development\nregion: us-east-1\u3164\n", ":2: contains the character U+3164"},
		{"a carriage return", "class: development\rregion: mars\n", ":1: contains the character U+000D"},
		{"more than 64 KiB", strings.Repeat("#", 65537), ": has more than 65536 bytes"},
		{"an unknown anchor", "A: *hunter2", ": is not YAML: unknown anchor"},
		{"nesting without end", strings.Repeat("[", 20000), ": is not YAML: exceeded max depth of 10000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inFolder(t, map[string]string{"a.yaml": test.content})
			wantLoadError(t, RequestedSuffix{}, "environments/a.yaml"+test.want)
		})
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	inFolder(t, map[string]string{".netrc": "password hunter2", "ok.yaml": development})
	link := func(target, name string) {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	link(".netrc", "environments/a.yaml")
	link("/dev/zero", "environments/b.yaml")
	link("nowhere", "environments/c.yaml")
	if err := errors.Join(os.Mkdir("environments/d.yaml", 0o755), syscall.Mkfifo("environments/e.yaml", 0o644)); err != nil {
		t.Fatal(err)
	}
	const refused = ".yaml: is not a regular file; links are not followed"
	wantLoadError(t, RequestedSuffix{}, "environments/a"+refused, "environments/b"+refused, "environments/c"+refused,
		"environments/d"+refused, "environments/e"+refused)

	folder := "environments"
	link(folder, "linked")
	for _, folder = range []string{"linked", "environments/ok.yaml"} {
		if _, err := Load(folder, RequestedSuffix{}); err == nil || err.Error() != folder+": is not a folder; links are not followed" {
			t.Errorf("got %v", err)
		}
	}
}

func TestSuffixIsRefused(t *testing.T) {
	for _, suffix := range []string{"Dev", "1dev", "dev-", "de--v", "dev_1", "sixteen-letters0"} {
		inFolder(t, map[string]string{suffix + ".yaml": development})
		wantLoadError(t, RequestedSuffix{}, "environments/"+suffix+`.yaml: "`+suffix+`" is not a suffix; allowed: one letter,`)
	}
	inFolder(t, map[string]string{"state.yaml": development, "a\u202eb.yaml": development})
	wantLoadError(t, RequestedSuffix{}, `"environments/a\u202eb.yaml": "a\u202eb" is not a suffix`,
		`environments/state.yaml: the suffix "state" is reserved`)
}

func TestRequestedSuffixIsFound(t *testing.T) {
	const source = "context key environment_suffix in CDKTF_CONTEXT_JSON"
	for _, test := range []struct {
		name, context, variable string
		want                    RequestedSuffix
		wantError               string
	}{
		{name: "the context goes first", context: `{"environment_suffix": "one"}`, variable: "two",
			want: RequestedSuffix{"one", source}},
		{name: "the variable goes second", context: `{"other": 1}`, variable: "two",
			want: RequestedSuffix{"two", "ENVIRONMENT_SUFFIX"}},
		{name: "an empty context value counts as none", context: `{"environment_suffix": ""}`, variable: "two",
			want: RequestedSuffix{"two", "ENVIRONMENT_SUFFIX"}},
		{name: "without either there is none"},
		{name: "a value that is not text", context: `{"environment_suffix": 7}`,
			wantError: source + ": 7 is not a string; allowed: one letter"},
		{name: "a context that is not JSON", context: `{`, variable: "two",
			wantError: "CDKTF_CONTEXT_JSON: is not a JSON object: unexpected end of JSON input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := FindRequestedSuffix(func(name string) string {
				return map[string]string{"CDKTF_CONTEXT_JSON": test.context, "ENVIRONMENT_SUFFIX": test.variable}[name]
			})
			if got != test.want || (err != nil) != (test.wantError != "") {
				t.Fatalf("got %+v, %v", got, err)
			}
			if err != nil {
				wantLines(t, err.Error(), "", test.wantError)
			}
		})
	}
}
