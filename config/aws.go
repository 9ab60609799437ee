package config

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

// regionsWithoutABC do not offer the zones a, b and c to every account:
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
var regionsWithoutABC = []string{"ap-northeast-1", "ca-central-1", "us-west-1"}
