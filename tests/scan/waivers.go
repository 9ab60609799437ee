package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tap/config"
)

// Paths from the root of the repository.
const waiversFile, tableFile = "tests/scan/waivers.yaml", "generated/waivers.md"

// classes are those of the environments, of the stacks of accounts and of the stack that is broken on purpose.
var classes = []string{string(config.Development), string(config.Production), "account", "broken"}

// waiver accepts that some constructs in the stacks of a class fail a control.
type waiver struct {
	Class      string
	Control    string   // of checkov, for example CKV_AWS_96
	Constructs []string // paths below their stack, for example database/cluster
	Reason     string   // for an auditor; keys of environment files are between backticks
	line       int
}

// readWaivers returns an error that names every mistake in the file with its line.
func readWaivers(file string) ([]waiver, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []waiver
	var nodes []yaml.Node // for their lines
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err = decoder.Decode(&all); err == nil {
		err = yaml.Unmarshal(text, &nodes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\nexpected a list of waivers with class, control, constructs and reason", file, err)
	}
	var problems []error
	for i := range all {
		w, before := &all[i], all[max(i-1, 0)]
		w.line = nodes[i].Line
		refuse := func(wrong bool, format string, arguments ...any) {
			if wrong {
				problems = append(problems, fmt.Errorf("%s:%d: %s", file, w.line, fmt.Sprintf(format, arguments...)))
			}
		}
		refuse(!slices.Contains(classes, w.Class), "class %q, expected one of %q", w.Class, classes)
		refuse(len(w.Constructs) == 0, "no constructs")
		refuse(w.reason() == "", "no reason")
		refuse(i > 0 && cmp.Or(cmp.Compare(before.Class, w.Class), cmp.Compare(before.Control, w.Control)) >= 0,
			"%s %q after %s %q, expected each once and sorted as text", w.Class, w.Control, before.Class, before.Control)
		unique := slices.Compact(slices.Sorted(slices.Values(w.Constructs)))
		refuse(!slices.Equal(w.Constructs, unique), "constructs %q, expected each once and sorted as text", w.Constructs)
	}
	return all, errors.Join(problems...)
}

// apply takes what is waived out of the findings of the stacks. The error names each construct of each waiver that
// no stack needs.
func apply(all []waiver, stacks []*stack) error {
	var problems []error
	for _, w := range all {
		for _, path := range w.Constructs {
			accepted := func(f record) bool { return f.Control == w.Control && f.path == path }
			needed := false
			for _, s := range stacks {
				if s.class == w.Class && slices.ContainsFunc(s.findings, accepted) {
					s.findings = slices.DeleteFunc(s.findings, accepted)
					s.waived++
					needed = true
				}
			}
			if !needed {
				problems = append(problems, fmt.Errorf("%s:%d: needless: no stack of class %s fails %s at %s, accepted because: %s",
					waiversFile, w.line, w.Class, w.Control, path, w.reason()))
			}
		}
	}
	return errors.Join(problems...)
}

// reason is the reason in one line.
func (w waiver) reason() string { return strings.Join(strings.Fields(w.Reason), " ") }

const tableHead = `# Accepted findings

What checkov reports and why it is accepted, by class of environment. The class account is that of the stacks of
accounts, the class broken that of a stack that proves that checkov sees what it should. "make scan" fails on a finding
that is not in this table, and on a row that no stack needs; "make generate" writes it from tests/scan/waivers.yaml.

| Class | Control | Constructs | Accepted because |
| --- | --- | --- | --- |
`

// table returns the content of generated/waivers.md.
func table(all []waiver) []byte {
	var text bytes.Buffer
	text.WriteString(tableHead)
	for _, w := range all {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n",
			w.Class, w.Control, strings.Join(w.Constructs, ", "), strings.ReplaceAll(w.reason(), "|", `\|`))
	}
	return text.Bytes()
}
