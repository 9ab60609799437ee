package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:generate go run ../internal/generate

// Load returns the environments of a folder, sorted by suffix: one for each *.yaml file, and
// one of class development for the requested suffix when no file has it. Without a file and
// a request it returns the environment dev. A missing folder counts as one without files.
//
// Every environment is complete with the defaults of its class, the Region's zones
// (Network.Zones) and the state bucket's Region, and keeps every rule. Otherwise the error
// is of the type Problems and holds all that is wrong with all files.
//
// A folder that holds anything else than *.yaml files, README.md, dot files and editors'
// backups (ending in ~) is refused: a misnamed file would be an environment that is missing.
func Load(folder string, requested RequestedSuffix) ([]Environment, error) {
	folder = filepath.ToSlash(folder)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Problems{{File: folder, Message: "cannot be read as a folder: " + reason(err)}}
	}

	var problems Problems
	var files []*file
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || name == "README.md" {
			continue
		}
		loaded := loadFile(path.Join(folder, name))
		problems = append(problems, loaded.problems...)
		files = append(files, loaded)
	}

	environments := make([]Environment, 0, len(files)+1)
	for _, loaded := range files {
		environments = append(environments, loaded.environment)
	}
	if requested.Value == "" && len(files) == 0 {
		requested.Value = defaultSuffix
	}
	if requested.Value != "" && !slices.ContainsFunc(environments, func(e Environment) bool { return e.Suffix == requested.Value }) {
		if message := suffixProblem(requested.Value); message != "" {
			problems = append(problems, Problem{File: requested.Source, Message: message})
		}
		environment := Preset(Development)
		environment.Suffix = requested.Value
		environment.complete()
		environments = append(environments, environment)
	}
	if err := problems.asError(); err != nil {
		return nil, err
	}
	slices.SortFunc(environments, func(a, b Environment) int { return strings.Compare(a.Suffix, b.Suffix) })
	return environments, nil
}

// complete fills in what depends on other values.
func (e *Environment) complete() {
	if len(e.Network.Zones) == 0 {
		e.Network.Zones = []string{e.Region + "a", e.Region + "b", e.Region + "c"}
	}
}

// file is one environment file, what it says and what is wrong with it.
type file struct {
	name        string
	environment Environment
	// lines holds the line of every key, list item and map entry that the file has, by path.
	lines map[string]int
	// rejected holds the paths that a problem has been reported for, so that no rule judges
	// the default that stands in for a value that could not be read.
	rejected map[string]bool
	problems Problems
}

func newFile(name string) *file {
	return &file{name: name, environment: Preset(Development), lines: map[string]int{}, rejected: map[string]bool{}}
}

func loadFile(name string) *file {
	f := newFile(name)
	base, found := strings.CutSuffix(path.Base(name), ".yaml")
	f.environment.Suffix = base
	if !found {
		f.report(0, "", "is not an environment file; each is named <suffix>.yaml, and only README.md, dot files and names ending in ~ may stand beside them")
		return f
	}
	if message := suffixProblem(base); message != "" {
		f.report(0, "", message)
	}
	content, err := readBounded(name)
	if err != nil {
		f.report(0, "", reason(err))
		return f
	}
	f.read(content)
	return f
}

// read decodes and validates the content of the file.
func (f *file) read(content []byte) {
	root := f.parse(content)
	if root == nil {
		return
	}
	class := f.class(root)
	suffix := f.environment.Suffix
	f.environment = Preset(class)
	f.environment.Suffix = suffix
	f.decode(root)
	f.validate()
}

// report adds a problem at a line.
func (f *file) report(line int, at, message string) {
	f.problems = append(f.problems, Problem{File: f.name, Line: line, Path: at, Message: message})
	f.rejected[at] = true
}

// maximumFileSize bounds an environment file. An ECS task definition, where most of what a
// file may repeat ends up, may have 64 KiB itself:
// https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
const maximumFileSize = 64 << 10

// readBounded reads a regular file of at most maximumFileSize bytes.
func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("is a folder, not a file")
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case info.Size() > maximumFileSize:
		return nil, fmt.Errorf("has %d bytes; allowed: up to %d", info.Size(), maximumFileSize)
	}
	return os.ReadFile(name)
}

// reason is an error without the file's name, which every problem starts with.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return "cannot be read: " + pathError.Err.Error()
	}
	return err.Error()
}
