// Command generate writes what users and their editors read about environment files, generated/environment.md and
// generated/environment.schema.json. Both come from package config: its types, their comments, the limits and the
// defaults of the classes.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"tap/internal/repository"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := repository.Root()
	if err != nil {
		return err
	}
	files, err := render(root)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
