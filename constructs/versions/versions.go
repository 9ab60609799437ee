// Package versions declares what the stacks ask of Terraform. It imports nothing, so that a check of the tools can read
// it before anything has been downloaded.
package versions

const (
	// Terraform is the required_version of every stack: 1.11 is the first with write-only arguments, which keep the
	// password out of the state.
	Terraform = ">= 1.11"
	// Provider is where the AWS provider comes from, as required_providers names it.
	Provider = "hashicorp/aws"
	// ProviderVersions is the range of the AWS provider: the bindings are made from 5.99.1, and the releases of version 5
	// after it read the same configuration.
	ProviderVersions = ">= 5.99.1, < 6.0.0"
)
