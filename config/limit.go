package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Limit says which values a key may have, whatever the others are. Validation, the JSON
// Schema and the reference of all keys are made of it, so that no bound is written twice.
// Rules between keys are in the files validate_*.go.
type Limit struct {
	// Minimum and Maximum bound a number, both inclusive; nil: no bound.
	Minimum, Maximum *float64
	// Above is a bound that the number itself does not reach; nil: no such bound.
	Above *float64
	// Step is what a number is a multiple of; 0: any number.
	Step float64
	// Also is a number outside the bounds that is allowed too; nil: none.
	Also *float64
	// Numbers are the only numbers allowed; nil: those within the bounds.
	Numbers []int
	// Texts are the only texts allowed; nil: those that match the pattern.
	Texts []string
	// Pattern is what a text matches; nil: any text.
	Pattern *regexp.Regexp
	// Longest is how many characters a text has at most; 0: no bound.
	Longest int
	// Optional allows the empty text.
	Optional bool
	// Entry is what the key of a map's entry matches; nil where there is no map.
	Entry *regexp.Regexp
	// Fewest and Most bound how many items a list or a map has, unless it is empty; 0: no bound.
	Fewest, Most int
	// Unique allows no item of a list twice.
	Unique bool
	// Words says what is allowed where the other fields do not say it well.
	Words string
	// Noun names what the value stands for, with its article, for errors.
	Noun string
}

// Allowed says in words which values are allowed; empty when all are.
func (l Limit) Allowed() string {
	var text string
	switch {
	case l.Words != "":
		text = l.Words
	case l.Texts != nil:
		text = strings.Join(l.Texts, ", ")
	case l.Numbers != nil:
		numbers := make([]string, len(l.Numbers))
		for i, number := range l.Numbers {
			numbers[i] = strconv.Itoa(number)
		}
		text = strings.Join(numbers, ", ")
	case l.Above != nil:
		text = fmt.Sprintf("over %s to %s", format(*l.Above), format(*l.Maximum))
	case l.Minimum != nil && l.Maximum != nil:
		text = fmt.Sprintf("%s to %s", format(*l.Minimum), format(*l.Maximum))
	case l.Minimum != nil:
		text = format(*l.Minimum) + " or more"
	}
	if l.Longest != 0 {
		text += fmt.Sprintf(", up to %d characters", l.Longest)
	}
	if l.Step != 0 {
		text += " in steps of " + format(l.Step)
	}
	if l.Also != nil {
		text = fmt.Sprintf("%s, or %s", format(*l.Also), text)
	}
	return text
}

// problem says what is wrong with a value; empty when nothing is.
func (l Limit) problem(value reflect.Value) string {
	switch value.Kind() {
	case reflect.Int:
		return l.numberProblem(float64(value.Int()))
	case reflect.Float64:
		return l.numberProblem(value.Float())
	case reflect.String:
		return l.textProblem(value.String())
	}
	return ""
}

func (l Limit) numberProblem(number float64) string {
	switch {
	case l.Also != nil && number == *l.Also:
		return ""
	case l.Numbers != nil && !slices.Contains(l.Numbers, int(number)),
		l.Minimum != nil && number < *l.Minimum,
		l.Maximum != nil && number > *l.Maximum,
		l.Above != nil && number <= *l.Above,
		l.Step != 0 && number/l.Step != float64(int(number/l.Step)):
		return l.refuse(format(number))
	}
	return ""
}

func (l Limit) textProblem(text string) string {
	switch {
	case l.Optional && text == "":
		return ""
	case l.Texts != nil && !slices.Contains(l.Texts, text):
		message := l.refuse(quote(text))
		if near := nearest(text, l.Texts); near != "" {
			message += "; did you mean " + near + "?"
		}
		return message
	case l.Longest != 0 && utf8.RuneCountInString(text) > l.Longest:
		return fmt.Sprintf("%s has %d characters; allowed: up to %d", quote(text), utf8.RuneCountInString(text), l.Longest)
	case l.Pattern != nil && !l.Pattern.MatchString(text):
		return l.refuse(quote(text))
	}
	return ""
}

func (l Limit) refuse(shown string) string {
	if l.Noun == "" {
		return fmt.Sprintf("%s is out of range; allowed: %s", shown, l.Allowed())
	}
	return fmt.Sprintf("%s is not %s; allowed: %s", shown, l.Noun, l.Allowed())
}

// format writes a number as a file would.
func format(number float64) string {
	return strconv.FormatFloat(number, 'f', -1, 64)
}

// Key is one key of an environment file that holds a value.
type Key struct {
	// Path leads to the key, for example service.cpu; items of a list end in [], entries of a
	// map in .*, for example network.zones[] and tags.*.
	Path string
	// Kind is string, bool, int or float64.
	Kind reflect.Kind
	// Limit says which values are allowed.
	Limit Limit
}

// Keys returns every key that holds a value, in the order of the Go type.
func Keys() []Key {
	var keys []Key
	var visit func(t reflect.Type, path string)
	visit = func(t reflect.Type, path string) {
		switch t.Kind() {
		case reflect.Struct:
			for i := range t.NumField() {
				if name := t.Field(i).Tag.Get("yaml"); name != "-" {
					visit(t.Field(i).Type, join(path, name))
				}
			}
		case reflect.Slice:
			visit(t.Elem(), path+"[]")
		case reflect.Map:
			visit(t.Elem(), path+".*")
		default:
			keys = append(keys, Key{Path: path, Kind: t.Kind(), Limit: limits[path]})
		}
	}
	visit(reflect.TypeFor[Environment](), "")
	return keys
}

// paths are the paths of all keys as a file would write them.
var paths = sync.OnceValue(func() []string {
	var all []string
	for _, key := range Keys() {
		all = append(all, strings.TrimSuffix(strings.TrimSuffix(key.Path, "[]"), ".*"))
	}
	return all
})
