package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// schemaProblem validates a file's content with the generated schema, which has to be one of JSON Schema 2020-12.
func schemaProblem(t *testing.T) func(content string) error {
	t.Helper()
	schema := must.Get(jsonschema.NewCompiler().Compile("../generated/environment.schema.json"))(t)
	return func(content string) error {
		var value any
		must.Do(t, yaml.Unmarshal([]byte(content), &value))
		return schema.Validate(value)
	}
}

// scalars are values as a file writes them: every text of the tables of allowed and refused values, and numbers at and
// around each bound.
func scalars(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"null": true, "true": true}
	text := func(value string) { all[strconv.QuoteToASCII(value)] = true }
	var collect func(node *yaml.Node)
	collect = func(node *yaml.Node) {
		text(node.Value)
		for _, part := range node.Content {
			collect(part)
		}
	}
	contents := append([]string{}, allowed...)
	for _, test := range refused {
		contents = append(contents, test.values...)
	}
	for _, content := range contents {
		var node yaml.Node
		must.Do(t, yaml.Unmarshal([]byte(content), &node))
		collect(&node)
	}
	for _, key := range Keys() {
		for _, bound := range []*float64{key.Limit.Minimum, key.Limit.ExclusiveMinimum, key.Limit.Maximum} {
			for _, distance := range []float64{-1, -0.25, 0, 0.25, 1} {
				if bound != nil {
					all[strconv.FormatFloat(*bound+distance, 'f', -1, 64)] = true
				}
			}
		}
		for _, value := range key.Limit.Enum {
			if name, isText := value.(string); isText {
				text(name)
			} else {
				all[fmt.Sprint(value)] = true
			}
		}
	}
	return all
}

func TestSchemaAndLoaderAgreeOnEveryValue(t *testing.T) {
	problem, scalars := schemaProblem(t), scalars(t)
	const arn = "'arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf:k::'"
	for _, key := range Keys() {
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
			default:
				values = append(values, scalar)
			}
		}
		f, counts := newFile("a.yaml"), map[bool]int{}
		for _, value := range values {
			content := written(key.Path, value)
			f.problems = nil
			f.parse([]byte(content), environmentLimit) // without the rules between keys
			err := problem(content)
			if (err == nil) != (len(f.problems) == 0) {
				t.Errorf("%s\nthe loader says %q, the schema %v", content, f.errors(), err)
			}
			counts[err == nil]++
		}
		if counts[true] == 0 || counts[false] == 0 {
			t.Errorf("%s: %d values are allowed, %d refused", key.Path, counts[true], counts[false])
		}
	}
}

func TestDefaultsKeepTheLimits(t *testing.T) {
	for _, class := range []Class{Development, Production} {
		environment := Preset(class)
		environment.complete()
		environment.Network.CIDR = cmp.Or(environment.Network.CIDR, "10.20.0.0/16") // production has no default
		content := must.Get(yaml.Marshal(environment))(t)
		if err := schemaProblem(t)(string(content)); err != nil {
			t.Error(class, err)
		}
	}
}

func TestRangeIsPrivateAndBeginsAtItsFirstAddress(t *testing.T) {
	for _, first := range strings.Fields("9.255 10.0 10.255 11.0 172.15 172.16 172.31 172.32 192.167 192.168 192.169") {
		for third := range 256 {
			for bits := 15; bits <= 21; bits++ {
				text := fmt.Sprintf("%s.%d.0/%d", first, third, bits)
				prefix := netip.MustParsePrefix(text)
				want := prefix.Addr().IsPrivate() && prefix == prefix.Masked() && bits >= 16 && bits <= 20
				if got := environmentLimit.Properties["network"].Properties["cidr"].Allows(text); got != want {
					t.Fatalf("%s: allowed is %t, want %t", text, got, want)
				}
			}
		}
	}
}
