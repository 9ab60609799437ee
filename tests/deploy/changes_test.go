package deploy

import (
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
	known, lines := map[string][]string{}, ""
	if *update {
		variants = append(variants, each...)
		slices.SortStableFunc(variants, func(a, b keys.Variant) int {
			return strings.Compare(fmt.Sprint(a.Base), fmt.Sprint(b.Base))
		})
	} else {
		variants = variants[:4]
		for line := range strings.Lines(string(must.Get(os.ReadFile(path))(t))) {
			var r recorded
			must.Do(t, json.Unmarshal([]byte(line), &r))
			known[r.Change] = changes(&r.Plan)
		}
	}
	deployed, _ := keys.Variant{}.In(t, file)
	for _, v := range variants {
		base, changed := v.In(t, file)
		// What is deployed stays in its network, and a certificate excludes a domain.
		never := v.Base["network"] != nil || v.Key == "loadBalancer.certificateArn" && file == production
		if never || base != deployed && !*update {
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
		r := recorded{Change: v.Key + ": " + string(must.Get(json.Marshal(v.Value))(t))}
		must.Do(t, json.Unmarshal([]byte(d.terraform(t, "show", "-json", planned)), &r.Plan),
			json.Unmarshal(must.Get(os.ReadFile(d.stackFile()))(t), &r.Configuration))
		if is := changes(&r.Plan); !*update && !slices.Equal(is, known[r.Change]) {
			t.Errorf("%s is to\n%s\nexpected, from %s\n%s", r.Change, strings.Join(is, "\n"), path,
				strings.Join(known[r.Change], "\n"))
		}
		r.trim()
		lines += string(must.Get(json.Marshal(r))(t)) + "\n"
	}
	d.configure(t, file)
	if *update {
		must.Do(t, os.WriteFile(path, []byte(lines), 0o644))
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
	var calls []struct {
		Says string
		request
	}
	must.Do(t, json.Unmarshal([]byte(text), &calls))
	var requests []request
	for _, call := range calls {
		words, requests = append(words, call.Says), append(requests, call.request)
	}
	d.answers(t, requests...)
	return words
}
