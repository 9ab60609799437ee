// Command generate writes what users and their editors read in the folder generated: the reference and the JSON Schema
// of environment files, from package config (its types, their comments, the limits and the defaults of the classes),
// and a picture of each stack of the folder environments, from its golden. Goldens and generated are below the folder
// that is named, or else the working folder.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"tap/config"
	"tap/internal/repository"
)

func main() {
	folder := strings.Join(os.Args[1:], " ")
	files, err := render(folder)
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), content, 0o644))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// render returns the content of each generated file by its path, of the environments and package config in the working
// folder, the repository's root, and of the goldens in another one.
func render(folder string) (map[string][]byte, error) {
	files, err := describeKeys()
	environments, _ := filepath.Glob("environments/*.yaml")
	for _, environment := range environments {
		stack := config.Environment{Suffix: strings.TrimSuffix(filepath.Base(environment), ".yaml")}.Stack()
		golden, problem := os.ReadFile(filepath.Join(folder, "tests", "golden", stack+".json"))
		if problem == nil {
			files["generated/"+stack+".md"], problem = draw(stack, golden)
		}
		err = errors.Join(err, problem)
	}
	return files, err
}

var (
	//go:embed picture.md.tmpl
	pictureText string
	picture     = template.Must(template.New("picture").Funcs(template.FuncMap{
		"hasPrefix":  strings.HasPrefix,
		"words":      strings.Fields,
		"identifier": identifier,
		"node":       func(group string) string { return identifier(securityGroup.ReplaceAllString(group, "$1")) },
		"serviceOf":  func(endpoint string) string { return strings.SplitN(endpoint, ".", 4)[3] },
	}).Parse(pictureText))
	notInIdentifier = regexp.MustCompile(`[^A-Za-z0-9]+`)
	securityGroup   = regexp.MustCompile(`^\$\{aws_security_group\.([\w-]+?)(_security-group` +
		repository.Hash + `)?\.id\}$`)
)

// identifier is the id of a node in Mermaid; that of what has a security group is named after the group.
func identifier(name string) string { return notInIdentifier.ReplaceAllString(name, "_") }

// draw draws a stack as a Mermaid diagram: what is in it, and each flow that a security group rule allows, with its
// port.
func draw(stack string, golden []byte) ([]byte, error) {
	data := struct {
		Stack    string
		Resource map[string]map[string]map[string]any // attributes by type and name
	}{Stack: stack}
	if err := json.Unmarshal(golden, &data); err != nil {
		return nil, fmt.Errorf("%s: %w", stack, err)
	}
	var text bytes.Buffer
	err := picture.Execute(&text, data)
	return text.Bytes(), err
}
