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

	"go.yaml.in/yaml/v3"

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
	echo "ENVIRONMENT_SUFFIX=$ENVIRONMENT_SUFFIX " >>"$FOLDER/calls"
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

func TestTargetsHandOnWhatIsGiven(t *testing.T) {
	var cases []struct {
		Make, With   []string
		Calls, Fails string
	}
	must.Do(t, yaml.Unmarshal([]byte(read(t, "targets.yaml")), &cases))
	for _, test := range cases {
		calls, err := makeTarget(t, test.With, test.Make...)
		if (err == nil) != (test.Fails == "") || err != nil && !strings.Contains(err.Error(), test.Fails) ||
			!strings.Contains(calls, test.Calls) || test.Calls == "" && strings.Contains(calls, "[") {
			t.Errorf("make %q with %q: %v, called\n%s", test.Make, test.With, err, calls)
		}
	}
}
