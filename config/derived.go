package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Subnet is the pair of IPv4 ranges in one Availability Zone.
type Subnet struct {
	Zone    string // the zone's name, for example us-east-1a
	Public  string // the range of the public subnet
	Private string // the range of the private subnet
}

// subnetPrefixLength is the size of every subnet, as in the original system: 256 addresses, of which the smallest VPC
// allowed (/20) has room for sixteen and six zones need twelve.
const subnetPrefixLength = 24

// Subnets divides the VPC's range among the zones, in their order. The range is cut into /24 blocks: the first three
// zones take blocks 0 to 2 for their public and 3 to 5 for their private subnets, every further zone the next two. So a
// zone that is appended leaves the subnets of the others as they are.
func (n Network) Subnets() []Subnet {
	var first, second, third int
	fmt.Sscanf(n.CIDR, "%d.%d.%d.", &first, &second, &third) // the first address of the range
	block := func(index int) string {
		return fmt.Sprintf("%d.%d.%d.0/%d", first, second, third+index, subnetPrefixLength)
	}
	subnets := make([]Subnet, len(n.Zones))
	for i, zone := range n.Zones {
		public, private := i, i+3
		if i >= 3 {
			public, private = 2*i, 2*i+1
		}
		subnets[i] = Subnet{Zone: zone, Public: block(public), Private: block(private)}
	}
	return subnets
}

// IsExisting reports whether the environment is made in a VPC that is there already.
func (n Network) IsExisting() bool { return len(n.Existing.subnets()) > 0 }

func (e Existing) subnets() []string { return slices.Concat(e.PublicSubnets, e.PrivateSubnets) }

// Scales reports whether the number of tasks can change by itself.
func (s Scaling) Scales() bool { return s.MinimumTasks < s.MaximumTasks }

// IsPlaceholder reports whether the service runs the placeholder instead of a real image.
func (s Service) IsPlaceholder() bool { return s.Image == "" }

var privateRepository = regexp.MustCompile(
	`^([0-9]{12})\.dkr\.ecr\.(` + regionExpression + `)\.amazonaws\.com/([^:@]+)(?:[:@].*)?$`)

// PrivateRepository returns the account, the Region and the repository's name of an image in a private ECR repository,
// for example 123456789012, us-east-1 and name/sub of 123456789012.dkr.ecr.us-east-1.amazonaws.com/name/sub:tag. It
// reports false for any other image.
func PrivateRepository(image string) (account, region, repository string, ok bool) {
	match := privateRepository.FindStringSubmatch(image)
	if match == nil {
		return "", "", "", false
	}
	return match[1], match[2], match[len(match)-1], true
}

// HTTPS reports whether the load balancer has a certificate, named or requested.
func (l LoadBalancer) HTTPS() bool { return l.CertificateARN != "" || l.Domain.Name != "" }

// OutsideRegion is where Route 53 reports what its health checks find:
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
const OutsideRegion = "us-east-1"

// IsCommercial reports whether the Region is of the partition aws.
func IsCommercial(region string) bool { return !strings.HasPrefix(region, "us-gov-") }

// IsServerless reports whether the cluster is Aurora Serverless v2.
func (d Database) IsServerless() bool { return d.InstanceClass == serverlessClass }

// IsExactVersion reports whether the engine's version names a minor, which is then kept.
func (d Database) IsExactVersion() bool { return strings.Contains(d.EngineVersion, ".") }

// MajorVersion returns the engine's major version, for example 15.
func (d Database) MajorVersion() string {
	major, _, _ := strings.Cut(d.EngineVersion, ".")
	return major
}

// Place returns the Region and the account of the vault; nothing without one.
func (b BackupCopy) Place() (region, account string) {
	parts := append(strings.Split(b.Vault, ":"), "", "", "", "")
	return parts[3], parts[4]
}

// SaysEvents reports whether the topics are told of events: of jobs, backups and copies that failed.
func (e Environment) SaysEvents() bool { return len(e.Jobs) > 0 || e.Database.BackupCopy.Vault != "" }

// serverlessClass is the instance class of Aurora Serverless v2.
const serverlessClass = "db.serverless"

// memoryOptimized are large (16 GiB), xlarge (32) and multiples of xlarge.
var memoryOptimized = regexp.MustCompile(`^db\.r[0-9][a-z]*\.(([0-9]*)x)?large$`)

// MemoryGiB is the memory of one instance, of a serverless one the most that it can have, or 0 where it is not known.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Summary.html
func (d Database) MemoryGiB() float64 {
	switch size := memoryOptimized.FindStringSubmatch(d.InstanceClass); {
	case d.IsServerless():
		return 2 * d.Serverless.MaximumCapacity
	case size != nil && size[1] == "":
		return 16
	case size != nil:
		multiple, _ := strconv.Atoi(size[2])
		return 32 * float64(max(multiple, 1))
	}
	return map[string]float64{"db.t3.medium": 4, "db.t3.large": 8, "db.t4g.medium": 4, "db.t4g.large": 8}[d.InstanceClass]
}

// MaximumConnections is the default of PostgreSQL's max_connections on one instance, with all of a serverless one's
// memory, or 0 where the memory is not known. AWS reckons with 10^9 bytes of each GiB; the system takes the rest.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
func (d Database) MaximumConnections() int {
	most := 5000.0
	if d.IsServerless() && d.Serverless.MinimumCapacity <= 0.5 {
		most = 2000
	}
	return int(min(d.MemoryGiB()*1e9/9531392, most))
}

// defaultConnections is how many connections a task may open where its environment does not say it.
const defaultConnections = 20

// lastDays are those of AWS's standard support of the major versions, as of November 2026. AWS's calendar:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraPostgreSQLReleaseNotes/aurorapostgresql-release-calendar.html
var lastDays = map[string]string{
	"11": "2024-02-29", "12": "2025-02-28", "13": "2026-02-28", "14": "2027-02-28", "15": "2028-02-29",
	"16": "2029-02-28", "17": "2030-02-28",
}

// Warnings say what the files, and accounts.yaml where it exists, allow and somebody should know before an environment
// is deployed at that time.
func Warnings(environments []Environment, withAccounts bool, now time.Time) (all []string) {
	const quota = 5 // https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
	needed := map[string]int{}
	for _, e := range environments {
		for _, warning := range e.warnings(now) {
			all = append(all, e.Stack()+": "+warning)
		}
		if withAccounts && !e.InAccountStack() {
			all = append(all, e.Stack()+": account: none of accounts.yaml, so that the state is a file on this machine")
		}
		place := " in " + e.Region + " of " + cmp.Or(e.Account, "an account that no file names")
		needed["Elastic IPs"+place] += e.Network.NATGateways
		if !e.Network.IsExisting() {
			needed["VPCs"+place]++
		}
	}
	for _, what := range slices.Sorted(maps.Keys(needed)) {
		if needed[what] > quota {
			all = append(all, fmt.Sprintf("the environments need %d %s; AWS allows %d until you ask for more, and counts what "+
				"others have there", needed[what], what, quota))
		}
	}
	return all
}

func (e Environment) warnings(now time.Time) (warnings []string) {
	warn := func(when bool, format string, values ...any) {
		if when {
			warnings = append(warnings, fmt.Sprintf(format, values...))
		}
	}
	commercial, outside := IsCommercial(e.Region), e.LoadBalancer.Domain.Name != ""
	warn(outside && !commercial, "loadBalancer.domain: nothing calls the API from outside as in the partition aws: no "+
		"alarm says that nobody can reach it")
	// https://aws.amazon.com/about-aws/whats-new/2026/01/amazon-ecs-tmpfs-mounts-aws-fargate-managed-instances/
	// https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
	warn(!commercial, "region: AWS has announced for commercial Regions only: tmpfs on Fargate, which is /tmp of "+
		"every task, and the claims of GitHub's tokens by which the pipeline's roles know repository and branch")
	others := map[bool]string{false: " or other AWS services"}[e.Network.InterfaceEndpoints]
	warn(e.Network.IsExisting(), "network.existing: the VPC gets no flow logs, routes, NAT gateway, endpoint for S3%s "+
		"and no empty default security group from here; tasks reach AWS only if the routes of the private subnets lead there",
		others)
	images := e.images()
	for _, key := range slices.Sorted(maps.Keys(images)) {
		owner, _, _, private := PrivateRepository(images[key])
		warn(private && e.Account != "" && owner != e.Account, "%s: the policy of the repository, which the account %s "+
			"has, has to let %s pull (docs/accounts.md); otherwise no task starts", key, owner, e.Account)
	}
	last, err := time.Parse(time.DateOnly, lastDays[e.Database.MajorVersion()])
	then := map[Class]string{Development: "upgrades the cluster by itself, and makes no new one",
		Production: "charges Extended Support (docs/costs.md)"}[e.Class]
	warn(err == nil && !now.Before(last.AddDate(-1, 0, 0)), "database.engineVersion: the last day of Aurora PostgreSQL "+
		"%s is %s; AWS then %s", e.Database.MajorVersion(), last.Format(time.DateOnly), then)
	// The provider does not say it in such a restore, whose default is Extended Support.
	warn(e.Class == Development && e.Database.Restore.Cluster != "", "database.restore.cluster: AWS enrolls the cluster "+
		"in Extended Support, which development is not to pay (docs/operating.md says how to leave it)")
	// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
	warn(e.Class == Production && strings.HasPrefix(e.Database.InstanceClass, "db.t"), "database.instanceClass: "+
		"AWS recommends classes such as %s for development and tests only", e.Database.InstanceClass)
	warn(e.Class == Production && e.Database.BackupCopy.Vault == "", "database.backupCopy: without a vault, an "+
		"administrator of the account or the loss of the Region ends the database and all its backups")
	tasks, most := e.Service.Scaling.MaximumTasks, e.Database.MaximumConnections()
	for _, worker := range e.Workers {
		tasks += worker.Scaling.MaximumTasks
	}
	each, err := strconv.Atoi(e.Service.Environment[ConnectionsVariable])
	if err != nil || each <= 0 {
		each = defaultConnections
	}
	warn(most > 0 && tasks*each > most, "service.scaling.maximumTasks: %d tasks that may open %d connections each (%s of "+
		"service.environment; %d without it) are more than the %d or so that %s takes by default",
		tasks, each, ConnectionsVariable, defaultConnections, most, e.Database.InstanceClass)
	// https://docs.aws.amazon.com/Route53/latest/APIReference/API_autonaming_HealthCheckConfig.html
	const calls = 150
	expected := e.Monitoring.ExpectedRequests
	warn(outside && commercial && 0 < expected && expected <= calls &&
		e.LoadBalancer.ClientCertificates.Mode != CertificatesVerify, "monitoring.expectedRequests: there are never fewer "+
		"than %d, as Route 53's health check alone calls up to %d times in 5 minutes", expected, calls)
	warn(e.Class == Production && expected == 0, "monitoring.expectedRequests: nobody is woken when "+
		"requests stop to arrive; set it to half of those in the quietest 5 minutes of a week (docs/operating.md)")
	return warnings
}
