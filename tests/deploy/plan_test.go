package deploy

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
	"tap/tests/keys"
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

// planner builds the command plan, and returns its path.
func (d *deployment) planner(t *testing.T) string {
	t.Helper()
	must.Get(d.run(t, d.repository, "go", "build", "-o", d.path("plan"), "./internal/plan"))(t)
	return d.path("plan")
}

// expectWords fails unless the command plan ends with the status and says all of this, without a refresh, which takes
// most of a plan's time.
func (d *deployment) expectWords(t *testing.T, status int, wanted ...string) (said string) {
	t.Helper()
	return d.of(d.stack, "TF_CLI_ARGS_plan=-refresh=false").expectRefreshed(t, status, wanted...)
}

// expectRefreshed is expectWords with a refresh. The words of a text have to be in one line.
func (d *deployment) expectRefreshed(t *testing.T, status int, wanted ...string) (said string) {
	t.Helper()
	said, err := d.run(t, d.root, d.planner(t), d.stack)
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

// expectBound fails unless the saved plan is refused wherever it is not what would be planned, with the state as it
// was, and is applied where it is.
func (d *deployment) expectBound(t *testing.T) {
	t.Helper()
	read := func(path string) string { return string(must.Get(os.ReadFile(path))(t)) }
	saved := d.stackFolder() + "/saved.tfplan"
	state, configuration, plan := read(d.stateFile()), read(d.stackFile()), read(saved)
	keys := strings.Fields(d.ask(t, "sts", "assume_role",
		parameters{"RoleArn": "arn:aws:iam::111111111111:role/other", "RoleSessionName": "other"},
		"join(' ', [Credentials.AccessKeyId, Credentials.SecretAccessKey, Credentials.SessionToken])"))
	refused := func(reason string, variables ...string) {
		t.Helper()
		_, err := d.of(d.stack, variables...).run(t, d.root, d.path("plan"), "apply", d.stack)
		if !strings.Contains(fmt.Sprint(err), reason) {
			t.Errorf("the saved plan was applied, or refused with %v, expected %q", err, reason)
		}
		if read(d.stateFile()) != state {
			t.Fatalf("the state has changed, expected %q before that", reason)
		}
	}
	refused("the credentials are of 111111111111",
		"AWS_ACCESS_KEY_ID="+keys[0], "AWS_SECRET_ACCESS_KEY="+keys[1], "AWS_SESSION_TOKEN="+keys[2])
	refused("the workspace other has another state", "TF_WORKSPACE=other")
	must.Write(t, d.stackFile(), configuration+"\n")
	refused("the configuration is not the one that was planned")
	must.Write(t, d.stackFile(), configuration)
	d.terraform(t, "plan", "-no-color", "-destroy", "-refresh=false", "-out="+saved)
	refused("saved.tfplan is not the file that was saved")
	must.Write(t, saved, plan)
	said := must.Get(d.run(t, d.root, d.path("plan"), "apply", d.stack))(t)
	if !strings.Contains(said, "Apply complete!") {
		t.Errorf("what was planned is not applied: %s", said)
	}
}

// destroyByHand destroys the stack as make destroy does, and answers its question.
func (d *deployment) destroyByHand(t *testing.T) error {
	t.Helper()
	_, err := d.run(t, d.root, "sh", "-c", "echo yes | "+d.planner(t)+" apply -destroy "+d.stack)
	return err
}

// update records what the tests of internal/plan judge, as far as it is not there; what is to be recorded anew is taken
// away first. All of it takes an hour:
//
//	TAP_TOOLS=1 .local/bin/local provider go test ./tests/deploy -timeout 2h -update \
//	  -run 'TestLong(Changes|Production)$/(repeated|it_is_deployed|changes_are_planned)'
var update = flag.Bool("update", false, "complete internal/plan/testdata")

// recorded is a change with its plan, and with which attributes are set of what changes.
type recorded struct {
	Change        string      `json:"change"`
	Plan          tfjson.Plan `json:"plan"`
	Configuration struct {
		Resource map[string]map[string]map[string]any `json:"resource"`
	} `json:"configuration"`
}

// expectRecorded fails unless changes of the deployed file are planned as the tests of internal/plan know them.
func (d *deployment) expectRecorded(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join(d.repository, "internal/plan/testdata", d.stack+".jsonl")
	each, variants := keys.Variants(t)
	known, lines := map[string][]string{}, string(must.Get(os.ReadFile(path))(t))
	for line := range strings.Lines(lines) {
		var r recorded
		must.Do(t, json.Unmarshal([]byte(line), &r))
		known[r.Change] = changes(&r.Plan)
	}
	if *update {
		variants = append(variants, each...)
		slices.SortStableFunc(variants, func(a, b keys.Variant) int {
			return strings.Compare(fmt.Sprint(a.Base), fmt.Sprint(b.Base))
		})
	} else {
		variants = variants[:4]
	}
	deployed, _ := keys.Variant{}.In(t, file)
	for _, v := range variants {
		base, changed := v.In(t, file)
		r := recorded{Change: v.Key + ": " + string(must.Get(json.Marshal(v.Value))(t))}
		// What is deployed stays in its network, a certificate excludes a domain, and production has three gateways.
		never := v.Base["network"] != nil || file == production &&
			(v.Key == "loadBalancer.certificateArn" || v.Key == "network.natAddresses")
		if _, isKnown := known[r.Change]; never || *update && isKnown || !*update && base != deployed {
			continue
		} else if base != deployed {
			d.configure(t, base)
			d.apply(t)
			deployed = base
		}
		d.configure(t, changed)
		d.edit(t, v.Edit)
		planned := d.path("recorded.tfplan")
		if _, err := d.run(t, d.stackFolder(), repository.Terraform(),
			slices.Concat(planning, []string{"-refresh=false", "-out=" + planned})...); err != nil && *update {
			continue // it is refused
		}
		must.Do(t, json.Unmarshal([]byte(d.terraform(t, "show", "-json", planned)), &r.Plan),
			json.Unmarshal(must.Get(os.ReadFile(d.stackFile()))(t), &r.Configuration))
		if is := changes(&r.Plan); !*update && !slices.Equal(is, known[r.Change]) {
			t.Errorf("%s is to\n%s\nexpected, from %s\n%s", r.Change, strings.Join(is, "\n"), path,
				strings.Join(known[r.Change], "\n"))
		}
		if r.trim(); *update {
			lines += string(must.Get(json.Marshal(r))(t)) + "\n"
			must.Do(t, os.WriteFile(path, []byte(lines), 0o644))
		}
	}
	d.configure(t, file)
	if *update {
		d.apply(t)
	}
}

// trim leaves what a change is judged by: what changes, beside it what is short, and whether the stack is protected.
func (r *recorded) trim() {
	all := r.Plan.ResourceChanges
	r.Plan = tfjson.Plan{FormatVersion: r.Plan.FormatVersion, OutputChanges: r.Plan.OutputChanges}
	for _, c := range all {
		set := r.Configuration.Resource[c.Type]
		if c.Mode != tfjson.ManagedResourceMode || c.Change.Actions.NoOp() && c.Type != "aws_lb" {
			delete(set, c.Name)
			continue
		}
		for name := range set[c.Name] {
			if name != "lifecycle" {
				set[c.Name][name] = true
			}
		}
		before, _ := c.Change.Before.(map[string]any)
		after, _ := c.Change.After.(map[string]any)
		for name, value := range before {
			long := value == nil || len(fmt.Sprint(value)) > 32
			stays := c.Change.Actions.NoOp() && name != "enable_deletion_protection"
			if stays || long && reflect.DeepEqual(value, after[name]) {
				delete(before, name)
				delete(after, name)
			} else if name == "dashboard_body" { // which is very long
				before[name], after[name] = "before", "after"
			}
		}
		for _, marks := range []*any{&c.Change.AfterUnknown, &c.Change.BeforeSensitive, &c.Change.AfterSensitive} {
			if !strings.Contains(fmt.Sprint(*marks), "true") {
				*marks = nil
			}
		}
		c.ProviderName = ""
		r.Plan.ResourceChanges = append(r.Plan.ResourceChanges, c)
	}
}

// edit puts what an object contains into the stack's JSON.
func (d *deployment) edit(t *testing.T, part map[string]any) {
	t.Helper()
	stack := d.configuration(t)
	keys.Merge(stack, part)
	must.Write(t, d.stackFile(), string(must.Get(json.Marshal(stack))(t)))
}

// weaken edits the stack's JSON for the worse, and returns what a plan has to say of each edit.
func (d *deployment) weaken(t *testing.T) (words []string) {
	t.Helper()
	var edits []struct {
		Says string
		Edit map[string]any
	}
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile("testdata/weakened.json"))(t), &edits))
	for _, e := range edits {
		d.edit(t, e.Edit)
		words = append(words, e.Says)
	}
	return words
}

// meddle weakens what is deployed by AWS's API and, in the last four calls, adds to it. It returns what a plan has to
// say of each.
func (d *deployment) meddle(t *testing.T) (words []string) {
	t.Helper()
	for _, request := range d.expectFile(t, "by-hand.json", d.ids(t)) {
		words = append(words, request.Says)
	}
	return words
}
