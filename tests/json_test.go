package tests

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"tap/config"
)

// eachStack runs a test for every shared stack, tap-state included.
func eachStack(t *testing.T, test func(t *testing.T, s stack)) {
	t.Helper()
	each(t, func(stack) bool { return true }, test)
}

// eachEnvironment runs a test for the shared stack of every environment.
func eachEnvironment(t *testing.T, test func(t *testing.T, s stack)) {
	t.Helper()
	each(t, func(s stack) bool { return s.environment != nil }, test)
}

func each(t *testing.T, wanted func(stack) bool, test func(t *testing.T, s stack)) {
	t.Helper()
	all := stacks(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if wanted(all[name]) {
			t.Run(name, func(t *testing.T) { test(t, all[name]) })
		}
	}
}

// production reports whether the stack is an environment of class production.
func (s stack) production() bool {
	return s.environment != nil && s.environment.Class == config.Production
}

// all returns every resource of the stack, in the order of addresses.
func (s stack) all() []resource {
	var all []resource
	kinds, _ := s.root["resource"].(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, s.each(kind)...)
	}
	return all
}

// each returns the resources of a kind, in the order of names.
func (s stack) each(kind string) []resource {
	named := s.resources(kind)
	var all []resource
	for _, name := range slices.Sorted(maps.Keys(named)) {
		all = append(all, named[name])
	}
	return all
}

// some returns the resources of a kind, of which there has to be one at least.
func (s stack) some(t *testing.T, kind string) []resource {
	t.Helper()
	all := s.each(kind)
	if len(all) == 0 {
		t.Fatalf("%s has no resource of kind %s", s.name, kind)
	}
	return all
}

var (
	reference  = regexp.MustCompile(`^\$\{([a-z0-9_]+)\.([A-Za-z0-9_-]+)\.[a-z_]+\}$`)
	dependency = regexp.MustCompile(`^([a-z0-9_]+)\.([A-Za-z0-9_-]+)$`)
	accountID  = regexp.MustCompile(`\$\{data\.aws_caller_identity\.[A-Za-z0-9_-]+\.account_id\}`)
)

// follow returns the resource that a value refers to.
func (s stack) follow(t *testing.T, value any) resource {
	t.Helper()
	text, _ := value.(string)
	match := reference.FindStringSubmatch(text)
	if match == nil {
		match = dependency.FindStringSubmatch(text)
	}
	if match == nil {
		t.Fatalf("%s: %v is no reference to a resource", s.name, value)
	}
	found, ok := s.resources(match[1])[match[2]]
	if !ok {
		t.Fatalf("%s: %v refers to nothing", s.name, value)
	}
	return found
}

// followAll returns the resources that a list refers to.
func (s stack) followAll(t *testing.T, value any) []resource {
	t.Helper()
	list, _ := value.([]any)
	if len(list) == 0 {
		t.Fatalf("%s: %v is no list of references", s.name, value)
	}
	var all []resource
	for _, item := range list {
		all = append(all, s.follow(t, item))
	}
	return all
}

// addresses returns the addresses of resources, sorted.
func addresses(resources []resource) []string {
	var all []string
	for _, r := range resources {
		all = append(all, r.address())
	}
	slices.Sort(all)
	return all
}

// want checks the value below an attribute; integers may stand for JSON's numbers.
func (r resource) want(t *testing.T, expected any, path ...any) {
	t.Helper()
	if got := r.at(path...); !reflect.DeepEqual(got, decoded(t, expected)) {
		t.Errorf("%s: %v is %s, expected %s", r.address(), path, encoded(t, got), encoded(t, expected))
	}
}

// decoded is a value as it comes out of JSON.
func decoded(t *testing.T, value any) any {
	t.Helper()
	var result any
	if err := json.Unmarshal([]byte(encoded(t, value)), &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// walk visits every value below a decoded JSON value except the comments of CDKTF ("//"), with its
// path; list items have the path of their list.
func walk(value any, path []string, visit func(path []string, value any)) {
	visit(path, value)
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if key != "//" {
				walk(value[key], append(slices.Clip(path), key), visit)
			}
		}
	case []any:
		for _, item := range value {
			walk(item, path, visit)
		}
	}
}

// container returns the one container of the stack's task definition.
func (s stack) container(t *testing.T) resource {
	t.Helper()
	definition := s.only(t, "aws_ecs_task_definition")
	var containers []map[string]any
	if err := json.Unmarshal([]byte(definition.at("container_definitions").(string)), &containers); err != nil {
		t.Fatalf("%s: the container definitions are no JSON: %v", s.name, err)
	}
	if len(containers) != 1 {
		t.Fatalf("%s has %d containers, expected one", s.name, len(containers))
	}
	return resource{definition.kind, definition.name, containers[0]}
}

// named returns what a container's list of name and value (or other key) says, by name.
func named(t *testing.T, list any, key string) map[string]string {
	t.Helper()
	all := map[string]string{}
	items, _ := list.([]any)
	for _, item := range items {
		entry, _ := item.(map[string]any)
		name, _ := entry["name"].(string)
		value, isText := entry[key].(string)
		if _, twice := all[name]; twice || name == "" || !isText {
			t.Errorf("%v is no entry of its own with a name and %s", item, key)
		}
		all[name] = value
	}
	return all
}

// alarm returns the alarm of that name, without the suffix.
func (s stack) alarm(t *testing.T, name string) resource {
	t.Helper()
	for _, r := range s.each("aws_cloudwatch_metric_alarm") {
		if r.at("alarm_name") == name+"-"+s.environment.Suffix {
			return r
		}
	}
	t.Fatalf("%s has no alarm %s", s.name, name)
	panic("unreachable")
}
