package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSynthesis measures, in turn so that what else the machine does meets all alike, an app without a stack and
// the repository's environments with both kernels: medians of the seconds, and of the resident memory of the largest
// process, which is the kernel.
func BenchmarkSynthesis(b *testing.B) {
	programs := []struct{ name, app, stock string }{
		{"empty", "empty", ""}, {"fast", "environments", ""}, {"stock", "environments", "1"},
	}
	seconds, megabytes := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for _, program := range programs {
			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), appVariable+"="+program.app, "TAP_STOCK_KERNEL="+program.stock,
				"CDKTF_OUTDIR="+filepath.Join(b.TempDir(), "cdktf.out"))
			start := time.Now()
			if output, err := command.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v\n%s", program.name, err, output)
			}
			seconds[program.name] = append(seconds[program.name], time.Since(start).Seconds())
			peak := float64(command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
			if runtime.GOOS == "linux" {
				peak *= 1024 // KiB there, bytes on macOS
			}
			megabytes[program.name] = append(megabytes[program.name], peak/1e6)
		}
	}
	var table strings.Builder
	for _, program := range programs {
		s, mb := median(seconds[program.name]), median(megabytes[program.name])
		b.ReportMetric(s, program.name+"-s")
		b.ReportMetric(mb, program.name+"-MB")
		fmt.Fprintf(&table, "\n%-5s %6.2f s %6.0f MB", program.name, s, mb)
	}
	ratio := median(seconds["fast"]) / median(seconds["stock"])
	b.ReportMetric(ratio, "fast/stock")
	b.ReportMetric(0, "ns/op") // of all three together
	b.Logf("medians of %d runs%s\nfast / stock: %.2f (goal: at most 0.25)", b.N, &table, ratio)
}

// median returns the upper one of two.
func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }
