package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load returns the environments of a folder, sorted by suffix: one for each *.yaml file, and one of class development
// for the requested suffix, or without any file for dev, when no file has it; "" requests none. A missing folder counts
// as one without files. It also returns the accounts of accounts.yaml beside the folder, sorted by ID, with their
// environments.
//
// Every environment is complete with the defaults of its class and the Region's zones (Network.Zones), and keeps
// every rule. Otherwise the error contains all that is wrong with all files, a line for each.
//
// A folder that contains anything else than *.yaml files, README.md, dot files and editors' backups (ending in ~) is
// refused: a misnamed file would be an environment that is missing. Links are refused: one that leads out of the
// repository could put any file of the machine into an error.
func Load(folder string, requested string) ([]Environment, []Account, error) {
	parent, name := path.Split(path.Clean(filepath.ToSlash(folder)))
	root, err := os.OpenRoot(cmp.Or(parent, "."))
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	if info, err := root.Lstat(name); err == nil && !info.IsDir() {
		return nil, nil, errors.New(folder + ": is not a folder; links are not followed")
	}
	entries, err := fs.ReadDir(root.FS(), name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	var files []*file
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") && !strings.HasSuffix(entry.Name(), "~") && entry.Name() != "README.md" {
			files = append(files, loadFile(root, parent, path.Join(name, entry.Name())))
		}
	}
	if len(files) == 0 {
		requested = cmp.Or(requested, "dev")
	}
	hasFile := slices.ContainsFunc(files, func(f *file) bool { return f.environment.Suffix == requested })
	if requested != "" && !hasFile {
		f := newFile(SuffixVariable + " or context key environment_suffix")
		f.setSuffix(requested)
		f.environment.complete()
		files = append(files, f)
	}
	shared, accounts := loadAccounts(root, parent)
	assign(files, accounts)
	applyRulesBetween(files, shared, accounts)

	problems := shared.errors()
	var environments []Environment
	for _, f := range files {
		environments = append(environments, f.environment)
		problems = append(problems, f.errors()...)
	}
	if len(problems) > 0 {
		return nil, nil, errors.Join(problems...)
	}
	slices.SortFunc(environments, func(a, b Environment) int { return strings.Compare(a.Suffix, b.Suffix) })
	return environments, accounts, nil
}

// complete fills in what depends on other values.
func (e *Environment) complete() {
	if len(e.Network.Zones) == 0 && !e.Network.IsExisting() {
		e.Network.Zones = []string{e.Region + "a", e.Region + "b", e.Region + "c"}
	}
	if e.Network.NATGateways == perZone {
		e.Network.NATGateways = len(e.Network.Zones)
	}
}

func (f *file) setSuffix(suffix string) {
	f.environment.Suffix = suffix
	if suffixes := declared.Shared.Suffix; !suffixes.Allows(suffix) {
		f.report("", quote(suffix)+" is not a suffix; allowed: "+suffixes.Words)
	}
}

func loadFile(root *os.Root, parent, name string) *file {
	f := newFile(parent + name)
	if hidden.MatchString(f.name) {
		f.name = strconv.Quote(f.name)
	}
	suffix, found := strings.CutSuffix(path.Base(name), ".yaml")
	if !found {
		f.report("", "is not an environment file; allowed: <suffix>.yaml, README.md, dot files and names ending in ~")
		return f
	}
	f.setSuffix(suffix)
	f.fill(f.load(root, name, environmentLimit))
	return f
}

// maximumFileSize bounds a file. An ECS task definition, where most of what a file may repeat ends up, may
// have 64 KiB itself: https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
const maximumFileSize = 64 << 10

// load parses a file, without following a link or waiting for whoever writes into a pipe.
func (f *file) load(root *os.Root, name string, limit Limit) *yaml.Node {
	var content []byte
	info, err := root.Lstat(name)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("is not a regular file; links are not followed")
	case info.Size() > maximumFileSize:
		err = fmt.Errorf("has more than %d bytes", maximumFileSize)
	default:
		content, err = fs.ReadFile(root.FS(), name) // a link that has just replaced the file cannot lead out of the root
	}
	var withName *fs.PathError
	if errors.As(err, &withName) {
		err = fmt.Errorf("cannot be read: %w", withName.Err) // every problem begins with the name, escaped
	}
	if err != nil {
		f.report("", err.Error())
		return nil
	}
	return f.parse(content, limit)
}

// SuffixVariable is the environment variable that requests an environment, whether or not it has a file.
const SuffixVariable = "ENVIRONMENT_SUFFIX"
