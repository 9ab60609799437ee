package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tap/tests/must"
)

// synthesized is the stack tap-x with a resource that needs no provider.
const synthesized = `{"//": {"metadata": {"stackName": "tap-x"}},
	"terraform": {"backend": {"local": {"path": "../../../x.tfstate"}}},
	"resource": {"terraform_data": {"area_one_00000000": {"input": "1"}}}}`

// command builds the program and goes to an empty folder. It returns a function that writes the stack's configuration
// there, runs the program with an option or "apply", and compares its exit status and, with a pattern, what it says.
func command(t *testing.T) func(configuration, argument string, status int, says string) {
	program := filepath.Join(t.TempDir(), "plan")
	must.Get(exec.Command("go", "build", "-o", program, ".").Output())(t)
	t.Chdir(t.TempDir())
	return func(configuration, argument string, status int, says string) {
		t.Helper()
		must.Write(t, "cdktf.out/stacks/tap-x/"+configurationFile, configuration)
		command := exec.Command(program, append(strings.Fields(argument), "tap-x")...)
		said, _ := command.CombinedOutput()
		if got := command.ProcessState.ExitCode(); got != status || !regexp.MustCompile("(?s)"+says).Match(said) {
			t.Errorf("%s of %s: status %d, expected %d and %q in\n%s", argument, configuration, got, status, says, said)
		}
	}
}

func TestCommandOnTerraform(t *testing.T) {
	must.HaveTools(t)
	run := command(t)
	run(synthesized, "", 2, "Harmless changes: 1\\..*1 to add")
	run(synthesized, "apply", 0, "1 added")
	run(synthesized, "", 0, "No changes\\.")

	const move = `{"from": "terraform_data.area_one_00000000", "to": "terraform_data.zone_one_11111111"}`
	renamed := strings.Replace(synthesized, "area_one_00000000", "zone_one_11111111", 1)
	moved := strings.Replace(renamed, "{", `{"moved": [`+move+"],", 1)
	run(renamed, "-markdown", 3, "### Weakens protection.*`terraform_data.area_one_00000000` is destroyed.*"+move+
		".*<details>.*1 to destroy")
	run(moved, "", 2, "0 to add, 0 to change, 0 to destroy")
	run(moved, "apply", 0, "")
	run(moved, "", 0, "No changes\\.")

	changed := strings.Replace(renamed, `"1"`, `"2"`, 1)
	run(changed, "", 2, "1 to change")
	run(renamed, "apply", 1, "another configuration.*Plan tap-x again")
	other := strings.Replace(changed, "tap-x", "tap-y", 1)
	other = strings.Replace(other, "{", `{"provider": {"aws": [{"allowed_account_ids": ["111111111111"]}]},`, 1)
	run(other, "apply", 1, `stackName tap-x, expected tap-y.*allowed_account_ids <nil>, expected \[111111111111]`)

	state := string(must.Get(os.ReadFile("x.tfstate"))(t))
	must.Write(t, "x.tfstate", strings.Replace(state, `"serial": `, `"serial": 9`, 1))
	run(changed, "apply", 1, "Saved plan is stale.*Plan tap-x again")
	must.Do(t, os.Remove("cdktf.out/stacks/tap-x/"+recordFile))
	run(changed, "apply", 1, "not complete")

	run(strings.Replace(changed, `"2"`, `"${terraform_data.none}"`, 1), "", 1, "undeclared resource")
	if _, err := os.Stat("cdktf.out/stacks/tap-x/" + planFile); !errors.Is(err, os.ErrNotExist) {
		t.Error("a plan that failed has left an older one to apply")
	}
	run(changed, "apply", 1, "1 to change.*Do you want to perform these actions")
}

func TestUnknownPlanFormat(t *testing.T) {
	program := filepath.Join(t.TempDir(), "terraform")
	must.Write(t, program, "#!/bin/sh\n[ \"$1\" != show ] || echo '{\"format_version\": \"9.0\"}'\n")
	t.Setenv("TERRAFORM_BINARY_NAME", program)
	command(t)(synthesized, "", 1, `"9.0.0" does not satisfy.*terraform-json`)
}
