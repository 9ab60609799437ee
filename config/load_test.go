package config

import (
	"errors"
	"fmt"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tap/tests/must"
)

const (
	development  = "class: development\n"
	accounts     = "../accounts.yaml" // in the folder of environment files that load makes
	oneAccount   = "123456789012:\n  region: us-east-1\n"
	otherAccount = "210987654321: {region: us-east-1}\n"
	inAccount    = development + "account: '123456789012'\n"
	inOther      = development + "account: '210987654321'\n"
	digest       = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	noRange      = "service: {image: app" + digest + "}\nloadBalancer: {allowPlainHttp: true}\n" // for production
	domain       = "loadBalancer: {domain: {name: api.example.com, zoneId: Z1}}\n"
)

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
	const github = "  emails: [a@b.com]\n  github: {subject: 'repo:acme/tap', repositoryId: '42', providerExists: true}\n"
	environments, shared, err := load(t, map[string]string{accounts: otherAccount + oneAccount + github,
		"qa.yaml": inAccount, "dev.yaml": inAccount, "other.yaml": inOther, "own.yaml": development}, "")
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

func TestProblemsOfAllFilesComeTogether(t *testing.T) {
	environments, _, err := load(t, map[string]string{
		"a.yaml": "class: development\nservice:\n  cpus: 300\n  port: 70000\nfirewall: {rateLimit: 9}\n",
		"b.yaml": "class: staging\nregion: mars\n",
		"c.yml":  development, "t\u202eb.yaml": development,
		"d.yaml": development + "service: {port: 0}\n" + strings.ReplaceAll(many("z%d: 1", 60), ", ", "\n"),
	}, "Mine")
	want := append([]string{
		"environments/a.yaml:3: service.cpus: is not a known key; did you mean service.cpu?",
		"environments/a.yaml:4: service.port: 70000 is not valid; allowed: 1 to 65535",
		"environments/a.yaml:5: firewall.rateLimit: 9 is not valid; allowed: 10 to 2000000000",
		`environments/b.yaml:1: class: "staging" is not valid; allowed: development, production`,
		`environments/b.yaml:2: region: "mars" is not valid; allowed: the code of an AWS Region, for example us-east-1`,
		"environments/c.yml: is not an environment file; allowed: <suffix>.yaml, README.md, dot files and names",
		"environments/d.yaml:2: service.port: 0 is not valid",
	}, slices.Repeat([]string{"environments/d.yaml:"}, 49)...)
	want = append(want, "environments/d.yaml: more problems: 11",
		`"environments/t\u202eb.yaml": "t\u202eb" is not a suffix`,
		`ENVIRONMENT_SUFFIX or context key environment_suffix: "Mine" is not a suffix; allowed: `)
	if wantProblems(t, err, want...); environments != nil {
		t.Error("environments came with the error")
	}
}

func TestFilesThatDoNotGoTogetherAreRefused(t *testing.T) {
	refuse := func(files map[string]string, want ...string) {
		_, _, err := load(t, files, "")
		wantProblems(t, err, want...)
	}
	production := func(cidr string) string { return "class: production\n" + noRange + "network: {cidr: " + cidr + "}\n" }
	refuse(map[string]string{"a.yaml": production("10.1.0.0/16"), "b.yaml": production("10.1.128.0/20"),
		"c.yaml": production("10.2.0.0/16"), "d.yaml": development + "network: {cidr: 10.1.0.0/16}\n",
		"e.yaml": production("10.1.128.0/17")},
		"environments/b.yaml:4: network.cidr: 10.1.128.0/20 overlaps 10.1.0.0/16 of environments/a.yaml; the ranges of",
		"environments/e.yaml:4: network.cidr: 10.1.128.0/17 overlaps 10.1.0.0/16 of environments/a.yaml",
		"environments/e.yaml:4: network.cidr: 10.1.128.0/17 overlaps 10.1.128.0/20 of environments/b.yaml")
	refuse(map[string]string{"a.yaml": development + domain, "b.yaml": development + domain, "c.yaml": development},
		"environments/b.yaml:2: loadBalancer.domain.name: is the domain of environments/a.yaml")
	in := func(endpoints bool, subnets string) string {
		return fmt.Sprintf("%snetwork:\n  interfaceEndpoints: %t\n  existing: {publicSubnets: [subnet-0000000a, "+
			"subnet-0000000b], privateSubnets: [%s]}\n", development, endpoints, subnets)
	}
	refuse(map[string]string{"a.yaml": in(true, "subnet-00000001, subnet-00000002"), "b.yaml": in(false,
		"subnet-00000001, subnet-00000002"), "c.yaml": strings.ReplaceAll(in(true, "subnet-00000002, subnet-00000003"),
		"subnet-0000000", "subnet-1000000"), "d.yaml": strings.ReplaceAll(in(true, "subnet-00000002, subnet-00000003"),
		"subnet-0000000a, subnet-0000000b", "subnet-0000000c, subnet-0000000d")},
		"environments/d.yaml:3: network.interfaceEndpoints: the VPC has those of environments/a.yaml already, and can")

	secret := func(name string) string {
		return "service: {secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:" + name + "-AbCdEf'}}\n"
	}
	image := func(name string) string {
		return "service: {image: " + strings.Replace(name, "/", ".dkr.ecr.us-east-1.amazonaws.com/", 1) + "}\n"
	}
	for content, want := range map[string]string{
		inOther: `2: account: is not in accounts.yaml; account is "210987654321"`,
		inAccount + "region: eu-west-1\n": "3: region: an environment in another Region than its account's, us-east-1, is " +
			`not supported yet; region is "eu-west-1"`,
		inAccount + image("123456789012/api:1"): "3: service.image: the account's repository is payment-api; service.image",
		inAccount + secret("hunter2"):           "3: service.secrets.A: the environment's permissions boundary allows only ",
		inAccount + secret("tap/b/x"):           "3: service.secrets.A: the environment's permissions boundary allows only ",
	} {
		refuse(map[string]string{accounts: oneAccount, "a.yaml": content}, "environments/a.yaml:"+want)
	}
	// A tag never moves in the repository that accounts.yaml makes.
	own := strings.Replace(production("10.1.0.0/16")+"account: '123456789012'\n", "app"+digest,
		"123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api:1", 1)
	const moves = "environments/a.yaml:2: service.image: production needs an image that stays the same: one with a digest"
	refuse(map[string]string{accounts: oneAccount, "a.yaml": own})
	refuse(map[string]string{"a.yaml": own}, moves)
	for _, other := range []string{strings.Replace(own, "us-east-1", "us-west-2", 1),
		strings.Replace(own, "123456789012.", "210987654321.", 1)} {
		refuse(map[string]string{accounts: oneAccount, "a.yaml": other}, moves)
	}
	refuse(map[string]string{accounts: oneAccount, "a.yaml": development, "b.yaml": inAccount + secret("tap/b/x"),
		"c.yaml": inAccount + image("123456789012/payment-api:1"), "d.yaml": inAccount + image("210987654321/api:1")})
	refuse(map[string]string{accounts: "123456789012: {region: mars}", "a.yaml": inAccount},
		`accounts.yaml:1: 123456789012.region: "mars" is not valid`)
	files := map[string]string{accounts: oneAccount + otherAccount, "prod.yaml": inAccount, "prod-2.yaml": inAccount}
	refuse(files, "environments/prod-2.yaml:2: account: the suffix prod-2 begins with that of environments/prod.yaml")
	files["prod.yaml"] = strings.Replace(production("10.1.0.0/16"), "class", "account: '123456789012'\nclass", 1)
	refuse(files, "environments/prod-2.yaml:2: account: the suffix prod-2 begins with that of environments/prod.yaml")
	files["prod-2.yaml"], files["prod2.yaml"] = inOther, inAccount
	refuse(files)
}

func TestNamesAndContentsAreRefused(t *testing.T) {
	const missing = "a mapping of keys to values, with class: development or class: production"
	const github = oneAccount + "  github: {repositoryId: '42', subject: "
	const id, subject = ":3: 123456789012", ":3: 123456789012.github.subject: "
	wants := map[string]map[string]string{"a.yaml": {
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
	}, accounts: {
		"":                                  ":1: is empty; allowed: a mapping of AWS accounts to what their environm",
		"1234: {region: us-east-1}\n":       ":1: 1234: is not a valid name; allowed: the 12 digits of an AWS account",
		"123456789012: {}\n":                ":1: 123456789012.region: is missing; allowed: the code of an AWS Region",
		oneAccount + "  regoin: a\n":        id + ".regoin: is not a known key; did you mean 123456789012.region?",
		oneAccount + "  subject: a\n":       id + ".subject: is not a known key; did you mean 123456789012.github.subject?",
		oneAccount + "  emails: [me]\n":     id + `.emails[0]: "me" is not valid; allowed: name@domain`,
		oneAccount + oneAccount:             id + ": is given twice; the first one is in line 1",
		oneAccount + "  github: {}\n":       id + ".github: needs subject and repositoryId",
		github + "acme/tap}":                subject + `"acme/tap" is not valid; allowed: repo:OWNER/NAME`,
		github + "'repo:acme/*'}":           subject,
		github + "'repo:acme@1/tap'}":       subject,
		github + "'repo:a/b:pull_r'}":       subject,
		github + "'repo:a@1/b@42'}":         id + ".github: no environment file has this account",
		github + "'repo:a/b', branch: '.'}": id + ".github.branch: ",
		github + "'repo:a/b', reviews: no}": id + `.github.reviews: "no" is not valid; allowed: environment, branch`,
	}}
	for _, hidden := range "\x00\r\u200b\u202e\u3164\ufeff\U000E0041" {
		wants["a.yaml"][development+"# "+string(hidden)] = fmt.Sprintf(":2: contains the character %U", hidden)
	}
	for _, suffix := range []string{"Dev", "1dev", "dev-", "de--v", "dev_1", "sixteen-letters0", "account"} {
		wants[suffix+".yaml"] = map[string]string{development: `: "` + suffix + `" is not a suffix; allowed: one letter`}
	}
	for file, contents := range wants {
		for content, want := range contents {
			_, _, err := load(t, map[string]string{file: content}, "")
			wantProblems(t, err, path.Join("environments", file)+want)
		}
	}
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
