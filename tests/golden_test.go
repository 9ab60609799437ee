package tests

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/tests/must"
)

// update rewrites the goldens instead of comparing with them: make golden.
var update = flag.Bool("update", false, "rewrite the golden files")

// A stack's whole JSON is kept: a change of an id, which would replace a resource, shows here first, and is reviewed
// like code.
func TestGoldenSaysWhatStacksAre(t *testing.T) {
	all := stacks(t)
	for suffix, stack := range all {
		golden := filepath.Join("golden", "tap-"+suffix+".json")
		if *update {
			write(t, golden, stack.json)
			continue
		}
		expected, err := os.ReadFile(golden)
		if err != nil {
			t.Errorf("%v; make golden writes it", err)
		} else if stack.json != string(expected) {
			t.Errorf("%s is not what is synthesized: %s; if that is meant, run make golden and commit the difference",
				golden, firstDifference(stack.json, string(expected)))
		}
	}
	files, err := filepath.Glob("golden/*.json")
	noError(t, err)
	for _, file := range files {
		suffix := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "tap-"), ".json")
		if _, found := all[suffix]; found {
			continue
		}
		if !*update {
			t.Errorf("%s belongs to no stack; make golden removes it", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// firstDifference shows the first line that differs.
func firstDifference(got, expected string) string {
	gotLines, expectedLines := strings.Split(got, "\n"), strings.Split(expected, "\n")
	for i := range min(len(gotLines), len(expectedLines)) {
		if gotLines[i] != expectedLines[i] {
			return fmt.Sprintf("line %d is %s, expected %s", i+1, strings.TrimSpace(gotLines[i]),
				strings.TrimSpace(expectedLines[i]))
		}
	}
	return fmt.Sprintf("there are %d lines, expected %d", len(gotLines), len(expectedLines))
}

// golden compares a file with what it has to contain, or writes it.
func golden(t *testing.T, path, content string) {
	t.Helper()
	if *update {
		must.Do(t, os.WriteFile(path, []byte(content), 0o644))
	} else if kept := read(t, path); kept != content {
		t.Errorf("%s is not what is synthesized: %s; if that is meant, run make golden and commit the difference", path,
			firstDifference(content, kept))
	}
}
