package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tap/tests/must"
)

// isKey are the paths of all keys, and of the sections that they are in.
var isKey = func() map[string]bool {
	all := map[string]bool{}
	for _, key := range environmentLimit.Keys("") {
		for path := key.Path; path != ""; path = path[:max(0, strings.LastIndex(path, "."))] {
			all[path] = true
		}
	}
	return all
}()

// In the documents, the comments and texts of the program, and the descriptions of alarms.
func TestTextsReferToKeysThatExist(t *testing.T) {
	var sections []string
	for key, limit := range environmentLimit.Properties {
		if limit.Properties != nil {
			sections = append(sections, key)
		}
	}
	// What begins like the path of a key, and is not the name of a host, of a file or of a Go function.
	reference := regexp.MustCompile(`(?:^|[^-\w/.])((?:` + strings.Join(sections, "|") + `)(?:\.[a-z]\w*)+)([-(]|\b)`)
	found := 0
	for _, pattern := range []string{"*.md", "*/*.md", "environments/*.yaml", "tests/*/*.yaml", "tests/golden/*.json",
		"config/*.go", "internal/*/*.go", "constructs/*.go", "constructs/*/*.go", "constructs/*/*/*.go"} {
		for _, file := range must.Get(filepath.Glob("../" + pattern))(t) {
			content := must.Get(os.ReadFile(file))(t)
			for i, line := range strings.Split(string(content), "\n") {
				if strings.HasSuffix(file, ".json") && !strings.Contains(line, `"alarm_description"`) {
					continue
				}
				for _, match := range reference.FindAllStringSubmatch(line, -1) {
					isOther := match[2] != "" || strings.Contains(match[1], "amazonaws")
					if !isKey[match[1]] && !isOther && !strings.HasSuffix(file, "_test.go") {
						t.Errorf("%s:%d: %s is not a key", file, i+1, match[1])
					}
					found++
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("found %d paths only", found)
	}
}
