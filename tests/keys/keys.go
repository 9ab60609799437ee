// Package keys has another value for each key of an environment's file.
package keys

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

//go:embed keys.yaml
var text []byte

// Variant is another value of a key, or another edit.
type Variant struct {
	Key   string
	Value any
	Base  map[string]any // a part of a file in which the key matters
	Edit  map[string]any // of the synthesized JSON, in place of a value
}

// All returns one variant of each key.
func All(t testing.TB) []Variant { return Parse(t, text) }

// Parse returns the variants of a YAML text.
func Parse(t testing.TB, text []byte) (variants []Variant) {
	t.Helper()
	must.Do(t, yaml.Unmarshal(text, &variants))
	return variants
}

// String names the variant.
func (v Variant) String() string {
	if v.Edit != nil {
		return v.Key
	}
	value, _ := json.Marshal(v.Value)
	return v.Key + ": " + string(value)
}

// In returns a file with the base, and the same with the variant's value.
func (v Variant) In(t testing.TB, file string) (base, changed string) {
	t.Helper()
	whole, own := map[string]any{"class": "development"}, map[string]any{}
	must.Do(t, yaml.Unmarshal([]byte(file), &own))
	Merge(whole, v.Base)
	Merge(whole, own)
	base = string(must.Get(yaml.Marshal(whole))(t))
	if v.Edit == nil {
		value, steps := v.Value, strings.Split(v.Key, ".")
		for i := range steps {
			value = map[string]any{steps[len(steps)-1-i]: value}
		}
		Merge(whole, value.(map[string]any))
	}
	return base, string(must.Get(yaml.Marshal(whole))(t))
}

// Merge puts what one object contains into another.
func Merge(into, from map[string]any) {
	for key, value := range from {
		old, _ := into[key].(map[string]any)
		if object, ok := value.(map[string]any); ok {
			into[key] = map[string]any{}
			Merge(into[key].(map[string]any), old)
			Merge(into[key].(map[string]any), object)
		} else {
			into[key] = value
		}
	}
}
