package deploy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
	"tap/tests/keys"
	"tap/tests/must"
)

// update records anew what the tests of internal/plan judge, which takes half an hour:
//
//	TAP_TOOLS=1 .local/bin/local provider go test ./tests/deploy -run 'TestLong(Changes|Production)' -timeout 2h -update
var update = flag.Bool("update", false, "rewrite internal/plan/testdata")

// recorded is a change with its plan, which is nil where it is refused, and with which attributes are set of what
// changes.
type recorded struct {
	Change        string       `json:"change"`
	Plan          *tfjson.Plan `json:"plan"`
	Configuration struct {
		Resource map[string]map[string]map[string]any `json:"resource,omitempty"`
	} `json:"configuration"`
}

// expectRecorded fails unless changes of the deployed file are planned as the tests of internal/plan know them.
func (d *deployment) expectRecorded(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join(d.repository, "internal/plan/testdata", d.stack+".jsonl")
	variants := keys.Parse(t, must.Get(os.ReadFile("testdata/everyday.yaml"))(t))
	known, lines := map[string][]string{}, []byte(nil)
	if *update {
		if d.zone == hostedZone {
			d.newHostedZone(t)
		}
		variants = append(variants, keys.All(t)...)
		slices.SortStableFunc(variants, func(a, b keys.Variant) int { return strings.Compare(fmt.Sprint(a.Base), fmt.Sprint(b.Base)) })
	} else {
		variants = variants[:4]
		for line := range bytes.Lines(must.Get(os.ReadFile(path))(t)) {
			var r recorded
			must.Do(t, json.Unmarshal(line, &r))
			if r.Plan != nil {
				known[r.Change] = changes(r.Plan)
			}
		}
	}
	deployed, _ := keys.Variant{}.In(t, file)
	for _, v := range variants {
		if v.Base["network"] != nil {
			v.Base = nil // what is deployed stays in its network
		}
		base, changed := v.In(t, file)
		if base != deployed && *update {
			d.configure(t, base)
			d.apply(t)
			deployed = base
		}
		if base != deployed {
			continue
		}
		r := d.record(t, v, changed)
		lines = append(append(lines, must.Get(json.Marshal(r))(t)...), '\n')
		if *update {
			must.Do(t, os.WriteFile(path, lines, 0o644))
		} else if is := changes(r.Plan); !slices.Equal(is, known[r.Change]) {
			t.Errorf("%s is to\n  %s\nin %s:\n  %s", r.Change, strings.Join(is, "\n  "), path, strings.Join(known[r.Change], "\n  "))
		}
	}
	d.configure(t, file)
	if *update {
		d.apply(t)
	}
}

// record plans a variant, which the file describes, and keeps what it is judged by: all that changes, beside it what is
// short, and of what does not change what protects it.
func (d *deployment) record(t *testing.T, v keys.Variant, file string) recorded {
	t.Helper()
	r, planned := recorded{Change: v.String()}, d.path("recorded.tfplan")
	err := d.synthesize(t, map[string]string{d.file(): file})
	if err == nil {
		d.edit(t, v.Edit)
		_, err = d.run(t, d.stackFolder(), repository.Terraform(),
			slices.Concat(planning, []string{"-refresh=false", "-out=" + planned})...)
	}
	if err != nil && *update {
		t.Logf("%s is refused: %v", r.Change, err)
		return r
	}
	must.Do(t, err)
	must.Do(t, json.Unmarshal([]byte(d.terraform(t, "show", "-json", planned)), &r.Plan),
		json.Unmarshal(must.Get(os.ReadFile(d.stackFile()))(t), &r.Configuration))
	all := r.Plan.ResourceChanges
	r.Plan = &tfjson.Plan{FormatVersion: r.Plan.FormatVersion, OutputChanges: r.Plan.OutputChanges}
	for _, c := range all {
		stays := c.Change.Actions.NoOp() && c.PreviousAddress == ""
		before, _ := c.Change.Before.(map[string]any)
		after, _ := c.Change.After.(map[string]any)
		for name, value := range before {
			protects := strings.HasSuffix(name, "deletion_protection") || name == "force_destroy"
			if reflect.DeepEqual(value, after[name]) && !protects && (stays || value == nil || len(fmt.Sprint(value)) > 80) {
				delete(before, name)
				delete(after, name)
			}
		}
		for _, marks := range []*any{&c.Change.AfterUnknown, &c.Change.BeforeSensitive, &c.Change.AfterSensitive} {
			if stays || !strings.Contains(fmt.Sprint(*marks), "true") {
				*marks = nil
			}
		}
		if stays {
			delete(r.Configuration.Resource[c.Type], c.Name)
		}
		for name := range r.Configuration.Resource[c.Type][c.Name] {
			if name != "lifecycle" {
				r.Configuration.Resource[c.Type][c.Name][name] = true
			}
		}
		if c.ProviderName = ""; !stays && c.Mode == tfjson.ManagedResourceMode || len(before) > 0 {
			r.Plan.ResourceChanges = append(r.Plan.ResourceChanges, c)
		}
	}
	return r
}

// edit puts what an object contains into the stack's JSON.
func (d *deployment) edit(t *testing.T, part map[string]any) {
	t.Helper()
	var stack map[string]any
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile(d.stackFile()))(t), &stack))
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

// meddle weakens what is deployed, and adds to it, by AWS's API. It returns what a plan has to say of both.
func (d *deployment) meddle(t *testing.T) (weakened, added []string) {
	t.Helper()
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct{ Attributes struct{ ID string } }
		}
	}
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile(d.path("terraform."+d.stack+".tfstate")))(t), &state))
	text := string(must.Get(os.ReadFile("testdata/by-hand.json"))(t))
	for _, r := range state.Resources {
		text = strings.ReplaceAll(text, "<"+r.Type+"."+r.Name+">", r.Instances[0].Attributes.ID)
	}
	var calls struct {
		Weakened, Added []struct {
			Says string
			request
		}
	}
	must.Do(t, json.Unmarshal([]byte(text), &calls))
	var requests []request
	for i, call := range slices.Concat(calls.Weakened, calls.Added) {
		requests = append(requests, call.request)
		if i < len(calls.Weakened) {
			weakened = append(weakened, call.Says)
		} else {
			added = append(added, call.Says)
		}
	}
	d.answers(t, requests...)
	return weakened, added
}
