package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:generate go run ../internal/generate

// Load returns the environments of a folder, sorted by suffix: one for each *.yaml file, and one of class development
// for the requested suffix when no file has it. Without a file and a request it returns the environment dev. A
// missing folder counts as one without files. It also returns the accounts of the file accounts.yaml beside the
// folder, if there is one, sorted by ID, with their environments.
//
// Every environment is complete with the defaults of its class and the Region's zones (Network.Zones), and keeps
// every rule. Otherwise the error contains all that is wrong with all files, a line for each.
//
// A folder that contains anything else than *.yaml files, README.md, dot files and editors' backups (ending in ~) is
// refused: a misnamed file would be an environment that is missing. Links are refused: one that leads out of the
// repository could put any file of the machine into an error.
func Load(folder string, requested RequestedSuffix) ([]Environment, []Account, error) {
	folder = path.Clean(filepath.ToSlash(folder))
	root, err := os.OpenRoot(path.Dir(folder))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", folder, reason(err))
	}
	defer root.Close()
	name := path.Base(folder)
	if info, err := root.Lstat(name); err == nil && !info.IsDir() {
		return nil, nil, fmt.Errorf("%s: is not a folder; links are not followed", folder)
	}
	entries, err := fs.ReadDir(root.FS(), name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: %w", folder, reason(err))
	}
	var files []*file
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") && name != "README.md" {
			files = append(files, loadFile(root, path.Join(folder, name)))
		}
	}
	shared, accounts := loadAccounts(root, path.Join(path.Dir(folder), "accounts.yaml"))
	applyRulesBetween(files, shared, accounts)

	problems := shared.errors()
	var environments []Environment
	for _, f := range files {
		environments = append(environments, f.environment)
		problems = append(problems, f.errors()...)
	}
	if len(files) == 0 {
		requested.Value = cmp.Or(requested.Value, defaultSuffix)
	}
	hasFile := slices.ContainsFunc(environments, func(e Environment) bool { return e.Suffix == requested.Value })
	if requested.Value != "" && !hasFile {
		if err := checkSuffix(requested.Value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", requested.Source, err))
		}
		environment := Preset(Development)
		environment.Suffix = requested.Value
		environment.complete()
		environments = append(environments, environment)
	}
	if len(problems) > 0 {
		return nil, nil, errors.Join(problems...)
	}
	slices.SortFunc(environments, func(a, b Environment) int { return strings.Compare(a.Suffix, b.Suffix) })
	for i, account := range accounts {
		for _, environment := range environments {
			if environment.Account == account.ID {
				accounts[i].Environments = append(accounts[i].Environments, environment)
			}
		}
	}
	return environments, accounts, nil
}

// complete fills in what depends on other values.
func (e *Environment) complete() {
	if e.Network.IsExisting() {
		e.Network.CIDR, e.Network.Zones, e.Network.NATGateways = "", nil, 0
		return
	}
	if len(e.Network.Zones) == 0 {
		e.Network.Zones = []string{e.Region + "a", e.Region + "b", e.Region + "c"}
	}
	if e.Network.NATGateways == perZone {
		e.Network.NATGateways = len(e.Network.Zones)
	}
}

func loadFile(root *os.Root, name string) *file {
	f := newFile(name)
	if hidden.MatchString(name) {
		f.name = strconv.Quote(name)
	}
	suffix, found := strings.CutSuffix(path.Base(name), ".yaml")
	if !found {
		f.report("", "is not an environment file; allowed: <suffix>.yaml, README.md, dot files and names ending in ~")
		return f
	}
	if err := checkSuffix(suffix); err != nil {
		f.report("", err.Error())
	}
	f.environment.Suffix = suffix
	content, err := readRegular(root, path.Join(path.Base(path.Dir(name)), path.Base(name)))
	if err != nil {
		f.report("", err.Error())
		return f
	}
	f.read(content)
	return f
}

// maximumFileSize bounds a file. An ECS task definition, where most of what a file may repeat ends up, may
// have 64 KiB itself: https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
const maximumFileSize = 64 << 10

// readRegular reads a file without following a link. One that has just replaced the file cannot lead out of the root.
func readRegular(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, reason(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file; links are not followed")
	case info.Size() > maximumFileSize:
		return nil, fmt.Errorf("has more than %d bytes", maximumFileSize)
	}
	content, err := fs.ReadFile(root.FS(), name)
	return content, reason(err)
}

// reason is an error without the file's name, which every problem starts with.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return fmt.Errorf("cannot be read: %w", pathError.Err)
	}
	return err
}

const (
	// SuffixVariable is the environment variable that asks for an environment when the context does not.
	SuffixVariable = "ENVIRONMENT_SUFFIX"

	// contextVariable is how the CDKTF command line hands the context to the program.
	contextVariable = "CDKTF_CONTEXT_JSON"
	// defaultSuffix is the environment of a project that has no file yet.
	defaultSuffix = "dev"
)

// RequestedSuffix is the suffix of an environment that the command asks for, whether or not there is a file for it.
type RequestedSuffix struct {
	Value  string // empty: none is asked for
	Source string // where the value comes from, for errors
}

// FindRequestedSuffix reads the suffix from the CDKTF context key environment_suffix, or else from ENVIRONMENT_SUFFIX.
// An empty value counts as none. The argument returns a variable of the process, as os.Getenv does.
func FindRequestedSuffix(getenv func(string) string) (RequestedSuffix, error) {
	var context struct {
		Suffix string `json:"environment_suffix"`
	}
	if err := json.Unmarshal([]byte(cmp.Or(getenv(contextVariable), "{}")), &context); err != nil {
		return RequestedSuffix{}, fmt.Errorf("%s: is not an object of JSON with text as environment_suffix: %w",
			contextVariable, err)
	}
	if context.Suffix != "" {
		return RequestedSuffix{context.Suffix, "context key environment_suffix in " + contextVariable}, nil
	}
	return RequestedSuffix{getenv(SuffixVariable), SuffixVariable}, nil
}

var suffixes = matching(`[a-z][a-z0-9-]{0,14}`, "one letter, then up to 14 letters, digits or single hyphens, "+
	"lower case, no hyphen at the end").except(`-$|--`)

func checkSuffix(suffix string) error {
	if !suffixes.Allows(suffix) {
		return fmt.Errorf("%s is not a suffix; allowed: %s", quote(suffix), suffixes.Allowed())
	}
	return nil
}
