package config

import (
	"regexp"
	"strings"
)

// The keys of the tags that the project sets itself: three by the provider's default tags, Name by each resource.
const (
	TagProject     = "Project"
	TagEnvironment = "Environment"
	TagManagedBy   = "ManagedBy"
	TagName        = "Name"
)

// OwnTags are all of those keys. A file cannot set them.
var OwnTags = []string{TagProject, TagEnvironment, TagManagedBy, TagName}

// FirewallRule is a rule of the web ACL, or a rule group of AWS's. Logs, metrics, dashboards and environment files
// refer to its name.
type FirewallRule struct {
	Name     string
	Priority int
}

// IsManaged reports whether it is a rule group of AWS's.
func (r FirewallRule) IsManaged() bool { return strings.HasPrefix(r.Name, "AWSManagedRules") }

// FirewallRules are all rules in the order of their priorities: add rules, never renumber them.
var FirewallRules = []FirewallRule{
	{RateLimitRule, 1},
	{SQLInjectionRule, 2},
	{BlockedCountriesRule, 3}, // where there are any
	{"AWSManagedRulesAmazonIpReputationList", 10},
	{"AWSManagedRulesAnonymousIpList", 20},
	{"AWSManagedRulesCommonRuleSet", 30},
	{"AWSManagedRulesKnownBadInputsRuleSet", 40}, // CKV_AWS_192
	{"AWSManagedRulesSQLiRuleSet", 50},
}

// PathRule is the name of the rule that limits requests to a path: RateLimitRule-v1-cards.
func PathRule(path string) string { return RateLimitRule + notInNames.ReplaceAllString(path, "-") }

// notInNames are the characters of paths that a rule's name cannot have.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9_-]`)

const (
	// The rules of the project's own. Those of Firewall.RateLimits come after all, in the order of their paths.
	RateLimitRule        = "RateLimitRule"
	SQLInjectionRule     = "SQLInjectionRule"
	BlockedCountriesRule = "BlockedCountriesRule"
	FirstPathRule        = 100 // the priority of the first of these
	// BodySizeRule blocks bodies over 8 KB: the firewall of a load balancer inspects no more than that, and padding would
	// hide the rest from every rule.
	// https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
	BodySizeRule = "AWSManagedRulesCommonRuleSet/SizeRestrictions_BODY"
)

// The variables that connections set in the containers.
const (
	DatabaseHost       = "DB_HOST"        // of the writer
	DatabaseReaderHost = "DB_READER_HOST" // of the readers, where there are any
	DatabasePort       = "DB_PORT"
	DatabaseName       = "DB_NAME"
	DatabaseUsername   = "DB_USERNAME"
	DatabasePassword   = "DB_PASSWORD" // not with LoginIAM, but for the migration
	DatabaseSSLMode    = "DB_SSLMODE"
)

// ServiceVariables are all of those variables. A file cannot set them.
var ServiceVariables = []string{DatabaseHost, DatabaseReaderHost, DatabasePort, DatabaseName, DatabaseUsername,
	DatabasePassword, DatabaseSSLMode}

const (
	// ConnectionsVariable is the variable of service.environment that limits the database connections of a task.
	ConnectionsVariable = "DB_MAX_CONNECTIONS"
	// Repository is the ECR repository of the API's image.
	Repository = "payment-api"
	// IAMUsername is the database user that the API logs in as with LoginIAM.
	IAMUsername = "payment_api"
)

// LocalState is the path of a stack's state where that is a file, from the folder of the configuration. It is beside
// cdktf.out, since the CDKTF command line deletes the folders of stacks that a synthesis did not produce.
func LocalState(stack string) string { return "../../../terraform." + stack + ".tfstate" }

// BoundaryPolicy is the permissions boundary of every role of the environment, where its account is in accounts.yaml.
func BoundaryPolicy(suffix string) string { return "tap-boundary-" + suffix }

// RolePath is the IAM path of every role of the environment. Its deployer can create and change no other role.
func RolePath(suffix string) string { return "/tap/" + suffix + "/" }

// SecretPrefix begins the names of the secrets that service.secrets may name: the boundary allows no others.
func SecretPrefix(suffix string) string { return "tap/" + suffix + "/" }
