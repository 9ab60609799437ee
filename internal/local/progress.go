package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// silence is how long nothing may be said before the resources that are waited for are named.
const silence = 15 * time.Second

// progress turns what `cdktf deploy` and `cdktf destroy` print into one line for each resource.
// It is an io.Writer; Close ends it.
type progress struct {
	output io.Writer
	stack  string
	now    func() time.Time

	mutex    sync.Mutex
	line     []byte               // begun, not ended
	total    int                  // resources that will be created, changed or destroyed
	done     int                  // of those
	waiting  map[string]time.Time // resources at work, by address, since when
	lastSaid time.Time
	summary  string // Terraform's last line: what was added, changed, destroyed
	ended    chan struct{}
}

var (
	plannedLine = regexp.MustCompile(`^Plan: (?:\d+ to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy\.`)
	startedLine = regexp.MustCompile(`^(\S.*?): (?:Creating|Modifying|Destroying)\.\.\.`)
	doneLine    = regexp.MustCompile(`^(\S.*?): (Creation|Modifications|Destruction) complete after (\S+)`)
	summaryLine = regexp.MustCompile(`^(?:Apply|Destroy) complete! Resources: (.*)\.$`)
)

// phases are the lines that begin a part of the work worth telling.
var phases = map[string]string{
	"Initializing the backend...":                  "initializing Terraform; the first time, it downloads the AWS provider (some 100 MB)",
	"Terraform has been successfully initialized!": "planning",
}

func newProgress(output io.Writer, stack string) *progress {
	p := &progress{output: output, stack: stack, now: time.Now, waiting: map[string]time.Time{}, ended: make(chan struct{})}
	p.lastSaid = p.now()
	go func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.mutex.Lock()
				p.breakSilence()
				p.mutex.Unlock()
			case <-p.ended:
				return
			}
		}
	}()
	return p
}

// Close ends the progress.
func (p *progress) Close() { close(p.ended) }

// result is Terraform's account of what it did.
func (p *progress) result() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.summary == "" {
		return "nothing had to be done"
	}
	return p.summary
}

// Write takes output in pieces of any size.
func (p *progress) Write(output []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.line = append(p.line, output...)
	for {
		line, rest, complete := bytes.Cut(p.line, []byte("\n"))
		if !complete {
			return len(output), nil
		}
		p.read(string(line))
		p.line = rest
	}
}

func (p *progress) read(line string) {
	// cdktf puts the stack's name before the first line of each piece and indents the others.
	line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), p.stack+"  "))
	if phase, known := phases[line]; known {
		p.say("%s", phase)
	} else if planned := plannedLine.FindStringSubmatch(line); planned != nil {
		p.total = 0
		for _, count := range planned[1:] {
			number, _ := strconv.Atoi(count) // the expression admits digits only
			p.total += number
		}
		p.say("%s", strings.ToLower(line[:1])+strings.TrimSuffix(line[1:], "."))
	} else if finished := doneLine.FindStringSubmatch(line); finished != nil {
		delete(p.waiting, finished[1])
		p.done++
		verb := map[string]string{"Creation": "created", "Modifications": "changed", "Destruction": "destroyed"}[finished[2]]
		p.say("[%*d/%d] %s %s (%s)", len(strconv.Itoa(p.total)), p.done, p.total, verb, short(finished[1]), finished[3])
	} else if started := startedLine.FindStringSubmatch(line); started != nil {
		p.waiting[started[1]] = p.now()
	} else if ended := summaryLine.FindStringSubmatch(line); ended != nil {
		p.summary = ended[1]
	}
}

// constructPath is how cdktf names a resource: its address, then its path in the tree of constructs.
var constructPath = regexp.MustCompile(`^(\w+)\.\S+ \((\S+)\)$`)

// short leaves the type and the path of such a name, which is all that a person needs.
func short(name string) string {
	return constructPath.ReplaceAllString(name, "$1 $2")
}

func (p *progress) say(format string, values ...any) {
	fmt.Fprintf(p.output, "  "+format+"\n", values...)
	p.lastSaid = p.now()
}

// breakSilence says what is waited for when nothing else has been said for a while.
func (p *progress) breakSilence() {
	now := p.now()
	if now.Sub(p.lastSaid) < silence || len(p.waiting) == 0 {
		return
	}
	var names []string
	for _, address := range slices.Sorted(maps.Keys(p.waiting)) {
		names = append(names, fmt.Sprintf("%s (%s)", short(address), now.Sub(p.waiting[address]).Round(time.Second)))
	}
	p.say("waiting for %s", strings.Join(names, ", "))
}

// maximumExcerpt bounds the lines of the log that an error message repeats.
const maximumExcerpt = 40

// noise are the lines after the cause that add nothing to it.
var noise = regexp.MustCompile(`Stacks? deploying|^Invoking Terraform CLI failed|  Synthesizing$|^exit status \d+$`)

// excerpt returns the part of cdktf's output that says what went wrong: what the program of the
// project printed when it failed, or Terraform's errors, or else the last lines.
func excerpt(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	find := func(begins func(line string) bool) int {
		return slices.IndexFunc(lines, func(line string) bool { return begins(strings.TrimSpace(line)) })
	}
	from := max(0, len(lines)-10)
	if program := find(func(line string) bool { return line == "Command output on stderr:" }); program >= 0 {
		from = program + 1
	} else if terraform := find(func(line string) bool {
		return strings.HasPrefix(line, "Error: ") || strings.Contains(line, "  Error: ")
	}); terraform >= 0 {
		from = terraform
	}
	var kept []string
	for _, line := range lines[from:] {
		line = strings.TrimSpace(line)
		if blank := line == ""; blank && (len(kept) == 0 || kept[len(kept)-1] == "") {
			continue
		}
		if noise.MatchString(line) {
			continue
		}
		if kept = append(kept, line); len(kept) == maximumExcerpt {
			break
		}
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}
