// Command generate writes what users and their editors read in the folder generated: the reference and the JSON Schema
// of environment files, from package config (its types, their comments, the limits and the defaults of the classes),
// and a picture of each stack of the folder environments, from its golden.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tap/internal/repository"
)

func main() {
	root, err := repository.Root()
	var files map[string][]byte
	if err == nil {
		files, err = renderAll(root)
	}
	for name, content := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), content, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// renderAll returns the content of each generated file by its path from the repository's root.
func renderAll(root string) (map[string][]byte, error) {
	files, err := render(root)
	if err != nil {
		return nil, err
	}
	environments, err := filepath.Glob(filepath.Join(root, "environments", "*.yaml"))
	for _, environment := range environments {
		stack := "tap-" + strings.TrimSuffix(filepath.Base(environment), ".yaml")
		golden, problem := os.ReadFile(filepath.Join(root, "tests", "golden", stack+".json"))
		if problem == nil {
			files["generated/"+stack+".md"], problem = renderPicture(stack, golden)
		}
		err = errors.Join(err, problem)
	}
	return files, err
}
