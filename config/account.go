package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Account is what the environments of one AWS account share, as accounts.yaml sets it.
type Account struct {
	// ID is the account's 12 digits, which the section is named by.
	ID     string   `yaml:"-"`
	Region string   `yaml:"region"`
	Emails []string `yaml:"emails"`
	GitHub GitHub   `yaml:"github"`
	// Environments are those of the environment files that name the account.
	Environments []Environment `yaml:"-"`
}

// GitHub names the repository as GitHub's tokens do:
// https://docs.github.com/en/actions/reference/security/oidc
type GitHub struct {
	Subject        string `yaml:"subject"`
	RepositoryID   string `yaml:"repositoryId"`
	Branch         string `yaml:"branch"`
	Reviews        string `yaml:"reviews"`
	ProviderExists bool   `yaml:"providerExists"`
}

// ReviewsOfBranch is the value of Reviews that is not the default.
const ReviewsOfBranch = "branch"

// Stack is the name of the account's stack.
func (a Account) Stack() string { return "tap-account-" + a.ID }

// StatesBucket is the S3 bucket of the account's states.
func (a Account) StatesBucket() string { return "tap-states-" + a.ID + "-" + a.Region }

// TrustBucket is the S3 bucket of the certificates by which the account's environments know their clients.
func (a Account) TrustBucket() string { return "tap-trust-" + a.ID + "-" + a.Region }

// loadAccounts reads accounts.yaml; without a file the accounts are nil.
func loadAccounts(root *os.Root, parent string) (*file, []Account) {
	const name = "accounts.yaml"
	f := newFile(parent + name)
	if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	node := f.load(root, name, declared.Accounts)
	if node == nil {
		return f, nil
	}
	accounts := []Account{}
	for i := 0; i < len(node.Content); i += 2 {
		account := Account{ID: node.Content[i].Value}
		declared.Accounts.AdditionalProperties.complete(node.Content[i+1], Development)
		f.decode(node.Content[i+1], &account)
		accounts = append(accounts, account)
	}
	slices.SortFunc(accounts, func(a, b Account) int { return strings.Compare(a.ID, b.ID) })
	return f, accounts
}

const imageStays = "production needs an image that stays the same: one with a digest (@sha256:...), or of the " +
	"repository of its account in accounts.yaml"

// assign gives each account its environments, and these the bucket of their states.
func assign(files []*file, accounts []Account) {
	for i := range accounts {
		for _, f := range files {
			if f.environment.Account == accounts[i].ID {
				f.environment.StatesBucket = accounts[i].StatesBucket()
				accounts[i].Environments = append(accounts[i].Environments, f.environment)
			}
		}
	}
}

// applyRulesBetween checks what environments and accounts have to be together.
func applyRulesBetween(files []*file, shared *file, accounts []Account) {
	for i, f := range files {
		e := &f.environment
		f.forbid(accounts != nil && e.Account != "" && !e.InAccountStack() && !shared.refused(e.Account),
			"is not in accounts.yaml", "account")
		for path, image := range e.images() {
			owner, region, repository, private := PrivateRepository(image)
			immutable := private && e.InAccountStack() && owner == e.Account && region == e.Region &&
				repository == Repository // the account's own
			f.forbid(e.Class == Production && !strings.Contains(image, "@") && !immutable, imageStays, path)
			f.forbid(path != "service.image" && e.Network.NATGateways == 0 && !e.Network.IsExisting() &&
				(!private || region != e.Region), "without a NAT gateway, tasks get an image only from a private ECR "+
				"repository of the Region", path, "network.natGateways")
		}
		for _, other := range files[:i] {
			o := &other.environment
			f.forbid(e.LoadBalancer.Domain.Name != "" && e.LoadBalancer.Domain.Name == o.LoadBalancer.Domain.Name,
				"is the domain of "+other.name+": both would own its records, and destroying one would take them from the other",
				"loadBalancer.domain.name")
			theirs := o.Network.Existing.subnets()
			oneVPC := func(subnet string) bool { return slices.Contains(theirs, subnet) }
			f.forbid(e.Network.InterfaceEndpoints && o.Network.InterfaceEndpoints && slices.ContainsFunc(
				e.Network.Existing.subnets(), oneVPC), "the VPC has those of "+other.name+" already, and can have one endpoint "+
				"with a private name for each service", "network.interfaceEndpoints")
			for i, address := range e.Network.NATAddresses {
				f.forbid(slices.Contains(o.Network.NATAddresses, address), quote(address)+" is "+other.name+"'s as well, and an "+
					"address belongs to one gateway", fmt.Sprintf("network.natAddresses[%d]", i))
			}
			own, _ := netip.ParsePrefix(e.Network.CIDR)
			taken, _ := netip.ParsePrefix(o.Network.CIDR)
			if own.Overlaps(taken) && e.Class == Production && o.Class == Production { // another range has to keep off all
				f.report("network.cidr", fmt.Sprintf("%s overlaps %s of %s; the ranges of production environments have to "+
					"differ, or their networks can never be peered", own, taken, other.name))
			}
		}
	}
	for _, account := range accounts {
		for _, f := range files {
			if f.environment.Account == account.ID {
				f.applyAccountRules(account, files)
			}
		}
		github, section := account.GitHub, account.ID+".github"
		shared.forbid(shared.lines[section] > 0 && (github.Subject == "" || github.RepositoryID == ""),
			"needs subject and repositoryId, by which AWS knows the repository", section)
		shared.forbid(github.Subject != "" && account.Environments == nil, "no environment file has this account, so that "+
			"the roles would be for none; set account in one", section)
	}
}

func (f *file) applyAccountRules(account Account, files []*file) {
	e := &f.environment
	f.forbid(account.Region != "" && e.Region != account.Region, "an environment in another Region than its account's, "+
		account.Region+", is not supported yet", "region")
	// What a policy or a person names all of one environment by, for example paymentdb-prod-*, would match the other's.
	for _, other := range files {
		begins := strings.HasPrefix(e.Suffix, other.environment.Suffix+"-")
		f.forbid(begins && other.environment.Account == e.Account, fmt.Sprintf("the suffix %s begins with that of %s and a "+
			"hyphen, so that patterns of names match both; rename one, or use another account", e.Suffix, other.name), "account")
	}
	imageAccount, _, repository, _ := PrivateRepository(e.Service.Image)
	f.forbid(imageAccount == e.Account && repository != Repository, "the account's repository is "+Repository,
		"service.image")
	f.forbidOthers("s3://"+account.TrustBucket()+"/"+e.Suffix+"/", "is not the environment's, whose deployer reads no other")
	for path, arn := range e.secrets() {
		_, secret, _ := strings.Cut(arn, ":secret:")
		f.forbid(!strings.HasPrefix(secret, SecretPrefix(e.Suffix)), "the environment's permissions boundary allows only "+
			"secrets whose names begin with "+SecretPrefix(e.Suffix), path)
	}
}
