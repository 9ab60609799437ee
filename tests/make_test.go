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
	done
	echo "GOWORK=$GOWORK XDG_CACHE_HOME=$XDG_CACHE_HOME GOMODCACHE=$GOMODCACHE." >>"$FOLDER/calls" ;;
"go test") [ "$2" != ./tests ] || ${GOLDENS:-touch .local/golden/tests/golden/new} ;;
"go run") [ "$2" != ./internal/generate ] || touch .local/golden/generated/new ;;
check*) exit "${CHECK:-0}" ;;
"terraform providers") touch .terraform.lock.hcl ;;
plan*) exit "$STATUS" ;;
esac
`

// makeTarget runs a target among stubs, and returns what they noted, and which goldens there are then.
func makeTarget(t *testing.T, variables []string, arguments ...string) (calls string, err error) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range strings.Fields("package.json package-lock.json internal/emulator/requirements.txt " +
		"tests/scan/requirements.txt node_modules/.package-lock.json .local/venv/.installed .local/scan/.installed " +
		"cdktf.out/stacks/tap-dev/cdk.tf.json docs/tools.md internal/local/prerequisites.sh tests/golden/old " +
		"generated/old") { // what is installed is up to date
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
	left := must.Get(filepath.Glob(folder + "/tests/golden/*"))(t)
	left = append(left, must.Get(filepath.Glob(folder+"/generated/*"))(t)...)
	return string(noted) + strings.ReplaceAll(strings.Join(left, " "), folder+"/", ""), err
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
	for _, test := range []struct{ arguments, variables, calls, fails string }{
		{"plan|STACK=x", "STATUS=0", "plan [x]", ""}, {"plan|STACK=x", "STATUS=10", "plan [x]", ""},
		{"plan|STACK=x", "STATUS=11", "plan [x]", ""}, {"plan|STACK=x", "STATUS=12", "plan [x]", ""},
		{"plan|STACK=x", "STATUS=1", "plan [x]", "Error 1"}, {"plan|STACK=x", "STATUS=2", "plan [x]", "Error 1"},
		{"plan|STACK=x", "STATUS=127", "plan [x]", "Error 1"}, {"plan|STACK=x", "STATUS=137", "plan [x]", "Error 1"},
		{"plan|STACK=x --auto-approve", "STATUS=0", "plan [x --auto-approve]", ""},
		{"deploy|STACK=x; touch y", "STATUS=0", "tap [x; touch y]", ""},
		{"deploy|STACK=x; touch y", "STATUS=0", "plan [apply] [x; touch y]", ""},
		{`destroy|STACK=../"x"`, "STATUS=0", `plan [apply] [-destroy] [../"x"]`, ""},
		{"release|STACK=tap-dev|IMAGE=x; touch y #", "", "go [run] [./internal/release] [tap-dev] [x; touch y #]", ""},
		{"plan", "", "", "name the stack"}, {"deploy", "", "", "name the stack"},
		{"destroy", "", "", "name the stack"}, {"release", "", "", "name the stack"},
		// Goldens and what is made of them are of one state, or stay; a mistake in a file ends a command at once.
		{"golden", "", "tests/golden/new generated/new", ""},
		{"golden", "GOLDENS=false", "tests/golden/old generated/old", "Error 1"},
		{"golden", "CHECK=1", "\ncheck []\ntests/golden/old generated/old", "Error 1"},
		{"synth", "CHECK=1", "\ncheck []\ntests/golden/old", "Error 1"},
		{"-B|node_modules/.package-lock.json", "NODE_ENV=production", "npm [ci] [--include=dev] ", ""},
		// A workspace above the checkout counts if it is named, and a home folder that cannot be written does not.
		{"check", "HOME=.", "GOWORK=off XDG_CACHE_HOME= GOMODCACHE=.", ""},
		{"check", "HOME=.|GOWORK=/go.work", "GOWORK=/go.work ", ""},
		{"check", "HOME=/none", "/.local/cache GOMODCACHE=/", ""},
	} {
		calls, err := makeTarget(t, strings.Split(test.variables, "|"), strings.Split(test.arguments, "|")...)
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) ||
			!strings.Contains(calls, test.calls) || test.calls == "" && strings.Contains(calls, "[") {
			t.Errorf("make %s with %s: %v, called\n%s", test.arguments, test.variables, err, calls)
		}
	}
}
