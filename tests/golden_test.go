package tests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A stack's whole JSON is kept: a change of an id, which would replace a resource, shows here first,
// and is reviewed like code. make golden rewrites the files.
func TestEveryStackIsWhatItsGoldenSays(t *testing.T) {
	var names []string
	for name, stack := range stacks(t) {
		names = append(names, name+".json")
		golden := filepath.Join("golden", name+".json")
		if *update {
			if err := os.WriteFile(golden, stack.text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		expected, err := os.ReadFile(golden)
		if err != nil {
			t.Errorf("%v; make golden writes it", err)
			continue
		}
		if !bytes.Equal(stack.text, expected) {
			t.Errorf("%s is not %s: %s; if that is meant, run make golden and commit the difference", name, golden, firstDifference(stack.text, expected))
		}
	}
	files, err := filepath.Glob("golden/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if slices.Contains(names, filepath.Base(file)) {
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
func firstDifference(got, want []byte) string {
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(gotLines) {
			g = strings.TrimSpace(gotLines[i])
		}
		if i < len(wantLines) {
			w = strings.TrimSpace(wantLines[i])
		}
		if g != w {
			return fmt.Sprintf("line %d is %s, the golden has %s", i+1, g, w)
		}
	}
	return "they differ in white space"
}
