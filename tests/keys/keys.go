// Package keys has other values for the keys of an environment's file.
package keys

import (
	_ "embed"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// Variant is another value of a key or, if it has an edit, of what is synthesized.
type Variant struct {
	Key   string // with * for the name example
	Value any
	Base  map[string]any // the part of a file in which the key matters
	Edit  map[string]any
}

//go:embed keys.yaml
var text []byte

// Variants returns one of each key, and what is changed every day.
func Variants(t testing.TB) (each, everyday []Variant) {
	t.Helper()
	var all struct{ Keys, Everyday []Variant }
	must.Do(t, yaml.Unmarshal(text, &all))
	return all.Keys, all.Everyday
}

// In returns a file with the base, and the same with the variant's value.
func (v Variant) In(t testing.TB, file string) (base, changed string) {
	t.Helper()
	whole, own, value := map[string]any{"class": "development"}, map[string]any{}, v.Value
	must.Do(t, yaml.Unmarshal([]byte(file), &own))
	Merge(whole, v.Base)
	Merge(whole, own)
	base = string(must.Get(yaml.Marshal(whole))(t))
	if v.Edit != nil {
		return base, base
	}
	steps := strings.Split(strings.ReplaceAll(v.Key, "*", "example"), ".")
	for i := range steps {
		value = map[string]any{steps[len(steps)-1-i]: value}
	}
	Merge(whole, value.(map[string]any))
	return base, string(must.Get(yaml.Marshal(whole))(t))
}

// Merge puts what one object contains into another.
func Merge(into, from map[string]any) {
	for key, value := range from {
		if object, ok := value.(map[string]any); ok {
			inner := map[string]any{}
			if old, ok := into[key].(map[string]any); ok {
				Merge(inner, old)
			}
			Merge(inner, object)
			value = inner
		}
		into[key] = value
	}
}
