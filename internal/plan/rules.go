package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// rule says what a change of an attribute means.
type rule struct {
	heading  string
	patterns []string
	test     string               // what is worse
	worse    func(difference) int // positive if it is worse, negative if it is the opposite, 0 if it is neither
	means    string               // why; $name is the value of an attribute
	opposite string               // why the opposite is harmless; empty if it is not
}

//go:embed rules.md
var table string

var rules = parse(table)

// parse returns the rows of the tables below the headings of rules.md.
func parse(table string) (rules []rule) {
	heading := ""
	for _, line := range strings.Split(table, "\n") {
		if text, found := strings.CutPrefix(line, "## "); found {
			heading = text
		}
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| `") {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			patterns := strings.Fields(strings.NewReplacer("`", "", "...", "...", ".", "/").Replace(cells[1]))
			rules = append(rules, rule{heading, patterns, cells[2], tests[cells[2]], cells[3], cells[4]})
		}
	}
	return rules
}

// ruleOf returns the rule with a test that is about whole resources of a type.
func ruleOf(test, kind string) (rule, bool) {
	i := slices.IndexFunc(rules, func(rule rule) bool { return rule.test == test && slices.Contains(rule.patterns, kind) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// judge applies a rule to what is at its path or, if no row above is about that, below one that ends with three dots.
func (rule rule) judge(d difference, judged bool) int {
	for _, pattern := range rule.patterns {
		at := d.path
		pattern, below := strings.CutSuffix(pattern, "...")
		for below && strings.Count(at, "/") > strings.Count(pattern, "/") {
			at = path.Dir(at)
		}
		if matches, _ := path.Match(pattern, at); matches && rule.worse != nil && !(below && judged) {
			if at != d.path && d.before == nil {
				d.before = present // something is new in what exists
			}
			return rule.worse(d)
		}
	}
	return 0
}

// tests are what rules.md calls worse, but for what ruleOf finds.
var tests = map[string]func(difference) int{
	"another":   func(d difference) int { return sign(!d.created, false) },
	"new":       func(d difference) int { return sign(d.before == nil, false) },
	"lost":      func(d difference) int { return sign(d.before != nil, false) },
	"unknown":   func(d difference) int { return sign(d.after == later, false) },
	"disabled":  func(d difference) int { return sign(d.after == "disabled", d.before == "disabled") },
	"lower":     lower,
	"higher":    func(d difference) int { return -lower(d) },
	"off":       lower,
	"on":        func(d difference) int { return -lower(d) },
	"shorter":   shorter,
	"later":     raised,
	"fewer":     func(d difference) int { return sign(missing(d.before, d.after), missing(d.after, d.before)) },
	"more":      func(d difference) int { return sign(missing(d.after, d.before), missing(d.before, d.after)) },
	"elsewhere": func(d difference) int { return sign(repositoryOf(d.before) != repositoryOf(d.after), false) },
	"by digest": func(d difference) int {
		return sign(repositoryOf(d.before) == repositoryOf(d.after) && strings.Contains(encode(d.after), "@sha256:"), false)
	},
}

func sign(worse, opposite bool) int {
	if worse {
		return 1
	}
	return map[bool]int{true: -1}[opposite]
}

// lower compares numbers, also those that are kept as texts, and booleans, of which none is false.
func lower(d difference) int {
	was, before := number(d.before)
	is, after := number(d.after)
	_, on := d.before.(bool)
	_, off := d.after.(bool)
	if before && after || on && d.after == nil || off && d.before == nil {
		return cmp.Compare(was, is)
	}
	return 0
}

func number(value any) (number float64, ok bool) {
	number, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	if value == true {
		number = 1
	}
	return number, err == nil || value == true || value == false
}

// shorter compares retentions, of which 0 is for ever.
func shorter(d difference) int {
	if d.before == 0.0 || d.after == 0.0 {
		return -lower(d)
	}
	return lower(d)
}

// raised compares the thresholds of an alarm.
func raised(d difference) int {
	operator := show(d.resource["aws_cloudwatch_metric_alarm/comparison_operator"])
	if strings.Contains(operator, "Less") {
		return lower(d)
	}
	return -lower(d)
}

// missing reports whether an element of a list is not in another.
func missing(list, other any) bool {
	return list != later && other != later && slices.ContainsFunc(all(list), func(one any) bool {
		return !slices.ContainsFunc(all(other), func(another any) bool { return reflect.DeepEqual(one, another) })
	})
}

// repositoryOf returns an image without its tag and digest.
func repositoryOf(image any) string {
	name, _, _ := strings.Cut(fmt.Sprint(image), "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}
