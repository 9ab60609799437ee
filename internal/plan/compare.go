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
	created       bool       // with the resource
}

// back is the opposite difference.
func (d difference) back() difference {
	d.before, d.after = d.after, d.before
	return d
}

// differences returns what is another, and nothing of what is in something new, gone or unknown.
func differences(before, after attributes) (found []difference) {
	covered := func(at string) bool {
		for at = path.Dir(at); strings.Contains(at, "/"); at = path.Dir(at) {
			if after[at] == later || (before[at] == present) != (after[at] == present) {
				return true
			}
		}
		return false
	}
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	for _, at := range slices.Sorted(maps.Keys(paths)) {
		was, is := before[at], after[at]
		same := zero(was) && zero(is) && path.Base(at) != "essential" // which a container is without it
		if !covered(at) && !same && !reflect.DeepEqual(was, is) {
			found = append(found, difference{at, was, is, after, len(before) == 0})
		}
	}
	return found
}

// compare judges what is another in a resource, but for what is said already. Of what is created only what a rule is
// about is named.
func (j *judgement) compare(r *tfjson.ResourceChange, before, after attributes, said string) {
	all, judged, verb := differences(before, after), map[string]bool{}, "changes "
	if len(before) == 0 {
		verb = "is created with "
	}
	expand := func(name string) string {
		if hidden(r.Change, name) {
			return "what is sensitive"
		} else if name == "connection" {
			return connection(r.Change.After)
		}
		return show(after[r.Type+"/"+name])
	}
	for _, rule := range rules {
		var words []string
		for _, d := range all {
			worse, better := rule.judge(d, judged[d.path])
			judged[d.path] = judged[d.path] || worse || better && rule.opposite != ""
			if worse && rule.heading != harmless {
				words = append(words, d.words(!hidden(r.Change, strings.Split(d.path+"/", "/")[1])))
			}
		}
		if words != nil {
			text := strings.TrimSuffix(verb+strings.Join(words, ", "), " with ")
			j.add(rule.heading, r.Address, text+": "+os.Expand(rule.means, expand))
		}
	}
	var rest []string
	for _, d := range all {
		words := d.words(false)
		if name, _, _ := strings.Cut(words, " "); !judged[d.path] && !d.created && !strings.Contains(said, name) {
			rest = append(rest, words)
		}
	}
	if rest != nil {
		j.add(notJudged, r.Address, verb+strings.Join(rest, ", "))
	}
}

// hidden reports whether an attribute, or one of a connection's, is sensitive.
func hidden(change *tfjson.Change, attribute string) bool {
	marks := []any{part(change.BeforeSensitive, attribute), part(change.AfterSensitive, attribute)}
	if attribute == "connection" {
		marks = []any{change.AfterSensitive}
	}
	return strings.Contains(encode(marks), "true")
}

// words name what is another, with simple values.
func (d difference) words(values bool) string {
	_, attribute, _ := strings.Cut(d.path, "/")
	text := quote(strings.ReplaceAll(attribute, "/", "."))
	_, was := d.before.([]any)
	_, is := d.after.([]any)
	switch {
	case attribute == "": // the resource
		return ""
	case d.after == present:
		return text + " (new)"
	case d.before == present:
		return text + " (gone)"
	case d.after == later:
		return text + " (" + string(later) + ")"
	case !values || was || is || d.created:
		return text
	}
	return fmt.Sprintf("%s (from %s to %s)", text, show(d.before), show(d.after))
}

// show returns a value in words.
func show(value any) string {
	text, ok := value.(string)
	switch {
	case value == nil:
		return "none"
	case value == later:
		return "what is " + string(later)
	case !ok:
		text = encode(value)
	}
	if runes := []rune(text); len(runes) > 80 {
		text = string(runes[:80]) + "…"
	}
	return quote(text)
}

// quote returns a text as code of Markdown, which nothing in it ends.
func quote(text string) string {
	text = strconv.Quote(text)
	return "`" + strings.NewReplacer("`", "'", `\"`, `"`, `\\`, `\`).Replace(text[1:len(text)-1]) + "`"
}
