package config

// Account is what the environments of one AWS account share, as accounts.yaml sets it.
type Account struct {
	// ID is the account's 12 digits.
	ID string `yaml:"-"`
	// Region is the AWS Region of what they share, and of each of them.
	Region string `yaml:"region"`
	// GitHub is the repository whose workflows may plan and deploy. Empty: none, and no role for one.
	GitHub GitHub `yaml:"github"`
	// Environments are the account's, of the environment files.
	Environments []Environment `yaml:"-"`
}

// GitHub names the repository as GitHub's tokens do:
// https://docs.github.com/en/actions/reference/security/oidc
type GitHub struct {
	// Subject begins the subject of a token: repo:OWNER/NAME, or repo:OWNER@ID/NAME@ID of a repository that was created,
	// renamed or transferred since 15 July 2026.
	Subject string `yaml:"subject"`
	// RepositoryID is the repository's number.
	RepositoryID string `yaml:"repositoryId"`
	// Branch is the one that is deployed. Empty: main.
	Branch string `yaml:"branch"`
	// ProviderExists is set where the account has an OpenID Connect provider of GitHub already: it can have only one.
	ProviderExists bool `yaml:"providerExists"`
}

// StatesBucket is the S3 bucket of the account's states.
func (a Account) StatesBucket() string { return "tap-states-" + a.ID + "-" + a.Region }
