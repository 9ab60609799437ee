package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"tap/config"
)

const referenceHead = `# Environment files

A file in the folder environments is an environment; its name without .yaml is the suffix that ends the names of its
stack and resources: one letter, then up to 14 letters, digits or single hyphens, lower case, no hyphen at the end.
A file sets its class, and what differs from the defaults of that class. Keys with a dot are nested: service.cpu is the
key cpu below service. A file of class production also sets service.image, network.cidr and one of
loadBalancer.certificateArn, loadBalancer.domain and loadBalancer.allowPlainHttp: true.

| Key | Type and allowed values | Default in development | Default in production | Description |
| --- | --- | --- | --- | --- |
`

const accountsHead = `# accounts.yaml

What AWS accounts share, by the 12 digits of each: see [docs/accounts.md](../docs/accounts.md). The file is optional.

| Key of an account | Type and allowed values | Default | Description |
| --- | --- | --- | --- |
`

// schema is the part of JSON Schema 2020-12 that environment files need: https://json-schema.org/draft/2020-12
type schema struct {
	Dialect     string `json:"$schema,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Default     any    `json:"default,omitempty"`
	config.Limit
	Properties           map[string]schema `json:"properties,omitempty"`
	AdditionalProperties any               `json:"additionalProperties,omitempty"` // instead of the limit's
	Required             []string          `json:"required,omitempty"`
}

// generator renders both documents in one walk over the types and the defaults.
type generator struct {
	comments map[string]string       // of types and of their fields
	paths    map[string]string       // of fields, by Type.Field
	limits   map[string]config.Limit // by path
	classes  bool                    // defaults differ between classes
	rows     strings.Builder         // of the reference
	problem  error
}

// render returns the reference and the schema of environment files and of accounts.yaml, by path from the repository's
// root.
func render(root string) (map[string][]byte, error) {
	environment, rows, err := walk(filepath.Join(root, "config", "environment.go"), config.Keys(),
		config.Preset(config.Development), config.Preset(config.Production), true)
	environment.Title = "An environment of the payment API"
	environment.Required = []string{"class"}

	none := config.Account{GitHub: config.GitHub{Branch: config.DefaultBranch}}
	account, accountRows, problem := walk(filepath.Join(root, "config", "account.go"), config.AccountKeys(), none, none,
		false)
	account.Required = []string{"region"}
	accounts := schema{Title: "The AWS accounts of the payment API", Limit: config.Limit{Type: "object",
		PropertyNames: &config.AccountIDs}, AdditionalProperties: account}

	files := map[string][]byte{
		"generated/environment.md": []byte(referenceHead + rows),
		"generated/accounts.md":    []byte(accountsHead + accountRows),
	}
	err = errors.Join(err, problem)
	for name, content := range map[string]schema{"environment": environment, "accounts": accounts} {
		content.Dialect = "https://json-schema.org/draft/2020-12/schema"
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(content))
		files["generated/"+name+".schema.json"] = inASCII(text.String())
	}
	return files, err
}

// walk returns the schema and the rows of a type that a file declares. The two values are the defaults of the classes.
func walk(file string, keys []config.Key, development, production any, classes bool) (schema, string, error) {
	comments, err := readComments(file)
	if err != nil {
		return schema{}, "", err
	}
	g := generator{comments: comments, paths: map[string]string{}, limits: map[string]config.Limit{}, classes: classes}
	for _, key := range keys {
		g.limits[key.Path] = key.Limit
	}
	g.findPaths(reflect.TypeOf(development), "")
	result := g.section("", reflect.ValueOf(development), reflect.ValueOf(production))
	return result, g.rows.String(), g.problem
}

// readComments returns the doc comments of the types in a file, and those of their fields as Type.Field.
func readComments(path string) (map[string]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	oneLine := func(comment *ast.CommentGroup) string { return strings.Join(strings.Fields(comment.Text()), " ") }
	for _, declaration := range parsed.Decls {
		general, isGeneral := declaration.(*ast.GenDecl)
		if !isGeneral || general.Tok != token.TYPE {
			continue
		}
		named := general.Specs[0].(*ast.TypeSpec)
		comments[named.Name.Name] = oneLine(general.Doc)
		if structure, isStruct := named.Type.(*ast.StructType); isStruct {
			for _, field := range structure.Fields.List {
				comments[named.Name.Name+"."+field.Names[0].Name] = oneLine(field.Doc)
			}
		}
	}
	return comments, nil
}

// inASCII escapes the characters of a JSON text that a reader may not see.
func inASCII(text string) (escaped []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < utf8.RuneSelf {
			escaped = append(escaped, byte(unit))
		} else {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
	}
	return escaped
}

func (g *generator) findPaths(section reflect.Type, path string) {
	for i := range section.NumField() {
		field := section.Field(i)
		at := path + field.Tag.Get("yaml")
		g.paths[section.Name()+"."+field.Name] = at
		if field.Type.Kind() == reflect.Struct {
			g.findPaths(field.Type, at+".")
		}
	}
}

// section returns the schema of a section, and writes the rows of its keys. The path of a section ends in a dot.
func (g *generator) section(path string, development, production reflect.Value) schema {
	object := schema{Limit: config.Limit{Type: "object"}, AdditionalProperties: false, Properties: map[string]schema{}}
	for i := range development.NumField() {
		field := development.Type().Field(i)
		key := field.Tag.Get("yaml")
		switch {
		case key == "-":
		case field.Type.Kind() == reflect.Struct:
			below := g.section(path+key+".", development.Field(i), production.Field(i))
			below.Description = g.describe(development.Type(), field)
			object.Properties[key] = below
		default:
			description := g.describe(development.Type(), field)
			object.Properties[key] = g.key(path+key, description, development.Field(i), production.Field(i))
		}
	}
	return object
}

// key returns the schema of a key that contains a value, and writes its row.
func (g *generator) key(path, description string, development, production reflect.Value) schema {
	limit := g.limits[path]
	inDevelopment, inProduction := shown(path, development), shown(path, production)
	if path == "service.image" || path == "network.cidr" {
		inProduction = "required"
	}
	row := []string{"`" + path + "`", allowed(limit), inDevelopment, inProduction, description}
	if !g.classes {
		row = slices.Delete(row, 2, 3)
	}
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;") // neither the end of a cell nor HTML
	for _, cell := range row {
		g.rows.WriteString("| " + escape.Replace(cell) + " ")
	}
	g.rows.WriteString("|\n")

	property := schema{Limit: limit, Description: description}
	if values := limit.AdditionalProperties; values != nil {
		property.AdditionalProperties = values
	}
	switch {
	case inDevelopment != inProduction:
		property.Description += fmt.Sprintf(" Default: %s in development, %s in production.", inDevelopment, inProduction)
	case limit.Type != "array" && limit.Type != "object" && inDevelopment != "required":
		property.Default = development.Interface()
	}
	return property
}

// link is a reference of a doc comment to a field.
var link = regexp.MustCompile(`\[(\w+\.\w+)\]`)

// describe returns what the comment of a field says, or that of its type, with keys instead of the names of fields.
func (g *generator) describe(section reflect.Type, field reflect.StructField) string {
	text, found := strings.CutPrefix(g.comments[section.Name()+"."+field.Name], field.Name+" ")
	if !found {
		text, found = strings.CutPrefix(g.comments[field.Type.Name()], field.Type.Name()+" ")
	}
	if !found {
		g.problem = errors.Join(g.problem, fmt.Errorf("no comment for %s.%s", section.Name(), field.Name))
	}
	return field.Tag.Get("yaml") + " " + link.ReplaceAllStringFunc(text, func(reference string) string {
		path := g.paths[strings.Trim(reference, "[]")]
		if path == "" {
			g.problem = errors.Join(g.problem, fmt.Errorf("%s in the comment of %s is not a key", reference, field.Name))
		}
		return path
	})
}

// allowed says what a key contains.
func allowed(limit config.Limit) string {
	text := strings.NewReplacer("string", "text", "integer", "whole number", "array", "list", "object", "map").
		Replace(limit.Type)
	if limit.MaxItems > 0 {
		text += fmt.Sprintf(" of %d to %d", limit.MinItems, limit.MaxItems)
	}
	if limit.MaxProperties > 0 {
		text += fmt.Sprintf(" of up to %d", limit.MaxProperties)
	}
	switch {
	case limit.Items != nil:
		return text + ": " + limit.Items.Allowed()
	case limit.PropertyNames != nil:
		return text + ": " + limit.AdditionalProperties.Allowed() + "; names: " + limit.PropertyNames.Allowed()
	}
	return text + ": " + limit.Allowed()
}

// shown writes a default as a file would.
func shown(path string, value reflect.Value) string {
	switch {
	case path == "class", path == "region" && value.Interface() == "":
		return "required"
	case path == "network.zones":
		return "a, b and c of the Region"
	case path == "network.natGateways" && value.Int() < 0:
		return "one for each zone"
	case value.Kind() == reflect.Slice || value.Kind() == reflect.Map:
		return "none" // no class has a list or a map that is not empty
	case value.Interface() == "":
		return "empty"
	}
	return fmt.Sprint(value.Interface())
}
