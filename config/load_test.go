package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

const development = "class: development\n"

// load loads a folder of the given files, which becomes the one below the working folder.
func load(t *testing.T, files map[string]string, requested string) ([]Environment, []Account, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	must.Do(t, os.Mkdir("environments", 0o755))
	for name, content := range files {
		must.Write(t, "environments/"+name, content)
	}
	return Load("environments", requested)
}

func TestEnvironmentsAreTheFilesAndTheRequested(t *testing.T) {
	for _, test := range []struct{ name, files, requested, want string }{
		{"each file is one, sorted by suffix", "qa.yaml dev.yaml dev-2.yaml", "", "dev dev-2 qa"},
		{"a requested suffix without a file is one more", "qa.yaml dev.yaml", "pr-17", "dev pr-17 qa"},
		{"a requested suffix with a file is that file's", "qa.yaml dev.yaml", "qa", "dev qa"},
		{"without files it is dev", "", "", "dev"},
		{"without files a requested suffix is the only one", "", "pr-17", "pr-17"},
		{"dot files, backups and a README are left alone", ".a.yaml qa.yaml~ README.md qa.yaml", "", "qa"},
	} {
		files := map[string]string{}
		for name := range strings.FieldsSeq(test.files) {
			files[name] = development
		}
		environments, _, err := load(t, files, test.requested)
		got := ""
		for _, environment := range environments {
			got += " " + environment.Suffix
		}
		if err != nil || got != " "+test.want {
			t.Errorf("%s: got%s, %v, want %s", test.name, got, err, test.want)
		}
	}
	if got, _, err := Load("nowhere", ""); err != nil || len(got) != 1 || got[0].Suffix != "dev" {
		t.Errorf("without a folder: got %v, %v", got, err)
	}
}

func TestFileChangesOnlyWhatItSets(t *testing.T) {
	// With the byte order mark and the line ends of Windows.
	got, _, err := load(t, map[string]string{"qa.yaml": "\ufeff" + strings.ReplaceAll(development+`
region: eu-west-1
account: "012345678901"
protect: TRUE
service: {cpu: 512, memory: 1024, command: [sh, -c, "migrate\nexec serve $PORT"], environment: {A: débug, null: x},
  image: app}
database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0.5, maximumCapacity: 8}}
`, "\n", "\r\n")}, "pr-17")
	requested, want := Preset(Development), Preset(Development)
	requested.Suffix, requested.Network.Zones = "pr-17", []string{"us-east-1a", "us-east-1b", "us-east-1c"}
	want.Suffix, want.Network.Zones = "qa", []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
	want.Region, want.Account, want.Protect = "eu-west-1", "012345678901", true
	want.Service.CPU, want.Service.Memory, want.Service.Image = 512, 1024, "app"
	want.Service.Command = []string{"sh", "-c", "migrate\nexec serve $PORT"}
	want.Service.Environment = map[string]string{"A": "débug", "null": "x"}
	want.Database.InstanceClass, want.Database.Serverless = "db.serverless", Serverless{0.5, 8}
	if err != nil || !reflect.DeepEqual(got, []Environment{requested, want}) {
		t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, []Environment{requested, want})
	}
}

func TestAccountsHaveTheirEnvironments(t *testing.T) {
	const dev, other = development + "account: '123456789012'\n", development + "account: '210987654321'\n"
	environments, shared, err := load(t, map[string]string{"qa.yaml": dev, "dev.yaml": dev, "other.yaml": other,
		"own.yaml": development, "../accounts.yaml": `210987654321: {region: us-east-1}
123456789012: {region: us-east-1, emails: [a@b.com],
  github: {subject: 'repo:acme/tap', repositoryId: '42', providerExists: true}}`}, "")
	if err != nil || len(environments) != 4 || len(shared) != 2 {
		t.Fatalf("got %d environments, %d accounts, %v", len(environments), len(shared), err)
	}
	first, second := shared[0], shared[1]
	if first.ID != "123456789012" || !slices.Equal(first.Emails, []string{"a@b.com"}) ||
		first.GitHub != (GitHub{"repo:acme/tap", "42", "main", "environment", true}) ||
		len(first.Environments) != 2 || first.Environments[1].Suffix != "qa" || len(second.Environments) != 1 {
		t.Errorf("got %+v", shared)
	}
	for _, environment := range environments {
		want := map[string]string{first.ID: first.StatesBucket(), second.ID: second.StatesBucket()}[environment.Account]
		if environment.StatesBucket != want {
			t.Errorf("the state of %s is in %q", environment.Suffix, environment.StatesBucket)
		}
	}
}

// The cases are in testdata/files.yaml.
func TestFilesAndContentsAreRefused(t *testing.T) {
	var cases struct {
		Together []struct {
			Says, Requested string
			Files           map[string]string
			Want            []string
		}
		Contents map[string]map[string]string
	}
	must.Do(t, yaml.Unmarshal(must.Get(os.ReadFile("testdata/files.yaml"))(t), &cases))
	for _, c := range cases.Together {
		t.Run(c.Says, func(t *testing.T) {
			environments, _, err := load(t, c.Files, c.Requested)
			if wantProblems(t, err, c.Want...); err != nil && environments != nil {
				t.Error("environments came with the error")
			}
		})
	}
	maps.Copy(cases.Contents["a.yaml"], map[string]string{
		strings.Repeat("[", 20000): ": is not YAML: exceeded max depth of 10000",
		strings.Repeat("#", 65536): ":1: is empty", strings.Repeat("#", 65537): ": has more than 65536 bytes",
		development + "# caf\xe9\n": ":2: contains the character U+FFFD; allowed: visible text in UTF-8",
		"\xff\xfec\x00":             ":1: contains the character U+FFFD",
	})
	for _, hidden := range "\x00\r\u200b\u202e\u3164\ufeff\U000E0041" {
		cases.Contents["a.yaml"][development+"# "+string(hidden)] = fmt.Sprintf(":2: contains the character %U", hidden)
	}
	for _, suffix := range []string{"Dev", "1dev", "dev-", "de--v", "dev_1", "sixteen-letters0", "account"} {
		names := map[string]string{development: `: "` + suffix + `" is not a suffix; allowed: one letter`}
		cases.Contents[suffix+".yaml"] = names
	}
	for file, contents := range cases.Contents {
		for content, want := range contents {
			_, _, err := load(t, map[string]string{file: content}, "")
			wantProblems(t, err, path.Join("environments", file)+want)
		}
	}
	_, _, err := load(t, map[string]string{"d.yaml": development + strings.ReplaceAll(many("z%d: 1", 60), ", ", "\n")}, "")
	wantProblems(t, err, append(slices.Repeat([]string{"environments/d.yaml:"}, 50),
		"environments/d.yaml: more problems: 10")...)
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	_, _, err := load(t, map[string]string{".netrc": "password hunter2", "ok.yaml": development}, "")
	must.Do(t, err, os.Symlink(".netrc", "environments/a.yaml"), os.Symlink("/dev/zero", "environments/b.yaml"),
		os.Symlink("nowhere", "environments/c.yaml"), os.Mkdir("environments/d.yaml", 0o755), syscall.Mkfifo(
			"environments/e.yaml", 0o644), os.Symlink("environments", "linked"), os.Symlink("elsewhere", "accounts.yaml"))
	const refused = ".yaml: is not a regular file; links are not followed"
	_, _, err = Load("environments", "")
	wantProblems(t, err, "accounts"+refused, "environments/a"+refused, "environments/b"+refused, "environments/c"+refused,
		"environments/d"+refused, "environments/e"+refused)
	must.Do(t, os.Remove("accounts.yaml"))
	for _, folder := range []string{"linked", "environments/ok.yaml"} {
		_, _, err = Load(folder, "")
		wantProblems(t, err, folder+": is not a folder; links are not followed")
	}
}

func TestUnreadableFileIsNamedOnce(t *testing.T) {
	root := must.Get(os.OpenRoot(t.TempDir()))(t)
	defer root.Close()
	f := newFile("a.yaml")
	f.load(root, "t\u202eb.yaml", environmentLimit) // a name that nobody should see as it is
	wantProblems(t, errors.Join(f.errors()...), "a.yaml: cannot be read: no such file or directory")
}
