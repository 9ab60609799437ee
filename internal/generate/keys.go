package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"tap/config"
)

const environmentHead = `# Environment files

A file in the folder environments is an environment; its name without .yaml is the suffix that ends the names of its
stack and resources: one letter, then up to 14 letters, digits or single hyphens, lower case, no hyphen at the end,
and not account. A file sets its class, and what differs from the defaults of that class. Keys with a dot are nested:
service.cpu is the key cpu below service, and workers.*.cpu that below any name below workers, which the file chooses.
A file of class production also sets service.image, network.cidr and one of loadBalancer.certificateArn,
loadBalancer.domain and loadBalancer.allowPlainHttp: true.

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
	Comment     string `json:"$comment,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Default     any    `json:"default,omitempty"`
	config.Limit
	Properties           map[string]schema `json:"properties,omitempty"`
	AdditionalProperties any               `json:"additionalProperties,omitempty"` // instead of the limit's
	Required             []string          `json:"required,omitempty"`
	If                   *schema           `json:"if,omitempty"`
	Then                 *schema           `json:"then,omitempty"`
	AllOf                []schema          `json:"allOf,omitempty"`
}

// document is the reference and the schema of a type of package config, made in one walk over it.
type document struct {
	reference string
	schema    schema
	comments  map[string]string // of types and of their fields, by Type and by Type.Field
	links     []string          // as comments refer to a field, [Type.Field], and the path that it has, in turn
	err       error
}

// describeKeys returns the reference and the schema of environment files and of accounts.yaml, by path.
func describeKeys() (files map[string][]byte, err error) {
	environmentLimit, accountLimit := config.Limits()
	environment := describe(environmentHead, "config/environment.go", environmentLimit,
		config.Preset(config.Development), config.Preset(config.Production))
	environment.schema.Title, environment.schema.Required = "An environment of the payment API", []string{"class"}

	account := describe(accountsHead, "config/account.go", accountLimit,
		config.Account{GitHub: config.DefaultGitHub})
	account.schema.Required = []string{"region"}
	account.schema = schema{Title: "The AWS accounts of the payment API", AdditionalProperties: account.schema,
		Limit: config.Limit{Type: "object", PropertyNames: &config.AccountIDs}}

	files = map[string][]byte{}
	for name, d := range map[string]*document{"environment": environment, "accounts": account} {
		d.schema.Dialect = "https://json-schema.org/draft/2020-12/schema"
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, d.err, encoder.Encode(d.schema))
		if d == environment {
			text.Truncate(text.Len() - len("\n}\n"))
			text.WriteString(",\n  \"allOf\": [\n    " + strings.Join(rules(), ",\n    ") + "\n  ]\n}\n")
		}
		links := strings.NewReplacer(d.links...)
		resolved := links.Replace(text.String())
		if left := link.FindString(resolved); left != "" {
			err = errors.Join(err, fmt.Errorf("%s in a comment is not a key", left))
		}
		files["generated/"+name+".md"] = []byte(links.Replace(d.reference))
		files["generated/"+name+".schema.json"] = inASCII(resolved)
	}
	return files, err
}

// rules returns the schemas of what values have to be together, a line each.
func rules() (lines []string) {
	for _, class := range []config.Class{config.Development, config.Production} {
		this, defaults := config.Condition{Path: "class", Limit: &config.Limit{Enum: []any{class}}}, config.Preset(class)
		defaults.Network.Zones = make([]string, 3) // a, b and c of the Region
		for _, rule := range config.Rules(class, "") {
			where, then := &schema{}, keeping(rule.Then, defaults)
			for _, condition := range append(rule.If, this) {
				where.AllOf = append(where.AllOf, keeping(condition, defaults))
			}
			line, _ := json.Marshal(schema{Comment: rule.Problem, If: where, Then: &then}) // as the whole schema can be
			lines = append(lines, string(line))
		}
	}
	return lines
}

// keeping returns what files keep in which a condition holds. They may leave out what does so by default.
func keeping(c config.Condition, defaults config.Environment) schema {
	s := schema{Limit: config.Limit{Not: &config.Limit{}}} // nothing keeps it
	if c.Limit != nil {
		s.Limit = *c.Limit
	}
	for _, key := range slices.Backward(strings.Split(c.Path, ".")) {
		s = schema{Properties: map[string]schema{key: s}}
		if !c.Holds(defaults) {
			s.Required = []string{key}
		}
	}
	return s
}

// link is a reference of a doc comment to a field.
var link = regexp.MustCompile(`\[[A-Z]\w*\.[A-Z]\w*\]`)

// describe makes the document of the type of the defaults, which a file declares.
func describe(head, file string, limit config.Limit, defaults ...any) *document {
	d := &document{reference: head}
	d.comments, d.err = readComments(file)
	var values []reflect.Value
	for _, value := range defaults {
		values = append(values, reflect.ValueOf(value))
	}
	d.schema = d.section("", limit, values)
	return d
}

// readComments returns the doc comments of the types in a file, and those of their fields as Type.Field.
func readComments(path string) (map[string]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	section, above := "", ""
	oneLine := func(comment *ast.CommentGroup) string { return strings.Join(strings.Fields(comment.Text()), " ") }
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			return false
		case *ast.GenDecl:
			above = oneLine(node.Doc)
		case *ast.TypeSpec:
			section = node.Name.Name
			comments[section] = above
		case *ast.Field:
			comments[section+"."+node.Names[0].Name] = oneLine(node.Doc)
		}
		return true
	})
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

// section returns the schema of a section, and writes the rows of its keys. Its path is empty or ends in a dot; its
// defaults are those of each class, or the only ones.
func (d *document) section(path string, whole config.Limit, defaults []reflect.Value) schema {
	section := defaults[0].Type()
	object := schema{Limit: config.Limit{Type: "object"}, AdditionalProperties: false, Properties: map[string]schema{}}
	for i := range section.NumField() {
		field := section.Field(i)
		name := field.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		d.links = append(d.links, "["+section.Name()+"."+field.Name+"]", path+name)
		description := name + " " + d.comment(section.Name(), field)
		var values []reflect.Value
		for _, value := range defaults {
			values = append(values, value.Field(i))
		}
		limit := whole.Properties[name]
		switch {
		case field.Type.Kind() == reflect.Struct:
			below := d.section(path+name+".", limit, values)
			below.Description = description
			object.Properties[name] = below
		case limit.IsMapOfSections():
			entry := reflect.New(field.Type.Elem()) // with its defaults
			d.err = errors.Join(d.err, yaml.Unmarshal([]byte("{}"), entry.Interface()))
			same := slices.Repeat([]reflect.Value{entry.Elem()}, len(defaults))
			below := d.section(path+name+".*.", *limit.AdditionalProperties, same)
			below.Required = limit.AdditionalProperties.Required
			object.Properties[name] = schema{Limit: limit, AdditionalProperties: below, Description: description}
		default:
			required := slices.Contains(whole.Required, name)
			object.Properties[name] = d.key(path+name, description, limit, required, values)
		}
	}
	return object
}

// comment returns what the comment of a field says, or that of its type, after the name.
func (d *document) comment(section string, field reflect.StructField) string {
	text, found := strings.CutPrefix(d.comments[section+"."+field.Name], field.Name+" ")
	if !found {
		text, found = strings.CutPrefix(d.comments[field.Type.Name()], field.Type.Name()+" ")
	}
	if !found {
		d.err = errors.Join(d.err, fmt.Errorf("no comment for %s.%s", section, field.Name))
	}
	return text
}

// key returns the schema of a key that contains a value, and writes its row.
func (d *document) key(path, description string, limit config.Limit, required bool, defaults []reflect.Value) schema {
	cells := []string{"`" + path + "`", allowed(limit)}
	for class, value := range defaults {
		cells = append(cells, shown(path, required, class == 1, value))
	}
	first, last := cells[2], cells[len(cells)-1]
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;") // neither the end of a cell nor HTML
	for _, cell := range append(cells, description) {
		d.reference += "| " + escape.Replace(cell) + " "
	}
	d.reference += "|\n"

	property := schema{Limit: limit, Description: description}
	if values := limit.AdditionalProperties; values != nil {
		property.AdditionalProperties = values
	}
	switch {
	case first != last:
		property.Description += fmt.Sprintf(" Default: %s in development, %s in production.", first, last)
	case limit.Type != "array" && limit.Type != "object" && first != "required":
		property.Default = defaults[0].Interface()
	}
	return property
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
func shown(path string, required, inProduction bool, value reflect.Value) string {
	switch {
	case required, inProduction && (path == "service.image" || path == "network.cidr"):
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
