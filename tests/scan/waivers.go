package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tap/config"
)

// classState is the class of tap-state, which belongs to no environment.
const classState = "state"

// classes are the keys of a waiver file.
var classes = []string{string(config.Development), string(config.Production), classState}

// waiver says why a control need not be kept by some resources of a class's stacks.
type waiver struct {
	control   string
	resources []string // paths of constructs below their stack
	reason    string
	line      int
}

// waivers are the content of a waiver file, by class.
type waivers struct {
	file    string
	byClass map[string][]waiver
}

func readWaivers(file string) (waivers, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return waivers{}, fmt.Errorf("read the waivers: %w", err)
	}
	return parseWaivers(file, text)
}

// parseWaivers reads a waiver file and returns every problem in it, with file and line.
func parseWaivers(file string, text []byte) (waivers, error) {
	parsed := waivers{file: file, byClass: map[string][]waiver{}}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return waivers{}, fmt.Errorf("%s: %w", file, err)
	}
	p := &waiverParser{file: file}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return waivers{}, fmt.Errorf("%s: expected the classes %s, each with a list of waivers", file, strings.Join(classes, ", "))
	}
	p.pairs(document.Content[0], func(key, value *yaml.Node) {
		if !slices.Contains(classes, key.Value) {
			p.report(key, "class %q, expected one of %s", key.Value, strings.Join(classes, ", "))
			return
		}
		parsed.byClass[key.Value] = p.list(key.Value, value)
	})
	return parsed, errors.Join(p.problems...)
}

// waiverParser collects what is wrong with a waiver file.
type waiverParser struct {
	file     string
	problems []error
}

func (p *waiverParser) report(at *yaml.Node, format string, arguments ...any) {
	p.problems = append(p.problems, fmt.Errorf("%s:%d: %s", p.file, at.Line, fmt.Sprintf(format, arguments...)))
}

// pairs calls use for every key of a mapping, and reports those that are there twice.
func (p *waiverParser) pairs(mapping *yaml.Node, use func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if seen[key.Value] {
			p.report(key, "key %q is there twice", key.Value)
			continue
		}
		seen[key.Value] = true
		use(key, value)
	}
}

func (p *waiverParser) list(class string, value *yaml.Node) []waiver {
	if value.Kind != yaml.SequenceNode {
		p.report(value, "%s: expected a list of waivers", class)
		return nil
	}
	var list []waiver
	for _, item := range value.Content {
		parsed, ok := p.waiver(item)
		if !ok {
			continue
		}
		if len(list) > 0 {
			switch last := list[len(list)-1].control; {
			case last == parsed.control:
				p.report(item, "control %s is there twice; name all of its resources in one waiver", parsed.control)
			case compareControls(last, parsed.control) > 0:
				p.report(item, "control %s comes after %s, expected the waivers sorted by control", parsed.control, last)
			}
		}
		list = append(list, parsed)
	}
	return list
}

var controlPattern = regexp.MustCompile(`^CKV2?_[A-Z]+_[1-9][0-9]*$`)

func (p *waiverParser) waiver(item *yaml.Node) (waiver, bool) {
	if item.Kind != yaml.MappingNode {
		p.report(item, "expected a waiver with the keys control, resources and reason")
		return waiver{}, false
	}
	before := len(p.problems)
	parsed := waiver{line: item.Line}
	p.pairs(item, func(key, value *yaml.Node) {
		switch key.Value {
		case "control":
			parsed.control = value.Value
		case "resources":
			parsed.resources = p.resources(value)
		case "reason":
			parsed.reason = strings.TrimSpace(value.Value)
			if strings.Contains(parsed.reason, "\n") {
				p.report(value, "the reason is longer than one line")
			}
		default:
			p.report(key, "key %q, expected control, resources and reason", key.Value)
		}
	})
	if !controlPattern.MatchString(parsed.control) {
		p.report(item, "control %q, expected one of checkov's, such as CKV_AWS_96", parsed.control)
	}
	if len(parsed.resources) == 0 {
		p.report(item, "the waiver names no resources")
	}
	if parsed.reason == "" {
		p.report(item, "the waiver gives no reason")
	}
	return parsed, len(p.problems) == before
}

func (p *waiverParser) resources(value *yaml.Node) []string {
	var paths []string
	for _, node := range value.Content {
		if len(paths) > 0 {
			switch last := paths[len(paths)-1]; {
			case last == node.Value:
				p.report(node, "resource %q is there twice", node.Value)
			case last > node.Value:
				p.report(node, "resource %q comes after %q, expected the resources sorted", node.Value, last)
			}
		}
		paths = append(paths, node.Value)
	}
	return paths
}

// compareControls orders controls by family, then by number: CKV_AWS_9 comes before CKV_AWS_10.
func compareControls(a, b string) int {
	familyA, numberA := splitControl(a)
	familyB, numberB := splitControl(b)
	return cmp.Or(cmp.Compare(familyA, familyB), cmp.Compare(numberA, numberB), cmp.Compare(a, b))
}

func splitControl(control string) (family string, number int) {
	at := strings.LastIndexByte(control, '_') + 1
	number, _ = strconv.Atoi(control[at:]) // a control without a number sorts before all others of its family
	return control[:at], number
}

// verdict is what the waivers leave of a result.
type verdict struct {
	result      result
	waived      int
	unexplained []finding
}

// judge compares the results with the waivers of their classes. The error names each waiver that no
// stack of its class needs, resource by resource.
func (w waivers) judge(results []result) ([]verdict, error) {
	type use struct{ class, control, path string }
	needed := map[use]bool{}
	var verdicts []verdict
	for _, r := range results {
		v := verdict{result: r}
		for _, f := range r.findings {
			if !w.covers(r.stack.class, f) {
				v.unexplained = append(v.unexplained, f)
				continue
			}
			v.waived++
			needed[use{r.stack.class, f.control, f.resource.path}] = true
		}
		verdicts = append(verdicts, v)
	}
	var problems []error
	for _, class := range classes {
		for _, waiver := range w.byClass[class] {
			for _, path := range waiver.resources {
				if !needed[use{class, waiver.control, path}] {
					problems = append(problems, fmt.Errorf("%s:%d: no %s stack fails %s at %s: remove the resource, or the waiver if it is its last",
						w.file, waiver.line, class, waiver.control, path))
				}
			}
		}
	}
	return verdicts, errors.Join(problems...)
}

func (w waivers) covers(class string, f finding) bool {
	return slices.ContainsFunc(w.byClass[class], func(waiver waiver) bool {
		return waiver.control == f.control && slices.Contains(waiver.resources, f.resource.path)
	})
}
