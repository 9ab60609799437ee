package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead reads arbitrary content as an environment file: it never panics, every problem has the file, a line in it
// and a line of its own, and what loads has a subnet pair in each zone.
func FuzzRead(f *testing.F) {
	examples, err := filepath.Glob("../*/environments/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatal("no example environments", err)
	}
	for _, example := range append(examples, "../environments/prod.yaml") {
		content, err := os.ReadFile(example)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, content := range []string{
		"", "class: [", "- a", "? [a]\n: b", "class: development\n---\na", "class: &a development\nservice: {<<: *a, port: 0x50}\n",
		"class: development\ndatabase: {backupWindow: '23:45-00:15', maintenanceWindow: 'sun:08:30-sun:09:30'}\n",
		"class: development\ntags: {a: '${b}', A: c}\nencryption: {deletionWindowDays: 7}\nmonitoring: {latencySeconds: 0.5}\n",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		read := newFile("fuzz.yaml")
		read.read(content)
		lines := strings.Count(string(content), "\n") + 2
		for _, problem := range read.problems {
			if problem.File != "fuzz.yaml" || problem.Line < 0 || problem.Line > lines || problem.Message == "" {
				t.Errorf("got %+v in %d lines", problem, lines)
			}
			if hidden.MatchString(problem.String()) || strings.Contains(problem.String(), "\n") {
				t.Errorf("%q does not fit on a line", problem)
			}
		}
		network := read.environment.Network
		if len(read.problems) == 0 && len(network.Subnets()) != len(network.Zones) {
			t.Errorf("got %v for %v", network.Subnets(), network.Zones)
		}
	})
}
