package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// scalars are values as a file writes them: every text of the allowed files and of the table of refused values, and
// numbers at and around each bound.
func scalars(t *testing.T) map[string]bool {
	all := map[string]bool{"null": true, "true": true}
	contents := strings.Join(documents(t, "allowed.yaml"), " ")
	eachRefused(t, func(_, value, _ string) { contents += " " + value })
	for text := range strings.FieldsSeq(contents) {
		all[`"`+strings.Trim(text, `[]{},'"`)+`"`] = true
	}
	for _, key := range environmentLimit.Keys("") {
		for _, bound := range []*float64{key.Limit.Minimum, key.Limit.ExclusiveMinimum, key.Limit.Maximum} {
			for _, distance := range []float64{-1, -0.25, 0, 0.25, 1} {
				if bound != nil {
					all[strconv.FormatFloat(*bound+distance, 'f', -1, 64)] = true
				}
			}
		}
		for _, value := range key.Limit.Enum {
			all[fmt.Sprintf("%#v", value)] = true
		}
	}
	return all
}

// The generated schema has to be one of JSON Schema 2020-12. It refuses every value that the limit of its key does, and
// none that the loader allows: what values have to be together only the loader knows in all cases.
func TestSchemaAndLoaderAgreeOnEveryValue(t *testing.T) {
	schema := must.Get(jsonschema.NewCompiler().Compile("../generated/environment.schema.json"))(t)
	const arn = "'arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf:k::'"
	scalars := scalars(t)
	for _, key := range environmentLimit.Keys("") {
		if key.Limit.Properties != nil || key.Limit.IsMapOfSections() {
			continue
		}
		values := []string{"[]", "[a]", "{}", "{A: a}", "[us-east-1a, us-east-1b]",
			"[us-east-1a, us-east-1a]", "[us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f, us-east-1g]",
			"{A: " + arn + "}", "{" + many("A%d: a", 46) + "}", "{" + many("A%d: a", 47) + "}"}
		for scalar := range scalars {
			switch key.Limit.Type {
			case "array":
				values = append(values, "["+scalar+"]")
			case "object":
				values = append(values, "{A: "+scalar+"}")
				if strings.HasPrefix(scalar, `"`) && len(scalar) < 1000 { // YAML takes keys of up to 1,024 bytes
					values = append(values, "{"+scalar+": "+arn+"}")
				}
			case "string":
				values = append(values, scalar)
			default: // any text is as wrong as another
				if !strings.HasPrefix(scalar, `"`) || len(scalar) < 4 {
					values = append(values, scalar)
				}
			}
		}
		counts := map[bool]int{}
		for _, value := range values {
			content := written(key.Path, value)
			f := newFile("a.yaml")
			root := f.parse([]byte(content), environmentLimit)
			allowed := len(f.problems) == 0
			var parsed any
			must.Do(t, yaml.Unmarshal([]byte(content), &parsed))
			err := schema.Validate(parsed)
			if err != nil && allowed {
				f.fill(root)
			}
			if (err == nil) != (len(f.problems) == 0) {
				t.Errorf("%s\nthe loader says %q, the schema %v", content, f.errors(), err)
			}
			counts[allowed]++
		}
		if counts[true] == 0 || counts[false] == 0 {
			t.Errorf("%s: %d values are allowed, %d refused; a new key needs make golden", key.Path, counts[true], counts[false])
		}
	}
}

// Whoever adds a key reads a sentence, not a stack trace.
func TestLimitThatDoesNotFitItsField(t *testing.T) {
	var limit Limit
	must.Do(t, yaml.Unmarshal([]byte("properties: {class: {}, service: {properties: {port: {enum: [http]}}}}"), &limit))
	f := newFile("a.yaml")
	f.fill(f.parse([]byte("class: development\nservice: {port: http}"), limit))
	wantProblems(t, errors.Join(f.errors()...), "a.yaml:1: config/keys.yaml allows what its field cannot contain")
}

var complaint, quoted = regexp.MustCompile(`- at '(.*)': (.*)`), regexp.MustCompile(`'([^']*)'`)

// complaints returns the keys at which the schema refuses a file, as a row has them; of a name in a map the last part.
func complaints(err error) (keys []string) {
	for _, match := range complaint.FindAllStringSubmatch(fmt.Sprint(err), -1) {
		path, says := match[1]+"/", match[2]
		what, _, ofNames := strings.Cut(says, " propert")
		if what == "invalid" {
			path = ""
		}
		for _, name := range quoted.FindAllStringSubmatch(says, -1) {
			if ofNames {
				keys = append(keys, path+strings.ReplaceAll(name[1], ".", "/")+"/")
			}
		}
		if !ofNames && path != "/" && (says == "'not' failed" || !strings.HasSuffix(says, " failed")) { // else it has lines
			keys = append(keys, path)
		}
	}
	return keys
}

// An editor shows what the loader would say, at the same key, a part of it or its section, unless a row says otherwise.
func TestSchemaSaysWhatTheLoaderSays(t *testing.T) {
	schema := must.Get(jsonschema.NewCompiler().Compile("../generated/environment.schema.json"))(t)
	without := func(keys, others []string) []string {
		return slices.DeleteFunc(slices.Clone(keys), func(a string) bool {
			return slices.ContainsFunc(others, func(b string) bool {
				return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) || strings.HasSuffix(a, b) || strings.HasSuffix(b, a)
			})
		})
	}
	for _, content := range slices.Concat(documents(t, "allowed.yaml"), documents(t, "refused.yaml")) {
		var file any
		var says []string
		if yaml.Unmarshal([]byte(content), &file) == nil { // or else an editor's own parser says it
			says = complaints(schema.Validate(file))
		}
		_, want := rows(content)
		if missing, surplus := without(want, says), without(says, want); len(missing)+len(surplus) > 0 {
			t.Errorf("%s\nthe schema does not refuse %q, but %q", content, missing, surplus)
		}
	}
}

// The sizes stand in keys.yaml by themselves, too, for an editor.
func TestSizesAreThoseOfFargate(t *testing.T) {
	var cpus, memories []any
	for _, cpu := range slices.Sorted(maps.Keys(declared.Fargate)) {
		cpus = append(cpus, cpu)
	}
	for _, size := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(
		slices.Collect(maps.Values(declared.Fargate))...)))) {
		memories = append(memories, size)
	}
	service := environmentLimit.Properties["service"].Properties
	if !slices.Equal(service["cpu"].Enum, cpus) || !slices.Equal(service["memory"].Enum, memories) {
		t.Errorf("in config/keys.yaml, cpu is %v and memory %v, and fargate has %v and %v", service["cpu"].Enum,
			service["memory"].Enum, cpus, memories)
	}
}

func TestDefaultsKeepTheLimits(t *testing.T) {
	for _, class := range []Class{Development, Production} {
		environment, f := Preset(class), newFile("a.yaml")
		environment.complete()
		environment.Network.CIDR = cmp.Or(environment.Network.CIDR, "10.20.0.0/16") // production has no default
		f.parse(must.Get(yaml.Marshal(environment))(t), environmentLimit)
		wantProblems(t, errors.Join(f.errors()...))
		for _, key := range environmentLimit.Keys("") {
			if !strings.Contains(key.Path, "*") && !environment.at(key.Path).IsValid() {
				t.Errorf("%s of config/keys.yaml has no field in config/environment.go", key.Path)
			}
		}
	}
	if t.Failed() {
		t.Log("a default is beyond its limit: if meant, name it in config/limits.go")
	}
}

func TestRangeIsPrivateAndBeginsAtItsFirstAddress(t *testing.T) {
	limit := environmentLimit.Properties["network"].Properties["cidr"]
	for _, first := range strings.Fields("9.255 10.0 10.255 11.0 172.15 172.16 172.31 172.32 192.167 192.168 192.169") {
		for third := range 256 {
			for bits := 15; bits <= 21; bits++ {
				text := fmt.Sprintf("%s.%d.0/%d", first, third, bits)
				prefix := netip.MustParsePrefix(text)
				want := prefix.Addr().IsPrivate() && prefix == prefix.Masked() && bits >= 16 && bits <= 20
				if limit.Allows(text) != want {
					t.Fatalf("%s: allowed is %t, want %t", text, !want, want)
				}
			}
		}
	}
}

// FuzzFile reads arbitrary content as an environment file: it never panics, every problem has the file, a line in it
// and a line of its own, and what loads has a pair of subnets in each zone.
func FuzzFile(f *testing.F) {
	for _, content := range slices.Concat(documents(f, "allowed.yaml"), documents(f, "refused.yaml")) {
		f.Add(content)
	}
	eachRefused(f, func(key, value, _ string) { f.Add(written(key, value)) })
	f.Fuzz(func(t *testing.T, content string) {
		file := newFile("fuzz.yaml")
		file.fill(file.parse([]byte(content), environmentLimit))
		for _, problem := range file.problems {
			text := problem.path + problem.message
			if problem.line < 0 || problem.line > strings.Count(content, "\n")+2 || problem.message == "" ||
				strings.Contains(text, "\n") || hidden.MatchString(text) {
				t.Errorf("got %+v", problem)
			}
		}
		network := file.environment.Network
		if len(file.problems) == 0 && len(network.Subnets()) != len(network.Zones) {
			t.Errorf("got %v for %v", network.Subnets(), network.Zones)
		}
	})
}
