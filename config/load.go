package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:generate go run -C .. ./internal/generate

// Load returns the environments of a folder, sorted by suffix: one for each *.yaml file, and one of class development
// for the requested suffix when no file has it. Without a file and a request it returns the environment dev. A
// missing folder counts as one without files. It also returns the accounts of the file accounts.yaml beside the
// folder, if there is one, sorted by ID, with their environments.
//
// Every environment is complete with the defaults of its class and the Region's zones (Network.Zones), and keeps
// every rule. Otherwise the error is of the type Problems and contains all that is wrong with all files.
//
// A folder that contains anything else than *.yaml files, README.md, dot files and editors' backups (ending in ~) is
// refused: a misnamed file would be an environment that is missing. Links are refused: one that leads out of the
// repository could put any file of the machine into an error.
func Load(folder string, requested RequestedSuffix) ([]Environment, []Account, error) {
	folder = filepath.ToSlash(folder)
	if info, err := os.Lstat(folder); err == nil && !info.IsDir() {
		return nil, nil, Problems{{File: folder, Message: "is not a folder; links are not followed"}}
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, Problems{{File: folder, Message: reason(err)}}
	}
	var files []*file
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") && name != "README.md" {
			files = append(files, loadFile(folder, entry))
		}
	}

	keepRangesApart(files)
	keepDomainsApart(files)
	shared := loadAccounts(path.Join(path.Dir(folder), "accounts.yaml"))
	shared.applyTo(files)
	problems := shared.problems.sorted()
	var environments []Environment
	for _, f := range files {
		environments = append(environments, f.environment)
		problems = append(problems, f.problems.sorted()...)
	}
	if requested.Value == "" && len(files) == 0 {
		requested.Value = defaultSuffix
	}
	hasFile := slices.ContainsFunc(environments, func(e Environment) bool { return e.Suffix == requested.Value })
	if requested.Value != "" && !hasFile {
		if message := suffixProblem(requested.Value); message != "" {
			problems = append(problems, Problem{File: requested.Source, Message: message})
		}
		environment := Preset(Development)
		environment.Suffix = requested.Value
		environment.complete()
		environments = append(environments, environment)
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	slices.SortFunc(environments, func(a, b Environment) int { return strings.Compare(a.Suffix, b.Suffix) })
	return environments, shared.withEnvironments(environments), nil
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

// keepRangesApart reports ranges of production environments that overlap.
func keepRangesApart(files []*file) {
	for i, f := range files {
		for _, other := range files[:i] {
			own, ownErr := netip.ParsePrefix(f.environment.Network.CIDR)
			taken, err := netip.ParsePrefix(other.environment.Network.CIDR)
			if errors.Join(ownErr, err) == nil && own.Overlaps(taken) &&
				f.environment.Class == Production && other.environment.Class == Production {
				f.report(f.path(&f.environment.Network.CIDR), fmt.Sprintf("%s overlaps %s of %s; the ranges of production "+
					"environments have to differ, or their networks can never be peered", own, taken, other.name))
			}
		}
	}
}

// keepDomainsApart reports a domain that two files have.
func keepDomainsApart(files []*file) {
	owners := map[string]string{}
	for _, f := range files {
		name := &f.environment.LoadBalancer.Domain.Name
		owner, taken := owners[*name]
		f.require(*name == "" || !taken, fmt.Sprintf("%s is the domain of %s: both would own its records, and destroying "+
			"one would take them from the other", *name, owner), name)
		owners[*name] = f.name
	}
}

// file is one environment file or accounts.yaml, what it contains and what is wrong with it.
type file struct {
	name        string
	content     string           // what it has to be, for errors
	limits      map[string]Limit // of its keys
	prefix      string           // of its paths before those of the limits
	environment Environment
	accounts    []Account      // nil without a file
	paths       map[any]string // of the fields of environment, by their addresses
	lines       map[string]int // of every key, list item and map entry that the file has, by path
	problems    Problems
}

func newFile(name string) *file {
	f := &file{name: name, environment: Preset(Development), limits: limits, lines: map[string]int{},
		content: "a mapping of keys to values, with class: development or class: production"}
	f.paths = pathsOf(&f.environment)
	return f
}

func loadFile(folder string, entry fs.DirEntry) *file {
	name := path.Join(folder, entry.Name())
	f := newFile(name)
	if hidden.MatchString(name) {
		f.name = strconv.Quote(name)
	}
	suffix, found := strings.CutSuffix(entry.Name(), ".yaml")
	if !found {
		f.report("", "is not an environment file; allowed: <suffix>.yaml, README.md, dot files and names ending in ~")
		return f
	}
	if message := suffixProblem(suffix); message != "" {
		f.report("", message)
	}
	f.environment.Suffix = suffix
	content, err := readRegular(name, entry)
	if err != nil {
		f.report("", reason(err))
		return f
	}
	f.read(content)
	return f
}

// maximumFileSize bounds a file. An ECS task definition, where most of what a file may repeat ends up, may
// have 64 KiB itself: https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
const maximumFileSize = 64 << 10

// readRegular reads a file without following a link, even one that has just replaced the file.
func readRegular(name string, entry fs.DirEntry) ([]byte, error) {
	if !entry.Type().IsRegular() {
		return nil, errors.New("is not a regular file; links are not followed")
	}
	listed, err := entry.Info()
	if err != nil {
		return nil, err
	}
	opened, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	if info, err := opened.Stat(); err != nil || !os.SameFile(listed, info) {
		return nil, errors.New("was replaced while it was read")
	}
	content, err := io.ReadAll(io.LimitReader(opened, maximumFileSize+1))
	if len(content) > maximumFileSize {
		return nil, fmt.Errorf("has more than %d bytes", maximumFileSize)
	}
	return content, err
}

// reason is an error without the file's name, which every problem starts with.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return "cannot be read: " + pathError.Err.Error()
	}
	return err.Error()
}
