// Command generate writes what users and their editors read about environment files:
// generated/environment.schema.json, generated/environment.md and the table of keys in
// README.md. All come from package config: its types, their comments, the limits and the
// defaults of the classes.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	files, err := render(root)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// render returns the content of each generated file, by its path from the module's root.
func render(root string) (map[string][]byte, error) {
	comments, err := readComments(filepath.Join(root, "config", "environment.go"))
	if err != nil {
		return nil, err
	}
	schema, err := renderSchema(comments)
	if err != nil {
		return nil, err
	}
	reference, err := renderReference(comments)
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	readme, err = withKeys(readme)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"README.md":                         readme,
		"generated/environment.schema.json": schema,
		"generated/environment.md":          reference,
	}, nil
}

// moduleRoot is the folder of go.mod, at or above the working folder.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if filepath.Dir(folder) == folder {
			return "", errors.New("no go.mod at or above the working folder")
		}
		folder = filepath.Dir(folder)
	}
}
