package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// difference is an attribute that is another afterwards.
type difference struct {
	path          string
	before, after any
	resource      attributes // all of it, afterwards
	created       bool       // the resource
}

// compare judges what is another in a resource, but for what is said already. Of what is created only what a rule is
// about is named.
func compare(r *tfjson.ResourceChange, before, after attributes, said string) (findings []finding) {
	var all []difference
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	for _, at := range slices.Sorted(maps.Keys(paths)) {
		none := (before[at] == nil || before[at] == 0.0) && (after[at] == nil || after[at] == 0.0)
		if !none && !reflect.DeepEqual(before[at], after[at]) && !after.unknown(path.Dir(at)) {
			all = append(all, difference{at, before[at], after[at], after, len(before) == 0})
		}
	}
	verb, judged := "has another ", map[string]bool{}
	if len(before) == 0 {
		verb = "is created with "
	}
	for _, rule := range rules {
		var words []string
		for _, d := range all {
			worse := rule.judge(d)
			judged[d.path] = judged[d.path] || worse > 0 || worse < 0 && rule.opposite != ""
			if worse > 0 && rule.heading != harmless {
				words = append(words, d.words(r.Change))
			}
		}
		if words != nil {
			means := os.Expand(rule.means, func(name string) string {
				switch {
				case hidden(r.Change, name):
					return "what is sensitive"
				case name == "connection":
					return connection(r.Change.After)
				}
				return show(after[r.Type+"/"+name])
			})
			findings = append(findings, finding{heading: rule.heading, address: r.Address,
				words: strings.TrimSuffix(verb+strings.Join(words, ", "), " with ") + ": " + means})
		}
	}
	var rest []string
	for _, d := range all {
		name := d.path // or that of an element which is new, or gone
		for at := d.path; strings.Contains(at, "/"); at = path.Dir(at) {
			if (before[at+"/name"] == nil) != (after[at+"/name"] == nil) {
				name, judged[d.path] = at, judged[at+"/name"]
			}
		}
		words := quote(shown(name))
		if judged[d.path] || len(before) == 0 || strings.Contains(said, words) {
			continue
		} else if d.after == later {
			words += " (" + string(later) + ")"
		}
		rest = append(rest, words)
	}
	if rest != nil {
		findings = append(findings, finding{heading: notJudged, address: r.Address,
			words: "has another " + strings.Join(slices.Compact(rest), ", ")})
	}
	return findings
}

// unknown reports whether a path, or something above it, is known only after the apply.
func (a attributes) unknown(at string) bool {
	return at != "." && (a[at] == later || a.unknown(path.Dir(at)))
}

// words name what is another, with the values of what is simple and no secret.
func (d difference) words(change *tfjson.Change) string {
	steps := strings.Split(d.path, "/")
	if len(steps) == 1 {
		return ""
	}
	text := quote(shown(d.path))
	_, was := d.before.([]any)
	_, is := d.after.([]any)
	if was || is || d.created || hidden(change, steps[1]) {
		return text
	}
	return fmt.Sprintf("%s (from %s to %s)", text, show(d.before), show(d.after))
}

// hidden reports whether an attribute is sensitive; a connection consists of several.
func hidden(change *tfjson.Change, attribute string) bool {
	marks := []any{part(change.BeforeSensitive, attribute), part(change.AfterSensitive, attribute)}
	if attribute == "connection" {
		marks = []any{change.BeforeSensitive, change.AfterSensitive}
	}
	return strings.Contains(encode(marks), "true")
}

// shown returns a path without the type.
func shown(at string) string {
	_, attribute, _ := strings.Cut(at, "/")
	return strings.ReplaceAll(attribute, "/", ".")
}

// show returns a value in words.
func show(value any) string {
	switch value := value.(type) {
	case nil:
		return "none"
	case mark:
		return string(value)
	case string:
		return quote(value)
	}
	return quote(encode(value))
}

// quote returns a text as code of Markdown, which nothing in it ends.
func quote(text string) string {
	text = strconv.Quote(text)
	runes := []rune(strings.NewReplacer("`", "'", `\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1]))
	if len(runes) > 80 {
		runes = append(runes[:80], '…')
	}
	return "`" + string(runes) + "`"
}
