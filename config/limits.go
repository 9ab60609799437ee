package config

import (
	"fmt"
	"regexp"
	"strings"
)

func between(minimum, maximum float64) Limit { return Limit{Minimum: &minimum, Maximum: &maximum} }

func atLeast(minimum float64) Limit { return Limit{Minimum: &minimum} }

// above bounds a number that has to be more than the first bound, and at most the second.
func above(bound, maximum float64) Limit { return Limit{Above: &bound, Maximum: &maximum} }

func numbers(noun string, values ...int) Limit { return Limit{Noun: noun, Numbers: values} }

func texts(noun string, values ...string) Limit { return Limit{Noun: noun, Texts: values} }

// matching takes an expression that means the same to Go and to JSON Schema.
func matching(noun, expression, words string) Limit {
	return Limit{Noun: noun, Pattern: regexp.MustCompile(expression), Words: words}
}

func (l Limit) orEmpty() Limit {
	l.Optional = true
	return l
}

func (l Limit) upTo(characters int) Limit {
	l.Longest = characters
	return l
}

func (l Limit) or(number float64) Limit {
	l.Also = &number
	return l
}

func (l Limit) entries(expression string) Limit {
	l.Entry = regexp.MustCompile(expression)
	return l
}

func (l Limit) many(fewest, most int) Limit {
	l.Fewest, l.Most = fewest, most
	return l
}

func (l Limit) unique() Limit {
	l.Unique = true
	return l
}

func (l Limit) inSteps(step float64) Limit {
	l.Step = step
	return l
}

func (l Limit) inWords(words string) Limit {
	l.Words = words
	return l
}

const (
	// Of the partitions aws and aws-us-gov: elsewhere services have other names.
	regionExpression = `(af|ap|ca|eu|il|me|mx|sa|us|us-gov)-(central|north|northeast|northwest|east|south|southeast|southwest|west)-[1-9]`
	clock            = `([01][0-9]|2[0-3]):[0-5][0-9]`
	day              = `(mon|tue|wed|thu|fri|sat|sun)`
	label            = `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`
	labelAnyCase     = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
	variableName     = `^[A-Za-z_][A-Za-z0-9_]*$`
)

// limits holds the limit of every key, by path; true and false need none.
var limits = map[string]Limit{
	"class":   texts("a class", string(Development), string(Production)),
	"region":  matching("an AWS Region", `^`+regionExpression+`$`, "a Region's code, for example us-east-1"),
	"account": matching("an AWS account", `^[0-9]{12}$`, "12 digits").orEmpty(),
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html.
	// Services differ in which alphabets they take; all take the Latin one.
	"tags.*": matching("a tag's value", `^[A-Za-z0-9 _.:/=+@-]{0,256}$`, "up to 256 letters, digits, spaces and _ . : / = + - @").
		entries(`^[A-Za-z0-9 _.:/=+@-]{1,128}$`).many(0, maximumTags-len(OwnTags)),

	// https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
	"logs.retentionDays": numbers("a period that CloudWatch Logs offers", retentionPeriods...),

	"network.cidr":    matching("an IPv4 range", `^[0-9]{1,3}(\.[0-9]{1,3}){3}/(1[6-9]|20)$`, "an RFC 1918 range of /16 to /20, for example 10.0.0.0/16"),
	"network.zones[]": matching("an Availability Zone", `^`+regionExpression+`[a-z]$`, "the Region and one letter, for example us-east-1a").many(2, 6).unique(),
	// The least that a load balancer takes is /27:
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
	"network.natGateways": between(0, 6),
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html

	"database.engineVersion": matching("a version of Aurora PostgreSQL", `^[1-9][0-9]?(\.[1-9][0-9]?)?$`, engineVersionWords()),
	"database.instanceClass": texts("an instance class that Aurora PostgreSQL takes", auroraClasses()...).inWords(auroraClassWords()),
	// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ServerlessV2ScalingConfiguration.html
	"database.serverless.minimumCapacity": between(0, 256).inSteps(0.5),
	"database.serverless.maximumCapacity": between(1, 256).inSteps(0.5),
	// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html
	"database.readers": between(0, 15),
	// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html, which
	// the days, windows and monitoring intervals are from as well.
	"database.passwordVersion": atLeast(1),
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
	"database.backupRetentionDays": between(1, 35),
	"database.backupWindow":        matching("a daily window", `^`+clock+`-`+clock+`$`, "hh:mm-hh:mm in UTC, for example 07:00-08:00"),
	"database.maintenanceWindow":   matching("a weekly window", `^`+day+`:`+clock+`-`+day+`:`+clock+`$`, "ddd:hh:mm-ddd:hh:mm in UTC, lower case, for example sun:08:30-sun:09:30"),

	// The grammar of https://github.com/distribution/reference, as long as
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html allows.
	"service.image": matching("an image reference",
		`^(`+labelAnyCase+`(\.`+labelAnyCase+`)*(:[0-9]{1,5})?/)?`+
			`[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*`+
			`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`,
		"[registry/]repository[:tag][@sha256:digest]").upTo(255).orEmpty(),
	"service.command[]":   {},
	"service.migration[]": {},
	"service.port":        between(1, 65535),
	"service.user":        matching("a user other than root, by number", `^[1-9][0-9]{0,9}(:(0|[1-9][0-9]{0,9}))?$`, "uid or uid:gid, for example 1000:1000, uid not 0"),
	"service.cpu":         numbers("a CPU size that Fargate sells", fargateCPUs()...),
	"service.memory":      numbers("a memory size that Fargate sells", fargateMemories()...).inWords("512 to 249856, by the CPU size"),
	"service.tmpfsMiB":    atLeast(1),

	"service.scaling.minimumTasks":      atLeast(1),
	"service.scaling.maximumTasks":      atLeast(1),
	"service.scaling.cpuPercent":        between(1, 100),
	"service.scaling.memoryPercent":     between(0, 100),
	"service.scaling.requestsPerTarget": atLeast(0),

	// Rebalancing over zones, which is on, needs more than 100:
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
	// Of the characters that a URL's path and query may have, those that mean nothing to a shell
	// or to a web server's configuration.
	"service.healthCheck.path": matching("a path", `^/[A-Za-z0-9._~/?=&@:+-]*$`, "a slash, then letters, digits and . _ ~ / ? = & @ : + -").upTo(1024),
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
	"service.healthCheck.intervalSeconds":    between(5, 300),
	"service.healthCheck.gracePeriodSeconds": atLeast(0),
	"service.containerHealthCheck[]":         {},
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
	"service.stopTimeoutSeconds": between(2, 120),
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
	"service.deregistrationDelaySeconds": between(0, 3600),
	"service.environment.*":              Limit{}.entries(variableName),
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
	"service.secrets.*": matching("the ARN of a secret",
		`^arn:aws[a-z-]*:secretsmanager:`+regionExpression+`:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(:[^:]*:[^:]*:[^:]*)?$`,
		"arn:aws:secretsmanager:<Region>:<account>:secret:<name>-<6 characters>, with :<JSON key>:: behind it for one value").entries(variableName),

	"loadBalancer.certificateArn": matching("the ARN of an ACM certificate",
		`^arn:aws[a-z-]*:acm:`+regionExpression+`:[0-9]{12}:certificate/[0-9a-f-]{36}$`,
		"arn:aws:acm:<Region>:<account>:certificate/<id>").orEmpty(),
	// No longer than the first name of an ACM certificate:
	// https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
	"loadBalancer.domain.name": matching("a domain name", `^(`+label+`\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`,
		"lower-case labels with dots between, for example api.example.com").upTo(64).orEmpty(),
	// https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHostedZone.html
	"loadBalancer.domain.zoneId": matching("the ID of a hosted zone", `^Z[A-Z0-9]{1,31}$`, "Z, then up to 31 upper-case letters and digits").orEmpty(),
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
	"loadBalancer.idleTimeoutSeconds": between(1, 4000),

	// https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html
	"firewall.rateLimit": between(10, 2_000_000_000),
	"firewall.count[]":   texts("a rule of the web ACL", FirewallRules...).unique(),

	// The expression of https://html.spec.whatwg.org/#valid-e-mail-address, with a domain of two
	// labels or more.
	"monitoring.emails[]":            matching("an e-mail address", `^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@`+labelAnyCase+`(\.`+labelAnyCase+`)+$`, "name@domain, for example on-call@example.com").unique(),
	"monitoring.errorRatePercent":    above(0, 100),
	"monitoring.minimumRequests":     atLeast(1),
	"monitoring.availabilityPercent": between(90, 99.99),
	"monitoring.latencySeconds":      above(0, 4000), // the longest idle time-out of the load balancer

}

func engineVersionWords() string {
	var majors, minors []string
	for _, version := range auroraVersions {
		majors = append(majors, version.major)
		minors = append(minors, fmt.Sprintf("%s.%d", version.major, version.oldest))
	}
	return fmt.Sprintf("a major version (%s), or a minor not older than %s", strings.Join(majors, ", "), strings.Join(minors, ", "))
}
