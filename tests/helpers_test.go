// Package tests says what the synthesized stacks must be. All of it runs in one process, because each process that
// builds constructs starts a node of its own.
package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tap/config"
	"tap/constructs"
	"tap/internal/kernel"
	"tap/tests/keys"
	"tap/tests/must"
	"tap/tests/terraform"
)

func TestMain(m *testing.M) {
	kernel.Accelerate()
	code := m.Run()
	kernel.Close()
	os.Exit(code)
}

// same checks that two lists contain the same, in whichever order. What to do else is a hint.
func same(t testing.TB, what string, got, expected []string, hint ...string) {
	t.Helper()
	surplus := map[string]int{}
	for _, text := range got {
		surplus[text]++
	}
	for _, text := range expected {
		surplus[text]--
	}
	maps.DeleteFunc(surplus, func(_ string, times int) bool { return times == 0 })
	if len(surplus) > 0 {
		t.Errorf("%s: unexpected (1) and missing (-1) are %v%s", what, surplus, strings.Join(hint, ""))
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	return string(must.Get(os.ReadFile(path))(t))
}

// folderInTmp makes a folder that another user can be given: those of t.TempDir are root's alone where root tests.
func folderInTmp(t *testing.T, name string) string {
	t.Helper()
	folder := must.Get(os.MkdirTemp("/tmp", "tap-"+name+"-"))(t)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// needs skips a test without a program that is not among the tools that make test asks for, except in CI.
func needs(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%v (Debian: apt-get install %s)", err, debian)
	} else if err != nil {
		t.Skipf("%v (Debian: apt-get install %s)", err, debian)
	}
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tap")
	if output, err := exec.Command("go", "build", "-o", program, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// load returns the environments of a folder, and the accounts beside it.
func load(t *testing.T, folder string) ([]config.Environment, []config.Account) {
	t.Helper()
	environments, accounts, err := config.Load(folder, "")
	must.Do(t, err)
	return environments, accounts
}

// parse returns the environment of that suffix that a file with that content describes.
func parse(t *testing.T, suffix, content string) config.Environment {
	t.Helper()
	folder := t.TempDir()
	must.Write(t, filepath.Join(folder, suffix+".yaml"), content)
	environments, _ := load(t, folder)
	return environments[0]
}

// stack is a synthesized stack, and the test that looks at it.
type stack struct {
	*testing.T
	suffix      string
	environment *config.Environment // nil for that of an account
	json        string              // the Terraform JSON,
	root        terraform.Stack     // and decoded
	about       string              // begins what is said of it
}

func (s stack) Errorf(format string, values ...any) {
	s.Helper()
	s.T.Errorf("%s"+format, append([]any{s.about}, values...)...)
}

func (s stack) Fatalf(format string, values ...any) {
	s.Helper()
	s.T.Fatalf("%s"+format, append([]any{s.about}, values...)...)
}

// synthesize returns the stacks of environments with extensions, and of accounts, by suffix.
func synthesize(t *testing.T, environments []config.Environment, accounts []config.Account,
	extensions ...constructs.Extension) map[string]stack {
	t.Helper()
	output, all := t.TempDir(), map[string]stack{}
	must.Do(t, constructs.Synthesize(environments, accounts, output, extensions...))
	for _, file := range must.Get(filepath.Glob(output + "/stacks/*/cdk.tf.json"))(t) {
		text, suffix := read(t, file), strings.TrimPrefix(filepath.Base(filepath.Dir(file)), "tap-")
		s := stack{suffix: suffix, json: text, root: must.Get(terraform.Parse([]byte(text)))(t)}
		if i := slices.IndexFunc(environments, func(e config.Environment) bool { return e.Suffix == suffix }); i >= 0 {
			s.environment = &environments[i]
		}
		all[suffix] = s
	}
	return all
}

var shared map[string]stack

// stacks returns the stacks of the repository's environments, of those in the folder environments and of the accounts
// of both, by suffix. They are synthesized once.
func stacks(t *testing.T) map[string]stack {
	t.Helper()
	if shared == nil {
		shared = map[string]stack{}
		for _, folder := range []string{"../environments", "environments"} {
			environments, accounts := load(t, folder)
			for suffix, stack := range synthesize(t, environments, accounts) {
				if shared[suffix].root != nil {
					t.Fatalf("tap-%s is a stack of the tests' own, in the folder tests: give yours another name", suffix)
				}
				shared[suffix] = stack
			}
		}
	}
	return shared
}

// eachStack runs a test for every one of these stacks, those of accounts included, for both classes' own defaults, and
// for another value of each key: what a file may say breaks no test.
func eachStack(t *testing.T, test func(s stack)) {
	t.Helper()
	all := maps.Clone(stacks(t))
	all["defaults of development"], all["defaults of production"] = development(t), production(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { test(all[name].in(t)) })
	}
	t.Run("another value of each key", func(t *testing.T) {
		variants, _ := keys.Variants(t)
		for _, v := range variants {
			s := example(t, v.Key).in(t)
			s.about = v.Key + ": "
			test(s)
		}
	})
}

// eachEnvironment runs a test for those of environments.
func eachEnvironment(t *testing.T, test func(s stack)) {
	t.Helper()
	eachStack(t, func(s stack) {
		if s.environment != nil {
			test(s)
		}
	})
}

// in returns the stack as another test looks at it.
func (s stack) in(t *testing.T) stack {
	s.T = t
	return s
}

// resource is one resource of a stack, or a part of one.
type resource struct {
	stack
	terraform.Resource
}

// addresses returns the addresses of resources.
func addresses(resources []resource) []string {
	var all []string
	for _, r := range resources {
		all = append(all, r.Address())
	}
	return all
}

// of returns resources as the test of the stack looks at them.
func (s stack) of(resources []terraform.Resource) (all []resource) {
	for _, r := range resources {
		all = append(all, resource{s, r})
	}
	return all
}

// each returns the resources of a kind, and all those of every kind.
func (s stack) each(kind string) []resource { return s.of(s.root.Each(kind)) }
func (s stack) all() []resource             { return s.of(s.root.All()) }

// some returns the resources of a kind, of which there has to be one at least.
func (s stack) some(kind string) []resource {
	s.Helper()
	all := s.each(kind)
	if len(all) == 0 {
		s.Fatalf("there is no %s", kind)
	}
	return all
}

// here returns those of resources that are in the stack's own Region.
func here(all []resource) []resource {
	return slices.DeleteFunc(all, func(r resource) bool { return r.At("provider") != nil })
}

// only returns the one resource of a kind in the stack's own Region.
func (s stack) only(kind string) resource {
	s.Helper()
	all := here(s.some(kind))
	if len(all) > 1 {
		s.Fatalf("there are %d %s, expected one", len(all), kind)
	}
	return all[0]
}

// find returns the resource of a kind with a value at a path.
func (s stack) find(kind, path string, value any) resource {
	s.Helper()
	all := s.each(kind)
	i := slices.IndexFunc(all, func(r resource) bool { return r.At(path) == value })
	if i < 0 {
		s.Fatalf("there is no %s with the %s %v", kind, path, value)
	}
	return all[i]
}

// having returns those resources, or parts of one, whose value at a path matches a pattern with asterisks: a name is
// the same with the suffix.
func (s stack) having(all []resource, path, pattern string) []resource {
	return slices.DeleteFunc(all, func(r resource) bool {
		return !matches(texts{pattern, pattern + "-" + s.suffix}, fmt.Sprint(r.At(path)))
	})
}

var (
	// selector matches a kind, what chooses among its resources, and a path in them.
	selector = regexp.MustCompile(`^((?:data\.|ephemeral\.)?\w+)(?:\[([\w.]+)=(.*?)\])?(?:\.(.*))?$`)
	// listed matches a list in a path, what chooses among its objects, and a path in them.
	listed = regexp.MustCompile(`^([^\[]*)\[(\w+)=(.*?)\](?:\.(.*))?$`)
)

// selected returns the resources of a kind in the stack's own Region, or those that are chosen, or of lists in them the
// objects that are, and the path that follows, as attributes.yaml writes them.
func (s stack) selected(text string) (all []resource, path string) {
	match := selector.FindStringSubmatch(text)
	if all, path = s.each(match[1]), match[4]; match[2] != "" {
		all = s.having(all, match[2], match[3])
	} else {
		all = here(all)
	}
	for match = listed.FindStringSubmatch(path); match != nil; match = listed.FindStringSubmatch(path) {
		var parts []resource
		for _, r := range all {
			parts = append(parts, s.having(r.parts(match[1]), match[2], match[3])...)
		}
		all, path = parts, match[4]
	}
	return all, path
}

// want checks a value of each of the resources that are selected, of which there has to be one at least. Without a path
// it checks how many there are.
func (s stack) want(text string, expected any, hint ...string) {
	s.Helper()
	all, path := s.selected(text)
	if path == "" {
		if number := strings.Replace(encoded(expected), "null", "0", 1); number != strconv.Itoa(len(all)) {
			s.Errorf("%s are %q, expected %s%s", text, addresses(all), number, strings.Join(hint, ""))
		}
		return
	}
	if len(all) == 0 {
		s.Fatalf("there is no %s", text)
	}
	for _, r := range all {
		r.want(path, expected, hint...)
	}
}

// part returns the object at a path.
func (r resource) part(path string) resource {
	r.Helper()
	attributes, isObject := terraform.Open(r.At(path)).(map[string]any)
	if !isObject {
		r.Fatalf("%s: %s is %v, expected an object", r.Address(), path, r.At(path))
	}
	name := r.Name + "." + path
	return resource{r.stack, terraform.Resource{Kind: r.Kind, Name: name, Attributes: attributes}}
}

// every returns what another method returns for the path of each item of the list at a path.
func (r resource) every(path string, get func(path string) resource) []resource {
	r.Helper()
	var all []resource
	list, _ := terraform.Open(r.At(path)).([]any)
	for i := range list {
		all = append(all, get(path+"."+strconv.Itoa(i)))
	}
	return all
}

// parts returns the objects of the list at a path.
func (r resource) parts(path string) []resource { return r.every(path, r.part) }

// toTheOnly matches a reference without the name of the resource, which is the only one that is selected.
var toTheOnly = regexp.MustCompile(`\$\{((?:data\.|ephemeral\.)?(?:aws|terraform)_[a-z0-9_]+(?:\[.*?\])?)\.([a-z_]+)\}`)

// want checks the value at a path against one that JSON writes in the same way, but for references to what is the only
// one of its kind, or the bucket that the resource is a setting of, which need no name: ${aws_lb.arn}. Of nil: there is
// none. What is after, the resource waits for.
func (r resource) want(path string, expected any, hint ...string) {
	r.Helper()
	only := func(text string) resource {
		all, _ := r.selected(text)
		if len(all) != 1 {
			r.Fatalf("%s are %q, expected one", text, addresses(all))
		}
		return all[0]
	}
	text := toTheOnly.ReplaceAllStringFunc(encoded(expected), func(short string) string {
		match := toTheOnly.FindStringSubmatch(short)
		if strings.HasPrefix(r.Kind, "aws_s3_bucket_") && match[1] == "aws_s3_bucket" {
			return r.follow("bucket").Ref(match[2])
		}
		return only(match[1]).Ref(match[2])
	})
	var normal any
	must.Do(r.T, json.Unmarshal([]byte(text), &normal))
	if path == "after" {
		r.waitsFor(only(normal.(string)))
	} else if got := r.At(path); !reflect.DeepEqual(got, normal) {
		r.Errorf("%s: %s is %s, expected %s%s", r.Address(), path, encoded(got), text, strings.Join(hint, ""))
	}
}

func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // what came from JSON becomes JSON
	}
	return string(text)
}

var (
	reference = regexp.MustCompile(`^(?:\$\{)?((?:data\.)?[a-z0-9_]+)\.([A-Za-z0-9_-]+)(?:\.[a-z_]+\})?$`)
	accountID = regexp.MustCompile(`\$\{data\.aws_caller_identity\.[A-Za-z0-9_-]+\.account_id\}`)
)

// follow returns the resource that the value at a path refers to.
func (r resource) follow(path string) resource {
	r.Helper()
	if match := reference.FindStringSubmatch(r.Text(path)); match != nil {
		for _, found := range r.each(match[1]) {
			if found.Name == match[2] {
				return found
			}
		}
	}
	r.Fatalf("%s: %s is %v, expected a reference to a resource", r.Address(), path, r.At(path))
	panic("unreachable")
}

// followAll returns the resources that the list at a path refers to.
func (r resource) followAll(path string) []resource { return r.every(path, r.follow) }

// waitsFor checks that Terraform makes the resource after another.
func (r resource) waitsFor(other resource) {
	r.Helper()
	if !slices.Contains(addresses(r.followAll("depends_on")), other.Address()) {
		r.Errorf("%s does not wait for %s", r.Address(), other.Address())
	}
}

// walk visits every value below a decoded JSON value except the comments of CDKTF ("//"), with its path; list items
// have the path of their list.
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

// changesFrom returns in what two stacks differ beside their suffixes: kind.attribute of what both have, and the kind
// of what one of them has.
func (s stack) changesFrom(base stack) []string {
	s.Helper()
	type key struct{ kind, name, attribute string } // without an attribute: the resource itself
	values := func(s stack) map[key]string {
		all := map[key]string{}
		for _, r := range append(s.all(), s.only("terraform"), s.only("provider")) {
			all[key{r.Kind, r.Name, ""}] = "exists"
			for attribute, value := range r.Attributes {
				all[key{r.Kind, r.Name, attribute}] = encoded(value)
			}
		}
		return all
	}
	s.root = must.Get(terraform.Parse([]byte(strings.ReplaceAll(s.json, s.suffix, base.suffix))))(s)
	before, after, changed := values(base), values(s), map[string]bool{}
	both := maps.Clone(before)
	maps.Copy(both, after)
	for k := range both {
		if whole := (key{k.kind, k.name, ""}); before[whole] != after[whole] {
			changed[k.kind] = true
		} else if before[k] != after[k] {
			changed[k.kind+"."+k.attribute] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// containers returns the containers of a task definition, by their names without the suffix.
func (r resource) containers() map[string]resource {
	r.Helper()
	all := map[string]resource{}
	for _, container := range r.parts("container_definitions") {
		all[strings.TrimSuffix(container.Text("name"), "-"+r.suffix)] = container
	}
	return all
}

// isCalledFromOutside reports whether Route 53 calls the environment, as it does a name in the partition aws.
func isCalledFromOutside(e *config.Environment) bool {
	return e.LoadBalancer.Domain.Name != "" && config.IsCommercial(e.Region)
}

// service returns the API's service.
func (s stack) service() resource {
	s.Helper()
	return s.find("aws_ecs_service", "name", "PaymentService-"+s.suffix)
}

// containers returns those of the API's task definition.
func (s stack) containers() map[string]resource {
	s.Helper()
	return s.service().follow("task_definition").containers()
}

// container returns the API's container.
func (s stack) container() resource {
	s.Helper()
	return s.containers()["PaymentContainer"]
}

// named returns what a list of objects with a name and something else says, by name.
func (r resource) named(path, key string) map[string]string {
	r.Helper()
	all := map[string]string{}
	for _, entry := range r.parts(path) {
		if _, twice := all[entry.Text("name")]; twice || entry.Text("name") == "" {
			r.Errorf("%v is not an entry of its own with a name", entry.Attributes)
		}
		all[entry.Text("name")] = entry.Text(key)
	}
	return all
}

type (
	statement = terraform.Statement
	texts     = terraform.Texts
)

// policy returns the statements of the resource's policy.
func (r resource) policy() []statement {
	r.Helper()
	return must.Get(r.Policy())(r.T)
}

// statements returns every statement of every policy in the stack.
func (s stack) statements() []statement {
	s.Helper()
	var all []statement
	for _, r := range s.all() {
		if terraform.PolicyAttributes[r.Kind] != "" && r.At(terraform.PolicyAttributes[r.Kind]) != nil {
			all = append(all, r.policy()...)
		}
	}
	return all
}
