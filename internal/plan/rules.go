package main

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rule says what a change of an attribute, or of a whole resource, means.
type rule struct {
	heading  string
	about    *regexp.Regexp // paths; what it captures is below them
	test     string         // what is worse
	means    string         // why; $name is the value of an attribute; empty where nobody knows
	opposite string         // why the opposite is harmless; empty if it is not
}

//go:embed rules.md
var table string

var rules = parse(table)

// parse returns the rows of the tables below the headings of rules.md.
func parse(table string) (rules []rule) {
	paths := strings.NewReplacer("` `", "|", "`", "", "...", "(/.*)?", ".", "/", "*", "[^/]*")
	heading, between := "", regexp.MustCompile(`\s*\|\s*`)
	for line := range strings.Lines(table) {
		if text, found := strings.CutPrefix(line, "## "); found {
			heading = strings.TrimSpace(text)
		} else if strings.HasPrefix(line, "| `") {
			cells := between.Split(line, -1)
			about := regexp.MustCompile("^(?:" + paths.Replace(cells[1]) + ")$")
			rules = append(rules, rule{heading, about, cells[2], cells[3], cells[4]})
		}
	}
	return rules
}

// ruleOf returns the rule with a test that is about whole resources of a type, or an empty one.
func ruleOf(test, kind string) rule {
	for _, rule := range rules {
		if rule.test == test && rule.about.MatchString(kind) {
			return rule
		}
	}
	return rule{}
}

// judge applies a rule to what is at its path or, if no row above is about that, below one that ends with three dots.
func (r rule) judge(d difference, judged bool) (worse, better bool) {
	match, test := r.about.FindStringSubmatch(d.path), tests[r.test]
	if match == nil || test == nil {
		return false, false
	}
	below := strings.Join(match[1:], "") != ""
	if below && judged {
		return false, false
	} else if below && d.before == nil {
		d.before = present // something is new in what exists
	}
	worse = test(d)
	return worse, !worse && test(d.back())
}

// tests are what rules.md calls worse, but for what ruleOf finds.
var tests = map[string]func(difference) bool{
	"another":  func(d difference) bool { return !d.created },
	"new":      func(d difference) bool { return d.before == nil },
	"lost":     func(d difference) bool { return d.before != nil },
	"unknown":  func(d difference) bool { return d.after == later },
	"disabled": func(d difference) bool { return d.after == "disabled" },
	"lower":    lower,
	"higher":   higher,
	"off":      lower,
	"on":       higher,
	"later": func(d difference) bool { // an alarm is raised
		if strings.Contains(fmt.Sprint(d.resource["aws_cloudwatch_metric_alarm/comparison_operator"]), "Less") {
			return lower(d)
		}
		return higher(d)
	},
	"fewer":     func(d difference) bool { return missing(d.before, d.after) },
	"more":      func(d difference) bool { return missing(d.after, d.before) },
	"elsewhere": func(d difference) bool { return repositoryOf(d.before) != repositoryOf(d.after) },
	// Of retentions 0 is for ever.
	"shorter": func(d difference) bool { return d.before == 0.0 && higher(d) || d.after != 0.0 && lower(d) },
	"by digest": func(d difference) bool {
		return repositoryOf(d.before) == repositoryOf(d.after) && strings.Contains(fmt.Sprint(d.after), "@sha256:")
	},
}

// lower compares numbers, also those that are kept as texts, and booleans, of which none is false.
func lower(d difference) bool {
	return number(d.after) < number(d.before) || d.before == true && d.after == nil
}

func higher(d difference) bool { return lower(d.back()) }

func number(value any) float64 {
	number, err := strconv.ParseFloat(strings.NewReplacer("true", "1", "false", "0").Replace(fmt.Sprint(value)), 64)
	if err != nil {
		return math.NaN()
	}
	return number
}

// missing reports whether an element of a list is not in another.
func missing(list, other any) bool {
	return list != later && other != later && slices.ContainsFunc(all(list), func(one any) bool {
		return !slices.Contains(all(other), one)
	})
}

var tagAndDigest = regexp.MustCompile(`(:[^/:@]*)?(@.*)?$`)

func repositoryOf(image any) string { return tagAndDigest.ReplaceAllString(fmt.Sprint(image), "") }
