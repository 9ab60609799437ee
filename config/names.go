package config

// The keys of the tags that the project sets itself: three by the provider's default tags, Name by each resource.
const (
	TagProject     = "Project"
	TagEnvironment = "Environment"
	TagManagedBy   = "ManagedBy"
	TagName        = "Name"
)

// OwnTags are all of those keys. A file cannot set them.
var OwnTags = []string{TagProject, TagEnvironment, TagManagedBy, TagName}

// FirewallRules are the names of the web ACL's rules in the order of their priorities. Logs, metrics and dashboards
// refer to them.
var FirewallRules = []string{
	RateLimitRule, SQLInjectionRule, ReputationRules, AnonymousRules, CommonRules, BadInputRules, SQLInjectionRules,
}

// The rules of the web ACL: two of the project's own, then AWS's managed rule groups.
const (
	RateLimitRule     = "RateLimitRule"
	SQLInjectionRule  = "SQLInjectionRule"
	ReputationRules   = "AWSManagedRulesAmazonIpReputationList"
	AnonymousRules    = "AWSManagedRulesAnonymousIpList"
	CommonRules       = "AWSManagedRulesCommonRuleSet"
	BadInputRules     = "AWSManagedRulesKnownBadInputsRuleSet"
	SQLInjectionRules = "AWSManagedRulesSQLiRuleSet"
)

// The variables that the service sets in its container. A file cannot set them.
const (
	DatabaseHost     = "DB_HOST"
	DatabasePort     = "DB_PORT"
	DatabaseUsername = "DB_USERNAME"
	DatabasePassword = "DB_PASSWORD"
)

// ServiceVariables are all of those variables.
var ServiceVariables = []string{DatabaseHost, DatabasePort, DatabaseUsername, DatabasePassword}
