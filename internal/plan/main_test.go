package main

import (
	"errors"
	"io/fs"
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

const folder = "cdktf.out/stacks/tap-x/"

// terminal runs a program in a terminal, into which it types its own input.
const terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"

// command builds the program and goes to an empty folder. It returns a function that writes the stack's configuration
// there, runs the program with arguments, and compares its exit status and, with a pattern, what it says. Input comes
// before a bar: "yes| apply"; with a second one from a terminal: "yes|| apply".
func command(t *testing.T) func(configuration, arguments string, status int, says string) {
	program := filepath.Join(t.TempDir(), "plan")
	must.Get(exec.Command("go", "build", "-o", program, ".").Output())(t)
	t.Chdir(t.TempDir())
	return func(configuration, arguments string, status int, says string) {
		t.Helper()
		must.Write(t, folder+configurationFile, configuration)
		input, given, piped := strings.Cut(arguments, "|")
		if !piped {
			input, given = "", arguments
		}
		given, typed := strings.CutPrefix(given, "|")
		command := exec.Command(program, append(strings.Fields(given), "tap-x")...)
		if typed {
			command = exec.Command("python3", append([]string{"-c", terminal}, command.Args...)...)
		}
		command.Stdin = strings.NewReader(input + "\n")
		said, _ := command.CombinedOutput()
		if got := command.ProcessState.ExitCode(); got != status || !regexp.MustCompile("(?s)"+says).Match(said) {
			t.Errorf("%s of %s: status %d, expected %d and %q in\n%s", arguments, configuration, got, status, says, said)
		}
	}
}

func TestCommandOnTerraform(t *testing.T) {
	must.HaveTools(t)
	run := command(t)
	run(synthesized, "", 11, "1 to add.*## Plan of `tap-x`.*reates 1.*`make deploy STACK=tap-x` applies exactly it")
	run(synthesized, "apply", 0, "## Plan of.*reates 1.* ago\\..*1 added")
	run(synthesized, "apply", 0, "No changes\\..*0 added")
	run(synthesized, "", 0, "No changes\\.")

	const move = `{"from": "terraform_data.area_one_00000000", "to": "terraform_data.zone_one_11111111"}`
	renamed := strings.Replace(synthesized, "area_one_00000000", "zone_one_11111111", 1)
	moved := strings.Replace(renamed, "{", `{"moved": [`+move+"],", 1)
	run(renamed, "", 12, "1 to destroy.*### Weakens protection.*`terraform_data.area_one_00000000` is destroyed.*"+move)
	run(moved, "", 10, "0 to add, 0 to change, 0 to destroy")
	run(moved, "no|| apply", 0, "")
	run(moved, "", 0, "No changes\\.")

	changed := strings.Replace(renamed, `"1"`, `"2"`, 1)
	state := func() string { return string(must.Get(os.ReadFile("x.tfstate"))(t)) }
	before := state()
	must.Do(t, os.Remove(folder+recordFile))
	for range 2 { // what nobody has agreed to is not there for the second
		run(changed, "no| apply", 1, "1 to change.*## Plan of.*Only yes.*the answer was not yes")
	}
	run(changed, "", 11, "1 to change")
	run(changed, "no|| apply", 1, "ago\\..*Only yes.*the answer was not yes")
	run(renamed, "apply", 1, "configuration is not the one that was planned: plan the stack again")
	record := string(must.Get(os.ReadFile(folder + recordFile))(t))
	forged := strings.Replace(record, "{", `{"status":0,"summary":"No changes.",`, 1)
	must.Write(t, folder+recordFile, forged)
	run(changed, "no|| apply", 1, "## Plan of `tap-x`.*changes `input`.*ago\\..*Only yes.*the answer was not yes")
	for _, test := range []struct{ file, content, says string }{
		{"x_override.tf.json", "{}", "the configuration is not the one"},
		{"assets/module/main.tf", "{}", "the configuration is not the one"},
		{planFile, "another", "saved.tfplan is not the file that was saved"},
		{recordFile, "{", "saved.json is damaged"},
		{recordFile, `{"format_version": "1.2"}`, "saved.json is damaged"},
		{".terraform/environment", "qa", "the workspace qa has another state"},
	} {
		kept, err := os.ReadFile(folder + test.file)
		must.Write(t, folder+test.file, test.content)
		run(changed, "apply", 1, test.says)
		must.Do(t, os.Remove(folder+test.file))
		if err == nil {
			must.Write(t, folder+test.file, string(kept))
		}
	}
	for name, values := range map[string][]string{
		"TF_WORKSPACE": {"qa"}, "TF_CLI_ARGS_init": {"-backend-config=path=y"},
		"TF_CLI_ARGS": {"-json"}, "TF_CLI_ARGS_apply": {"-destroy"},
		"TF_CLI_ARGS_plan": {"-target=x", "-lock=false -destroy", "'-replace=x'", "-refresh-only", "-refresh -target=x"},
	} {
		for _, value := range values {
			t.Setenv(name, value)
			run(changed, "apply", 1, name)
			run(changed, "", 1, name)
		}
		t.Setenv(name, "")
	}
	if after := state(); after != before {
		t.Errorf("what was refused has changed the state to\n%s", after)
	}
	t.Setenv("TF_CLI_ARGS_plan", "-lock=false  -refresh=false -parallelism=2")
	run(changed, "", 11, "1 to change.*\n\nWithout a refresh, .*applies exactly it")
	must.Write(t, folder+".terraform/terraform.log", "no part of the plan")
	run(changed, "yes|| apply", 0, "0 added, 1 changed")

	run(renamed, "", 11, "")
	must.Write(t, "x.tfstate", strings.Replace(state(), `"serial": `, `"serial": 9`, 1))
	run(renamed, "apply", 1, "Saved plan is stale.*plan the stack again")
	run(strings.Replace(changed, `"2"`, `"${terraform_data.none}"`, 1), "", 1, "undeclared resource")
	if _, err := os.Stat(folder + planFile); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a plan that failed has left an older one to apply")
	}
	run(renamed, "yes| apply", 0, "Only yes.*1 changed")

	run(renamed, "-destroy", 12, "1 to destroy.*`make destroy STACK=tap-x` applies exactly it")
	run(renamed, "no| apply", 0, "No changes\\.") // a plan to destroy is none to deploy
	protected := strings.Replace(renamed, `"1"`, `"1", "lifecycle": {"prevent_destroy": true}`, 1)
	run(protected, "yes| apply -destroy", 1, "Instance cannot be destroyed")
	run(renamed, "yes| apply -destroy", 0, "is destroyed.*Only yes.*1 destroyed")
}

func TestFailuresAreNoStatuses(t *testing.T) {
	const shows = "[ $1 != show ] || echo "
	program := filepath.Join(t.TempDir(), "terraform")
	t.Setenv("TERRAFORM_BINARY_NAME", program)
	run := command(t)
	for _, test := range []struct{ script, says, summary string }{
		{shows + `'{"format_version": "9.0"}'`, `"9.0.0" does not satisfy.*terraform-json`, "9.0.0"},
		{shows + `'{"format_version": "1.2", "resource_changes": [null]}'`, "a fault of the program", "a fault of"},
		{"[ $1 != init ] || { kill -INT $PPID; sleep 0.5; }", "init: interrupted", "interrupted"},
		{"[ $1 != plan ] || kill -KILL $$", "terraform plan: signal: killed", "signal: killed"},
		{"exit 1", "init: exit status 1\n.*make provider says where", "exit status 1"},
		{"[ $1 = init ] || { printf 'Error: a\n\nError: a\n\nError: b\n```\n' >&2; exit 1; }", "Error: b",
			"\n    Error: b\n    ```\n"},
	} {
		must.Write(t, program, "#!/bin/sh\n"+test.script+"\n")
		run(synthesized, "-result results", 1, test.says)
		var r result
		must.Do(t, read("results/tap-x.json", &r))
		if r.Status != 1 || !strings.HasPrefix(r.Summary, "## Plan of `tap-x` failed\n\n    ") ||
			!strings.Contains(r.Summary, test.summary) {
			t.Errorf("%s: the result is %+v, expected %q", test.script, r, test.summary)
		}
	}
	must.Write(t, program, `#!/bin/sh
touch saved.tfplan
[ $1 = show ] && echo '{"format_version": "1.2"}' || printf 'x: Reading...\nread\n'
`)
	run(synthesized, "", 0, "minutes\nread\n+## Plan") // without what Terraform has read
}

func TestCommandOnAnotherAccount(t *testing.T) {
	program := filepath.Join(t.TempDir(), "terraform")
	t.Setenv("TERRAFORM_BINARY_NAME", program)
	t.Setenv("TF_CLI_ARGS_plan", "-refresh=false")
	must.Write(t, program, "#!/bin/sh\n"+`case "$*" in
		plan*-out=*) printf 'aws_lb.x: Refreshing state... [id=1]\nText.\n'; echo 1 >saved.tfplan ;;
		plan*-target=data.aws_caller_identity.x) echo "data.aws_caller_identity.x: Read complete [id=$ACCOUNT]" ;;
		show*) echo '{"format_version": "1.2", "prior_state": {"format_version": "1.0", "values": {"root_module": {
			"resources": [{"address": "data.aws_caller_identity.x", "type": "aws_caller_identity",
				"values": {"account_id": "123456789012"}},
			{"address": "aws_iam_role.x", "type": "aws_iam_role", "values": {"inline_policy": [{"name": "old"}]}}]}}}}' ;;
		esac`+"\n")
	run := command(t)
	t.Setenv("LOCAL", "1")
	run(synthesized, "-result results", 0, "No changes\\..*Without a refresh.*`make deploy LOCAL=1 STACK=tap-x` applies")
	var r result
	if err := read("results/tap-x.json", &r); err != nil || r.Text != "Text.\n" {
		t.Errorf("Terraform's own text is %q, %v", r.Text, err)
	}
	t.Setenv("ACCOUNT", "111111111111")
	run(synthesized, "apply", 1, "plan is of the account 123456789012, and the credentials are of 111111111111: plan the")
	t.Setenv("ACCOUNT", "123456789012")
	run(synthesized, "apply", 0, "No changes\\.")
}

func TestArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	must.Write(t, folder+configurationFile, synthesized)
	for arguments, want := range map[string]string{
		"": "usage:", "apply": "usage:", "comment": "usage:", "-result": "flag needs an argument", "-x tap-x": "-x",
		"tap-x tap-y": "usage:", "apply -result x tap-x": "-result",
		"tap-none":       "tap-none has not been synthesized; there are: tap-x",
		"apply tap-none": "tap-none has not been", "../tap-x": "is not the name of a stack", "tap-x;": "is not the name",
		"apply tap-": "is not the name", "comment x.json none.json": "none.json: no such file",
	} {
		if _, err := run(strings.Fields(arguments)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("plan %s: %v, expected %q", arguments, err, want)
		}
	}
}

// hostile is what may be in a text of Terraform.
const hostile = "before\n\r``````\r</details>\n## Plan of `tap-prod`\nNo changes. @org/team\n"

func TestCommentSaysTheWorstFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	var files []string
	for _, r := range []result{
		{"tap-dev", 10, "## Plan of `tap-dev`\n\nHarmless.\n", "nothing\n"},
		{"tap-prod", 12, "## Plan of `tap-prod`\n\n### Loses data\n", hostile + strings.Repeat("a line\n", 99)},
		failed("tap-qa", errors.New("terraform plan: exit status 1\n\nError: a\n\nError: ```\n")),
		{"tap-it", 0, "## Plan of `tap-it`\n\nNo changes.\n", "nothing\n"},
	} {
		files = append(files, r.Stack+".json")
		must.Do(t, write(r.Stack+".json", r))
	}
	want := "<!-- tap-plan -->\n\nCommit `c0ffee`\n\n[The run](https://run) has what is cut here.\n" +
		"\n## Plan of `tap-qa` failed\n\n    Error: ```\n\n## Plan of `tap-prod`\n\n### Loses data\n" +
		"\n## Plan of `tap-dev`\n\nHarmless.\n\n## Plan of `tap-it`\n\nNo changes.\n" +
		"\n<details><summary>Terraform's own text of tap-qa</summary>\n\n" +
		"    terraform plan: exit status 1\n    \n    Error: a\n    \n    Error: ```\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-prod</summary>\n\n    before\n    ``````</details>\n" +
		"    ## Plan of `tap-prod`\n    No changes. @org/team\n" + strings.Repeat("    a line\n", 16) +
		"\n(cut here)\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-dev</summary>\n\n    nothing\n\n</details>\n" +
		"\n<details><summary>Terraform's own text of tap-it</summary>\n\n    nothing\n\n</details>\n"
	c := comment{"", "c0ffee", "https://run", len(want) + 5}
	if said := must.Get(c.of(files))(t); said != want {
		t.Errorf("says %s\nexpected %s", said, want)
	}
	for content, valid := range map[string]bool{
		"": false, `{"stack": "tap-x", "status": 12, "summary": "x", "text": ""}`: false,
		`{"stack": "tap-x", "status": 2, "summary": "x", "text": "x"}`:  false,
		`{"stack": "../x", "status": 12, "summary": "x", "text": "x"}`:  false,
		`{"stack": "tap-x", "status": 0, "summary": "", "text": "x"}`:   false,
		`{"stack": "tap-x", "status": 12, "summary": "x", "text": "x"}`: true,
	} {
		must.Write(t, "tap-x.json", content)
		_, err := c.of([]string{"tap-it.json", "tap-x.json"})
		if (err == nil) != valid || err != nil && !strings.HasPrefix(err.Error(), "tap-x.json is damaged") {
			t.Errorf("%s: %v, expected it to be taken: %v", content, err, valid)
		}
	}
}

// Whatever is cut, nothing of Terraform's text is outside a block of code.
func TestCommentIsBounded(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat("aws_lb.x: ÄÖÜ, a line of Terraform's own text\n", 40)
	must.Do(t, write("a.json", result{"tap-a", 10, "## Plan\n\n" + code(long), long + hostile}),
		write("b.json", failed("tap-b", errors.New("\nError: "+hostile+long))))
	c, head := comment{title: "Drift"}, "<!-- tap-plan: Drift -->\n# Drift\n"
	for c.limit = 0; c.limit < 12000; c.limit += 7 {
		text, outside := must.Get(c.of([]string{"a.json", "b.json"}))(t), ""
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "    ") {
				outside += line
			}
		}
		if !strings.HasPrefix(text, head) || len(text) > max(c.limit, len(head)) || strings.Contains(outside, "aws_lb.x") ||
			strings.Contains(outside, "@org") || strings.Contains(text, "\r") ||
			strings.Count(outside, "<details>") != strings.Count(outside, "</details>") {
			t.Fatalf("with %d bytes it says %s", c.limit, text)
		}
	}
}
