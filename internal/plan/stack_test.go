package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
)

// object is a JSON object.
type object = map[string]any

// synthesized is the stack tap-x of resources that need no provider, with their input.
func synthesized(inputs map[string]string) object {
	resources := object{}
	for name, input := range inputs {
		resources[name] = object{"input": input}
	}
	return object{
		"//":        object{"metadata": object{"stackName": "tap-x"}},
		"terraform": object{"backend": object{"local": object{"path": "../../../x.tfstate"}}},
		"resource":  object{"terraform_data": resources},
	}
}

// command returns a function that writes the stack to a folder, runs the command on it, and compares.
func command(t *testing.T, output string) func(configuration object, arguments string, status int, says ...string) {
	folder := filepath.Join(output, "stacks", "tap-x")
	return func(configuration object, arguments string, status int, says ...string) {
		t.Helper()
		text, _ := json.Marshal(configuration)
		must.Write(t, filepath.Join(folder, configurationFile), string(text))
		var said bytes.Buffer
		if got := run(append(strings.Fields(arguments), "-output", output, "tap-x"), &said, &said); got != status {
			t.Errorf("%s of %s: status %d, expected %d", arguments, text, got, status)
		}
		rest := said.String()
		for _, want := range says {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s of %s: expected %q, in this order, in\n%s", arguments, text, says, &said)
			}
			rest = after
		}
	}
}

func TestStackOnTerraform(t *testing.T) {
	repository.NeedTools(t)
	output := filepath.Join(t.TempDir(), "cdktf.out")
	state := filepath.Join(output, "..", "x.tfstate")
	do := command(t, output)
	one := synthesized(map[string]string{"area_one_00000000": "1"})
	do(one, "", 2, "Harmless changes: 1.", "1 to add")
	do(one, "apply", 0, "1 added")
	do(one, "", 0, "No changes.")

	renamed := synthesized(map[string]string{"zone_one_11111111": "1"})
	do(renamed, "-markdown", 3, "### Weakens protection", "`terraform_data.area_one_00000000` is destroyed",
		`{"from": "terraform_data.area_one_00000000", "to": "terraform_data.zone_one_11111111"}`, "<details>", "1 to destroy")
	renamed["moved"] = []object{{"from": "terraform_data.area_one_00000000", "to": "terraform_data.zone_one_11111111"}}
	do(renamed, "", 2, "0 to add, 0 to change, 0 to destroy")
	do(renamed, "apply", 0)
	do(renamed, "", 0, "No changes.")

	changed := synthesized(map[string]string{"zone_one_11111111": "2"})
	do(changed, "", 2, "1 to change")
	do(renamed, "apply", 1, "another configuration", "Plan tap-x again")
	changed["provider"] = object{"aws": []object{{"allowed_account_ids": []string{"111111111111"}}}}
	changed["//"] = object{"metadata": object{"stackName": "tap-y"}}
	do(changed, "apply", 1, "stackName tap-x, expected tap-y", "allowed_account_ids <nil>, expected [111111111111]")

	changed = synthesized(map[string]string{"zone_one_11111111": "2"})
	text := must.Get(os.ReadFile(state))(t)
	must.Write(t, state, strings.Replace(string(text), `"serial": `, `"serial": 9`, 1))
	do(changed, "apply", 1, "Saved plan is stale", "Plan tap-x again")
	must.Do(t, os.Remove(filepath.Join(output, "stacks", "tap-x", recordFile)))
	do(changed, "apply", 1, "not complete")

	changed["output"] = object{"o": object{"value": "${terraform_data.none}"}}
	do(changed, "", 1, "undeclared resource")
	if _, err := os.Stat(filepath.Join(output, "stacks", "tap-x", planFile)); err == nil {
		t.Error("a plan that failed has left an older one to apply")
	}
	var said bytes.Buffer
	if status := run([]string{"apply", "-output", output, "tap-x"}, &said, &said); status != 1 ||
		strings.Contains(said.String(), "saved plan") {
		t.Errorf("an apply without a saved plan ends with status %d and says\n%s", status, &said)
	}
}

func TestUnknownPlanFormat(t *testing.T) {
	program := filepath.Join(t.TempDir(), "terraform")
	must.Write(t, program, "#!/bin/sh\n[ \"$1\" != show ] || echo '{\"format_version\": \"9.0\"}'\n")
	t.Setenv("TERRAFORM_BINARY_NAME", program)
	command(t, t.TempDir())(synthesized(nil), "", 1, `"9.0.0" does not satisfy`, "terraform-json")
}
