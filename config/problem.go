package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with an environment file.
type Problem struct {
	// File is the file, or what else asked for a suffix, for example ENVIRONMENT_SUFFIX.
	File string
	// Line is the line in the file, from 1 on; 0 for the file as a whole. What is missing from the file has the line of
	// the section that it belongs to.
	Line int
	// Path is the key, for example service.cpu or network.zones[1]; empty for the file as a whole.
	Path string
	// Message says what is wrong and what is allowed.
	Message string
}

// String returns the problem as file:line: path: message, without the parts that are missing.
func (p Problem) String() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d", p.Line)
	}
	if p.Path != "" {
		text += ": " + p.Path
	}
	return text + ": " + p.Message
}

// Problems is everything that is wrong. Every error of this package is of this type.
type Problems []Problem

// Error returns one problem per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems of one file by line, a readable number of them and how many more there are.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
	const most = 50
	if len(p) <= most {
		return p
	}
	return append(p[:most:most], Problem{File: p[0].File, Message: fmt.Sprintf("more problems: %d", len(p)-most)})
}

// report adds a problem of a key.
func (f *file) report(path, message string) {
	f.problems = append(f.problems, Problem{File: f.name, Line: f.line(path), Path: path, Message: message})
}

// line returns the line of a key; without one, that of the closest section that it belongs to.
func (f *file) line(path string) int {
	for path != "" && f.lines[path] == 0 {
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return f.lines[path]
}

// refused reports whether a problem of the key, of a part of it or of the section that it belongs to is known.
func (f *file) refused(path string) bool {
	return slices.ContainsFunc(f.problems, func(p Problem) bool {
		return p.Path != "" && (within(p.Path, path) || within(path, p.Path))
	})
}

// within reports whether a path is another one or leads to a part of it.
func within(path, whole string) bool {
	rest, found := strings.CutPrefix(path, whole)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
