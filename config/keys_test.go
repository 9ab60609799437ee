package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tap/tests/must"
)

func TestRemovedKeySaysWhatBecameOfIt(t *testing.T) {
	reference := regexp.MustCompile(`(is now|follows|set in) ([\w./]+)`)
	for _, group := range removed {
		for _, key := range group.keys {
			problems := read(written(key, "1"))
			if len(problems) != 1 || !strings.HasPrefix(key, problems[0].Path) || problems[0].Message != group.became {
				t.Errorf("%s: got %v", key, problems)
			}
		}
		for _, match := range reference.FindAllStringSubmatch(group.became, -1) {
			_, isKey := limits[match[2]]
			if _, err := os.Stat("../" + match[2]); !isKey && err != nil {
				t.Errorf("%q refers to %s, which does not exist", group.became, match[2])
			}
		}
	}
}

// In the documents, the comments and texts of the program, and the descriptions of alarms.
func TestTextsReferToKeysThatExist(t *testing.T) {
	var sections []string
	for path, limit := range limits {
		if limit.Type == "object" && !strings.Contains(path, ".") {
			sections = append(sections, path)
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
					_, isKey := limits[match[1]]
					isOther := match[2] != "" || strings.Contains(match[1], "amazonaws") || strings.Contains(file, "/config/keys")
					if !isKey && !isOther && !strings.HasSuffix(file, "_test.go") {
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
