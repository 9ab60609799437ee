package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead reads arbitrary content as an environment file: it never panics, every problem
// names the file and a line in it, and what loads keeps the rules when it is checked again.
func FuzzRead(f *testing.F) {
	examples, err := filepath.Glob("../environments/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatal("no example environments", err)
	}
	for _, example := range examples {
		content, err := os.ReadFile(example)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, content := range []string{
		"", "class: production\n", "class: [", "- a", "? [a]\n: b", "class: development\n---\na",
		"class: development\nservice:\n  <<: &a {port: 0x50}\n  cpu: *a\n",
		"class: development\nnetwork: {cidr: 10.0.0.0/16, zones: [us-east-1a, us-east-1b], natGateways: 0, interfaceEndpoints: true}\n",
		"class: development\ndatabase: {instanceClass: db.serverless, backupWindow: '23:45-00:15', maintenanceWindow: 'sun:08:30-sun:09:30', engineVersion: '15.12'}\n",
		"class: development\nservice: {cpu: 4096, memory: 8192, user: '1:1', environment: {A: b}, secrets: {C: d}, containerHealthCheck: [CMD-SHELL, x]}\n",
		"class: development\ntags: {a: '${b}', A: c}\nstate: {bucket: abc}\nmonitoring: {emails: [a@b.c], latencySeconds: 0.5}\nfirewall: {count: [RateLimitRule]}\n",
		"class: development\nloadBalancer: {certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012'}\n",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > maximumFileSize {
			return
		}
		read := newFile("environments/fuzz.yaml")
		read.environment.Suffix = "fuzz"
		read.read(content)
		lines := strings.Count(string(content), "\n") + 2
		for _, problem := range read.problems {
			if problem.File != "environments/fuzz.yaml" || problem.Line < 0 || problem.Line > lines || problem.Message == "" {
				t.Errorf("got %+v in %d lines", problem, lines)
			}
			if strings.ContainsAny(problem.String(), "\n\x00") {
				t.Errorf("%q does not fit on a line", problem)
			}
		}
		if len(read.problems) > 0 {
			return
		}
		again := newFile("environments/fuzz.yaml")
		again.environment, again.lines = read.environment, read.lines
		again.validate()
		if err := again.problems.asError(); err != nil {
			t.Errorf("loaded, then refused: %v", err)
		}
		if got := len(read.environment.Network.Subnets()); got != len(read.environment.Network.Zones) {
			t.Errorf("got %d subnets", got)
		}
	})
}

// FuzzRequestedSuffix takes arbitrary values of the two sources: what is found without an
// error either makes an environment with a proper name, or is refused with its source.
func FuzzRequestedSuffix(f *testing.F) {
	for _, context := range []string{"", "{}", `{"environment_suffix":"pr-1"}`, `{"environment_suffix":null}`, `{"environment_suffix":["a"]}`, "[]", "null", "{"} {
		for _, variable := range []string{"", "qa", "Q A", "state", "-"} {
			f.Add(context, variable)
		}
	}
	f.Fuzz(func(t *testing.T, context, variable string) {
		requested, err := FindRequestedSuffix(func(name string) string {
			return map[string]string{contextVariable: context, SuffixVariable: variable}[name]
		})
		if err != nil {
			if !strings.Contains(err.Error(), contextVariable) {
				t.Errorf("%q does not name its source", err)
			}
			return
		}
		environments, err := Load("testdata/no-such-folder", requested)
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), requested.Source+": "):
			t.Errorf("%q does not name its source, %q", err, requested.Source)
		case err == nil && (len(environments) != 1 || !suffixPattern.MatchString(environments[0].Suffix)):
			t.Errorf("got %v", suffixes(environments))
		}
	})
}
