package tests

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// The bindings check hardly any value, and overrides none: the real provider's schema does.
func TestTerraformFindsEveryStackValid(t *testing.T) {
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal("terraform is missing; this check needs version 1.11 or newer: ", err)
	}
	all := stacks(t)
	data, work := t.TempDir(), t.TempDir()
	command := func(stack string, arguments ...string) ([]byte, error) {
		command := exec.Command(path, arguments...)
		command.Dir = filepath.Join(work, stack)
		// All stacks use one provider: it is installed once, for all of them.
		command.Env = append(os.Environ(), "TF_DATA_DIR="+data, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
		output, err := command.Output()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			output = append(output, failed.Stderr...)
		}
		return output, err
	}
	var lock []byte
	for _, name := range slices.Sorted(maps.Keys(all)) {
		folder := filepath.Join(work, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "cdk.tf.json"), all[name].text, 0o644); err != nil {
			t.Fatal(err)
		}
		lockFile := filepath.Join(folder, ".terraform.lock.hcl")
		if lock != nil {
			if err := os.WriteFile(lockFile, lock, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if output, err := command(name, "init", "-backend=false", "-input=false", "-no-color"); err != nil {
			t.Fatalf("terraform init: %v\n%s", err, output)
		}
		if lock, err = os.ReadFile(lockFile); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := command(name, "validate", "-json")
			var verdict struct {
				Valid       bool
				Diagnostics []struct {
					Severity, Summary, Detail, Address string
				}
			}
			if decodeErr := json.Unmarshal(output, &verdict); decodeErr != nil {
				t.Fatalf("terraform validate: %v\n%s", errors.Join(err, decodeErr), output)
			}
			for _, d := range verdict.Diagnostics {
				t.Errorf("%s: %s: %s %s", d.Severity, d.Address, d.Summary, d.Detail)
			}
			if !verdict.Valid {
				t.Error("the stack is not valid")
			}
		})
	}
}
