// Package tests says what the synthesized stacks must be. All of it runs in one process, because
// each process that builds constructs starts a node of its own.
package tests

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
)

// update rewrites the goldens instead of comparing with them: make golden.
var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	kernel.Accelerate()
	code := m.Run()
	jsii.Close()
	removeProgram()
	os.Exit(code)
}

// load returns the environments of a folder.
func load(t *testing.T, folder string) []config.Environment {
	t.Helper()
	environments, err := config.Load(folder, config.RequestedSuffix{})
	if err != nil {
		t.Fatal(err)
	}
	return environments
}

// parse returns the environment dev that a file with that content describes.
func parse(t *testing.T, content string) config.Environment {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "dev.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(t, folder)[0]
}

// stack is a synthesized stack: its Terraform JSON, as text and decoded.
type stack struct {
	name        string
	environment *config.Environment // nil for tap-state
	text        []byte
	root        map[string]any
}

// synthesize returns the stacks of the environments by name, and tap-state if there is one.
func synthesize(t *testing.T, environments ...config.Environment) map[string]stack {
	t.Helper()
	output := filepath.Join(t.TempDir(), "cdktf.out")
	if err := constructs.Synthesize(environments, nil, output); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(output, "stacks", "*", "cdk.tf.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stack below %s: %v", output, err)
	}
	stacks := map[string]stack{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := stack{name: filepath.Base(filepath.Dir(file)), text: text}
		if err := json.Unmarshal(text, &s.root); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		for i := range environments {
			if s.name == "tap-"+environments[i].Suffix {
				s.environment = &environments[i]
			}
		}
		stacks[s.name] = s
	}
	return stacks
}

// shared are the stacks of the repository's environments and of those in tests/environments, which
// exercise the options that the others leave alone. They are synthesized once.
var shared map[string]stack

// stacks returns the shared stacks.
func stacks(t *testing.T) map[string]stack {
	t.Helper()
	if shared == nil {
		shared = synthesize(t, load(t, "../environments")...)
		// Apart, so that a state bucket of the repository's own environments is not theirs.
		maps.Copy(shared, synthesize(t, load(t, "environments")...))
	}
	return shared
}

// resource is one resource of a stack.
type resource struct {
	kind, name string
	attributes map[string]any
}

// address is how Terraform refers to the resource.
func (r resource) address() string { return r.kind + "." + r.name }

// resources returns the stack's resources of a kind, by name.
func (s stack) resources(kind string) map[string]resource {
	all := map[string]resource{}
	kinds, _ := s.root["resource"].(map[string]any)
	named, _ := kinds[kind].(map[string]any)
	for name, attributes := range named {
		all[name] = resource{kind, name, attributes.(map[string]any)}
	}
	return all
}

// only returns the one resource of a kind.
func (s stack) only(t *testing.T, kind string) resource {
	t.Helper()
	all := s.resources(kind)
	if len(all) != 1 {
		t.Fatalf("%s has %d resources of kind %s, expected one", s.name, len(all), kind)
	}
	for _, r := range all {
		return r
	}
	panic("unreachable")
}

// at returns the value below an attribute; numbers index lists.
func (r resource) at(path ...any) any {
	var value any = r.attributes
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		default:
			panic(fmt.Sprintf("step %v is neither a key nor an index", step))
		}
	}
	return value
}
