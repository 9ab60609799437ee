package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// difference is something in a resource that is another afterwards.
type difference struct {
	path          string // names, with dots between them; * is an entry of a list whose entries have names
	shown         string // the path with the names of these entries
	before, after any
	resource      any  // all of it, afterwards
	created       bool // the resource is
	leaf          bool // no rule looks deeper
}

// unknown is a type of its own, so that no rule takes it for a text, or for nothing.
type unknown string

const later unknown = "known only after the apply"

// differences returns what is another afterwards, down to where a rule looks.
func differences(kind string, d difference) []difference {
	if equal(d.before, d.after) {
		return nil
	}
	before, after := fields(d.before), fields(d.after)
	entry := strings.HasSuffix(d.path, "*") && (d.before == nil || d.after == nil) // one that is new, or gone
	path, shown := d.path+".", d.shown+"."
	if d.path == "" {
		path, shown = "", ""
	}
	if d.leaf = entry || before == nil || after == nil || !ruled(kind, path); d.leaf {
		return []difference{d}
	}
	found, names := []difference{d}, maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		step := name
		if rest, named := strings.CutPrefix(name, "*"); named {
			step, name = "*", rest
		}
		key := strings.Replace(step, "*", "*"+name, 1)
		found = append(found, differences(kind, difference{path: path + step, shown: shown + name,
			before: before[key], after: after[key], resource: d.resource, created: d.created})...)
	}
	return found
}

// fields returns what is directly in a value: in an object, a block, a JSON text, or a list whose entries have names,
// which then begin with *. It returns nil if there is nothing to look into.
func fields(value any) map[string]any {
	switch value := plain(value).(type) {
	case nil:
		return map[string]any{}
	case map[string]any:
		return value
	case []any:
		entries := map[string]any{}
		for _, entry := range value {
			if name, ok := at(entry, "name").(string); ok {
				entries["*"+name] = entry
			}
		}
		if len(entries) == len(value) {
			return entries
		}
		if block, ok := value[0].(map[string]any); ok && len(value) == 1 {
			return block
		}
	}
	return nil
}

// plain returns a value as it is compared: of JSON texts what they contain, and nil for what providers keep instead of
// nothing.
func plain(value any) any {
	switch v := value.(type) {
	case string:
		var content any
		if strings.IndexAny(v, "{[") == 0 && json.Unmarshal([]byte(v), &content) == nil {
			return plain(content)
		}
		if v == "" {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	case map[string]any:
		for _, field := range v {
			if plain(field) != nil {
				return v
			}
		}
		return nil
	}
	return value
}

// ordered are lists whose order matters.
var ordered = []string{"command", "entryPoint", "ordered_placement_strategy"}

// equal compares without the order of lists: Terraform sorts sets, and policies and container definitions have none.
func equal(a, b any) bool {
	a, b = plain(a), plain(b)
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		for name := range b {
			ok = ok && (a[name] != nil || plain(b[name]) == nil)
		}
		for name, value := range a {
			if slices.Contains(ordered, name) {
				one, _ := json.Marshal(plain(value))
				other, _ := json.Marshal(plain(b[name]))
				ok = ok && string(one) == string(other)
			}
			ok = ok && equal(value, b[name])
		}
		return ok
	case []any:
		b, ok := b.([]any)
		return ok && len(a) == len(b) && len(without(a, b)) == 0 && len(without(b, a)) == 0
	}
	switch b.(type) {
	case map[string]any, []any: // == panics on two of these
		return false
	}
	return a == b
}

// without returns the entries of a list that are not in another.
func without(list, other any) (rest []any) {
	entries, _ := plain(list).([]any)
	others, _ := plain(other).([]any)
	for _, entry := range entries {
		if !slices.ContainsFunc(others, func(other any) bool { return equal(entry, other) }) {
			rest = append(rest, entry)
		}
	}
	return rest
}

// known returns what a resource will be like. What is unknown and not in the configuration is left to AWS, as an ARN is,
// unless a rule knows it.
func (j *judgement) known(r *tfjson.ResourceChange) any {
	after, _ := merge(r.Change.After, r.Change.AfterUnknown).(map[string]any)
	declared, _ := at(j.configuration, "resource."+r.Type+"."+r.Name).(map[string]any)
	for name, value := range after {
		if _, configured := declared[name]; value == later && declared != nil && !configured && !ruled(r.Type, name) {
			after[name] = at(r.Change.Before, name)
		}
	}
	if after == nil {
		return nil
	}
	return after
}

// merge puts later into a value wherever Terraform marks it as unknown.
func merge(value, marks any) any {
	switch marks := marks.(type) {
	case bool:
		if marks {
			return later
		}
	case map[string]any:
		object, ok := value.(map[string]any)
		if merged := maps.Clone(object); ok {
			for name, mark := range marks {
				if value := merge(object[name], mark); value != nil {
					merged[name] = value
				}
			}
			return merged
		}
	case []any:
		list, _ := value.([]any)
		merged := slices.Clone(list)
		for i := range min(len(marks), len(list)) {
			merged[i] = merge(list[i], marks[i])
		}
		return merged
	}
	return value
}

// attribute returns the first name of the path.
func (d difference) attribute() string {
	attribute, _, _ := strings.Cut(d.path, ".")
	return attribute
}

// words names what is another, with values that are short.
func (d difference) words(values bool) string {
	before, one := plain(d.before).(map[string]any)
	after, other := plain(d.after).(map[string]any)
	_, _ = before, after
	switch text := quote(d.shown); {
	case d.path == "":
		return ""
	case d.after == later:
		return text + " (" + string(later) + ")"
	case !values || one || other:
		return text
	default:
		return text + " (from " + show(d.before) + " to " + show(d.after) + ")"
	}
}

// show returns a value in words.
func show(value any) string {
	switch value := plain(value).(type) {
	case nil:
		return "none"
	case unknown:
		return "what is " + string(value)
	default:
		return quote(value)
	}
}

// quote returns a value as code that nothing in it ends: Markdown, line ends and control characters stay what they are.
func quote(value any) string {
	text, ok := value.(string)
	if !ok {
		encoded, _ := json.Marshal(value)
		text = string(encoded)
	}
	text = strconv.Quote(text)
	text = strings.NewReplacer("`", "'", `\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1])
	if short := []rune(text); len(short) > 80 {
		text = string(short[:80]) + "…"
	}
	return "`" + text + "`"
}

// at returns what is at a path below a value, in the first of a list. What Terraform marks as unknown or sensitive is so
// with all below.
func at(value any, path string) any {
	for _, name := range strings.Split(path, ".") {
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		if value == true {
			return true
		}
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// marked reports whether Terraform marks a value, or anything in it, as unknown or sensitive.
func marked(marks any) bool {
	switch marks := marks.(type) {
	case []any:
		return slices.ContainsFunc(marks, marked)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(marks)), marked)
	}
	return marks == true
}
