package config

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limit is what a value can be, whatever the other values are, in the words of JSON Schema 2020-12:
// https://json-schema.org/draft/2020-12/json-schema-validation. Load, the JSON Schema and the reference of all
// keys use it. What values have to be together is in rules.go.
type Limit struct {
	Type                 string           `json:"type,omitempty"`
	Minimum              *float64         `json:"minimum,omitempty"`
	ExclusiveMinimum     *float64         `json:"exclusiveMinimum,omitempty"`
	Maximum              *float64         `json:"maximum,omitempty"`
	MultipleOf           float64          `json:"multipleOf,omitempty"`
	Enum                 []any            `json:"enum,omitempty"`
	MaxLength            int              `json:"maxLength,omitempty"` // in characters
	Pattern              *regexp.Regexp   `json:"pattern,omitempty"`   // means the same to Go and to JSON Schema
	Not                  *Limit           `json:"not,omitempty"`
	Items                *Limit           `json:"items,omitempty"`
	PrefixItems          []Limit          `json:"prefixItems,omitempty"` // only in rules
	MinItems             int              `json:"minItems,omitempty"`
	MaxItems             int              `json:"maxItems,omitempty"`
	UniqueItems          bool             `json:"uniqueItems,omitempty"`
	Properties           map[string]Limit `json:"properties,omitempty"`
	Required             []string         `json:"required,omitempty"`
	PropertyNames        *Limit           `json:"propertyNames,omitempty"`
	AdditionalProperties *Limit           `json:"additionalProperties,omitempty"`
	MaxProperties        int              `json:"maxProperties,omitempty"`

	words        string // what is allowed, for people
	confidential bool   // keeps a value out of every error: somebody may have written a secret there
}

// Allowed says in words which values are allowed; empty when all are.
func (l Limit) Allowed() string { return l.words }

// Allows reports whether a text, or a number or boolean as a file writes it, keeps the limit.
func (l Limit) Allows(text string) bool {
	switch {
	case l.Enum != nil:
		return slices.ContainsFunc(l.Enum, func(value any) bool { return fmt.Sprint(value) == text })
	case l.Maximum != nil:
		number, err := strconv.ParseFloat(text, 64)
		return err == nil && number <= *l.Maximum &&
			(l.Minimum == nil || number >= *l.Minimum) &&
			(l.ExclusiveMinimum == nil || number > *l.ExclusiveMinimum) &&
			(l.MultipleOf == 0 || math.Mod(number, l.MultipleOf) == 0)
	}
	return (l.MaxLength == 0 || utf8.RuneCountInString(text) <= l.MaxLength) &&
		(l.Pattern == nil || l.Pattern.MatchString(text)) &&
		(l.Not == nil || !l.Not.Allows(text))
}

// joined lists values without spaces for an error.
func joined[T any](values []T) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ", ")
}

// unbounded is the largest whole number that AWS and Terraform take: they keep them in 32 bits.
const unbounded = math.MaxInt32

var boolean = Limit{Type: "boolean", words: "true, false"}

func integer(least, most int) Limit {
	limit := number(float64(least), float64(most), 0)
	limit.Type, limit.words = "integer", fmt.Sprintf("%d to %d", least, most)
	return limit
}

func number(least, most, step float64) Limit {
	words := fmt.Sprintf("%v to %v", least, most)
	if step > 0 {
		words += fmt.Sprintf(" in steps of %v", step)
	}
	return Limit{Type: "number", Minimum: &least, Maximum: &most, MultipleOf: step, words: words}
}

func above(bound, most float64) Limit {
	words := fmt.Sprintf("more than %v, up to %v", bound, most)
	return Limit{Type: "number", ExclusiveMinimum: &bound, Maximum: &most, words: words}
}

var kinds = map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean"}

func oneOf[T string | int | bool](values ...T) Limit {
	limit := Limit{Type: kinds[reflect.TypeFor[T]().Kind()], words: joined(values)}
	for _, value := range values {
		limit.Enum = append(limit.Enum, value)
	}
	return limit
}

// matching takes an expression that the whole text has to match.
func matching(expression, words string) Limit {
	return Limit{Pattern: regexp.MustCompile(`^(` + expression + `)$`), words: words}
}

// except refuses what a second expression finds in the text, which the words have to say as well.
func (l Limit) except(expression string) Limit {
	l.Not = &Limit{Pattern: regexp.MustCompile(expression)}
	return l
}

func (l Limit) upTo(characters int) Limit {
	l.MaxLength = characters
	l.words += fmt.Sprintf(", up to %d characters", characters)
	return l
}

func (l Limit) orEmpty() Limit {
	l.Pattern = regexp.MustCompile(`^$|` + l.Pattern.String())
	l.words += ", or empty"
	return l
}

func (l Limit) secret() Limit {
	l.confidential = true
	return l
}

// list returns the limit of a list whose items are text with this limit; set that of one without equal items.
func (l Limit) list() Limit {
	l.Type = "string"
	return Limit{Type: "array", Items: &l}
}

func (l Limit) set() Limit {
	set := l.list()
	set.UniqueItems = true
	return set
}

const mapping = "a mapping of keys to values"

// by returns the limit of a map whose values are text with this limit.
func (l Limit) by(names Limit) Limit {
	l.Type = "string"
	return Limit{Type: "object", PropertyNames: &names, AdditionalProperties: &l, words: mapping}
}

// section returns the limit of a mapping with keys of its own, whose values are text unless their limits say otherwise.
func section(keys map[string]Limit) Limit {
	for key, limit := range keys {
		limit.Type = cmp.Or(limit.Type, "string")
		keys[key] = limit
	}
	return Limit{Type: "object", Properties: keys, words: mapping}
}

// each returns the limit of a map of sections with this limit, by the names of workloads.
func (l Limit) each() Limit {
	return Limit{Type: "object", PropertyNames: &workloadName, AdditionalProperties: &l, words: mapping}
}

// anyCase returns an expression for words in any mixture of cases.
func anyCase(words ...string) string {
	return regexp.MustCompile(`[A-Za-z]`).ReplaceAllStringFunc(strings.Join(words, "|"), func(letter string) string {
		return "[" + strings.ToUpper(letter) + strings.ToLower(letter) + "]"
	})
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

	// The expression of https://html.spec.whatwg.org/#valid-e-mail-address with a domain of two labels or more, and
	// without the slash, which ids of constructs cannot contain, the back-tick and braces.
	email = matching(`[A-Za-z0-9.!#$%&'*+=?^_|~-]+@`+labelAnyCase+`(\.`+labelAnyCase+`)+`,
		"name@domain, for example on-call@example.com")
	region   = matching(regionExpression, "the code of an AWS Region, for example us-east-1")
	freeText = Limit{words: "visible text without ${, %{ and TfToken[, and without a key of AWS or Stripe, a private " +
		"key or a password in a URL: use service.secrets"}.except(fmt.Sprint(evaluated, `|`, hidden, `|`+
		`(AKIA|ASIA)[A-Z0-9]{16}|[rs]k_live_|whsec_|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/@ ]*:[^/@ ]+@`)).secret()
	// Short enough for the name of a role, of 64 characters, with what stands before and after it. AWS adds containers
	// of its own to tasks, as aws-guardduty-agent and ecs-service-connect:
	// https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html
	workloadName = matching(`[a-z][a-z0-9]{0,19}`, "a lower-case letter, then up to 19 lower-case letters or digits, not "+
		"beginning with aws or ecs").except(`^(aws|ecs)`)
	variableName = matching(`[A-Za-z_][A-Za-z0-9_]*`, "letters, digits and underscores, no digit first, and none of "+
		joined(ServiceVariables)+", which the service sets itself, nor of what AWS's SDKs, ECS or a loader read, such as "+
		"AWS_PROFILE, ECS_..., LD_PRELOAD and NODE_OPTIONS").except(`^(` + reservedVariables + `)$`)
	openVariableName = Limit{Pattern: variableName.Pattern, words: variableName.words + "; instead of ..._SECRET, " +
		"..._SECRET_KEY, ..._PRIVATE_KEY, ..._TOKEN and ..._PASSWORD use service.secrets"}.except(`^(` +
		reservedVariables + `|(.*_)?(` + anyCase("SECRET", "SECRET_KEY", "PRIVATE_KEY", "TOKEN", "PASSWORD") + `))$`)
)

// reservedVariables are set by the service itself, give AWS's SDKs other credentials or another server to call
// (https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html), or have a loader run other code.
var reservedVariables = strings.Join(ServiceVariables, "|") + `|AWS_(ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY|` +
	`SESSION_TOKEN|(DEFAULT_)?PROFILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|ROLE_ARN|WEB_IDENTITY_TOKEN_FILE|CONTAINER_.*|` +
	`ENDPOINT_URL.*)|ECS_.*|LD_.*|NODE_OPTIONS`

// reservedWords are the reserved key words of PostgreSQL.
var reservedWords = strings.Fields(`
	all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
	column concurrently constraint create cross current_catalog current_date current_role current_schema
	current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for
	foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral
	leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
	placing primary references returning right select session_user similar some symmetric system_user table
	tablesample then to trailing true union unique user using variadic verbose when where window with`)

// accountsLimit is the limit of accounts.yaml.
var accountsLimit = func() Limit {
	const owner, name, id = `[A-Za-z0-9][A-Za-z0-9-]{0,38}`, `[A-Za-z0-9._-]{1,100}`, `@[1-9][0-9]{0,18}`
	account := section(map[string]Limit{
		"region": region,
		"emails": email.set(),
		"github": section(map[string]Limit{
			// https://docs.github.com/en/actions/reference/security/oidc
			"subject": matching(`repo:(`+owner+`/`+name+`|`+owner+id+`/`+name+id+`)`,
				"repo:OWNER/NAME, or repo:OWNER@ID/NAME@ID with the numbers of both"),
			"repositoryId": matching(`[1-9][0-9]{0,18}`, "the repository's number in quotes, as "+
				"https://api.github.com/repos/OWNER/NAME shows it as id"),
			"branch": matching(`[A-Za-z0-9][A-Za-z0-9._/-]*`, "a letter or digit, then letters, digits and . _ / -").
				upTo(200),
			"reviews":        oneOf(DefaultGitHub.Reviews, ReviewsOfBranch),
			"providerExists": boolean,
		}),
	})
	account.Required = []string{"region"}
	return Limit{Type: "object", PropertyNames: &AccountIDs, AdditionalProperties: &account,
		words: "a mapping of AWS accounts to what their environments share, at least region"}
}()

// environmentLimit is the limit of an environment file.
var environmentLimit = func() Limit {
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
	// Services differ in which alphabets they take; all take the Latin one. CDKTF's JavaScript drops __proto__.
	tagNames := matching(`[A-Za-z0-9 _.:/=+@-]{1,128}`, "1 to 128 letters, digits, spaces and _ . : / = + - @, not "+
		"beginning with aws:, and none of "+joined(OwnTags)+", which the project sets itself, in any case").
		except(`^` + anyCase("aws:") + `|^(__proto__|` + anyCase(OwnTags...) + `)$`)
	tags := matching(`[A-Za-z0-9 _.:/=+@-]{0,256}`, "up to 256 letters, digits, spaces and _ . : / = + - @").by(tagNames)
	tags.MaxProperties = 50 - len(OwnTags)

	var rules, groups []string
	for _, rule := range FirewallRules {
		rules = append(rules, rule.Name)
		if rule.IsManaged() {
			groups = append(groups, rule.Name)
		}
	}
	countable := matching(strings.Join(rules, "|")+`|(`+strings.Join(groups, "|")+`)/[A-Za-z0-9_]{1,128}`,
		joined(rules)+", or a single rule of AWS's groups among these, for example "+BodySizeRule)

	zones := matching(regionExpression+`[a-z]`, "the Region and one letter, for example us-east-1a").set()
	zones.MinItems, zones.MaxItems = 2, 6
	subnetIDs := matching(`subnet-([0-9a-f]{8}|[0-9a-f]{17})`, "subnet-<8 or 17 hexadecimal digits>").set()
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html
	subnetIDs.MaxItems = 16

	sizes := slices.Concat(slices.Collect(maps.Values(fargateSizes))...)
	memory := oneOf(slices.Compact(slices.Sorted(slices.Values(sizes)))...)
	memory.words = "512 to 249856, a size that Fargate offers with the CPU units"

	// A worker is nothing without a command of its own.
	words := freeText.list()
	words.MinItems, words.MaxItems, words.words = 1, 100, "a list of words"
	cpu := oneOf(slices.Sorted(maps.Keys(fargateSizes))...)
	worker := section(map[string]Limit{
		"command": words,
		"cpu":     cpu,
		"memory":  memory,
		"queue":   boolean,
		"scaling": section(map[string]Limit{
			"minimumTasks":    integer(1, unbounded),
			"maximumTasks":    integer(0, unbounded),
			"messagesPerTask": integer(0, unbounded),
		}),
	})
	worker.Required = []string{"command"}

	file := section(map[string]Limit{
		"class":   oneOf(string(Development), string(Production)),
		"region":  region,
		"account": AccountIDs.orEmpty(),
		"tags":    tags,
		"protect": boolean,
		"logs": section(map[string]Limit{
			// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
			"retentionDays": oneOf(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
				2557, 2922, 3288, 3653),
		}),
		"network": section(map[string]Limit{
			// RFC 1918, and sizes that have room for the subnets of six zones.
			"cidr": matching(`(10\.`+octet+`|172\.(1[6-9]|2[0-9]|3[01])|192\.168)\.`+
				`(0\.0/16|(0|128)\.0/17|(0|64|128|192)\.0/18|(0|32|64|96|128|160|192|224)\.0/19|`+
				`(0|16|32|48|64|80|96|112|128|144|160|176|192|208|224|240)\.0/20)`,
				"the first address and the size of a range of /16 to /20 within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, "+
					"for example 10.0.0.0/16"),
			"zones":              zones,
			"natGateways":        integer(0, 6), // one for each zone
			"interfaceEndpoints": boolean,
			"existing": section(map[string]Limit{
				"publicSubnets":  subnetIDs,
				"privateSubnets": subnetIDs,
			}),
		}),
		"database": section(map[string]Limit{
			"engineVersion": matching(`[1-9][0-9]?(\.[1-9][0-9]?)?`, "a major version of Aurora PostgreSQL, or a "+
				`minor version, for example "15" or "15.12"`),
			"instanceClass": matching(`db\.(serverless|[a-z][a-z0-9]*\.[a-z0-9]+)`, "db.<family>.<size>, for example "+
				"db.t3.medium, or "+serverlessClass),
			// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html
			"storageType": oneOf("aurora", "aurora-iopt1"),
			// PostgreSQL cuts longer names off, and keeps these for itself or for RDS:
			// https://www.postgresql.org/docs/current/sql-syntax-lexical.html
			// https://www.postgresql.org/docs/current/sql-keywords-appendix.html
			"name": matching(`[a-z_][a-z0-9_]{0,62}`, "a lower-case letter or underscore, then up to 62 lower-case "+
				"letters, digits or underscores, not a word that PostgreSQL or RDS reserves").
				except(`^(template0|template1|rdsadmin|rdsproxyadmin|pg_.*|` + strings.Join(reservedWords, "|") + `)$`),
			"login": oneOf(LoginIAM, LoginMaster),
			"serverless": section(map[string]Limit{
				// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ServerlessV2ScalingConfiguration.html
				"minimumCapacity": number(0, 256, 0.5),
				"maximumCapacity": number(1, 256, 0.5),
			}),
			// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html
			"readers":         integer(0, 15),
			"passwordVersion": integer(1, unbounded),
			// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html, as for the windows
			"backupRetentionDays": integer(1, 35),
			"backupWindow":        matching(clock+`-`+clock, "hh:mm-hh:mm in UTC, 30 minutes or more, for example 07:00-08:00"),
			"backupCopy": section(map[string]Limit{
				// https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html
				"vault": matching(`arn:aws[a-z-]*:backup:`+regionExpression+`:[0-9]{12}:backup-vault:[A-Za-z0-9_-]{2,50}`,
					"arn:aws:backup:<Region>:<account>:backup-vault:<name>").orEmpty(),
				// https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html: a day to a hundred years
				"keepDays": integer(1, 36_500),
			}),
			"maintenanceWindow": matching(day+`:`+clock+`-`+day+`:`+clock,
				"ddd:hh:mm-ddd:hh:mm in UTC, lower case, 30 minutes or more, for example sun:08:30-sun:09:30"),
			"restore": section(map[string]Limit{
				// Automated snapshots begin with rds:. AWS Backup numbers its backups, and copies of them.
				// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html
				"snapshot": matching(`(`+clusterARN+`cluster-snapshot:)?((rds:)?[a-z]([a-z0-9]|-[a-z0-9]){0,254}|`+
					`awsbackup:(copy)?job-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})`,
					"the identifier of a cluster snapshot in lower case, also awsbackup:job-… or awsbackup:copyjob-…, or its "+
						"ARN").orEmpty(),
				"cluster": matching(`(`+clusterARN+`cluster:)?[a-z]([a-z0-9]|-[a-z0-9]){0,62}`,
					"the identifier of a cluster in lower case, for example paymentdb-prod, or its ARN").orEmpty(),
				"time": matching(`20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T`+clock+`:[0-5][0-9]Z`,
					"a time of RFC 3339 in UTC and in quotes, for example \"2026-11-25T12:00:00Z\"").orEmpty(),
			}),
		}),
		"service": section(map[string]Limit{
			// The grammar of https://github.com/distribution/reference, as long as
			// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html allows.
			"image": matching(`(`+labelAnyCase+`(\.`+labelAnyCase+`)*(:[0-9]{1,5})?/)?`+
				`[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*`+
				`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?`,
				"[registry/]repository[:tag][@sha256:digest]").upTo(255).orEmpty(),
			"command":   freeText.list(),
			"migration": freeText.list(),
			"port":      integer(1, 65535),
			"user": matching(userID+`(:(0|`+userID+`))?`, "uid or uid:gid in digits, under 2000000000, uid not 0, for "+
				"example 1000:1000"),
			"readonlyRootFilesystem": boolean,
			"tmpfsMiB":               integer(1, unbounded),
			"architecture":           oneOf("x86_64", "arm64"),
			"cpu":                    cpu,
			"memory":                 memory,
			"scaling": section(map[string]Limit{
				"minimumTasks":      integer(1, unbounded),
				"maximumTasks":      integer(1, unbounded),
				"cpuPercent":        integer(1, 100),
				"memoryPercent":     integer(0, 100),
				"requestsPerTarget": integer(0, unbounded),
			}),
			"healthCheck": section(map[string]Limit{
				// Of what a URL's path and query may have, what means nothing to a shell or a web server's configuration.
				"path": matching(`/[A-Za-z0-9._~/?=&@:+-]*`, "a slash, then letters, digits and . _ ~ / ? = & @ : + -").
					upTo(1024),
				// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
				"intervalSeconds":    integer(HealthCheckTimeoutSeconds+1, 300),
				"gracePeriodSeconds": integer(0, unbounded),
			}),
			"containerHealthCheck": freeText.list(),
			// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
			"stopTimeoutSeconds": integer(2, 120),
			// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
			"deregistrationDelaySeconds": integer(0, 3600),
			"environment":                freeText.by(openVariableName),
			// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
			"secrets": matching(`arn:aws[a-z-]*:secretsmanager:`+regionExpression+
				`:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(:[A-Za-z0-9 /_+=.@-]*:[A-Za-z0-9-]*:[A-Za-z0-9-]*)?`,
				"arn:aws:secretsmanager:<Region>:<account>:secret:<name>-<6 characters>, followed by :<JSON key>:: for one value").
				secret().by(variableName),
			"executeCommand": boolean,
		}),
		"loadBalancer": section(map[string]Limit{
			"certificateArn": matching(`arn:aws[a-z-]*:acm:`+regionExpression+`:[0-9]{12}:certificate/[0-9a-f-]{36}`,
				"arn:aws:acm:<Region>:<account>:certificate/<id>").orEmpty(),
			"domain": section(map[string]Limit{
				// No longer than the first name of an ACM certificate:
				// https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
				"name": matching(`(`+label+`\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?`,
					"lower-case labels with dots between, for example api.example.com").upTo(64).orEmpty(),
				// https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHostedZone.html
				"zoneId": matching(`Z[A-Z0-9]{1,31}`, "Z, then up to 31 upper-case letters and digits").orEmpty(),
			}),
			"allowPlainHttp": boolean,
			// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
			"idleTimeoutSeconds": integer(1, 4000),
		}),
		"firewall": section(map[string]Limit{
			// https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html
			"rateLimit": integer(10, 2_000_000_000),
			"count":     countable.set(),
		}),
		"monitoring": section(map[string]Limit{
			"emails":              email.set(),
			"errorRatePercent":    above(0, 100),
			"minimumRequests":     integer(1, unbounded),
			"availabilityPercent": number(90, 99.99, 0),
			"latencySeconds":      above(0, 4000), // the longest idle time-out of the load balancer
		}),
		"workers": worker.each(),
	})
	file.Required = []string{"class"}
	file.words = mapping + ", with class: development or class: production"
	return file
}()
