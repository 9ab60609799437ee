package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

type object = map[string]any

// mark stands for a value that no rule takes for one.
type mark string

const (
	later   mark = "known only after the apply"
	present mark = "present" // a resource, an element of a list, or a block without a content
)

// attributes are those of a resource by their paths, which begin with its type: aws_lb/access_logs/enabled. An element
// of a list is found by its name. A text that is JSON is what it contains, but not further inside: programs read that.
type attributes map[string]any

// attributesOf returns those of a resource, without what providers keep instead of nothing: null, "" and empty lists.
func attributesOf(kind string, values any) attributes {
	found := attributes{}
	if values != nil {
		found.add(kind, values)
		found[kind] = present
	}
	return found
}

// known puts the mark later into a value wherever a plan says that it is unknown.
func known(value, unknown any) any {
	switch marks := unknown.(type) {
	case bool:
		if marks {
			return later
		}
	case object:
		fields, _ := value.(object)
		fields = maps.Collect(maps.All(fields))
		for name, mark := range marks {
			fields[name] = known(fields[name], mark)
		}
		return fields
	case []any:
		values, _ := value.([]any)
		values = slices.Clone(values)
		for i := range min(len(values), len(marks)) {
			values[i] = known(values[i], marks[i])
		}
		return values
	}
	return value
}

func (a attributes) add(at string, value any) {
	switch value := value.(type) {
	case bool, float64, mark:
		a[at] = value
	case string:
		content := decode([]byte(value))
		if content != nil && strings.Count(at, "/") == 1 && strings.IndexAny(value, "{[") == 0 {
			a.add(at, content)
		} else if value != "" {
			a[at] = value
		}
	case object:
		if len(value) == 0 && strings.HasPrefix(at, "/") { // in a statement, Deidentify and Audit have such contents
			a[at] = present
		}
		for name, field := range value {
			if name == "Statement" {
				a.addStatements(at, all(field))
			} else {
				a.add(at+"/"+name, field)
			}
		}
	case []any:
		a.addList(at, value)
	}
}

// addList adds elements by their names, or a block; anything else stays a list, whose order matters in commands only:
// Terraform sorts sets by itself, and policies have no order.
func (a attributes) addList(at string, values []any) {
	named, elements, block := object{}, []any{}, false
	for _, value := range values {
		if name, ok := part(value, "name").(string); ok {
			named[name] = value
		}
		element := attributes{}
		element.add("", value)
		maps.DeleteFunc(element, func(_ string, value any) bool { return zero(value) })
		elements = append(elements, encode(element))
		_, block = value.(object)
	}
	switch {
	case len(values) == 0:
	case len(named) == len(values):
		for name, value := range named {
			a.add(at+"/"+name, value)
			a[at+"/"+name] = present
		}
	case block && len(values) == 1:
		found := len(a)
		if a.add(at, values[0]); len(a) == found {
			a[at] = present
		}
	default:
		if !slices.Contains([]string{"command", "entryPoint", "ordered_placement_strategy"}, path.Base(at)) {
			sortTexts(elements)
		}
		a[at] = elements
	}
}

// addStatements adds what a policy allows and denies, as one statement for each action on each resource.
func (a attributes) addStatements(at string, statements []any) {
	for _, value := range statements {
		statement, ok := value.(object)
		if !ok { // a tag may have the name, too
			statement = object{"": value}
		}
		effect, _ := statement["Effect"].(string)
		inside := at + "/" + cmp.Or(effect, "Statement")
		found := all(a[inside])
		for _, action := range all(cmp.Or[any](statement["Action"], "")) {
			for _, resource := range all(cmp.Or[any](statement["Resource"], "")) {
				one, parts := maps.Clone(statement), attributes{}
				delete(one, "Sid")
				one["Action"], one["Resource"] = action, resource
				parts.add("", one)
				found = append(found, encode(parts))
			}
		}
		sortTexts(found)
		a[inside] = found
	}
}

func sortTexts(texts []any) {
	slices.SortFunc(texts, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
}

// zero reports whether a value is one that providers also keep instead of nothing.
func zero(value any) bool { return value == nil || value == false || value == 0.0 }

// all returns a list, or what is there without one.
func all(value any) []any {
	if list, ok := value.([]any); ok || value == nil {
		return list
	}
	return []any{value}
}

// part returns what is in an object.
func part(value any, name string) any {
	fields, _ := value.(object)
	return fields[name]
}

// encode returns a value as JSON.
func encode(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

// decode returns what a JSON text contains, and nil if it is none, which Terraform says better.
func decode(text []byte) (value any) {
	_ = json.Unmarshal(text, &value)
	return value
}
