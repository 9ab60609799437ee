package config

import (
	"strings"
	"testing"
)

// FuzzRead reads arbitrary content as an environment file: it never panics, every problem has the file, a line in it
// and a line of its own, and what loads has a pair of subnets in each zone.
func FuzzRead(f *testing.F) {
	for _, content := range allowed {
		f.Add("class: production\n" + content)
	}
	for _, test := range refused {
		f.Add(written(test.key, test.values[0]))
	}
	f.Fuzz(func(t *testing.T, content string) {
		read := newFile("fuzz.yaml")
		read.fill(read.parse([]byte(content), environmentLimit))
		for i, err := range read.errors() {
			text, line := err.Error(), read.problems[min(i, len(read.problems)-1)].line
			if !strings.HasPrefix(text, "fuzz.yaml:") || line < 0 || line > strings.Count(content, "\n")+2 ||
				strings.Contains(text, "\n") || hidden.MatchString(text) {
				t.Errorf("got %q", text)
			}
		}
		network := read.environment.Network
		if len(read.problems) == 0 && len(network.Subnets()) != len(network.Zones) {
			t.Errorf("got %v for %v", network.Subnets(), network.Zones)
		}
	})
}
