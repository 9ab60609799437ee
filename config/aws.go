package config

import (
	"regexp"
	"strconv"
)

// fargateSizes are the MiB of memory that Fargate offers with each number of CPU units for Linux, up to 16 vCPU from
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
// and 32 vCPU from the rules of AWS's cfn-lint 1.58 (fargate_cpu_memory.json).
var fargateSizes = map[int][]int{
	256:   {512, 1024, 2048},
	512:   steps(1024, 4096, 1024),
	1024:  steps(2048, 8192, 1024),
	2048:  steps(4096, 16384, 1024),
	4096:  steps(8192, 30720, 1024),
	8192:  steps(16384, 61440, 4096),
	16384: steps(32768, 122880, 8192),
	32768: {61440, 122880, 249856},
}

func steps(first, last, step int) []int {
	var values []int
	for value := first; value <= last; value += step {
		values = append(values, value)
	}
	return values
}

// serverlessClass is the instance class of Aurora Serverless v2.
const serverlessClass = "db.serverless"

// memoryOptimized are large (16 GiB), xlarge (32) and multiples of xlarge.
var memoryOptimized = regexp.MustCompile(`^db\.r[0-9][a-z]*\.(([0-9]*)x)?large$`)

// memoryGiB is the memory of an instance, and the largest of a serverless one. It is 0 where it is not known.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Summary.html
func (d Database) memoryGiB() float64 {
	size := memoryOptimized.FindStringSubmatch(d.InstanceClass)
	switch {
	case d.IsServerless():
		return 2 * d.Serverless.MaximumCapacity
	case size == nil:
		return map[string]float64{"db.t3.medium": 4, "db.t3.large": 8, "db.t4g.medium": 4, "db.t4g.large": 8}[d.InstanceClass]
	case size[1] == "":
		return 16
	}
	multiple, _ := strconv.Atoi(size[2])
	return 32 * float64(max(multiple, 1))
}

// maximumConnections is the default of PostgreSQL's max_connections on one instance, or 0 where it is not known. AWS
// reckons with 10^9 bytes of each GiB; the system takes the rest.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
func (d Database) maximumConnections() int {
	most := 5000.0
	if d.IsServerless() && d.Serverless.MinimumCapacity <= 0.5 {
		most = 2000
	}
	return int(min(d.memoryGiB()*1e9/9531392, most))
}

// regionsWithoutABC do not offer the zones a, b and c to every account:
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
var regionsWithoutABC = []string{"ap-northeast-1", "ca-central-1", "us-west-1"}
