package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/tests/must"
)

// resource returns the JSON of a resource's values, and where a difference is then.
func resource(path, value string) (kind, values string) {
	kind, path, _ = strings.Cut(path, ".")
	if kind == "container" {
		kind, path, value = "aws_ecs_task_definition", "container_definitions",
			fmt.Sprintf("%q", fmt.Sprintf(`[{"name":"x","essential":true,%q:%s}]`, path, value))
	}
	if strings.HasPrefix(value, "[[") {
		var statements []string
		for _, s := range decode([]byte(value)).([]any) {
			statements = append(statements, fmt.Sprintf(`{"Effect":%q,"Action":%q}`, s.([]any)...))
		}
		text := strings.Join(statements, ",")
		if len(statements) > 1 {
			text = "[" + text + "]"
		}
		value = fmt.Sprintf("%q", `{"Statement":`+text+"}")
	}
	steps := strings.Split(path, ".")
	for _, step := range slices.Backward(steps[1:]) {
		value = fmt.Sprintf(`[{%q:%s}]`, step, value)
	}
	return kind, fmt.Sprintf(`{"id":"x","comparison_operator":"GreaterThanThreshold",%q:%s}`, steps[0], value)
}

// Each case fails without its rule, and in the other direction without what makes that harmless.
func TestRules(t *testing.T) {
	heading := ""
	for line := range strings.Lines(string(must.Get(os.ReadFile("testdata/rules.txt"))(t))) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		} else if slices.Contains(headings, line) {
			heading = line
			continue
		}
		cells := strings.SplitN(line, " ", 4)
		opposite := map[string]string{"=": heading, "?": notJudged, "harmless": harmless}[cells[3]]
		expect(t, cells[0], cells[1], cells[2], heading)
		expect(t, cells[0], cells[2], cells[1], cmp.Or(opposite, cells[3]))
	}
}

// expect fails unless the plan of a change has one finding, below the heading, that names the attribute.
func expect(t *testing.T, path, before, after, heading string) {
	t.Helper()
	kind, was := resource(path, before)
	_, is := resource(path, after)
	var plan tfjson.Plan
	must.Do(t, json.Unmarshal([]byte(planned(change(kind, `"update"`, `"before": `+was+`, "after": `+is))), &plan))
	findings := judge(&plan, nil, false)
	attribute := strings.Split(strings.Replace(path, "container.", "x.container_definitions.x.", 1), ".")[1]
	if len(findings) != 1 || findings[0].heading != heading || findings[0].address != kind+".x" ||
		heading != harmless && !strings.Contains(findings[0].words, "`"+attribute) {
		t.Errorf("%s from %s to %s: %+v, expected it below %q", path, before, after, findings, heading)
	}
}
