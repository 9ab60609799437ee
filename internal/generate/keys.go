package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

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
	Properties           map[string]schema `json:"properties,omitempty"`           // instead of the limit's,
	AdditionalProperties any               `json:"additionalProperties,omitempty"` // as this
	If                   *schema           `json:"if,omitempty"`
	Then                 *schema           `json:"then,omitempty"`
	AllOf                []schema          `json:"allOf,omitempty"`
}

// describeKeys returns the reference and the schema of environment files and of accounts.yaml, by path.
func describeKeys() (files map[string][]byte, err error) {
	environment, accounts := config.Limits()
	files = map[string][]byte{}
	for name, d := range map[string]*document{
		"environment": describe(environmentHead, "An environment of the payment API", environment,
			config.Development, config.Production),
		"accounts": describe(accountsHead, "The AWS accounts of the payment API", accounts, config.Development),
	} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(d.schema))
		if name == "environment" {
			text.Truncate(text.Len() - len("\n}\n"))
			text.WriteString(",\n  \"allOf\": [\n    " + strings.Join(rules(), ",\n    ") + "\n  ]\n}\n")
		}
		files["generated/"+name+".md"] = []byte(d.reference)
		files["generated/"+name+".schema.json"] = inASCII(text.String())
	}
	return files, err
}

// rules returns the schemas of what values have to be together, a line each.
func rules() (lines []string) {
	for _, class := range []config.Class{config.Development, config.Production} {
		this, defaults := config.Condition{Path: "class", Limit: &config.Limit{Enum: []any{class}}}, config.Preset(class)
		defaults.Network.Zones = make([]string, 3) // a, b and c of the Region
		for _, rule := range config.Rules(class, "") {
			where, then := &schema{}, keeping(rule.Then[0], defaults)
			for _, condition := range append(slices.Clip(rule.If), this) { // which is everybody's
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

// document is the reference and the schema of a file, made in one walk over its limits.
type document struct {
	reference string
	schema    schema
	classes   []config.Class // whose defaults the reference has
}

func describe(head, title string, limit config.Limit, classes ...config.Class) *document {
	d := &document{reference: head, classes: classes}
	d.schema = d.section("", limit)
	d.schema.Dialect, d.schema.Title = "https://json-schema.org/draft/2020-12/schema", title
	return d
}

// section returns the schema of a section, and writes the rows of its keys. Its path is empty or ends in a dot.
func (d *document) section(path string, limit config.Limit) schema {
	object := schema{Limit: limit, Description: limit.Description, AdditionalProperties: false}
	if limit.IsMapOfSections() { // accounts.yaml is one as a whole: the reference is about the keys of an account
		object.AdditionalProperties = d.section(strings.TrimPrefix(path+"*.", "*."), *limit.AdditionalProperties)
		return object
	}
	object.Properties = map[string]schema{}
	for _, name := range limit.Names {
		if key := limit.Properties[name]; key.Properties != nil || key.IsMapOfSections() {
			object.Properties[name] = d.section(path+name+".", key)
		} else {
			object.Properties[name] = d.key(path+name, key, slices.Contains(limit.Required, name))
		}
	}
	return object
}

// key returns the schema of a key that contains a value, and writes its row.
func (d *document) key(path string, limit config.Limit, required bool) schema {
	cells := []string{"`" + path + "`", allowed(limit)}
	for i, class := range d.classes {
		switch {
		case limit.Shown != nil:
			cells = append(cells, limit.Shown[i])
		case required:
			cells = append(cells, "required")
		default:
			cells = append(cells, shown(limit, class))
		}
	}
	first, last := cells[2], cells[len(cells)-1]
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;") // neither the end of a cell nor HTML
	for _, cell := range append(cells, limit.Description) {
		d.reference += "| " + escape.Replace(cell) + " "
	}
	d.reference += "|\n"

	property := schema{Limit: limit, Description: limit.Description}
	if values := limit.AdditionalProperties; values != nil {
		property.AdditionalProperties = values
	}
	switch value := limit.DefaultIn(config.Development); {
	case first != last:
		property.Description += fmt.Sprintf(" Default: %s in development, %s in production.", first, last)
	case first == "required":
	case value != nil:
		_ = value.Decode(&property.Default) // as the loader has
	case limit.Type == "string":
		property.Default = ""
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
		return text + ": " + limit.Items.Words
	case limit.PropertyNames != nil:
		return text + ": " + limit.AdditionalProperties.Words + "; names: " + limit.PropertyNames.Words
	}
	return text + ": " + limit.Words
}

// shown writes a default.
func shown(limit config.Limit, class config.Class) string {
	value := limit.DefaultIn(class)
	switch {
	case value != nil && len(value.Content) > 0:
		return value.Content[0].Value // no class has a list of more
	case value != nil && value.Value != "":
		return value.Value
	case limit.Type == "string":
		return "empty"
	}
	return "none"
}
