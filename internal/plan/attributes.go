package main

import (
	"encoding/json"
	"fmt"
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
func attributesOf(kind string, values, unknown any) attributes {
	found := attributes{}
	if values != nil {
		found.add(kind, values, unknown)
		found[kind] = present
	}
	return found
}

func (a attributes) add(at string, value, unknown any) {
	switch value := value.(type) {
	case nil:
	case bool, float64:
		a[at] = value
	case string:
		content := decode([]byte(value))
		if content != nil && strings.Count(at, "/") == 1 && strings.IndexAny(value, "{[") == 0 {
			a.add(at, content, nil)
		} else if value != "" {
			a[at] = value
		}
	case object:
		if len(value) == 0 && strings.HasPrefix(at, "/") { // in a statement, Deidentify and Audit have such contents
			a[at] = present
		}
		for name, field := range value {
			if name == "Statement" {
				a.addStatements(at, field)
			} else {
				a.add(at+"/"+name, field, part(unknown, name))
			}
		}
	case []any:
		a.addList(at, value, unknown)
	}
	marks, _ := unknown.(object)
	for name, mark := range marks {
		if part(value, name) == nil {
			a.add(at+"/"+name, nil, mark)
		}
	}
	if unknown == true {
		a[at] = later
	}
}

// addList adds elements by their names, or a block; anything else stays a list, whose order matters in commands only:
// Terraform sorts sets by itself, and policies have no order.
func (a attributes) addList(at string, list []any, unknown any) {
	names, elements := map[string]bool{}, []any{}
	for i, element := range list {
		one := attributes{}
		one.add("", element, part(unknown, i))
		maps.DeleteFunc(one, func(_ string, value any) bool { return zero(value) })
		elements = append(elements, one)
		if name, ok := part(element, "name").(string); ok {
			names[name] = true
		}
	}
	_, block := part(list, 0).(object)
	switch {
	case len(list) == 0:
	case len(names) == len(list):
		for i, element := range list {
			inside := fmt.Sprint(at, "/", part(element, "name"))
			a.add(inside, element, part(unknown, i))
			a[inside] = present
		}
	case block && len(list) == 1:
		found := len(a)
		if a.add(at, list[0], part(unknown, 0)); len(a) == found {
			a[at] = present
		}
	default:
		if !slices.Contains([]string{"command", "entryPoint", "ordered_placement_strategy"}, path.Base(at)) {
			slices.SortFunc(elements, func(x, y any) int { return strings.Compare(encode(x), encode(y)) })
		}
		a[at] = elements
	}
}

// addStatements adds what a policy allows and denies, as one statement for each action on each resource.
func (a attributes) addStatements(at string, statements any) {
	for _, element := range all(statements) {
		statement, ok := element.(object)
		effect, one := at+"/Statement", maps.Clone(statement)
		if !ok { // a tag may have the name, too
			one = object{"": element}
		}
		if name, ok := statement["Effect"].(string); ok {
			effect = at + "/" + name
		}
		delete(one, "Sid")
		found := all(a[effect])
		for _, one["Action"] = range each(statement["Action"]) {
			for _, one["Resource"] = range each(statement["Resource"]) {
				parts := attributes{}
				parts.add("", one, nil)
				found = append(found, encode(parts))
			}
		}
		slices.SortFunc(found, func(x, y any) int { return strings.Compare(x.(string), y.(string)) })
		a[effect] = found
	}
}

// each returns the elements of a list or what is there without one, be it nothing.
func each(value any) []any {
	if value == nil {
		return []any{nil}
	}
	return all(value)
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

// part returns what is in an object or a list.
func part(value, key any) any {
	switch value := value.(type) {
	case object:
		name, _ := key.(string)
		return value[name]
	case []any:
		if i, ok := key.(int); ok && i < len(value) {
			return value[i]
		}
	}
	return nil
}

// at returns what is at a path of names with dots between them.
func at(value any, path string) any {
	for _, name := range strings.Split(path, ".") {
		value = part(value, name)
	}
	return value
}

// encode returns a value as JSON.
func encode(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
