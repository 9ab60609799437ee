package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/tests/must"
)

// stub stands in for every program that the targets run, those that go builds among them, and notes how it is called.
const stub = `#!/bin/sh
{ printf '%s' "${0##*/}"; printf ' [%s]' "$@"; echo; } >>"$FOLDER/calls"
case "${0##*/} $1" in
"go build")
	mkdir -p .local/bin
	to=$3
	shift 3
	for package; do
		case $to in
		*/) cp "$0" "$to$(basename "$package" | sed 's/^\.$/tap/')" ;;
		*) cp "$0" "$to" ;;
		esac
	done ;;
"terraform providers") touch .terraform.lock.hcl ;;
plan*) exit "$STATUS" ;;
esac
`

// makeTarget runs a target among stubs, and returns what they noted.
func makeTarget(t *testing.T, variables []string, arguments ...string) (calls string, err error) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range strings.Fields("package.json package-lock.json internal/emulator/requirements.txt " +
		"tests/scan/requirements.txt node_modules/.package-lock.json .local/venv/.installed .local/scan/.installed " +
		"cdktf.out/stacks/tap-dev/cdk.tf.json docs/tools.md internal/local/prerequisites.sh") { // the last are up to date
		must.Write(t, filepath.Join(folder, name), "#!/bin/sh\n")
	}
	for _, name := range strings.Fields("go gofmt git npx npm terraform python3") {
		must.Write(t, filepath.Join(folder, "bin", name), stub)
	}
	must.Write(t, filepath.Join(folder, "Makefile"), read(t, "../Makefile"))
	command := exec.Command("make", arguments...)
	command.Dir = folder
	command.Env = append(variables, "FOLDER="+folder, "PATH="+filepath.Join(folder, "bin")+":/usr/bin:/bin")
	if said, failed := command.CombinedOutput(); failed != nil {
		err = fmt.Errorf("make %q: %w\n%s", arguments, failed, said)
	}
	noted, _ := os.ReadFile(filepath.Join(folder, "calls"))
	return string(noted), err
}

// A variable of the environment that has the name of one of the Makefile's is exported to every recipe, expanded.
func TestTargetsRunInAnyEnvironment(t *testing.T) {
	variables := []string{"STATUS=0", "STACK=tap-dev", "IMAGE=app"}
	names := regexp.MustCompile(`(?m)^ *([A-Z][A-Z_]+)(:| [?:]?=) `)
	for _, file := range append(must.Get(filepath.Glob("../.github/workflows/*.yml"))(t), "../Makefile") {
		for _, name := range names.FindAllStringSubmatch(read(t, file), -1) {
			variables = append(variables, name[1]+"=tap-dev")
		}
	}
	targets := regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(read(t, "../Makefile"), -1)
	if len(targets) < 10 || !slices.Contains(variables, "COMMIT=tap-dev") {
		t.Fatalf("found the targets %q and the variables %q", targets, variables)
	}
	for _, target := range targets {
		_, err := makeTarget(t, slices.Clone(variables), target[1])
		must.Do(t, err)
	}
}

// No shell reads what is given. The statuses with which Go, the shell and a kill end a program are errors.
func TestTargetsHandOnWhatIsGiven(t *testing.T) {
	for _, test := range []struct{ arguments, status, calls, fails string }{
		{"plan|STACK=x", "0", "plan [x]", ""}, {"plan|STACK=x", "10", "plan [x]", ""},
		{"plan|STACK=x", "11", "plan [x]", ""}, {"plan|STACK=x", "12", "plan [x]", ""},
		{"plan|STACK=x", "1", "plan [x]", "Error 1"}, {"plan|STACK=x", "2", "plan [x]", "Error 1"},
		{"plan|STACK=x", "127", "plan [x]", "Error 1"}, {"plan|STACK=x", "137", "plan [x]", "Error 1"},
		{"plan|STACK=x --auto-approve", "0", "plan [x --auto-approve]", ""},
		{"deploy|STACK=x; touch y", "0", "tap [x; touch y]", ""},
		{"deploy|STACK=x; touch y", "0", "plan [apply] [x; touch y]", ""},
		{`destroy|STACK=../"x"`, "0", `plan [apply] [-destroy] [../"x"]`, ""},
		{"release|STACK=tap-dev|IMAGE=x; touch y #", "0", "go [run] [./internal/release] [tap-dev] [x; touch y #]", ""},
		{"plan", "0", "", "name the stack"}, {"deploy", "0", "", "name the stack"},
		{"destroy", "0", "", "name the stack"}, {"release", "0", "", "name the stack"},
	} {
		calls, err := makeTarget(t, []string{"STATUS=" + test.status}, strings.Split(test.arguments, "|")...)
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) ||
			!strings.Contains(calls, test.calls) || test.calls == "" && calls != "" {
			t.Errorf("make %s: %v, called\n%s", test.arguments, err, calls)
		}
	}
}
