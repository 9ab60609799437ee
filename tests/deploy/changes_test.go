package deploy

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
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

// everyday are changes beside one of each key. Each run compares the first ones with what is recorded of them.
var everyday = []keys.Variant{
	{Key: "service.image", Base: keys.Image, Value: account + ".dkr.ecr." + region +
		".amazonaws.com/payment-api@sha256:" + strings.Repeat("0123456789abcdef", 4)},
	{Key: "service.scaling.minimumTasks", Value: 1},
	{Key: "logs.retentionDays", Value: 400},
	{Key: descriptions},
	{Key: "protect", Value: false},
	{Key: "network.natGateways", Value: 1},
	{Key: "network.interfaceEndpoints", Value: false},
	{Key: "database.login", Value: "master", Base: keys.Image},
	{Key: "database.readers", Value: 0},
	{Key: "database.backupRetentionDays", Value: 6},
	{Key: "service.scaling.maximumTasks", Value: 9},
	{Key: "service.deregistrationDelaySeconds", Value: 120},
	{Key: "firewall.rateLimit", Value: 1999},
	{Key: "monitoring.errorRatePercent", Value: 10},
	{Key: "monitoring.latencySeconds", Value: 4},
}

// descriptions is no key: they change with the program.
const descriptions = "descriptions"

const described = `{"resource": {
	"aws_kms_key": {"encryption_key_EEB70057": {"description": "Another one"}},
	"aws_iam_role": {"service_task-role_748FDD01": {"description": "Another one"}},
	"aws_cloudwatch_metric_alarm": {"monitoring_tasks_BF7C8F26": {"alarm_description": "Another one"}},
	"aws_vpc_security_group_egress_rule": {"service_to-database_out_1644637B": {"description": "Another one"}},
	"aws_wafv2_web_acl": {"firewall_web-acl_E1570F7A": {"description": "Another one"}}}}`

// amend puts what a JSON text contains into the stack's file.
func (d *deployment) amend(t *testing.T, text string) {
	t.Helper()
	var stack, part map[string]any
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile(d.stackFile()))(t), &stack), json.Unmarshal([]byte(text), &part))
	keys.Merge(stack, part)
	must.Write(t, d.stackFile(), string(must.Get(json.Marshal(stack))(t)))
}

// recorded is a change with its plan, which is nil where it is refused, and what a plan does not contain of the
// configuration: which attributes are set of the resources that change, and which lifecycles are others.
type recorded struct {
	Change        string         `json:"change"`
	Plan          *tfjson.Plan   `json:"plan"`
	Configuration map[string]any `json:"configuration,omitempty"`
}

// expectRecorded fails unless changes of the deployed file are planned as the tests of internal/plan know them.
func (d *deployment) expectRecorded(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join(d.repository, "internal/plan/testdata", d.stack+".jsonl")
	variants, lines, kept := everyday[:4], "", map[string]recorded{}
	if *update {
		if d.zone == hostedZone {
			d.newHostedZone(t)
		}
		variants = slices.Concat(everyday, keys.All)
		slices.SortStableFunc(variants, func(a, b keys.Variant) int { return strings.Compare(a.Base, b.Base) })
	} else {
		for line := range strings.Lines(string(must.Get(os.ReadFile(path))(t))) {
			var r recorded
			must.Do(t, json.Unmarshal([]byte(line), &r))
			kept[r.Change] = r
		}
	}
	deployed, _ := keys.Variant{}.In(t, file)
	d.configure(t, deployed)
	before := d.declared(t)
	for _, v := range variants {
		if strings.Contains(v.Base, "network:") {
			v.Base = "" // what is deployed stays in its network
		}
		base, changed := v.In(t, file)
		if v.Key == descriptions {
			changed = base
		}
		if base != deployed && !*update {
			continue
		} else if base != deployed {
			d.configure(t, base)
			d.apply(t)
			deployed, before = base, d.declared(t)
		}
		r := d.record(t, v, changed, before)
		lines += string(must.Get(json.Marshal(r))(t)) + "\n"
		if *update {
			must.Do(t, os.WriteFile(path, []byte(lines), 0o644))
		} else if was, is := kept[r.Change].outline(), r.outline(); !slices.Equal(was, is) {
			t.Errorf("%s is to\n  %s\nin %s, and to\n  %s", r.Change, strings.Join(was, "\n  "), path, strings.Join(is, "\n  "))
		}
	}
	if *update {
		d.configure(t, file)
		d.apply(t)
	}
}

// declared returns the stack's resources as they are synthesized, by their types and names.
func (d *deployment) declared(t *testing.T) map[string]map[string]map[string]any {
	t.Helper()
	var stack struct {
		Resource map[string]map[string]map[string]any
	}
	must.Do(t, json.Unmarshal(must.Get(os.ReadFile(d.stackFile()))(t), &stack))
	return stack.Resource
}

// record plans a variant, which the file describes, and keeps of the plan what matters.
func (d *deployment) record(t *testing.T, v keys.Variant, file string,
	before map[string]map[string]map[string]any) recorded {
	t.Helper()
	r, planned := recorded{Change: v.Key}, d.path("recorded.tfplan")
	if v.Key != descriptions {
		r.Change += ": " + string(must.Get(json.Marshal(v.Value))(t))
	}
	err := d.synthesize(t, map[string]string{d.file(): file})
	if err == nil && v.Key == descriptions {
		d.amend(t, described)
	}
	if err == nil {
		_, err = d.run(t, d.stackFolder(), repository.Terraform(),
			slices.Concat(planning, []string{"-refresh=false", "-out=" + planned})...)
	}
	if err != nil {
		t.Logf("%s is refused: %v", r.Change, err)
		return r
	}
	must.Do(t, json.Unmarshal([]byte(d.terraform(t, "show", "-json", planned)), &r.Plan))
	trim(r.Plan)
	set := map[string]any{}
	for kind, named := range d.declared(t) {
		for name, attributes := range named {
			part, guard := map[string]any{}, guarded(attributes)
			if slices.ContainsFunc(r.Plan.ResourceChanges, func(c *tfjson.ResourceChange) bool {
				return c.Type == kind && c.Name == name && !c.Change.Actions.NoOp()
			}) {
				for attribute := range attributes {
					part[attribute] = true
				}
			}
			if len(part) > 0 || before[kind][name] != nil && guarded(before[kind][name]) != guard {
				part["lifecycle"] = map[string]any{"prevent_destroy": guard}
			}
			if len(part) > 0 {
				keys.Merge(set, map[string]any{"resource": map[string]any{kind: map[string]any{name: part}}})
			}
		}
	}
	r.Configuration = set
	return r
}

// guarded reports whether Terraform refuses to destroy a resource.
func guarded(attributes map[string]any) bool {
	lifecycle, _ := attributes["lifecycle"].(map[string]any)
	return lifecycle["prevent_destroy"] == true
}

// outline says what a plan changes: actions, addresses and attributes.
func (r recorded) outline() (changes []string) {
	if r.Plan == nil {
		return nil
	}
	for _, resource := range r.Plan.ResourceChanges {
		before, after := attributes(resource.Change)
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(before)), func(name string) bool {
			return reflect.DeepEqual(before[name], after[name])
		})
		changes = append(changes, fmt.Sprint(resource.Change.Actions, " ", resource.Address, " ", names))
	}
	return changes
}

func attributes(change *tfjson.Change) (before, after map[string]any) {
	before, _ = change.Before.(map[string]any)
	after, _ = change.After.(map[string]any)
	return before, after
}

// trim leaves of a plan what it is judged by: all that changes; of what changes in place, what is short too; of what
// stays as it is, what protects it.
func trim(plan *tfjson.Plan) {
	plan.TerraformVersion, plan.Timestamp, plan.Variables, plan.PlannedValues, plan.PriorState = "", "", nil, nil, nil
	plan.Config, plan.RelevantAttributes, plan.ResourceDrift = nil, nil, nil
	maps.DeleteFunc(plan.OutputChanges, func(_ string, c *tfjson.Change) bool { return c.Actions.NoOp() })
	plan.Checks = slices.DeleteFunc(plan.Checks, func(c tfjson.CheckResultStatic) bool { return c.Status == "pass" })
	plan.ResourceChanges = slices.DeleteFunc(plan.ResourceChanges, func(r *tfjson.ResourceChange) bool {
		stays := r.Change.Actions.NoOp() && r.PreviousAddress == ""
		if stays {
			r.Change.AfterUnknown, r.Change.BeforeSensitive, r.Change.AfterSensitive = nil, nil, nil
		}
		r.ProviderName = ""
		before, after := attributes(r.Change)
		for name, value := range before {
			long := len(fmt.Sprint(value)) > 80 || slices.Contains([]string{"<nil>", "", "[]", "map[]"}, fmt.Sprint(value))
			guards := strings.HasSuffix(name, "deletion_protection") || name == "force_destroy" || r.Type == "terraform_data"
			if reflect.DeepEqual(value, after[name]) && !guards && (stays || long) {
				delete(before, name)
				delete(after, name)
			}
		}
		return stays && len(before) == 0
	})
}
