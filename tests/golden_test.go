package tests

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
	"tap/tests/terraform"
)

// update is set by make golden, which puts everything in its place once all of it is complete.
var update = flag.String("update", "", "write the goldens below this folder, instead of comparing with them")

// A stack's whole JSON is kept: a change of an id, which would replace a resource, shows here first, and is reviewed
// like code.
func TestGoldenSaysWhatStacksAre(t *testing.T) {
	all := stacks(t)
	for suffix, stack := range all {
		golden(t, "golden/tap-"+suffix+".json", stack.json)
	}
	for _, file := range must.Get(filepath.Glob("golden/*.json"))(t) {
		suffix := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "tap-"), ".json")
		if _, found := all[suffix]; !found && *update == "" {
			t.Errorf("%s belongs to no stack; make golden removes it", file)
		}
	}
}

// golden compares a file with what it has to contain, or writes it.
func golden(t *testing.T, path, content string) {
	t.Helper()
	if *update != "" {
		must.Do(t, os.WriteFile(filepath.Join(*update, "tests", path), []byte(content), 0o644))
	} else if kept, err := os.ReadFile(path); err != nil {
		t.Errorf("%v; make golden writes it", err)
	} else if string(kept) != content {
		t.Errorf("%s is not what is synthesized: %s; if that is meant, run make golden and commit the difference", path,
			firstDifference(content, string(kept)))
	}
}

// firstDifference shows the first line that differs.
func firstDifference(got, expected string) string {
	gotLines, expectedLines := strings.Split(got, "\n"), strings.Split(expected, "\n")
	for i := range min(len(gotLines), len(expectedLines)) {
		if gotLines[i] != expectedLines[i] {
			return fmt.Sprintf("line %d is %s, expected %s", i+1, gotLines[i], expectedLines[i])
		}
	}
	return fmt.Sprintf("there are %d lines, expected %d", len(gotLines), len(expectedLines))
}

// The bindings check hardly any value, and nothing of overrides and maps: the provider's own schema does. All stacks
// are modules of one configuration, so that the schema, which takes longest, is read once.
func TestStacksAreValidTerraform(t *testing.T) {
	must.HaveTools(t)
	folder, modules := t.TempDir(), map[string]any{}
	for suffix, stack := range stacks(t) {
		// A backend and an import are only taken from the root; TestStatesAreApart and the account's test look at each.
		root := terraform.Open(stack.json).(map[string]any)
		delete(root["terraform"].(map[string]any), "backend")
		delete(root, "import")
		text := must.Get(json.MarshalIndent(root, "", "  "))(t) // errors show a line
		must.Write(t, filepath.Join(folder, "tap-"+suffix, "cdk.tf.json"), string(text))
		modules["tap-"+suffix] = map[string]any{"source": "./tap-" + suffix}
	}
	must.Write(t, filepath.Join(folder, "main.tf.json"), encoded(map[string]any{"module": modules}))
	t.Parallel()
	for _, run := range []struct{ arguments, says string }{
		{"init -backend=false -input=false -no-color", "successfully initialized"},
		{"validate -no-color", "The configuration is valid."}, // with a warning a comma follows
	} {
		command := exec.Command(repository.Terraform(), strings.Fields(run.arguments)...)
		command.Dir = folder
		command.Env = append(os.Environ(), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
		if output, err := command.CombinedOutput(); err != nil || !strings.Contains(string(output), run.says) {
			t.Fatalf("%s %s: %v\n%s", repository.Terraform(), run.arguments, err, output)
		}
	}
}

// A link of a page, and a command of make in a page.
var (
	link   = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	target = regexp.MustCompile("(?m)(?:[`\"]|^|&& )make ([a-z-]+)")
)

func TestLinksResolve(t *testing.T) {
	makefile, tools := read(t, "../Makefile"), read(t, "../docs/tools.md")
	for line := range strings.Lines(read(t, "../.tool-versions")) {
		if row := "\n| " + strings.Join(strings.Fields(line), " | ") + " | 20"; !strings.Contains(tools, row) {
			t.Errorf("docs/tools.md has no row %q", row)
		}
	}
	pages := must.Get(exec.Command("git", "ls-files", "--full-name", ":/*.md").Output())(t)
	for page := range strings.FieldsSeq(string(pages)) {
		page = filepath.Join("..", page)
		if _, err := os.Stat(page); os.IsNotExist(err) {
			continue // the picture of an environment that goes with the next commit
		}
		for _, match := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
		for _, match := range target.FindAllStringSubmatch(read(t, page), -1) {
			if !strings.Contains(makefile, "\n"+match[1]+": ") {
				t.Errorf("%s: make has no target %s", page, match[1])
			}
		}
	}
}
