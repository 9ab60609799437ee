package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// candidate is a command to be measured.
type candidate struct {
	name      string
	command   []string
	folder    string   // where it runs
	variables []string // over the bench's own environment
	before    func() error
}

// sample is what a candidate's runs took.
type sample struct {
	times []time.Duration
	peaks []int64
}

// time is the median.
func (s sample) time() time.Duration { return median(s.times) }

// peak is the median of the runs' peaks, in bytes. The peak of a run is the resident memory of the
// largest process that it started, itself included: of a synthesis, that is the Node process
// of the kernel. The system keeps that number for every process and hands it to the one that waits for it.
func (s sample) peak() int64 { return median(s.peaks) }

func median[Number time.Duration | int64](values []Number) Number {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// measure runs the candidates in turn, runs times, so that what else the machine does meets
// all of them alike.
func measure(runs int, candidates ...candidate) (map[string]sample, error) {
	samples := map[string]sample{}
	for range runs {
		for _, candidate := range candidates {
			took, peak, err := candidate.run()
			if err != nil {
				return nil, err
			}
			sample := samples[candidate.name]
			sample.times = append(sample.times, took)
			sample.peaks = append(sample.peaks, peak)
			samples[candidate.name] = sample
		}
	}
	return samples, nil
}

func (c candidate) run() (time.Duration, int64, error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return 0, 0, err
		}
	}
	command := exec.Command(c.command[0], c.command[1:]...)
	command.Dir = c.folder
	command.Env = append(os.Environ(), c.variables...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	start := time.Now()
	err := command.Run()
	took := time.Since(start)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %s: %w\n%s", c.name, strings.Join(c.command, " "), err, output.String())
	}
	peak := command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "linux" {
		peak *= 1024 // kilobytes there, bytes on macOS
	}
	return took, peak, nil
}
