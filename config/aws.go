package config

import (
	"fmt"
	"slices"
	"strings"
)

// What AWS offers, as of November 2026.

// retentionPeriods are the days for which CloudWatch Logs keeps events:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentionPeriods = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// fargateSize is one size of Fargate task: CPU units, and the MiB of memory that go with it.
type fargateSize struct {
	cpu    int
	memory []int
}

// fargateSizes are the sizes that Fargate sells for Linux, up to 16 vCPU from
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
// and 32 vCPU from the rules of AWS's cfn-lint 1.58 (fargate_cpu_memory.json).
var fargateSizes = []fargateSize{
	{256, []int{512, 1024, 2048}},
	{512, steps(1024, 4096, 1024)},
	{1024, steps(2048, 8192, 1024)},
	{2048, steps(4096, 16384, 1024)},
	{4096, steps(8192, 30720, 1024)},
	{8192, steps(16384, 61440, 4096)},
	{16384, steps(32768, 122880, 8192)},
	{32768, []int{61440, 122880, 249856}},
}

func steps(first, last, step int) []int {
	var values []int
	for value := first; value <= last; value += step {
		values = append(values, value)
	}
	return values
}

func fargateCPUs() []int {
	var values []int
	for _, size := range fargateSizes {
		values = append(values, size.cpu)
	}
	return values
}

func fargateMemories() []int {
	var values []int
	for _, size := range fargateSizes {
		values = append(values, size.memory...)
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// fargateMemory returns the memory that goes with a CPU size.
func fargateMemory(cpu int) []int {
	for _, size := range fargateSizes {
		if size.cpu == cpu {
			return size.memory
		}
	}
	return nil
}

// serverlessClass is the instance class of Aurora Serverless v2.
const serverlessClass = "db.serverless"

// auroraFamilies are the instance classes that take Aurora PostgreSQL 13 and newer:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.SupportAurora.html,
// the sizes from the price list as AWS's cfn-lint 1.58 holds it (dbinstanceclass_enum.json).
// Not every Region has every class.
var auroraFamilies = []struct{ family, sizes string }{
	{"t3", "medium large"},
	{"t4g", "medium large"},
	{"r5", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"},
	{"r6g", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"},
	{"r6gd", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"},
	{"r6i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"},
	{"r6id", "24xlarge 32xlarge"},
	{"r7g", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"},
	{"r7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
	{"r8a", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
	{"r8g", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
	{"r8gd", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
	{"x2g", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"},
}

func auroraClasses() []string {
	classes := []string{serverlessClass}
	for _, line := range auroraFamilies {
		for _, size := range strings.Fields(line.sizes) {
			classes = append(classes, fmt.Sprintf("db.%s.%s", line.family, size))
		}
	}
	return classes
}

func auroraClassWords() string {
	var families []string
	for _, line := range auroraFamilies {
		sizes := strings.Fields(line.sizes)
		families = append(families, fmt.Sprintf("db.%s.%s to %s", line.family, sizes[0], sizes[len(sizes)-1]))
	}
	return serverlessClass + ", " + strings.Join(families, ", ")
}

// auroraVersion is one major version of Aurora PostgreSQL with the minors that a new cluster
// may have: from oldest on, and one that AWS supports for longer.
type auroraVersion struct {
	major           string
	oldest          int
	longTermSupport int // 0: none, or not older than oldest
}

// auroraVersions are the versions offered:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraPostgreSQLReleaseNotes/aurorapostgresql-release-calendar.html,
// the oldest minors as AWS's cfn-lint 1.58 holds them (engine_version.json, engine_version_deprecated.json).
var auroraVersions = []auroraVersion{
	{"13", 23, 9},
	{"14", 17, 6},
	{"15", 10, 0},
	{"16", 8, 0},
	{"17", 4, 0},
	{"18", 3, 0},
}

// regionsWithoutABC do not offer the zones a, b and c to every account:
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
var regionsWithoutABC = []string{"ap-northeast-1", "ca-central-1", "us-west-1"}
