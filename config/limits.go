package config

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limit is what keys.yaml says of a value: what it can be, whatever the other values are, in the words of JSON Schema
// and of the beginning of keys.yaml. What values have to be together is a [Rule].
type Limit struct {
	Description          string           `yaml:"description" json:"-"`
	Type                 string           `yaml:"type" json:"type,omitempty"`
	Minimum              *float64         `yaml:"minimum" json:"minimum,omitempty"`
	ExclusiveMinimum     *float64         `yaml:"exclusiveMinimum" json:"exclusiveMinimum,omitempty"`
	Maximum              *float64         `yaml:"maximum" json:"maximum,omitempty"`
	MultipleOf           float64          `yaml:"multipleOf" json:"multipleOf,omitempty"`
	Enum                 []any            `yaml:"enum" json:"enum,omitempty"`
	MaxLength            int              `yaml:"maxLength" json:"maxLength,omitempty"` // in characters
	Pattern              *regexp.Regexp   `yaml:"pattern" json:"pattern,omitempty"`     // means the same to JSON Schema
	Not                  *Limit           `yaml:"not" json:"not,omitempty"`
	Items                *Limit           `yaml:"items" json:"items,omitempty"`
	PrefixItems          []Limit          `yaml:"prefixItems" json:"prefixItems,omitempty"` // only in rules
	MinItems             int              `yaml:"minItems" json:"minItems,omitempty"`
	MaxItems             int              `yaml:"maxItems" json:"maxItems,omitempty"`
	UniqueItems          bool             `yaml:"uniqueItems" json:"uniqueItems,omitempty"`
	Properties           map[string]Limit `yaml:"properties" json:"properties,omitempty"`
	Names                []string         `yaml:"-" json:"-"` // of the properties, in their order
	Required             []string         `yaml:"required" json:"required,omitempty"`
	PropertyNames        *Limit           `yaml:"propertyNames" json:"propertyNames,omitempty"`
	AdditionalProperties *Limit           `yaml:"additionalProperties" json:"additionalProperties,omitempty"`
	MaxProperties        int              `yaml:"maxProperties" json:"maxProperties,omitempty"`
	Default              yaml.Node        `yaml:"default" json:"-"`
	InProduction         yaml.Node        `yaml:"production" json:"-"` // the default there, where it is another
	Shown                []string         `yaml:"shown" json:"-"`
	Words                string           `yaml:"words" json:"-"` // what is allowed, for people
	Confidential         bool             `yaml:"confidential" json:"-"`
}

//go:embed keys.yaml
var keysFile []byte

// expressions are those of keys.yaml, and what it takes from here.
var expressions = func() map[string]string {
	var file struct {
		Expressions map[string]string
		Lists       map[string][]string
	}
	if err := yaml.Unmarshal(keysFile, &file); err != nil {
		panic(err)
	}
	all := file.Expressions
	var rules, managed []string
	for _, rule := range FirewallRules {
		rules = append(rules, rule.Name)
		if rule.IsManaged() {
			managed = append(managed, rule.Name)
		}
	}
	all["evaluated"], all["hidden"] = evaluated.String(), hidden.String()
	for name, list := range map[string][]string{"ownTags": OwnTags, "serviceVariables": ServiceVariables,
		"firewallRules": rules, "managedRules": managed, "reservedWords": file.Lists["reservedWords"]} {
		all[name] = strings.Join(list, "|")
	}
	return all
}()

// declared is the rest of keys.yaml, which refers to the expressions.
var declared = func(map[string]string) (file struct {
	Shared                struct{ Account, Suffix Limit }
	Environment, Accounts Limit
	Rules                 []Rule
	Fargate               map[int][]int // sizes of memory, by CPU units
	Reserved              []netip.Prefix
}) {
	if err := yaml.Unmarshal(keysFile, &file); err != nil {
		panic(err)
	}
	return file
}(expressions)

var environmentLimit, regionExpression = declared.Environment, expand("{region}", "|")

// AccountIDs is the limit of the IDs of AWS accounts.
var AccountIDs = declared.Shared.Account

// UnmarshalYAML reads a limit of keys.yaml.
func (l *Limit) UnmarshalYAML(node *yaml.Node) error {
	type limit Limit
	var text struct {
		Matches, Except string
		OrEmpty         bool `yaml:"orEmpty"`
	}
	if err := errors.Join(node.Decode((*limit)(l)), node.Decode(&text)); err != nil {
		return err
	}
	for i := 0; i < len(node.Content); i += 2 {
		for j, name := range node.Content[i+1].Content {
			if node.Content[i].Value == "properties" && j%2 == 0 {
				l.Names = append(l.Names, name.Value)
			}
		}
	}
	text.Matches, text.Except = expand(text.Matches, "|"), expand(text.Except, "|")
	if text.Matches != "" {
		text.Matches = "^(" + text.Matches + ")$"
		if text.OrEmpty {
			text.Matches = "^$|" + text.Matches
		}
		l.Pattern = regexp.MustCompile(text.Matches)
	}
	if text.Except != "" {
		l.Not = &Limit{Pattern: regexp.MustCompile(text.Except)}
	}
	l.Type = cmp.Or(l.Type, l.impliedType())
	l.Words = cmp.Or(expand(l.Words, ", "), l.impliedWords())
	if l.MaxLength > 0 {
		l.Words += fmt.Sprintf(", up to %d characters", l.MaxLength)
	}
	if text.OrEmpty {
		l.Words += ", or empty"
	}
	for name, property := range l.Properties { // what can be anything is text
		property.Type = cmp.Or(property.Type, "string")
		l.Properties[name] = property
	}
	for _, part := range []*Limit{l.Items, l.AdditionalProperties} {
		if part != nil {
			part.Type = cmp.Or(part.Type, "string")
		}
	}
	return nil
}

// impliedType is the type that the words of JSON Schema are about.
func (l *Limit) impliedType() string {
	switch {
	case l.Properties != nil, l.AdditionalProperties != nil:
		return "object"
	case l.Items != nil:
		return "array"
	case l.Enum != nil:
		kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean"}
		return kinds[reflect.TypeOf(l.Enum[0]).Kind()]
	}
	return ""
}

// impliedWords say which values are allowed where JSON Schema's words are enough for that.
func (l *Limit) impliedWords() string {
	decimal := func(number *float64) string { return strconv.FormatFloat(*number, 'f', -1, 64) }
	switch {
	case l.Type == "boolean":
		return "true, false"
	case l.Enum != nil:
		return joined(l.Enum)
	case l.Type == "object":
		return "a mapping of keys to values"
	case l.ExclusiveMinimum != nil:
		return "more than " + decimal(l.ExclusiveMinimum) + ", up to " + decimal(l.Maximum)
	case l.MultipleOf != 0:
		return decimal(l.Minimum) + " to " + decimal(l.Maximum) + " in steps of " + decimal(&l.MultipleOf)
	case l.Maximum != nil:
		return decimal(l.Minimum) + " to " + decimal(l.Maximum)
	}
	return ""
}

// named is the name of an expression, insensitive a part of one in any mixture of cases, of which JSON Schema knows
// nothing.
var (
	named       = regexp.MustCompile(`\{[a-z]\w*\}`)
	insensitive = regexp.MustCompile(`\(\?i:(.*?)\)`)
	letter      = regexp.MustCompile(`[A-Za-z]`)
)

// expand puts expressions in the place of their names, lists with a separator.
func expand(text, separator string) string {
	text = named.ReplaceAllStringFunc(text, func(name string) string {
		expression, found := expressions[strings.Trim(name, "{}")]
		if !found {
			return name
		}
		return expand(strings.ReplaceAll(expression, "|", separator), separator)
	})
	return insensitive.ReplaceAllStringFunc(text, func(part string) string {
		return letter.ReplaceAllStringFunc(insensitive.FindStringSubmatch(part)[1], func(letter string) string {
			return "[" + strings.ToUpper(letter) + strings.ToLower(letter) + "]"
		})
	})
}

// DefaultIn is the default of a class, as a file has it; nil where there is none, or that is empty.
func (l Limit) DefaultIn(class Class) *yaml.Node {
	value := l.Default
	if class == Production && !l.InProduction.IsZero() {
		value = l.InProduction
	}
	if value.IsZero() {
		return nil
	}
	return &value
}

// complete gives a mapping the defaults of a class where it has no value.
func (l Limit) complete(mapping *yaml.Node, class Class) {
	values := map[string]*yaml.Node{}
	for i := 0; i < len(mapping.Content); i += 2 {
		values[mapping.Content[i].Value] = mapping.Content[i+1]
	}
	for _, name := range l.Names {
		limit, value := l.Properties[name], values[name]
		if value == nil {
			if value = limit.DefaultIn(class); limit.Properties != nil {
				value = &yaml.Node{Kind: yaml.MappingNode}
			}
			if value == nil {
				continue
			}
			mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
		}
		if limit.Properties != nil {
			limit.complete(value, class)
		} else if limit.IsMapOfSections() {
			for i := 1; i < len(value.Content); i += 2 {
				limit.AdditionalProperties.complete(value.Content[i], class)
			}
		}
	}
}

// Allows reports whether a text, or a number or boolean as a file writes it, keeps the limit.
func (l Limit) Allows(text string) bool {
	switch {
	case l.Enum != nil:
		return slices.ContainsFunc(l.Enum, func(value any) bool { return fmt.Sprint(value) == text })
	case l.Maximum != nil:
		number, err := strconv.ParseFloat(text, 64)
		return err == nil && number <= *l.Maximum &&
			(l.Minimum == nil || number >= *l.Minimum) &&
			(l.ExclusiveMinimum == nil || number > *l.ExclusiveMinimum) &&
			(l.MultipleOf == 0 || math.Mod(number, l.MultipleOf) == 0)
	}
	return (l.MaxLength == 0 || utf8.RuneCountInString(text) <= l.MaxLength) &&
		(l.Pattern == nil || l.Pattern.MatchString(text)) &&
		(l.Not == nil || !l.Not.Allows(text))
}

// joined lists values without spaces for an error.
func joined[T any](values []T) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ", ")
}

// evaluated finds what Terraform or CDKTF would replace in a text. hidden finds what a reviewer does not see, or sees
// in another order than a file has it: all but letters, marks, numbers, punctuation, symbols and white space, and of
// these what has no shape, for example fillers and variation selectors.
var (
	evaluated = regexp.MustCompile(`[$%]\{|TfToken\[`)
	hidden    = regexp.MustCompile(`[^\p{L}\p{M}\p{N}\p{P}\p{S} \n\t]|[` + "\u034f\u115f\u1160\u17b4\u17b5" +
		"\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffd\U000e0100-\U000e01ef" + `]`)
)
