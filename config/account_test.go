package config

import (
	"os"
	"strings"
	"testing"
)

const oneAccount = "123456789012:\n  region: us-east-1\n"

// loadWithAccounts loads environment files of the content that each name has, with a file accounts.yaml.
func loadWithAccounts(t *testing.T, accounts string, files map[string]string) ([]Environment, []Account, error) {
	t.Helper()
	if _, err := load(t, nil, ""); err != nil {
		t.Fatal(err)
	}
	files["../accounts.yaml"] = accounts
	for name, content := range files {
		if err := os.WriteFile("environments/"+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Load("environments", RequestedSuffix{})
}

func TestAccountsHaveTheirEnvironments(t *testing.T) {
	const github = "  github: {subject: 'repo:acme/tap', repositoryId: '42', providerExists: true}\n"
	environments, accounts, err := loadWithAccounts(t, "210987654321: {region: us-east-1}\n"+oneAccount+github,
		map[string]string{
			"qa.yaml": development + "account: '123456789012'\n", "dev.yaml": development + "account: '123456789012'\n",
			"other.yaml": development + "account: '210987654321'\n", "own.yaml": development,
		})
	if err != nil || len(environments) != 4 || len(accounts) != 2 {
		t.Fatalf("got %d environments, %d accounts, %v", len(environments), len(accounts), err)
	}
	first := accounts[0]
	if first.ID != "123456789012" || first.GitHub != (GitHub{"repo:acme/tap", "42", "main", true}) ||
		len(first.Environments) != 2 || first.Environments[1].Suffix != "qa" || len(accounts[1].Environments) != 1 {
		t.Errorf("got %+v", accounts)
	}
	for _, environment := range environments {
		want := map[string]string{"": "", first.ID: first.StatesBucket(), accounts[1].ID: accounts[1].StatesBucket()}
		if got := environment.StatesBucket; got != want[environment.Account] {
			t.Errorf("the state of %s is in %q", environment.Suffix, got)
		}
	}
}

func TestAccountsAreRefused(t *testing.T) {
	const numbers = "  github: {repositoryId: '42', subject: "
	const subject = ":3: 123456789012.github.subject: "
	for content, want := range map[string]string{
		"": ":1: is empty; allowed: a mapping of AWS accounts to what their " +
			"environments share",
		"- a\n":                       ":1: a list is not a mapping of AWS accounts",
		"1234: {region: us-east-1}\n": ":1: 1234: is not an account; allowed: the 12 digits of an AWS account",
		"123456789012: {}\n": ":1: 123456789012.region: is missing; allowed: the code of an AWS " +
			"Region",
		"123456789012: a\n":     ":1: 123456789012: is not a mapping",
		oneAccount + oneAccount: ":3: 123456789012: is given twice; the first one is in line 1",
		oneAccount + "  regoin: a\n": ":3: 123456789012.regoin: is not a known key; did you mean " +
			"123456789012.region?",
		oneAccount + "  subject: a\n": ":3: 123456789012.subject: is not a known key; did you mean " +
			"123456789012.github.subject?",
		oneAccount + "  github: {}\n": ":3: 123456789012.github: needs subject and repositoryId",
		oneAccount + numbers + "acme/tap}": subject +
			`"acme/tap" is not valid; allowed: repo:OWNER/NAME`,
		oneAccount + numbers + "'repo:acme/*'}":                    subject,
		oneAccount + numbers + "'repo:acme@1/tap'}":                subject,
		oneAccount + numbers + "'repo:acme/tap:pull_request'}":     subject,
		oneAccount + numbers + "'repo:acme/tap', branch: 'a b'}":   ":3: 123456789012.github.branch: ",
		oneAccount + numbers + "'repo:acme@1/tap@42'}":             ":3: 123456789012.github: no environment file has this",
		oneAccount + "  github: {subject: 'repo:acme/tap'}":        ":3: 123456789012.github: needs subject and repositoryId",
		oneAccount + "  github: {repositoryId: 42}":                ":3: 123456789012.github.repositoryId: 42 is not text",
		oneAccount + "---\na":                                      ":3: a second YAML document begins here",
		"123456789012: &a {region: us-east-1}\n210987654321: *a\n": ":1: 123456789012: anchors and aliases",
	} {
		_, _, err := loadWithAccounts(t, content, map[string]string{})
		if err == nil || !strings.HasPrefix(err.Error(), "accounts.yaml"+want) {
			t.Errorf("%s\ngot %v\nwant %s", content, err, want)
		}
	}
	_, err := load(t, nil, "")
	if err == nil {
		err = os.Symlink("elsewhere", "accounts.yaml")
	}
	if err == nil {
		_, _, err = Load("environments", RequestedSuffix{})
	}
	wantProblems(t, err, "accounts.yaml: is not a regular file; links are not followed")
}

func TestEnvironmentsFitTheirAccounts(t *testing.T) {
	const inAccount = development + "account: '123456789012'\n"
	secret := func(name string) string {
		return "service: {secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:" + name + "-AbCdEf'}}\n"
	}
	for content, want := range map[string]string{
		development + "account: '210987654321'\n": `:2: account: is not in accounts.yaml; account is "210987654321"`,
		inAccount + "region: eu-west-1\n": ":3: region: an environment in another Region than its account's, " +
			`us-east-1, is not supported yet; region is "eu-west-1"`,
		inAccount + "service: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/api:1}\n": ":3: service.image: the " +
			"account's " +
			"repository is payment-api; service.image is ",
		inAccount + secret("hunter2"): ":3: service.secrets.A: the account's permissions boundary allows only secrets",

		inAccount + "service: {image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api:1}\n": "",
		inAccount + "service: {image: 210987654321.dkr.ecr.us-east-1.amazonaws.com/api:1}\n":         "",
		inAccount + secret("tap/a"): "",
		development:                 "",
	} {
		_, _, err := loadWithAccounts(t, oneAccount, map[string]string{"a.yaml": content})
		if want == "" {
			if err != nil {
				t.Errorf("%s\ngot %v", content, err)
			}
			continue
		}
		wantProblems(t, err, "environments/a.yaml"+want)
	}
	both := map[string]string{"prod.yaml": inAccount, "prod-2.yaml": inAccount, "prod2.yaml": inAccount}
	_, _, err := loadWithAccounts(t, oneAccount, both)
	wantProblems(t, err,
		"environments/prod-2.yaml:2: account: the suffix prod-2 begins with that of environments/prod.yaml "+
			"and a hyphen")
	_, _, err = loadWithAccounts(t, oneAccount+"210987654321: {region: us-east-1}\n", map[string]string{
		"prod.yaml": inAccount, "prod-2.yaml": development + "account: '210987654321'\n"})
	if err != nil {
		t.Errorf("in two accounts: %v", err)
	}
}
