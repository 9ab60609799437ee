package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with an environment file.
type Problem struct {
	// File is the file, or the source of a suffix that no file states, for example
	// ENVIRONMENT_SUFFIX.
	File string
	// Line is the line in the file, from 1 on; 0 where no line is to blame. A value that is
	// missing from the file is blamed on the line closest to where it belongs.
	Line int
	// Path is the key, for example service.cpu or network.zones[1]; empty where the whole
	// file is to blame.
	Path string
	// Message names the value received and what is allowed.
	Message string
}

// String returns the problem as file:line: path: message, without the parts that are missing.
func (p Problem) String() string {
	var text strings.Builder
	text.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&text, ":%d", p.Line)
	}
	text.WriteString(": ")
	if p.Path != "" {
		text.WriteString(p.Path + ": ")
	}
	text.WriteString(p.Message)
	return text.String()
}

// Problems is everything that is wrong with the environment files, by file and line. It is
// the type of every error that Load returns.
type Problems []Problem

// Error returns one problem per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// asError sorts the problems; without any it returns nil.
func (p Problems) asError() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	return p
}
