package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse returns the mapping that the content holds; nil after a problem.
func (f *file) parse(content []byte) *yaml.Node {
	// Editors on Windows put a byte order mark in front; it carries no meaning in UTF-8.
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if line, message := textProblem(content); message != "" {
		f.report(line, "", message)
		return nil
	}
	const missing = "it has to say at least class: development or class: production"

	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		f.report(1, "", "is empty; "+missing)
		return nil
	case err != nil:
		f.reportSyntax(err)
		return nil
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case err == nil:
		f.report(second.Line, "", "a second YAML document begins here; one file holds one environment")
		return nil
	case !errors.Is(err, io.EOF):
		f.reportSyntax(err)
		return nil
	}

	root := document.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
		f.report(root.Line, "", "is empty; "+missing)
		return nil
	case root.Kind != yaml.MappingNode:
		f.report(root.Line, "", describe(root)+" is not a mapping of keys to values; "+missing)
		return nil
	}
	return root
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// reportSyntax takes the line out of the YAML library's message.
func (f *file) reportSyntax(err error) {
	line, message := 0, err.Error()
	if match := syntaxError.FindStringSubmatch(message); match != nil {
		line, _ = strconv.Atoi(match[1])
		message = match[2]
	}
	f.report(line, "", "is not YAML: "+message)
}

// textProblem finds the first character that no environment file may hold: what is not UTF-8,
// control characters, and those that change the order in which text is shown, behind which a
// reviewer would not see what a file says.
func textProblem(content []byte) (line int, message string) {
	line = 1
	for offset := 0; offset < len(content); {
		r, size := utf8.DecodeRune(content[offset:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, fmt.Sprintf("byte 0x%02X is not UTF-8 text", content[offset])
		case r == '\n':
			line++
		case r == '\t' || r == '\r':
		case unforeseen(r):
			return line, fmt.Sprintf("the character U+%04X is not allowed; files hold printable text only", r)
		}
		offset += size
	}
	return 0, ""
}

// unforeseen reports control characters, bidirectional controls, line separators other than
// the line feed, and the byte order mark.
func unforeseen(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF'
}
