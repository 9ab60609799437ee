package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

// installCommandLine makes node_modules hold the packages that package-lock.json pins.
func (d *deployment) installCommandLine(ctx context.Context) error {
	if commandLineInstalled(d.root) {
		return nil
	}
	log, err := os.Create(d.path("npm.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	d.say("Installing the cdktf command line, once (log: %s)", d.show(log.Name()))
	err = program{
		path:        "npm",
		arguments:   []string{"ci", "--no-audit", "--no-fund"},
		folder:      d.root,
		environment: os.Environ(),
		output:      log,
	}.run(ctx)
	if err != nil {
		return &stepError{"installing the cdktf command line (npm ci)", err, d.show(log.Name()),
			"Packages come from the registry that npm is configured for. Run `make local` again when it can be reached."}
	}
	return nil
}

// commandLineInstalled reports whether node_modules holds exactly the packages that
// package-lock.json pins, by the list that npm keeps of what it has installed.
func commandLineInstalled(root string) bool {
	type list struct {
		Packages map[string]struct {
			Version   string
			Integrity string
			Optional  bool
		}
	}
	read := func(name string) (list, bool) {
		var packages list
		content, err := os.ReadFile(filepath.Join(root, name))
		return packages, err == nil && json.Unmarshal(content, &packages) == nil
	}
	pinned, found := read("package-lock.json")
	installed, installedFound := read(filepath.Join("node_modules", ".package-lock.json"))
	if !found || !installedFound {
		return false
	}
	for path, want := range pinned.Packages {
		if path == "" { // the project itself
			continue
		}
		have, found := installed.Packages[path]
		if !found && want.Optional { // of another operating system
			continue
		}
		if !found || have.Version != want.Version || have.Integrity != want.Integrity {
			return false
		}
	}
	_, err := os.Stat(filepath.Join(root, "node_modules", ".bin", "cdktf"))
	return err == nil
}
