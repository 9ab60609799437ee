package config

import "slices"

// fargateSizes are the sizes of task that Fargate offers for Linux, CPU units with MiB of memory, up to 16 vCPU from
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
// and 32 vCPU from the rules of AWS's cfn-lint 1.58 (fargate_cpu_memory.json).
var fargateSizes = []struct {
	cpu    int
	memory []int
}{
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

// fargateMemories returns the sizes of memory that go with a number of CPU units; with 0, those of every task.
func fargateMemories(cpu int) []int {
	var values []int
	for _, size := range fargateSizes {
		if cpu == 0 || cpu == size.cpu {
			values = append(values, size.memory...)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// serverlessClass is the instance class of Aurora Serverless v2.
const serverlessClass = "db.serverless"

// regionsWithoutABC do not offer the zones a, b and c to every account:
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
var regionsWithoutABC = []string{"ap-northeast-1", "ca-central-1", "us-west-1"}
