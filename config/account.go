package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Account is what the environments of one AWS account share, as accounts.yaml sets it.
type Account struct {
	// ID is the account's 12 digits, which the section is named by.
	ID string `yaml:"-"`
	// Region is the AWS Region of what they share, and of each of them.
	Region string `yaml:"region"`
	// GitHub is the repository whose workflows may plan and deploy. Empty: none, and no role for one.
	GitHub GitHub `yaml:"github"`
	// Environments are those of the environment files that name the account.
	Environments []Environment `yaml:"-"`
}

// GitHub names the repository as GitHub's tokens do:
// https://docs.github.com/en/actions/reference/security/oidc
type GitHub struct {
	// Subject begins the subject of a token: repo:OWNER/NAME, or repo:OWNER@ID/NAME@ID of a repository that was
	// created, renamed or transferred since 15 July 2026.
	Subject string `yaml:"subject"`
	// RepositoryID is the repository's number.
	RepositoryID string `yaml:"repositoryId"`
	// Branch is the one that is deployed.
	Branch string `yaml:"branch"`
	// ProviderExists is set where the account has an OpenID Connect provider of GitHub already: it can have only one.
	ProviderExists bool `yaml:"providerExists"`
}

// DefaultBranch is deployed where accounts.yaml names none.
const DefaultBranch = "main"

// StatesBucket is the S3 bucket of the account's states.
func (a Account) StatesBucket() string { return "tap-states-" + a.ID + "-" + a.Region }

// loadAccounts reads accounts.yaml; without a file there are none.
func loadAccounts(name string) *file {
	f := &file{name: name, limits: accountLimits, lines: map[string]int{},
		content: "a mapping of AWS accounts to what their environments share, at least region"}
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f
	}
	var content []byte
	if err == nil {
		content, err = readRegular(name, fs.FileInfoToDirEntry(info))
	}
	if err != nil {
		f.report("", reason(err))
	} else if root := f.parse(content); root != nil {
		f.accounts = []Account{}
		f.entries(root, "", f.decodeAccount)
	}
	slices.SortFunc(f.accounts, func(a, b Account) int { return strings.Compare(a.ID, b.ID) })
	return f
}

func (f *file) decodeAccount(id string, node *yaml.Node, at string) {
	if !AccountIDs.Allows(id) {
		f.report(at, "is not an account; allowed: "+AccountIDs.Allowed())
		return
	}
	account := Account{ID: id, GitHub: GitHub{Branch: DefaultBranch}}
	f.prefix = at + "."
	f.decode(node, reflect.ValueOf(&account).Elem(), at, Limit{})
	f.accounts = append(f.accounts, account)
	if region := join(at, "region"); f.lines[region] == 0 && !f.refused(at) {
		f.report(region, "is missing; allowed: "+accountLimits["region"].Allowed())
	}
	github := join(at, "github")
	f.require(f.lines[github] == 0 || account.GitHub.Subject != "" && account.GitHub.RepositoryID != "",
		"needs subject and repositoryId, by which AWS knows the repository", github)
}

// applyTo checks what accounts and environments have to be together, and says where the environments' states are.
func (f *file) applyTo(files []*file) {
	for _, account := range f.accounts {
		isTheirs := func(other *file) bool { return other.environment.Account == account.ID }
		f.require(account.GitHub.Subject == "" || slices.ContainsFunc(files, isTheirs), "no environment file has this "+
			"account, so that the roles would be for none; set account in one", account.ID+".github")
	}
	for _, environment := range files {
		if f.accounts != nil {
			environment.applyAccountRules(f.accounts, files)
		}
	}
}

func (f *file) applyAccountRules(accounts []Account, files []*file) {
	e := &f.environment
	i := slices.IndexFunc(accounts, func(a Account) bool { return a.ID == e.Account })
	f.require(i >= 0 || e.Account == "", "is not in accounts.yaml", &e.Account)
	if i < 0 {
		return
	}
	account := accounts[i]
	e.StatesBucket = account.StatesBucket()
	f.require(e.Region == account.Region, "an environment in another Region than its account's, "+account.Region+
		", is not supported yet", &e.Region)
	// What a policy or a person names all of one environment by, for example paymentdb-prod-*, would match the other's.
	for _, other := range files {
		f.require(other.environment.Account != e.Account || !strings.HasPrefix(e.Suffix, other.environment.Suffix+"-"),
			fmt.Sprintf("the suffix %s begins with that of %s and a hyphen, so that patterns of names match both; rename "+
				"one, or use another account", e.Suffix, other.name), &e.Account)
	}
	imageAccount, _, repository, _ := e.Service.PrivateRepository()
	f.require(imageAccount != e.Account || repository == Repository, "the account's repository is "+Repository,
		&e.Service.Image)
	for _, name := range slices.Sorted(maps.Keys(e.Service.Secrets)) {
		_, secret, _ := strings.Cut(e.Service.Secrets[name], ":secret:")
		f.require(strings.HasPrefix(secret, SecretPrefix), "the account's permissions boundary allows only secrets whose "+
			"names begin with "+SecretPrefix, join(f.path(&e.Service.Secrets), name))
	}
}

// withEnvironments returns the accounts, each with those of the environments that are its own.
func (f *file) withEnvironments(environments []Environment) []Account {
	for i := range f.accounts {
		for _, environment := range environments {
			if environment.Account == f.accounts[i].ID {
				f.accounts[i].Environments = append(f.accounts[i].Environments, environment)
			}
		}
	}
	return f.accounts
}
