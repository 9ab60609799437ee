package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// file is an environment file or accounts.yaml, what it contains and what is wrong with it.
type file struct {
	name        string
	environment Environment
	lines       map[string]int // of every key, list item and map entry that the file has, by path
	problems    []problem
}

// problem is one thing that is wrong. What is missing has the line of the section that it belongs to; 0 and an empty
// path are the file as a whole.
type problem struct {
	line    int
	path    string // for example service.cpu or network.zones[1]
	message string
}

func newFile(name string) *file {
	return &file{name: name, environment: Preset(Development), lines: map[string]int{}}
}

func (f *file) report(path, message string) {
	closest := path
	for closest != "" && f.lines[closest] == 0 {
		closest = closest[:max(strings.LastIndexAny(closest, ".["), 0)]
	}
	f.problems = append(f.problems, problem{f.lines[closest], path, message})
}

// refused reports whether a problem of the key, of a part of it or of the section that it belongs to is known.
func (f *file) refused(path string) bool {
	within := func(path, whole string) bool {
		rest, found := strings.CutPrefix(path, whole)
		return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	return slices.ContainsFunc(f.problems, func(p problem) bool {
		return p.path != "" && (within(p.path, path) || within(path, p.path))
	})
}

// errors returns the problems as file:line: path: message by line: a readable number, and how many more there are.
func (f *file) errors() (all []error) {
	slices.SortStableFunc(f.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), strings.Compare(a.path, b.path))
	})
	const most = 50
	for _, p := range f.problems[:min(most, len(f.problems))] {
		at := f.name
		if p.line > 0 {
			at += fmt.Sprintf(":%d", p.line)
		}
		if p.path != "" {
			at += ": " + p.path
		}
		all = append(all, fmt.Errorf("%s: %s", at, p.message))
	}
	if more := len(f.problems) - most; more > 0 {
		all = append(all, fmt.Errorf("%s: more problems: %d", f.name, more))
	}
	return all
}

// fill decodes what is left of a checked file into the environment, and applies the rules.
func (f *file) fill(root *yaml.Node) {
	if root == nil {
		return
	}
	var chosen struct{ Class Class }
	_ = root.Decode(&chosen) // a text, if it is not refused
	environmentLimit.complete(root, chosen.Class)
	f.environment = Environment{Suffix: f.environment.Suffix}
	if !f.decode(root, &f.environment) {
		return
	}
	f.environment.setByClass()
	network := &f.environment.Network
	if network.IsExisting() && f.lines["network.interfaceEndpoints"] == 0 {
		network.InterfaceEndpoints = false
	}
	f.environment.complete()
	if !f.refused("class") { // it decides what the other values are
		f.applyRules()
	}
	if network.IsExisting() {
		network.CIDR, network.Zones, network.NATGateways = "", nil, 0
	}
}

func (f *file) decode(root *yaml.Node, target any) bool {
	err := root.Decode(target)
	if err != nil {
		f.report("", "config/keys.yaml allows what its field cannot contain: "+
			strings.Join(strings.Fields(err.Error()), " "))
	}
	return err == nil
}

// parse returns the mapping that the content consists of, without what the limit refuses; nil where it is none.
//
// The YAML library would take 0123 for 83, 80.0 for 80 and yes for true, follow aliases, and report mistakes without
// their keys. So one walk over its nodes takes every value literally or refuses it, before they are decoded.
func (f *file) parse(content []byte, limit Limit) *yaml.Node {
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
		switch {
		case strings.HasPrefix(message, "unknown anchor"):
			message = "unknown anchor" // its name may be a secret that begins with an asterisk
		case strings.HasPrefix(message, "found character that cannot start"):
			message += ", such as a tab: indent with spaces"
		case strings.HasPrefix(message, "did not find expected") && !strings.Contains(message, "line break"):
			line = min(line+1, 1+strings.Count(strings.TrimSpace(text), "\n")) // the library's parser begins with 0
		}
		return fail(line, "is not YAML: "+message)
	}
	if document.Kind == 0 || document.Content[0].ShortTag() == "!!null" {
		return fail(1, "is empty; allowed: "+limit.Words)
	}
	root := document.Content[0]
	f.lines[""] = root.Line
	if !f.check(root, "", limit) {
		return nil
	}
	return root
}

// forms are how a file writes the values of each type. YAML takes more for a number, the digits of an account included.
var forms = map[string]struct {
	name       string
	expression *regexp.Regexp
}{
	"string":  {"text to YAML unless it is in quotes", regexp.MustCompile(``)},
	"boolean": {"true or false without quotes", regexp.MustCompile(`^(?i:true|false)$`)},
	"integer": {"a whole number in decimal digits without quotes", regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)},
	"number":  {"a number in decimal digits without quotes", regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)},
}

// check reports what a limit refuses of a node, and takes the refused parts out, or empties text. It returns false
// where the node itself is refused.
func (f *file) check(node *yaml.Node, path string, limit Limit) bool {
	written, form, isText, problem := describe(node), forms[limit.Type], node.ShortTag() == "!!str", ""
	if limit.Confidential {
		written = "the value"
	}
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		problem = "anchors and aliases (& and *) are not supported; write the value out"
	case node.Style&yaml.TaggedStyle != 0:
		problem = "tags (!) are not supported; write the value without, in quotes if it is text"
	case node.ShortTag() == "!!null":
		problem = "has no value; leave the key out to get the default"
	case limit.Type == "object" && node.Kind == yaml.MappingNode:
		f.checkMapping(node, path, limit)
	case limit.Type == "object":
		problem = "is not " + limit.Words
	case limit.Type == "array" && node.Kind == yaml.SequenceNode:
		f.checkList(node, path, limit)
	case limit.Type == "array":
		problem = written + ` is not a list; write [a, b], or one "- a" per line`
	case node.Kind != yaml.ScalarNode, isText != (limit.Type == "string"), !form.expression.MatchString(node.Value):
		problem = written + " is not " + form.name + "; allowed: " + limit.Words
	case isText && evaluated.MatchString(node.Value):
		problem = fmt.Sprintf("%s contains %s, which Terraform or CDKTF would evaluate; for the shell, write $NAME",
			written, evaluated.FindString(node.Value))
	case !limit.Allows(node.Value):
		problem = written + " is not valid; allowed: " + limit.Words
	}
	if problem != "" {
		f.report(path, problem)
		if limit.Type == "string" {
			*node = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"} // an item or entry keeps its place
		}
	}
	return problem == ""
}

func (f *file) checkMapping(node *yaml.Node, path string, limit Limit) {
	var allowed []*yaml.Node
	first := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, key.Value)
		f.lines[at] = key.Line
		part, known := limit.Properties[key.Value]
		if limit.AdditionalProperties != nil {
			part, known = *limit.AdditionalProperties, true
		}
		switch {
		case key.ShortTag() == "!!merge":
			f.report(at, "merge keys are not supported; write the keys out")
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			f.report(at, "a key is plain text, without an anchor or a tag")
		case first[key.Value] != 0:
			f.report(at, fmt.Sprintf("is given twice; the first one is in line %d", first[key.Value]))
		case !known:
			f.report(at, unknownKey(key.Value, path, limit))
		case limit.PropertyNames != nil && !limit.PropertyNames.Allows(key.Value):
			f.report(at, "is not a valid name; allowed: "+limit.PropertyNames.Words)
		case f.check(value, at, part) || limit.AdditionalProperties != nil && part.Type == "string":
			key.Tag = "!!str" // null too, which the library would drop
			allowed = append(allowed, key, value)
		}
		first[key.Value] = cmp.Or(first[key.Value], key.Line)
	}
	node.Content = allowed
	if most := limit.MaxProperties; most != 0 && len(first) > most {
		f.report(path, fmt.Sprintf("%d entries are too many; allowed: up to %d", len(first), most))
	}
	for _, key := range limit.Required {
		if first[key] == 0 {
			f.report(join(path, key), "is missing; allowed: "+limit.Properties[key].Words)
		}
	}
}

func (f *file) checkList(node *yaml.Node, path string, limit Limit) {
	first := map[string]string{}
	for i, item := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		f.lines[at] = item.Line
		other, found := first[item.Value]
		switch {
		case !f.check(item, at, *limit.Items):
		case !found:
			first[item.Value] = at
		case limit.UniqueItems:
			f.report(at, fmt.Sprintf("%s is in the list twice; it is %s already", quote(item.Value), other))
		}
	}
	count := len(node.Content)
	if (count < limit.MinItems || limit.MaxItems != 0 && count > limit.MaxItems) && !f.refused(path) {
		f.report(path, fmt.Sprintf("a list of %d is not valid; allowed: %d to %d", count, limit.MinItems, limit.MaxItems))
	}
}

// describe names a node in an error, on one line: a scalar by its text, anything else by its kind.
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

// quote puts the beginning of a text between quotes for an error, in ASCII: nobody overlooks a character.
func quote(text string) string { return strconv.QuoteToASCII(abbreviate(text)) }

// abbreviate cuts a long value off for an error, where a reader sees it. An image in ECR with a digest is whole.
func abbreviate(text string) string {
	if short := fmt.Sprintf("%.140s", text); short != text {
		return short + "..."
	}
	return text
}
