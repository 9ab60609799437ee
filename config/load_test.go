package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inFolder makes a project's folder with the given environment files the working folder.
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

// wantProblems loads the given files and compares every line of the error.
func wantProblems(t *testing.T, files map[string]string, want ...string) {
	t.Helper()
	inFolder(t, files)
	wantLoadError(t, RequestedSuffix{}, want...)
}

func wantLoadError(t *testing.T, requested RequestedSuffix, want ...string) {
	t.Helper()
	environments, err := Load("environments", requested)
	if err == nil {
		t.Fatalf("loaded, want an error of\n%s", strings.Join(want, "\n"))
	}
	if environments != nil {
		t.Error("environments came with the error")
	}
	if got := err.Error(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func suffixes(environments []Environment) []string {
	var all []string
	for _, environment := range environments {
		all = append(all, environment.Suffix)
	}
	return all
}

const development = "class: development\n"

func TestTheSetOfEnvironments(t *testing.T) {
	two := map[string]string{"qa.yaml": development, "dev.yaml": development}
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
		{"dot files, backups and a README are no environments", map[string]string{".hidden.yaml": "x", "qa.yaml~": "x", "README.md": "x", "qa.yaml": development}, "", []string{"qa"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := suffixes(load(t, test.files, RequestedSuffix{Value: test.requested, Source: "test"}))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestAMissingFolderCountsAsNoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	environments, err := Load("environments", RequestedSuffix{})
	if err != nil || !slices.Equal(suffixes(environments), []string{"dev"}) {
		t.Errorf("got %v, %v", suffixes(environments), err)
	}
}

func TestAFolderThatIsAFileIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("environments", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantLoadError(t, RequestedSuffix{}, "environments: cannot be read as a folder: cannot be read: not a directory")
}

func TestARequestedEnvironmentIsACompleteDevelopmentOne(t *testing.T) {
	environment := load(t, nil, RequestedSuffix{Value: "pr-17", Source: "test"})[0]
	if environment.Class != Development || !slices.Equal(environment.Network.Zones, []string{"us-east-1a", "us-east-1b", "us-east-1c"}) {
		t.Errorf("got %+v", environment)
	}
}

func TestAFileChangesOnlyWhatItSays(t *testing.T) {
	got := load(t, map[string]string{"qa.yaml": development + `
region: eu-west-1
account: "012345678901"
service:
  cpu: 512
  memory: 1024
  command: [serve, "--port=80"]
  image: nginx:1.27
  environment: {LEVEL: debug}
database:
  instanceClass: db.serverless
  serverless: {minimumCapacity: 0.5}
monitoring:
  errorRatePercent: 2.5
loadBalancer:
  deletionProtection: true
`}, RequestedSuffix{})[0]
	want := Preset(Development)
	want.Suffix = "qa"
	want.Region = "eu-west-1"
	want.Account = "012345678901"
	want.Network.Zones = []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
	want.Service.CPU, want.Service.Memory = 512, 1024
	want.Service.Command = []string{"serve", "--port=80"}
	want.Service.Image = "nginx:1.27"
	want.Service.Environment = map[string]string{"LEVEL": "debug"}
	want.Database.InstanceClass = "db.serverless"
	want.Database.Serverless.MinimumCapacity = 0.5
	want.Monitoring.ErrorRatePercent = 2.5
	want.LoadBalancer.DeletionProtection = true
	wantSame(t, got, want)
}

func TestTheStateBucketIsInTheEnvironmentsRegionUnlessTheFileSaysOtherwise(t *testing.T) {
	environments := load(t, map[string]string{
		"a.yaml": development + "region: eu-west-1\nstate: {bucket: tap-states}\n",
		"b.yaml": development + "state: {bucket: tap-states, region: eu-west-1}\n",
	}, RequestedSuffix{})
	for _, environment := range environments {
		if environment.State.Region != "eu-west-1" {
			t.Errorf("%s: got %q", environment.Suffix, environment.State.Region)
		}
	}
}

func TestTheExampleEnvironmentsLoad(t *testing.T) {
	environments, err := Load("../environments", RequestedSuffix{})
	if err != nil {
		t.Fatal(err)
	}
	if got := suffixes(environments); !slices.Equal(got, []string{"dev", "prod"}) {
		t.Fatalf("got %v", got)
	}
	if environments[0].Class != Development || environments[1].Class != Production {
		t.Error("dev is not of class development, or prod not of class production")
	}
}

func TestAllProblemsOfAllFilesComeTogether(t *testing.T) {
	inFolder(t, map[string]string{
		"a.yaml": "class: development\nservice:\n  cpus: 300\n  port: 70000\nfirewall: {rateLimit: 9}\n",
		"b.yaml": "class: staging\nregion: mars\n",
		"c.yml":  development,
	})
	wantLoadError(t, RequestedSuffix{Value: "Mine", Source: "ENVIRONMENT_SUFFIX"},
		`ENVIRONMENT_SUFFIX: "Mine" is not a suffix; allowed: one letter, then up to 14 letters, digits or single hyphens, lower case, no hyphen at the end`,
		`environments/a.yaml:3: service.cpus: is not a known key; did you mean service.cpu?`,
		`environments/a.yaml:4: service.port: 70000 is out of range; allowed: 1 to 65535`,
		`environments/a.yaml:5: firewall.rateLimit: 9 is out of range; allowed: 10 to 2000000000`,
		`environments/b.yaml:1: class: "staging" is not a class; allowed: development, production`,
		`environments/b.yaml:2: region: "mars" is not an AWS Region; allowed: a Region's code, for example us-east-1`,
		`environments/c.yml: is not an environment file; each is named <suffix>.yaml, and only README.md, dot files and names ending in ~ may stand beside them`,
	)
}

func TestAnErrorIsMadeOfProblems(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": "class: development\nservice: {port: 0}\n"})
	_, err := Load("environments", RequestedSuffix{})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("got %#v", err)
	}
	want := Problem{File: "environments/a.yaml", Line: 2, Path: "service.port", Message: "0 is out of range; allowed: 1 to 65535"}
	if problems[0] != want {
		t.Errorf("got %+v", problems[0])
	}
}

func TestASuffixIsRefused(t *testing.T) {
	const allowed = "; allowed: one letter, then up to 14 letters, digits or single hyphens, lower case, no hyphen at the end"
	for _, suffix := range []string{"Dev", "1dev", "dev-", "de--v", "dev_1", "sixteen-letters0"} {
		t.Run(suffix, func(t *testing.T) {
			wantProblems(t, map[string]string{suffix + ".yaml": development}, `environments/`+suffix+`.yaml: "`+suffix+`" is not a suffix`+allowed)
		})
	}
	t.Run("state", func(t *testing.T) {
		wantProblems(t, map[string]string{"state.yaml": development}, `environments/state.yaml: the suffix "state" is reserved: tap-state is the stack of the state bucket`)
	})
}

func TestFindingTheRequestedSuffix(t *testing.T) {
	const source = "context key environment_suffix in CDKTF_CONTEXT_JSON"
	for _, test := range []struct {
		name, context, variable string
		want                    RequestedSuffix
		wantError               string
	}{
		{name: "the context goes first", context: `{"environment_suffix": "one"}`, variable: "two", want: RequestedSuffix{"one", source}},
		{name: "the variable goes second", context: `{"other": 1}`, variable: "two", want: RequestedSuffix{"two", "ENVIRONMENT_SUFFIX"}},
		{name: "an empty context value counts as none", context: `{"environment_suffix": ""}`, variable: "two", want: RequestedSuffix{"two", "ENVIRONMENT_SUFFIX"}},
		{name: "without either there is none"},
		{name: "a value that is not text is refused", context: `{"environment_suffix": 7}`, wantError: source + ": 7 is not a string; allowed: " + suffixAllowed},
		{name: "a context that is not JSON is refused", context: `{`, variable: "two", wantError: "CDKTF_CONTEXT_JSON: is not a JSON object: unexpected end of JSON input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := FindRequestedSuffix(func(name string) string {
				return map[string]string{"CDKTF_CONTEXT_JSON": test.context, "ENVIRONMENT_SUFFIX": test.variable}[name]
			})
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if test.wantError == "" && err != nil || test.wantError != "" && (err == nil || err.Error() != test.wantError) {
				t.Errorf("got error %v, want %q", err, test.wantError)
			}
		})
	}
}
