package main

import (
	"fmt"
	"reflect"
	"strings"

	"tap/config"
)

const referenceHead = `# Environment files

One file in ` + "`environments/`" + ` is one environment; its name without ` + "`.yaml`" + ` is the suffix that ends the names of
its stack and resources. A file says its class, and what differs from the defaults of that class. Keys with a dot
are nested: ` + "`service.cpu`" + ` is the key ` + "`cpu`" + ` below ` + "`service`" + `. Items of a list end in ` + "`[]`" + `, entries of a map in ` + "`.*`" + `.
Every file says the keys marked "required"; a file of class production also ` + "`loadBalancer.certificateArn`" + `,
` + "`loadBalancer.domain`" + ` or ` + "`loadBalancer.allowPlainHttp: true`" + `.

| Key | Type and allowed values | Default in development | Default in production | Description |
| --- | --- | --- | --- | --- |
`

// defaults are those that the presets do not hold, and the keys that have none.
var defaults = map[string]struct{ development, production string }{
	"class":           {"required", "required"},
	"service.image":   {"empty", "required"},
	"network.zones[]": {"a, b and c of the Region", "a, b and c of the Region"},
}

func renderReference(comments comments) ([]byte, error) {
	var text strings.Builder
	text.WriteString(referenceHead)
	for _, key := range config.Keys() {
		owner, field := locate(key.Path)
		description, err := comments.of(owner, field)
		if err != nil {
			return nil, err
		}
		row := []string{
			"`" + key.Path + "`",
			allowed(key),
			defaultOf(config.Development, key.Path, defaults[key.Path].development),
			defaultOf(config.Production, key.Path, defaults[key.Path].production),
			escape(description),
		}
		for i, cell := range row {
			row[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return []byte(text.String()), nil
}

// locate returns the field of a path and the type that has it.
func locate(path string) (owner reflect.Type, field reflect.StructField) {
	t := reflect.TypeFor[config.Environment]()
	for name := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSuffix(path, "[]"), ".*"), ".") {
		owner = t
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("yaml") == name {
				field = t.Field(i)
			}
		}
		t = field.Type
	}
	return owner, field
}

// allowed says what a key holds.
func allowed(key config.Key) string {
	kind := map[reflect.Kind]string{
		reflect.String:  "text",
		reflect.Bool:    "true or false",
		reflect.Int:     "whole number",
		reflect.Float64: "number",
	}[key.Kind]
	switch limit := key.Limit; {
	case strings.HasSuffix(key.Path, "[]") && limit.Fewest > 0:
		kind = fmt.Sprintf("list of %d to %d", limit.Fewest, limit.Most)
	case strings.HasSuffix(key.Path, "[]"):
		kind = "list of text"
	case strings.HasSuffix(key.Path, ".*") && limit.Most > 0:
		kind = fmt.Sprintf("map of up to %d", limit.Most)
	case strings.HasSuffix(key.Path, ".*"):
		kind = "map of text"
	}
	words := escape(key.Limit.Allowed())
	if words == "" {
		return kind
	}
	if key.Limit.Optional {
		words += ", or empty"
	}
	return kind + ": " + words
}

// escape keeps what stands between < and > from being taken for HTML.
func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(text)
}

// defaultOf returns the default of a class, or the given words.
func defaultOf(class config.Class, path, words string) string {
	if words != "" {
		return words
	}
	value := reflect.ValueOf(config.Preset(class))
	for name := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSuffix(path, "[]"), ".*"), ".") {
		for i := range value.NumField() {
			if value.Type().Field(i).Tag.Get("yaml") == name {
				value = value.Field(i)
				break
			}
		}
	}
	return shown(value)
}

// shown writes a default as a file would.
func shown(value reflect.Value) string {
	switch {
	case value.Kind() == reflect.Slice || value.Kind() == reflect.Map:
		return "none" // no class has a list or a map that is not empty
	case value.Kind() == reflect.String && value.String() == "":
		return "empty"
	}
	return fmt.Sprint(value.Interface())
}
