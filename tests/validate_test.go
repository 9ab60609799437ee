package tests

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tap/internal/repository"
)

// The bindings check hardly any value, and nothing of overrides and maps: the provider's own schema does. All stacks
// are modules of one configuration, so that the schema, which takes longest, is read once.
func TestStacksAreValidTerraform(t *testing.T) {
	repository.NeedTools(t)
	folder, modules := t.TempDir(), map[string]any{}
	for suffix, stack := range stacks(t) {
		// A backend and an import are only taken from the root; TestStatesAreApart and the account's test look at each.
		root := maps.Clone(stack.root)
		root["terraform"] = maps.Clone(stack.terraform().attributes)
		delete(root["terraform"].(map[string]any), "backend")
		delete(root, "import")
		write(t, filepath.Join(folder, "tap-"+suffix, "cdk.tf.json"), encoded(root))
		modules["tap-"+suffix] = map[string]any{"source": "./tap-" + suffix}
	}
	write(t, filepath.Join(folder, "main.tf.json"), encoded(map[string]any{"module": modules}))
	t.Parallel()
	run := func(arguments ...string) (string, error) {
		command := exec.Command(repository.Terraform(), arguments...)
		command.Dir = folder
		command.Env = append(os.Environ(), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
		output, err := command.Output()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			output = append(output, failed.Stderr...)
		}
		return string(output), err
	}
	if output, err := run("init", "-backend=false", "-input=false", "-no-color"); err != nil {
		t.Fatalf("%s init: %v\n%s", repository.Terraform(), err, output)
	}
	output, err := run("validate", "-json")
	var verdict struct {
		Valid       bool
		Diagnostics []struct {
			Severity, Summary, Detail string
			Range                     struct{ Filename string }
			Snippet                   struct{ Context string }
		}
	}
	if decodeErr := json.Unmarshal([]byte(output), &verdict); decodeErr != nil {
		t.Fatalf("%s validate: %v\n%s", repository.Terraform(), errors.Join(err, decodeErr), output)
	}
	for _, d := range verdict.Diagnostics {
		t.Errorf("%s: %s: %s: %s %s", d.Severity, d.Range.Filename, d.Snippet.Context, d.Summary, d.Detail)
	}
	if !verdict.Valid {
		t.Error("the stacks are not valid")
	}
}
