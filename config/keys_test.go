package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestRemovedKeySaysWhatBecameOfIt(t *testing.T) {
	for _, group := range removed {
		for _, key := range group.keys {
			names := strings.Split(key, ".")
			f := newFile("a.yaml")
			f.read([]byte("class: development\n" + strings.Join(names, ": {") + ": 1" + strings.Repeat("}", len(names)-1)))
			if len(f.problems) != 1 || !strings.HasPrefix(key, f.problems[0].Path) || f.problems[0].Message != group.became {
				t.Errorf("%s: got %v", key, f.problems)
			}
		}
		for _, match := range regexp.MustCompile(`(is now|follows|set in) ([\w./]+)`).FindAllStringSubmatch(group.became, -1) {
			_, isKey := limits[match[2]]
			if _, err := os.Stat("../" + match[2]); !isKey && err != nil {
				t.Errorf("%q refers to %s, which does not exist", group.became, match[2])
			}
		}
	}
}

// What begins like the path of a key, in the documents, the comments and texts of the program, and the descriptions of
// alarms. It is not a name of AWS, of a file or of a Go function.
var pathInText = regexp.MustCompile(`(?:^|[^-\w/.])((?:` + strings.Join(sections(), "|") + `)(?:\.[a-z]\w*)+)([-(]|\b)`)

func sections() (names []string) {
	for path, limit := range limits {
		if limit.Type == "object" && !strings.Contains(path, ".") {
			names = append(names, path)
		}
	}
	return names
}

func TestTextsReferToKeysThatExist(t *testing.T) {
	found := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		if entry.IsDir() && (name == "node_modules" || name == "cdktf.out" || strings.HasPrefix(name, ".") && name != "..") {
			return filepath.SkipDir
		}
		kind := filepath.Ext(name)
		isText := kind == ".md" || kind == ".yaml" || kind == ".json" || kind == ".go" && !strings.HasSuffix(name, "_test.go")
		if err != nil || !entry.Type().IsRegular() || !isText || name == "keys.go" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(content), "\n") {
			if kind == ".json" && !strings.Contains(line, `"alarm_description"`) {
				continue
			}
			for _, match := range pathInText.FindAllStringSubmatch(line, -1) {
				_, isKey := limits[match[1]]
				if !isKey && match[2] == "" && !strings.Contains(match[1], "amazonaws") {
					t.Errorf("%s:%d: %s is not a key", path, i+1, match[1])
				}
				found++
			}
		}
		return nil
	})
	if err != nil || found < 100 {
		t.Errorf("found %d paths, %v", found, err)
	}
}
