package deploy

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	holding "tap/constructs/deployment"
	"tap/tests/must"
)

// expectWords fails unless the command plan ends with the status and says all of this. It does not refresh, which takes
// most of a plan's time and has its tests.
func (d *deployment) expectWords(t *testing.T, status int, wanted ...string) {
	t.Helper()
	program := d.path("plan")
	must.Get(d.run(t, d.repository, "go", "build", "-o", program, "./internal/plan"))(t)
	unrefreshed := *d
	unrefreshed.variables = []string{"TF_CLI_ARGS_plan=-refresh=false"}
	said, err := unrefreshed.run(t, d.root, program, d.stack)
	var exit *exec.ExitError
	if err != nil {
		said += err.Error()
	}
	if errors.As(err, &exit) && exit.ExitCode() != status || (err == nil) != (status == 0) {
		t.Errorf("the plan of %s ended with %v, expected the status %d", d.stack, err, status)
	}
	for _, want := range wanted {
		if !strings.Contains(said, want) {
			t.Errorf("the plan does not say %q", want)
		}
	}
	if t.Failed() {
		t.Fatal(said)
	}
}

// expectGuarded renames every resource whose loss matters, as if its construct had another name: it leaves the
// configuration, and its prevent_destroy with it. The plan has to miss each, and to be empty with the moved blocks that
// it offers.
func (d *deployment) expectGuarded(t *testing.T) {
	t.Helper()
	path := filepath.Join(d.stackFolder(), "cdk.tf.json")
	synthesized := must.Get(os.ReadFile(path))(t)
	var stack struct{ Resource map[string]map[string]any }
	must.Do(t, json.Unmarshal(synthesized, &stack))
	renamed := string(synthesized)
	var destroyed, moved []string
	for kind, names := range stack.Resource {
		if holds, _ := holding.Kind(kind); holds == holding.Nothing {
			continue
		}
		for name := range names {
			old, other := kind+"."+name, kind+".new_"+name
			renamed = strings.ReplaceAll(renamed, `"`+name+`": {`, `"new_`+name+`": {`)
			renamed = strings.ReplaceAll(renamed, old, other)
			destroyed = append(destroyed, "`"+old+"` is destroyed")
			moved = append(moved, `{"from": "`+old+`", "to": "`+other+`"}`)
		}
	}
	t.Logf("%d resources renamed", len(moved))
	blocks := `{"moved": [` + strings.Join(moved, ",") + "],"
	for _, step := range []struct {
		text   string
		status int
		says   []string
	}{
		{renamed, 3, append(destroyed, moved...)},
		{strings.Replace(renamed, "{", blocks, 1), 2, []string{"0 to add, 0 to change, 0 to destroy"}},
	} {
		must.Write(t, path, step.text)
		d.expectWords(t, step.status, step.says...)
	}
}
