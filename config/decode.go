package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The YAML library would stop at the first unknown key, take the last of two equal keys and
// turn 0123 into 83. So the decoding walks the library's nodes itself: every value is taken
// literally or refused, and everything that is wrong is reported at once.

// class finds the class of the file, which chooses what the decoding starts from.
func (f *file) class(root *yaml.Node) Class {
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == "class" {
			class := Class(root.Content[i+1].Value)
			if class == Development || class == Production {
				return class
			}
			return Development // decode reports the value
		}
	}
	f.report(root.Line, "class", "is missing; allowed: "+limits["class"].Allowed())
	return Development
}

// decode writes what the file says over the environment.
func (f *file) decode(root *yaml.Node) {
	f.value(root, reflect.ValueOf(&f.environment).Elem(), "")
}

// value decodes a node into a target, by the target's type.
func (f *file) value(node *yaml.Node, target reflect.Value, at string) {
	f.lines[at] = node.Line
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		f.report(node.Line, at, "anchors and aliases (& and *) are not supported; write the value out")
		return
	case node.Style&yaml.TaggedStyle != 0:
		f.report(node.Line, at, fmt.Sprintf("tags (%s) are not supported; write the plain value, in quotes if it is text", quote(node.Tag)))
		return
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" && at == "class":
		f.report(node.Line, at, "has no value; allowed: "+limits[at].Allowed())
		return
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		f.report(node.Line, at, "has no value; leave the key out to get the default of the class")
		return
	}
	switch target.Kind() {
	case reflect.Struct:
		f.structure(node, target, at)
	case reflect.Map:
		f.mapping(node, target, at)
	case reflect.Slice:
		f.list(node, target, at)
	case reflect.String:
		f.text(node, target, at)
	case reflect.Bool:
		f.boolean(node, target, at)
	case reflect.Int:
		f.integer(node, target, at)
	case reflect.Float64:
		f.decimal(node, target, at)
	default:
		panic("config: no decoding for " + target.Type().String())
	}
}

// entries calls use for each key of a mapping that may be used, with the path of the entry.
func (f *file) entries(node *yaml.Node, at string, use func(key *yaml.Node, value *yaml.Node, at string)) {
	if node.Kind != yaml.MappingNode {
		f.report(node.Line, at, describe(node)+" is not a mapping of keys to values")
		return
	}
	first := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		entry := join(at, key.Value)
		switch {
		case key.ShortTag() == "!!merge":
			f.report(key.Line, at, "merge keys (<<) are not supported; write the keys out")
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			f.report(key.Line, at, describe(key)+" is not a key; a key is plain text")
		case first[key.Value] != 0:
			f.report(key.Line, entry, fmt.Sprintf("is given twice; the first one is in line %d", first[key.Value]))
		default:
			first[key.Value] = key.Line
			use(key, value, entry)
			f.lines[entry] = key.Line
		}
	}
}

func (f *file) structure(node *yaml.Node, target reflect.Value, at string) {
	fields := map[string]reflect.Value{}
	for i := range target.NumField() {
		if name := target.Type().Field(i).Tag.Get("yaml"); name != "-" {
			fields[name] = target.Field(i)
		}
	}
	f.entries(node, at, func(key, value *yaml.Node, entry string) {
		if field, known := fields[key.Value]; known {
			f.value(value, field, entry)
			return
		}
		f.report(key.Line, entry, "is not a known key; "+hint(key.Value, at, slices.Sorted(maps.Keys(fields))))
	})
}

// hint helps somebody who wrote an unknown key: with the key that was meant, or with all.
func hint(key, at string, known []string) string {
	if near := nearest(key, known); near != "" {
		return "did you mean " + join(at, near) + "?"
	}
	var elsewhere []string
	for _, path := range paths() {
		if path == key || strings.HasSuffix(path, "."+key) {
			elsewhere = append(elsewhere, path)
		}
	}
	if len(elsewhere) > 0 {
		return "did you mean " + strings.Join(elsewhere, " or ") + "?"
	}
	return "allowed: " + strings.Join(known, ", ")
}

// mapping decodes a map of text to text; the only kind of map there is.
func (f *file) mapping(node *yaml.Node, target reflect.Value, at string) {
	if target.Type() != reflect.TypeFor[map[string]string]() {
		panic("config: no decoding for " + target.Type().String())
	}
	content := map[string]string{}
	f.entries(node, at, func(key, value *yaml.Node, entry string) {
		if message := stringProblem(key.Value, false); message != "" {
			f.report(key.Line, entry, "the key "+message)
			return
		}
		var decoded string
		f.value(value, reflect.ValueOf(&decoded).Elem(), entry)
		content[key.Value] = decoded
	})
	target.Set(reflect.ValueOf(content))
}

func (f *file) list(node *yaml.Node, target reflect.Value, at string) {
	if node.Kind != yaml.SequenceNode {
		f.report(node.Line, at, describe(node)+" is not a list; write [a, b], or one \"- a\" per line")
		return
	}
	items := reflect.MakeSlice(target.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		f.value(item, items.Index(i), fmt.Sprintf("%s[%d]", at, i))
	}
	target.Set(items)
}

func (f *file) text(node *yaml.Node, target reflect.Value, at string) {
	switch {
	case node.Kind != yaml.ScalarNode:
		f.report(node.Line, at, describe(node)+" is not text")
	case node.ShortTag() != "!!str":
		// A number's text is not always what was typed: 15.10 is 15.1, 0123 is 83.
		if confidential(at) {
			f.report(node.Line, at, fmt.Sprintf("the value is %s, and text is expected; quote it", kindOf(node)))
			return
		}
		f.report(node.Line, at, fmt.Sprintf("%s is %s, and text is expected; quote it: %s", abbreviate(node.Value), kindOf(node), quote(node.Value)))
	default:
		if message := stringProblem(node.Value, mayHaveLines(at)); message != "" {
			if confidential(at) {
				f.report(node.Line, at, "the value "+message)
			} else {
				f.report(node.Line, at, quote(node.Value)+" "+message)
			}
			return
		}
		target.SetString(node.Value)
	}
}

// mayHaveLines reports paths whose text may have several lines: commands and variables.
func mayHaveLines(at string) bool {
	for _, prefix := range []string{"service.command[", "service.containerHealthCheck[", "service.environment."} {
		if strings.HasPrefix(at, prefix) {
			return true
		}
	}
	return false
}

// stringProblem says what the text holds that it may not; empty when it holds nothing such.
func stringProblem(text string, lines bool) string {
	for _, opening := range []string{"${", "%{"} {
		if strings.Contains(text, opening) {
			return fmt.Sprintf("holds %s, which Terraform would evaluate; write it without, for example $NAME instead of ${NAME}", opening)
		}
	}
	for _, r := range text {
		if unforeseen(r) && !(lines && (r == '\n' || r == '\t')) {
			return fmt.Sprintf("holds the character U+%04X; only printable text is allowed", r)
		}
	}
	return ""
}

// confidential reports paths whose values belong in no error, since somebody may have put a
// secret there where the name of one is expected.
func confidential(at string) bool {
	return strings.HasPrefix(at, "service.environment.") || strings.HasPrefix(at, "service.secrets.")
}

func (f *file) boolean(node *yaml.Node, target reflect.Value, at string) {
	if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!bool" {
		f.report(node.Line, at, describe(node)+" is not a boolean; allowed: true, false")
		return
	}
	target.SetBool(strings.EqualFold(node.Value, "true"))
}

var (
	integerPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	decimalPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
)

func (f *file) integer(node *yaml.Node, target reflect.Value, at string) {
	if !f.number(node, at, integerPattern, "a whole number in decimal digits") {
		return
	}
	// AWS and Terraform hold the whole numbers of a file in 32 bits.
	number, err := strconv.ParseInt(node.Value, 10, 32)
	if err != nil {
		allowed := limits[at].Allowed()
		if limits[at].Maximum == nil {
			allowed += fmt.Sprintf(", up to %d", math.MaxInt32)
		}
		f.report(node.Line, at, fmt.Sprintf("%s is out of range; allowed: %s", abbreviate(node.Value), allowed))
		return
	}
	target.SetInt(number)
}

func (f *file) decimal(node *yaml.Node, target reflect.Value, at string) {
	if !f.number(node, at, decimalPattern, "a number in decimal digits") {
		return
	}
	number, err := strconv.ParseFloat(node.Value, 64)
	if err != nil || len(node.Value) > 20 {
		f.report(node.Line, at, fmt.Sprintf("%s is out of range; allowed: %s", abbreviate(node.Value), limits[at].Allowed()))
		return
	}
	target.SetFloat(number)
}

// number reports whether a node is written as the pattern asks for.
func (f *file) number(node *yaml.Node, at string, pattern *regexp.Regexp, expected string) bool {
	if node.Kind == yaml.ScalarNode && node.ShortTag() != "!!str" && pattern.MatchString(node.Value) {
		return true
	}
	message := fmt.Sprintf("%s is not %s", describe(node), expected)
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str" && pattern.MatchString(node.Value) {
		message += " because of its quotes"
	}
	if allowed := limits[at].Allowed(); allowed != "" {
		message += "; allowed: " + allowed
	}
	f.report(node.Line, at, message)
	return false
}

// describe names a node in an error: a scalar by its text, anything else by its kind.
func describe(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode && node.ShortTag() != "!!str" {
		return abbreviate(node.Value)
	}
	if node.Kind == yaml.ScalarNode {
		return quote(node.Value)
	}
	return kindOf(node)
}

func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!int", "!!float":
		return "a number to YAML"
	case "!!bool":
		return "a boolean to YAML"
	case "!!timestamp":
		return "a date to YAML"
	}
	return "a value"
}

// join appends a key to a path. A key that is not a plain word is quoted, so that an error
// shows where it begins and ends.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// quote puts text between quotes for an error, shortened if it is long.
func quote(text string) string {
	return strconv.Quote(abbreviate(text))
}

// abbreviate keeps an error on one line, whatever the value.
func abbreviate(text string) string {
	const longest = 80
	if len(text) <= longest {
		return text
	}
	end := longest
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// nearest returns the candidate that text is most likely a slip of; empty when none is near.
func nearest(text string, candidates []string) string {
	best, bestDistance := "", max(2, len(text)/3)+1
	for _, candidate := range candidates {
		if len(text) >= 3 && strings.HasPrefix(strings.ToLower(candidate), strings.ToLower(text)) {
			return candidate
		}
		if distance := editDistance(strings.ToLower(text), strings.ToLower(candidate)); distance < bestDistance && distance < len(candidate) {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// editDistance is the Levenshtein distance: how many letters are inserted, deleted or
// replaced to make b of a. Text that is far too long is infinitely far from everything.
func editDistance(a, b string) int {
	if len(a) > 100 {
		return math.MaxInt
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
