package main

// providerConfiguration returns the path of a Terraform CLI configuration that says where the AWS provider comes
// from, and a line that says which place that is. Both are empty where the environment's own configuration counts.
func providerConfiguration() (path, line string, err error) {
	return "", "", nil
}
