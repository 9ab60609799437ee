package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Gap is an attribute that the emulator does not keep as AWS does: after every deployment
// Terraform reads another value than it has set, and plans to set it again.
type Gap struct {
	Type      string // Terraform resource type
	Attribute string // top-level attribute
}

// Gaps are all such attributes of the resources that this project creates.
var Gaps = []Gap{
	{"aws_ecs_service", "availability_zone_rebalancing"},
	{"aws_ecs_service", "health_check_grace_period_seconds"},
	{"aws_rds_cluster", "database_insights_mode"},
	{"aws_rds_cluster", "performance_insights_enabled"},
	{"aws_rds_cluster", "performance_insights_kms_key_id"},
	{"aws_rds_cluster", "performance_insights_retention_period"},
	{"aws_rds_cluster", "scaling_configuration"},
	{"aws_rds_cluster_instance", "performance_insights_enabled"},
	{"aws_rds_cluster_instance", "performance_insights_kms_key_id"},
	{"aws_rds_cluster_instance", "performance_insights_retention_period"},
	// Of version 6 of the provider only, which gives a bucket its tags with the request that creates it.
	{"aws_s3_bucket", "tags_all"},
	{"aws_vpc_security_group_egress_rule", "description"},
	{"aws_vpc_security_group_ingress_rule", "description"},
}

// Change is a planned change that no gap explains.
type Change struct {
	Address    string   // of the resource
	Actions    []string // as in Terraform's JSON plan: create, update, delete; a replacement has two
	Attributes []string // top-level attributes that would change, sorted; of an update only
}

// String names the change for a message.
func (c Change) String() string {
	text := strings.Join(c.Actions, " and ") + " " + c.Address
	if len(c.Attributes) > 0 {
		text += " (" + strings.Join(c.Attributes, ", ") + ")"
	}
	return text
}

// Explanation sorts what a plan would change.
type Explanation struct {
	Gaps        []Gap    // the gaps that show in the plan, in the order of the variable Gaps
	Unexplained []Change // everything else, in the plan's order
}

// Explain reads a plan as `terraform show -json` prints it, made right after a deployment.
//
// What is only not yet known (what a data source answers that is read again because something
// that it depends on will change) is a consequence of other changes and never one by itself.
func Explain(plan []byte) (Explanation, error) {
	var document struct {
		FormatVersion   string `json:"format_version"`
		ResourceChanges []struct {
			Address string
			Mode    string
			Type    string
			Change  struct {
				Actions      []string
				Before       map[string]any
				After        map[string]any
				AfterUnknown map[string]any `json:"after_unknown"`
			}
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal(plan, &document); err != nil {
		return Explanation{}, fmt.Errorf("read the plan: %w", err)
	}
	if !strings.HasPrefix(document.FormatVersion, "1.") {
		return Explanation{}, fmt.Errorf("read the plan: format version %q, expected 1.x", document.FormatVersion)
	}

	var explanation Explanation
	seen := map[Gap]bool{}
	for _, resource := range document.ResourceChanges {
		actions := resource.Change.Actions
		if resource.Mode != "managed" || slices.Equal(actions, []string{"no-op"}) {
			continue
		}
		change := Change{Address: resource.Address, Actions: actions}
		if !slices.Equal(actions, []string{"update"}) {
			explanation.Unexplained = append(explanation.Unexplained, change)
			continue
		}
		names := map[string]any{}
		maps.Copy(names, resource.Change.Before)
		maps.Copy(names, resource.Change.After)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if holdsTrue(resource.Change.AfterUnknown[name]) ||
				reflect.DeepEqual(resource.Change.Before[name], resource.Change.After[name]) {
				continue
			}
			if gap := (Gap{resource.Type, name}); slices.Contains(Gaps, gap) {
				seen[gap] = true
			} else {
				change.Attributes = append(change.Attributes, name)
			}
		}
		if len(change.Attributes) > 0 {
			explanation.Unexplained = append(explanation.Unexplained, change)
		}
	}
	for _, gap := range Gaps {
		if seen[gap] {
			explanation.Gaps = append(explanation.Gaps, gap)
		}
	}
	return explanation, nil
}

// holdsTrue reports whether Terraform's map of unknown values marks anything in this one.
func holdsTrue(unknown any) bool {
	switch value := unknown.(type) {
	case bool:
		return value
	case []any:
		return slices.ContainsFunc(value, holdsTrue)
	case map[string]any:
		for _, part := range value {
			if holdsTrue(part) {
				return true
			}
		}
	}
	return false
}
