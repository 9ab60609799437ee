package deploy

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// plan is a saved plan.
type plan struct {
	path    string
	changes []string // "update aws_ecs_service.service", sorted by address, without the hash that CDKTF ends it with
}

var hash = regexp.MustCompile(`_[0-9A-F]{8}$`)

// plan plans what has been synthesized.
func (d *deployment) plan(t *testing.T, options ...string) plan {
	t.Helper()
	p := plan{path: d.path(rand.Text() + ".tfplan")}
	d.terraform(t, slices.Concat(planning, []string{"-out=" + p.path}, options)...)
	var document tfjson.Plan
	must.Do(t, json.Unmarshal([]byte(d.terraform(t, "show", "-json", p.path)), &document))
	p.changes = changes(&document)
	return p
}

// changes returns what a plan does, as plan.changes has it.
func changes(document *tfjson.Plan) (all []string) {
	for _, resource := range document.ResourceChanges {
		if actions := resource.Change.Actions; resource.Mode == tfjson.ManagedResourceMode && !actions.NoOp() {
			address := hash.ReplaceAllString(resource.Address, "")
			all = append(all, strings.Trim(fmt.Sprint(actions), "[]")+" "+address)
		}
	}
	return all
}

// expect fails unless a plan makes exactly these changes, sorted by address.
func (p plan) expect(t *testing.T, wanted ...string) {
	t.Helper()
	if !slices.Equal(p.changes, wanted) {
		t.Fatalf("the plan is to\n  %s\nexpected\n  %s", strings.Join(p.changes, "\n  "), strings.Join(wanted, "\n  "))
	}
}

// expectWords fails unless the command plan ends with the status and says all of this, without a refresh, which takes
// most of a plan's time.
func (d *deployment) expectWords(t *testing.T, status int, wanted ...string) (said string) {
	t.Helper()
	unrefreshed := *d
	unrefreshed.variables = []string{"TF_CLI_ARGS_plan=-refresh=false"}
	return unrefreshed.expectRefreshed(t, status, wanted...)
}

// expectRefreshed is expectWords with a refresh. The words of a text have to be in one line.
func (d *deployment) expectRefreshed(t *testing.T, status int, wanted ...string) (said string) {
	t.Helper()
	program := d.path("plan")
	must.Get(d.run(t, d.repository, "go", "build", "-o", program, "./internal/plan"))(t)
	said, err := d.run(t, d.root, program, d.stack)
	said += fmt.Sprint(err)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != status || (err == nil) != (status == 0) {
		t.Errorf("the plan of %s ended with %v, expected the status %d", d.stack, err, status)
	}
	for _, want := range wanted {
		if !regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(want), " ", ".*")).MatchString(said) {
			t.Errorf("the plan does not say %q", want)
		}
	}
	if t.Failed() {
		t.Fatal(said)
	}
	return said
}

// expectGuarded renames every resource whose loss matters, as if its construct had another name: it leaves the
// configuration, and its prevent_destroy with it. The plan has to miss each, and to be empty with the moved blocks that
// it offers.
func (d *deployment) expectGuarded(t *testing.T) {
	t.Helper()
	renamed := string(must.Get(os.ReadFile(d.stackFile()))(t))
	var destroyed, moved []string
	for _, r := range d.configuration(t).All() {
		if strings.Contains(" aws_cloudwatch_dashboard aws_db_parameter_group aws_db_subnet_group aws_ecr_lifecycle_policy "+
			"aws_ecs_task_definition aws_kms_alias aws_rds_cluster_parameter_group aws_s3_bucket_lifecycle_configuration ",
			" "+r.Kind+" ") {
			continue
		}
		old, other := r.Address(), r.Kind+".new_"+r.Name
		renamed = strings.NewReplacer(`"`+r.Name+`": {`, `"new_`+r.Name+`": {`, old, other).Replace(renamed)
		destroyed = append(destroyed, "`"+old+"` is destroyed")
		moved = append(moved, `{"from": "`+old+`", "to": "`+other+`"}`)
	}
	t.Logf("%d resources renamed", len(moved))
	must.Write(t, d.stackFile(), renamed)
	d.expectWords(t, 12, append(destroyed, moved...)...)
	must.Write(t, d.stackFile(), strings.Replace(renamed, "{", `{"moved": [`+strings.Join(moved, ",")+"],", 1))
	d.expectWords(t, 10, "0 to add, 0 to change, 0 to destroy")
}
