package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limit is what a value can be, whatever the other values are, in the words of JSON Schema 2020-12:
// https://json-schema.org/draft/2020-12/json-schema-validation. Load, the JSON Schema and the reference of all
// keys use it. What values have to be together is in rules.go.
type Limit struct {
	Type                 string         `json:"type,omitempty"` // that of the field, in the words of JSON Schema
	Minimum              *float64       `json:"minimum,omitempty"`
	ExclusiveMinimum     *float64       `json:"exclusiveMinimum,omitempty"`
	Maximum              *float64       `json:"maximum,omitempty"`
	MultipleOf           float64        `json:"multipleOf,omitempty"`
	Enum                 []any          `json:"enum,omitempty"`
	MaxLength            int            `json:"maxLength,omitempty"` // in characters
	Pattern              *regexp.Regexp `json:"pattern,omitempty"`   // means the same to Go and to JSON Schema
	Not                  *Limit         `json:"not,omitempty"`
	Items                *Limit         `json:"items,omitempty"`
	MinItems             int            `json:"minItems,omitempty"`
	MaxItems             int            `json:"maxItems,omitempty"`
	UniqueItems          bool           `json:"uniqueItems,omitempty"`
	PropertyNames        *Limit         `json:"propertyNames,omitempty"`
	AdditionalProperties *Limit         `json:"additionalProperties,omitempty"`
	MaxProperties        int            `json:"maxProperties,omitempty"`

	// Words say what is allowed where the other fields do not say it well.
	Words string `json:"-"`
	// Confidential keeps a value out of every error: somebody may have written a secret there.
	Confidential bool `json:"-"`
}

// Allowed says in words which values are allowed; empty when all are.
func (l Limit) Allowed() string {
	text := l.Words
	switch {
	case text != "":
	case l.Enum != nil:
		text = joined(l.Enum)
	case l.Type == "boolean":
		text = "true, false"
	case l.ExclusiveMinimum != nil:
		text = fmt.Sprintf("more than %s, up to %s", decimal(*l.ExclusiveMinimum), decimal(*l.Maximum))
	case l.Minimum != nil:
		text = fmt.Sprintf("%s to %s", decimal(*l.Minimum), decimal(*l.Maximum))
	}
	if l.MultipleOf != 0 {
		text += " in steps of " + decimal(l.MultipleOf)
	}
	return text
}

// Allows reports whether a string, an int, a float64 or a bool keeps the limit.
func (l Limit) Allows(value any) bool {
	if l.Enum != nil {
		return slices.Contains(l.Enum, value)
	}
	switch value := value.(type) {
	case string:
		return (l.MaxLength == 0 || utf8.RuneCountInString(value) <= l.MaxLength) &&
			(l.Pattern == nil || l.Pattern.MatchString(value)) &&
			(l.Not == nil || !l.Not.Allows(value))
	case int:
		return l.allowsNumber(float64(value))
	case float64:
		return l.allowsNumber(value)
	case bool:
		return true
	}
	return false // what YAML calls a number may be of another type
}

func (l Limit) allowsNumber(number float64) bool {
	return (l.Minimum == nil || number >= *l.Minimum) &&
		(l.ExclusiveMinimum == nil || number > *l.ExclusiveMinimum) &&
		(l.Maximum == nil || number <= *l.Maximum) &&
		(l.MultipleOf == 0 || math.Mod(number, l.MultipleOf) == 0)
}

// joined lists values for an error.
func joined[T any](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}

// decimal writes a number as a file would.
func decimal(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }

// unbounded is the largest whole number that AWS and Terraform take: they keep them in 32 bits.
const unbounded = math.MaxInt32

func between(minimum, maximum float64) Limit { return Limit{Minimum: &minimum, Maximum: &maximum} }

func above(bound, maximum float64) Limit { return Limit{ExclusiveMinimum: &bound, Maximum: &maximum} }

func oneOf[T any](values ...T) Limit {
	var limit Limit
	for _, value := range values {
		limit.Enum = append(limit.Enum, value)
	}
	return limit
}

// matching takes an expression that the whole text has to match.
func matching(expression, words string) Limit {
	return Limit{Pattern: regexp.MustCompile(`^(` + expression + `)$`), Words: words}
}

// except refuses what a second expression finds in the text, which the words have to say as well.
func (l Limit) except(expression string) Limit {
	l.Not = &Limit{Pattern: regexp.MustCompile(expression)}
	return l
}

func (l Limit) inSteps(step float64) Limit {
	l.MultipleOf = step
	return l
}

func (l Limit) upTo(characters int) Limit {
	l.MaxLength = characters
	l.Words += fmt.Sprintf(", up to %d characters", characters)
	return l
}

func (l Limit) orEmpty() Limit {
	l.Pattern = regexp.MustCompile(`^$|` + l.Pattern.String())
	l.Words += ", or empty"
	return l
}

func (l Limit) confidential() Limit {
	l.Confidential = true
	return l
}

// list returns the limit of a list whose items have this limit; set that of one without equal items.
func (l Limit) list() Limit { return Limit{Items: &l} }

func (l Limit) set() Limit { return Limit{Items: &l, UniqueItems: true} }

// by returns the limit of a map whose values have this limit.
func (l Limit) by(names Limit) Limit { return Limit{PropertyNames: &names, AdditionalProperties: &l} }

// anyCase returns an expression for words in any mixture of cases.
func anyCase(words ...string) string {
	var expression strings.Builder
	for _, letter := range strings.Join(words, "|") {
		if unicode.IsLetter(letter) {
			fmt.Fprintf(&expression, "[%c%c]", unicode.ToUpper(letter), unicode.ToLower(letter))
		} else {
			expression.WriteRune(letter)
		}
	}
	return expression.String()
}

const (
	// Of the partitions aws and aws-us-gov: elsewhere services have other names.
	regionExpression = `(af|ap|ca|eu|il|me|mx|sa|us|us-gov)-` +
		`(central|north|northeast|northwest|east|south|southeast|southwest|west)-[1-9]`
	clusterARN   = `arn:aws[a-z-]*:rds:` + regionExpression + `:[0-9]{12}:`
	octet        = `(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	clock        = `([01][0-9]|2[0-3]):[0-5][0-9]`
	day          = `(mon|tue|wed|thu|fri|sat|sun)`
	label        = `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`
	labelAnyCase = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
	// Docker takes up to 2,147,483,647 (https://github.com/moby/sys/blob/main/user/user.go); this is nearly all of them.
	userID = `([1-9][0-9]{0,8}|1[0-9]{9})`
)

// evaluated finds what Terraform or CDKTF would replace in a text. hidden finds what a reviewer does not see, or sees
// in another order than a file has it: all but letters, marks, numbers, punctuation, symbols and white space, and of
// these what has no shape, for example fillers and variation selectors.
var (
	evaluated = regexp.MustCompile(`[$%]\{|TfToken\[`)
	hidden    = regexp.MustCompile(`[^\p{L}\p{M}\p{N}\p{P}\p{S} \n\t]|[` + "\u034f\u115f\u1160\u17b4\u17b5" +
		"\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffd\U000e0100-\U000e01ef" + `]`)
)

var (
	// AccountIDs is the limit of the IDs of AWS accounts.
	AccountIDs = matching(`[0-9]{12}`, "the 12 digits of an AWS account")

	region       = matching(regionExpression, "the code of an AWS Region, for example us-east-1")
	freeText     = Limit{Words: "visible text without ${, %{ and TfToken["}.except(fmt.Sprint(evaluated, `|`, hidden))
	variableName = matching(`[A-Za-z_][A-Za-z0-9_]*`, "letters, digits and underscores, no digit first, and none of "+
		joined(ServiceVariables)+", which the service sets itself").except(`^(` + strings.Join(ServiceVariables, "|") + `)$`)
)

// limits are the limits of the keys of environment files, and accountLimits those of an account, by the path of the
// key.
var (
	limits        = func(e Environment) map[string]Limit { return limitsByPath(&e, limitsOf(&e)) }(Environment{})
	accountLimits = func(a Account) map[string]Limit { return limitsByPath(&a, accountLimitsOf(&a)) }(Account{})
)

func limitsByPath(root any, declared map[any]Limit) map[string]Limit {
	all := map[string]Limit{}
	for field, path := range pathsOf(root) {
		kind := reflect.TypeOf(field).Elem().Kind()
		limit, found := declared[field]
		if kind != reflect.Struct && kind != reflect.Bool && !found {
			panic("config: limits.go has no limit for " + path)
		}
		limit.Type = types[kind]
		for _, part := range []*Limit{limit.Items, limit.AdditionalProperties} {
			if part != nil {
				part.Type = "string" // no field contains anything else
			}
		}
		all[path] = limit
	}
	return all
}

// types are the kinds of fields in the words of JSON Schema.
var types = map[reflect.Kind]string{
	reflect.Struct: "object", reflect.Map: "object", reflect.Slice: "array", reflect.String: "string",
	reflect.Bool: "boolean", reflect.Int: "integer", reflect.Float64: "number",
}

// reservedWords are the reserved key words of PostgreSQL.
var reservedWords = strings.Fields(`
	all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
	column concurrently constraint create cross current_catalog current_date current_role current_schema
	current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for
	foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral
	leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
	placing primary references returning right select session_user similar some symmetric system_user table
	tablesample then to trailing true union unique user using variadic verbose when where window with`)

// accountLimitsOf declares the limit of each key by its field of the account.
func accountLimitsOf(a *Account) map[any]Limit {
	const owner, name, id = `[A-Za-z0-9][A-Za-z0-9-]{0,38}`, `[A-Za-z0-9._-]{1,100}`, `@[1-9][0-9]{0,18}`
	return map[any]Limit{
		&a.Region: region,
		// https://docs.github.com/en/actions/reference/security/oidc
		&a.GitHub.Subject: matching(`repo:(`+owner+`/`+name+`|`+owner+id+`/`+name+id+`)`,
			"repo:OWNER/NAME, or repo:OWNER@ID/NAME@ID with the numbers of both"),
		&a.GitHub.RepositoryID: matching(`[1-9][0-9]{0,18}`, "the repository's number in quotes, as "+
			"https://api.github.com/repos/OWNER/NAME shows it as id"),
		&a.GitHub.Branch: matching(`[A-Za-z0-9][A-Za-z0-9._/-]*`, "a letter or digit, then letters, digits and . _ / -").
			upTo(200),
	}
}

// limitsOf declares the limit of each key by its field of the environment.
func limitsOf(e *Environment) map[any]Limit {
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
	// Services differ in which alphabets they take; all take the Latin one. CDKTF's JavaScript drops __proto__.
	tagNames := matching(`[A-Za-z0-9 _.:/=+@-]{1,128}`, "1 to 128 letters, digits, spaces and _ . : / = + - @, not "+
		"beginning with aws:, and none of "+joined(OwnTags)+", which the project sets itself, in any case").
		except(`^` + anyCase("aws:") + `|^(__proto__|` + anyCase(OwnTags...) + `)$`)
	tags := matching(`[A-Za-z0-9 _.:/=+@-]{0,256}`, "up to 256 letters, digits, spaces and _ . : / = + - @").by(tagNames)
	tags.MaxProperties = 50 - len(OwnTags)

	zones := matching(regionExpression+`[a-z]`, "the Region and one letter, for example us-east-1a").set()
	zones.MinItems, zones.MaxItems = 2, 6
	subnetID := matching(`subnet-([0-9a-f]{8}|[0-9a-f]{17})`, "subnet-<8 or 17 hexadecimal digits>")

	memories := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(fargateSizes))...)))
	memory := oneOf(slices.Compact(memories)...)
	memory.Words = "512 to 249856, a size that Fargate offers with service.cpu"

	return map[any]Limit{
		&e.Class:   oneOf(string(Development), string(Production)),
		&e.Region:  region,
		&e.Account: AccountIDs.orEmpty(),
		&e.Tags:    tags,

		// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
		&e.Logs.RetentionDays: oneOf(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
			2557, 2922, 3288, 3653),

		// RFC 1918, and sizes that have room for the subnets of six zones.
		&e.Network.CIDR: matching(`(10\.`+octet+`|172\.(1[6-9]|2[0-9]|3[01])|192\.168)\.`+
			`(0\.0/16|(0|128)\.0/17|(0|64|128|192)\.0/18|(0|32|64|96|128|160|192|224)\.0/19|`+
			`(0|16|32|48|64|80|96|112|128|144|160|176|192|208|224|240)\.0/20)`,
			"the first address and the size of a range of /16 to /20 within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, "+
				"for example 10.0.0.0/16"),
		&e.Network.Zones: zones,
		// One for each zone.
		&e.Network.NATGateways: between(0, 6),

		&e.Network.Existing.PublicSubnets:  subnetID.set(),
		&e.Network.Existing.PrivateSubnets: subnetID.set(),

		&e.Database.EngineVersion: matching(`[1-9][0-9]?(\.[1-9][0-9]?)?`, "a major version of Aurora PostgreSQL, or a "+
			"minor version, for example \"15\" or \"15.12\""),
		// PostgreSQL cuts longer names off, and keeps these for itself or for RDS:
		// https://www.postgresql.org/docs/current/sql-syntax-lexical.html
		// https://www.postgresql.org/docs/current/sql-keywords-appendix.html
		&e.Database.Name: matching(`[a-z_][a-z0-9_]{0,62}`, "a lower-case letter or underscore, then up to 62 lower-case "+
			"letters, digits or underscores, not a word that PostgreSQL or RDS reserves").
			except(`^(template0|template1|rdsadmin|rdsproxyadmin|pg_.*|` + strings.Join(reservedWords, "|") + `)$`),
		&e.Database.Login: oneOf(LoginIAM, LoginMaster),
		&e.Database.InstanceClass: matching(`db\.(serverless|[a-z][a-z0-9]*\.[a-z0-9]+)`, "db.<family>.<size>, for example "+
			"db.t3.medium, or "+serverlessClass),
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ServerlessV2ScalingConfiguration.html
		&e.Database.Serverless.MinimumCapacity: between(0, 256).inSteps(0.5),
		&e.Database.Serverless.MaximumCapacity: between(1, 256).inSteps(0.5),
		// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html
		&e.Database.Readers:         between(0, 15),
		&e.Database.PasswordVersion: between(1, unbounded),
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html, as for the windows
		&e.Database.BackupRetentionDays: between(1, 35),
		&e.Database.BackupWindow: matching(clock+`-`+clock,
			"hh:mm-hh:mm in UTC, 30 minutes or more, for example 07:00-08:00"),
		&e.Database.MaintenanceWindow: matching(day+`:`+clock+`-`+day+`:`+clock,
			"ddd:hh:mm-ddd:hh:mm in UTC, lower case, 30 minutes or more, for example sun:08:30-sun:09:30"),
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html; automated snapshots
		// begin with rds:.
		&e.Database.Restore.Snapshot: matching(`(`+clusterARN+`cluster-snapshot:)?(rds:)?[a-z]([a-z0-9]|-[a-z0-9]){0,254}`,
			"the identifier of a cluster snapshot in lower case, or its ARN").orEmpty(),
		&e.Database.Restore.Cluster: matching(`(`+clusterARN+`cluster:)?[a-z]([a-z0-9]|-[a-z0-9]){0,62}`,
			"the identifier of a cluster in lower case, for example paymentdb-prod, or its ARN").orEmpty(),
		&e.Database.Restore.Time: matching(`20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T`+clock+`:[0-5][0-9]Z`,
			"a time of RFC 3339 in UTC and in quotes, for example \"2026-11-25T12:00:00Z\"").orEmpty(),

		// The grammar of https://github.com/distribution/reference, as long as
		// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html allows.
		&e.Service.Image: matching(
			`(`+labelAnyCase+`(\.`+labelAnyCase+`)*(:[0-9]{1,5})?/)?`+
				`[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*`+
				`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?`,
			"[registry/]repository[:tag][@sha256:digest]").upTo(255).orEmpty(),
		&e.Service.Command:   freeText.list(),
		&e.Service.Migration: freeText.list(),
		&e.Service.Port:      between(1, 65535),
		&e.Service.User: matching(userID+`(:(0|`+userID+`))?`, "uid or uid:gid in digits, under 2000000000, uid not 0, for "+
			"example 1000:1000"),
		&e.Service.Architecture: oneOf("x86_64", "arm64"),
		&e.Service.CPU:          oneOf(slices.Sorted(maps.Keys(fargateSizes))...),
		&e.Service.Memory:       memory,
		&e.Service.TmpfsMiB:     between(1, unbounded),

		&e.Service.Scaling.MinimumTasks:      between(1, unbounded),
		&e.Service.Scaling.MaximumTasks:      between(1, unbounded),
		&e.Service.Scaling.CPUPercent:        between(1, 100),
		&e.Service.Scaling.MemoryPercent:     between(0, 100),
		&e.Service.Scaling.RequestsPerTarget: between(0, unbounded),

		// Of the characters that a URL's path and query may have, those that mean nothing to a shell
		// or to a web server's configuration.
		&e.Service.HealthCheck.Path: matching(`/[A-Za-z0-9._~/?=&@:+-]*`, "a slash, then letters, digits and "+
			". _ ~ / ? = & @ : + -").upTo(1024),
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
		&e.Service.HealthCheck.IntervalSeconds:    between(5, 300),
		&e.Service.HealthCheck.GracePeriodSeconds: between(0, unbounded),
		&e.Service.ContainerHealthCheck:           freeText.list(),
		// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
		&e.Service.StopTimeoutSeconds: between(2, 120),
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
		&e.Service.DeregistrationDelaySeconds: between(0, 3600),
		&e.Service.Environment:                freeText.confidential().by(variableName),
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
		&e.Service.Secrets: matching(
			`arn:aws[a-z-]*:secretsmanager:`+regionExpression+`:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}`+
				`(:[A-Za-z0-9 /_+=.@-]*:[A-Za-z0-9-]*:[A-Za-z0-9-]*)?`,
			"arn:aws:secretsmanager:<Region>:<account>:secret:<name>-<6 characters>, followed by :<JSON key>:: for one value").
			confidential().by(variableName),

		&e.LoadBalancer.CertificateARN: matching(
			`arn:aws[a-z-]*:acm:`+regionExpression+`:[0-9]{12}:certificate/[0-9a-f-]{36}`,
			"arn:aws:acm:<Region>:<account>:certificate/<id>").orEmpty(),
		// No longer than the first name of an ACM certificate:
		// https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
		&e.LoadBalancer.Domain.Name: matching(`(`+label+`\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?`,
			"lower-case labels with dots between, for example api.example.com").upTo(64).orEmpty(),
		// https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHostedZone.html
		&e.LoadBalancer.Domain.ZoneID: matching(`Z[A-Z0-9]{1,31}`, "Z, then up to 31 upper-case letters and digits").
			orEmpty(),
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
		&e.LoadBalancer.IdleTimeoutSeconds: between(1, 4000),

		// https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html
		&e.Firewall.RateLimit: between(10, 2_000_000_000),
		&e.Firewall.Count:     oneOf(FirewallRules...).set(),

		// The expression of https://html.spec.whatwg.org/#valid-e-mail-address with a domain of two labels or more, and
		// without the slash, which ids of constructs cannot contain, the back-tick and braces.
		&e.Monitoring.Emails: matching(`[A-Za-z0-9.!#$%&'*+=?^_|~-]+@`+labelAnyCase+`(\.`+labelAnyCase+`)+`,
			"name@domain, for example on-call@example.com").set(),
		&e.Monitoring.ErrorRatePercent:    above(0, 100),
		&e.Monitoring.MinimumRequests:     between(1, unbounded),
		&e.Monitoring.AvailabilityPercent: between(90, 99.99),
		&e.Monitoring.LatencySeconds:      above(0, 4000), // the longest idle time-out of the load balancer
	}
}
