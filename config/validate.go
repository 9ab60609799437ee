package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// validate completes the environment and checks every rule, first each value of the file and
// of the class on its own, then values against each other.
func (f *file) validate() {
	f.limits(reflect.ValueOf(f.environment), "", "")
	f.environment.complete()
	if f.rejected["class"] {
		return // what the values have to go with depends on the class
	}
	f.validateTags()
	f.validateNetwork()
	f.validateDatabase()
	f.validateService()
	f.validateContainer()
	f.validateLoadBalancer()
}

// limits checks every value against the limit of its key. In key, list items and map entries
// are [] and .*, as in Key.Path.
func (f *file) limits(value reflect.Value, at, key string) {
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			if name := value.Type().Field(i).Tag.Get("yaml"); name != "-" {
				f.limits(value.Field(i), join(at, name), join(key, name))
			}
		}
	case reflect.Slice:
		key += "[]"
		f.size(value.Len(), at, limits[key])
		for i := range value.Len() {
			f.limits(value.Index(i), fmt.Sprintf("%s[%d]", at, i), key)
		}
		if limits[key].Unique {
			f.duplicates(at, value.Interface().([]string))
		}
	case reflect.Map:
		key += ".*"
		f.size(value.Len(), at, limits[key])
		names := value.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			f.limits(value.MapIndex(name), join(at, name.String()), key)
		}
	default:
		limit := limits[key]
		message := limit.problem(value)
		if message != "" && confidential(at) {
			message = fmt.Sprintf("the value is not %s; allowed: %s", limit.Noun, limit.Allowed())
		}
		if message != "" {
			f.reject(message, at)
		}
	}
}

// size checks how many items a list or a map has.
func (f *file) size(items int, at string, limit Limit) {
	switch {
	case items == 0 || limit.Most == 0 || items >= limit.Fewest && items <= limit.Most:
	case limit.Fewest == 0:
		f.reject(fmt.Sprintf("has %d; allowed: up to %d", items, limit.Most), at)
	default:
		f.reject(fmt.Sprintf("has %d; allowed: %d to %d", items, limit.Fewest, limit.Most), at)
	}
}

// reject reports that the value of the first path goes wrong with those of the others. It does
// so at the first of them that the file has, since a default has no line to correct. It says
// nothing when one of the values has been rejected already: one mistake, one message.
func (f *file) reject(message string, paths ...string) {
	for _, path := range paths {
		if f.isRejected(path) {
			return
		}
	}
	at := paths[0]
	for _, path := range paths {
		if f.lines[path] > 0 {
			at = path
			break
		}
	}
	f.report(f.line(at), at, message)
}

// isRejected reports whether a problem was reported for a path, what it stands in, or an
// item of it.
func (f *file) isRejected(path string) bool {
	for rejected := range f.rejected {
		if rejected == "" {
			continue // the file as a whole, or a key at its top
		}
		if rejected == path || within(rejected, path) || within(path, rejected) {
			return true
		}
	}
	return false
}

// within reports whether a path leads to a part of another.
func within(path, whole string) bool {
	rest, found := strings.CutPrefix(path, whole)
	return found && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
}

// line returns the line of a path; without one, that of the closest mapping it belongs in.
func (f *file) line(path string) int {
	for path != "" {
		if line := f.lines[path]; line > 0 {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return f.lines[""]
}

// show writes a value for an error, with its unit, and says so when it is not the file's own.
func (f *file) show(path string, value any, unit ...string) string {
	text := fmt.Sprint(value)
	if words, isText := value.(string); isText {
		text = quote(words)
	}
	text = strings.Join(append([]string{text}, unit...), " ")
	if f.lines[path] == 0 {
		text += fmt.Sprintf(" (the default of class %s)", f.environment.Class)
	}
	return text
}

// list writes numbers for an error.
func list(numbers []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(numbers)), ", "), "[]")
}

// duplicates reports list items that stand there twice.
func (f *file) duplicates(path string, items []string) {
	for i, item := range items {
		if first := slices.Index(items, item); first < i {
			f.reject(fmt.Sprintf("%s is named twice; it is %s[%d] already", quote(item), path, first), fmt.Sprintf("%s[%d]", path, i))
		}
	}
}
