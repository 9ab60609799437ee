package config

import (
	"os"
	"strings"
	"testing"

	"tap/tests/must"
)

const (
	oneAccount = "123456789012:\n  region: us-east-1\n"
	inAccount  = development + "account: '123456789012'\n"
	inOther    = development + "account: '210987654321'\n"
)

// accountsFile is the name of the accounts' file in the folder of environment files that load makes.
const accountsFile = "../accounts.yaml"

func TestAccountsHaveTheirEnvironments(t *testing.T) {
	const github = "  github: {subject: 'repo:acme/tap', repositoryId: '42', providerExists: true}\n"
	_, err := load(t, map[string]string{
		"qa.yaml": inAccount, "dev.yaml": inAccount, "other.yaml": inOther, "own.yaml": development,
		accountsFile: "210987654321: {region: us-east-1}\n" + oneAccount + github,
	}, "")
	must.Do(t, err)
	environments, accounts, err := Load("environments", RequestedSuffix{})
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
	const repo = "  github: {repositoryId: '42', subject: "
	const id, subject = ":3: 123456789012", ":3: 123456789012.github.subject: "
	for content, want := range map[string]string{
		"":                            ":1: is empty; allowed: a mapping of AWS accounts to what their environments share",
		"- a\n":                       ":1: is not a mapping of AWS accounts",
		"1234: {region: us-east-1}\n": ":1: 1234: is not a valid name; allowed: the 12 digits of an AWS account",
		"123456789012: {}\n":          ":1: 123456789012.region: is missing; allowed: the code of an AWS Region",
		"123456789012: a\n":           ":1: 123456789012: is not a mapping",
		oneAccount + "  regoin: a\n":  id + ".regoin: is not a known key; did you mean 123456789012.region?",
		oneAccount + "  subject: a\n": id + ".subject: is not a known key; did you mean 123456789012.github.subject?",

		oneAccount + oneAccount:                               id + ": is given twice; the first one is in line 1",
		oneAccount + "  github: {}\n":                         id + ".github: needs subject and repositoryId",
		oneAccount + repo + "acme/tap}":                       subject + `"acme/tap" is not valid; allowed: repo:OWNER/NAME`,
		oneAccount + repo + "'repo:acme/*'}":                  subject,
		oneAccount + repo + "'repo:acme@1/tap'}":              subject,
		oneAccount + repo + "'repo:acme/tap:pull_request'}":   subject,
		oneAccount + repo + "'repo:acme/tap', branch: 'a b'}": id + ".github.branch: ",
		oneAccount + repo + "'repo:acme@1/tap@42'}":           id + ".github: no environment file has this",
		oneAccount + "  github: {subject: 'repo:acme/tap'}":   id + ".github: needs subject and repositoryId",
		oneAccount + "  github: {repositoryId: 42}":           id + ".github.repositoryId: 42 is not text",
		"123456789012: &a {region: us-east-1}\n":              ":1: 123456789012: anchors and aliases",
		oneAccount + "---\na":                                 ":3: a second YAML document begins here",
	} {
		_, err := load(t, map[string]string{accountsFile: content}, "")
		wantProblems(t, err, "accounts.yaml"+want)
	}
	_, err := load(t, nil, "")
	must.Do(t, err, os.Symlink("elsewhere", "accounts.yaml"))
	_, _, err = Load("environments", RequestedSuffix{})
	wantProblems(t, err, "accounts.yaml: is not a regular file; links are not followed")
}

func TestEnvironmentsFitTheirAccounts(t *testing.T) {
	secret := func(name string) string {
		return "service: {secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:" + name + "-AbCdEf'}}\n"
	}
	image := func(name string) string {
		return "service: {image: " + strings.Replace(name, "/", ".dkr.ecr.us-east-1.amazonaws.com/", 1) + "}\n"
	}
	const elsewhere = ":3: region: an environment in another Region than its account's, us-east-1, is not supported yet; "
	for content, want := range map[string]string{
		inOther:                                 `:2: account: is not in accounts.yaml; account is "210987654321"`,
		inAccount + "region: eu-west-1\n":       elsewhere + `region is "eu-west-1"`,
		inAccount + image("123456789012/api:1"): ":3: service.image: the account's repository is payment-api; service.image",
		inAccount + secret("hunter2"):           ":3: service.secrets.A: the account's permissions boundary allows only sec",
	} {
		_, err := load(t, map[string]string{accountsFile: oneAccount, "a.yaml": content}, "")
		wantProblems(t, err, "environments/a.yaml"+want)
	}
	_, err := load(t, map[string]string{
		accountsFile: oneAccount, "a.yaml": development, "b.yaml": inAccount + secret("tap/a"),
		"c.yaml": inAccount + image("123456789012/payment-api:1"), "d.yaml": inAccount + image("210987654321/api:1")}, "")
	wantProblems(t, err)
	_, err = load(t, map[string]string{
		accountsFile: oneAccount, "prod.yaml": inAccount, "prod-2.yaml": inAccount, "prod2.yaml": inAccount}, "")
	wantProblems(t, err,
		"environments/prod-2.yaml:2: account: the suffix prod-2 begins with that of environments/prod.yaml and a hyphen")
	_, err = load(t, map[string]string{accountsFile: oneAccount + "210987654321: {region: us-east-1}\n",
		"prod.yaml": inAccount, "prod-2.yaml": inOther}, "")
	wantProblems(t, err) // in two accounts
}
