package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The YAML library parses a file and converts its scalars, and does not fill the environment: even with KnownFields it
// takes 0123 for 83, 80.0 for 80 and yes for true, follows aliases, skips a mapping that has a key twice, and reports
// mistakes without their keys. One walk over its nodes takes every value literally or refuses it.

// read decodes and validates the content of the file.
func (f *file) read(content []byte) {
	root := f.parse(content)
	if root == nil {
		return
	}
	suffix, class := f.environment.Suffix, Development
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == "class" && root.Content[i+1].Value == string(Production) {
			class = Production
		}
	}
	f.environment = Preset(class)
	f.environment.Suffix = suffix
	f.lines[""] = root.Line
	f.decode(root, reflect.ValueOf(&f.environment).Elem(), "", Limit{})
	if f.lines["class"] == 0 {
		f.report("class", "is missing; allowed: "+limits["class"].Allowed())
	}
	if network := &f.environment.Network; network.IsExisting() && f.lines[f.path(&network.InterfaceEndpoints)] == 0 {
		network.InterfaceEndpoints = false
	}
	f.environment.complete()
	if !f.refused("class") { // it decides what the other values are
		f.applyRules()
	}
}

// parse returns the mapping that the content consists of; nil after a problem.
func (f *file) parse(content []byte) *yaml.Node {
	fail := func(line int, message string) *yaml.Node {
		f.lines[""] = line
		f.report("", message)
		return nil
	}
	// Editors on Windows begin a file with a byte order mark, which has no meaning in UTF-8.
	text := strings.TrimPrefix(strings.ReplaceAll(string(content), "\r\n", "\n"), "\uFEFF")
	if at := hidden.FindStringIndex(text); at != nil {
		character, _ := utf8.DecodeRuneInString(text[at[0]:])
		return fail(1+strings.Count(text[:at[0]], "\n"),
			fmt.Sprintf("contains the character U+%04X; allowed: visible text in UTF-8", character))
	}
	var document, second yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(text))
	err := decoder.Decode(&document)
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			return fail(second.Line, "a second YAML document begins here; a file contains one")
		}
	}
	if !errors.Is(err, io.EOF) {
		line := 0
		fmt.Sscanf(err.Error(), "yaml: line %d:", &line)
		message := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), fmt.Sprintf("line %d: ", line))
		if strings.HasPrefix(message, "unknown anchor") {
			message = "unknown anchor" // its name may be a secret that begins with an asterisk
		}
		if strings.HasPrefix(message, "found character that cannot start") {
			message += ", such as a tab: indent with spaces"
		}
		return fail(line, "is not YAML: "+message)
	}
	if document.Kind == 0 || document.Content[0].ShortTag() == "!!null" {
		return fail(1, "is empty; allowed: "+f.content)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fail(root.Line, describe(root)+" is not "+f.content)
	}
	return root
}

// decode writes what a node contains to a field, an item of a list or a value of a map.
func (f *file) decode(node *yaml.Node, target reflect.Value, path string, limit Limit) {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		f.report(path, "anchors and aliases (& and *) are not supported; write the value out")
	case node.Style&yaml.TaggedStyle != 0:
		f.report(path, "tags (!) are not supported; write the value without, in quotes if it is text")
	case node.ShortTag() == "!!null":
		f.report(path, "has no value; leave the key out to get the default")
	case target.Kind() == reflect.Struct:
		f.decodeSection(node, target, path)
	case target.Kind() == reflect.Map:
		f.decodeMap(node, target, path, limit)
	case target.Kind() == reflect.Slice:
		f.decodeList(node, target, path, limit)
	default:
		f.decodeScalar(node, target, path, limit)
	}
}

// entries calls decode for each key of a mapping.
func (f *file) entries(node *yaml.Node, path string, decode func(key string, value *yaml.Node, path string)) {
	if node.Kind != yaml.MappingNode {
		f.report(path, "is not a mapping of keys to values")
		return
	}
	first := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, key.Value)
		f.lines[at] = key.Line
		switch {
		case key.ShortTag() == "!!merge":
			f.report(at, "merge keys are not supported; write the keys out")
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			f.report(at, "a key is plain text, without an anchor or a tag")
		case first[key.Value] != 0:
			f.report(at, fmt.Sprintf("is given twice; the first one is in line %d", first[key.Value]))
		default:
			first[key.Value] = key.Line
			decode(key.Value, value, at)
		}
	}
}

func (f *file) decodeSection(node *yaml.Node, target reflect.Value, path string) {
	fields := map[string]reflect.Value{}
	for i := range target.NumField() {
		fields[target.Type().Field(i).Tag.Get("yaml")] = target.Field(i)
	}
	delete(fields, "-")
	f.entries(node, path, func(key string, value *yaml.Node, at string) {
		if field, known := fields[key]; known {
			f.decode(value, field, at, f.limits[strings.TrimPrefix(at, f.prefix)])
			return
		}
		f.report(at, f.unknownKey(key, path, slices.Sorted(maps.Keys(fields))))
	})
}

func (f *file) decodeMap(node *yaml.Node, target reflect.Value, path string, limit Limit) {
	content := map[string]string{}
	f.entries(node, path, func(key string, value *yaml.Node, at string) {
		if !limit.PropertyNames.Allows(key) {
			f.report(at, "is not a valid name; allowed: "+limit.PropertyNames.Allowed())
			return
		}
		var text string
		f.decode(value, reflect.ValueOf(&text).Elem(), at, *limit.AdditionalProperties)
		content[key] = text
	})
	if limit.MaxProperties != 0 && len(content) > limit.MaxProperties {
		f.report(path, fmt.Sprintf("%d entries are too many; allowed: up to %d", len(content), limit.MaxProperties))
	}
	target.Set(reflect.ValueOf(content))
}

func (f *file) decodeList(node *yaml.Node, target reflect.Value, path string, limit Limit) {
	if node.Kind != yaml.SequenceNode {
		f.report(path, describe(node)+` is not a list; write [a, b], or one "- a" per line`)
		return
	}
	items, first := make([]string, len(node.Content)), map[string]string{"": ""} // empty: an item with a problem
	for i, item := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		f.lines[at] = item.Line
		f.decode(item, reflect.ValueOf(&items[i]).Elem(), at, *limit.Items)
		if other, found := first[items[i]]; !found {
			first[items[i]] = at
		} else if limit.UniqueItems && other != "" {
			f.report(at, fmt.Sprintf("%s is in the list twice; it is %s already", quote(items[i]), other))
		}
	}
	if (len(items) < limit.MinItems || limit.MaxItems != 0 && len(items) > limit.MaxItems) && !f.refused(path) {
		f.report(path, fmt.Sprintf("a list of %d is not valid; allowed: %d to %d", len(items), limit.MinItems,
			limit.MaxItems))
	}
	target.Set(reflect.ValueOf(items))
}

// forms are how a file writes the values of each type. YAML takes more for a number, the digits of an account included.
var forms = map[string]struct {
	name       string
	expression *regexp.Regexp
}{
	"string":  {"text to YAML unless it is in quotes", regexp.MustCompile(``)},
	"boolean": {"a boolean without quotes", regexp.MustCompile(`^(?i:true|false)$`)},
	"integer": {"a whole number in decimal digits without quotes", regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)},
	"number":  {"a number in decimal digits without quotes", regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)},
}

func (f *file) decodeScalar(node *yaml.Node, target reflect.Value, path string, limit Limit) {
	written, form, isText := describe(node), forms[limit.Type], node.ShortTag() == "!!str"
	if limit.Confidential {
		written = "the value"
	}
	var value any
	switch {
	case node.Kind != yaml.ScalarNode, isText != (limit.Type == "string"), !form.expression.MatchString(node.Value):
		f.report(path, written+" is not "+form.name+"; allowed: "+limit.Allowed())
	case isText && evaluated.MatchString(node.Value):
		f.report(path, fmt.Sprintf("%s contains %s, which Terraform or CDKTF would evaluate; for the shell, write $NAME",
			written, evaluated.FindString(node.Value)))
	case node.Decode(&value) != nil, !limit.Allows(value):
		f.report(path, written+" is not valid; allowed: "+limit.Allowed())
	default:
		target.Set(reflect.ValueOf(value).Convert(target.Type()))
	}
}

// describe names a node in an error: a scalar by its text, anything else by its kind.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.ShortTag() == "!!str":
		return quote(node.Value)
	}
	return abbreviate(node.Value)
}

// quote puts text between quotes for an error, shortened if it is long.
func quote(text string) string { return strconv.Quote(abbreviate(text)) }

// abbreviate keeps an error on one line, whatever the value.
func abbreviate(text string) string {
	const longest = 80
	if utf8.RuneCountInString(text) <= longest {
		return text
	}
	return string([]rune(text)[:longest]) + "..."
}
