package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"tap/config"
)

// schema is the part of JSON Schema 2020-12 that environment files need:
// https://json-schema.org/draft/2020-12
type schema struct {
	Dialect              string      `json:"$schema,omitempty"`
	Title                string      `json:"title,omitempty"`
	Description          string      `json:"description,omitempty"`
	Type                 string      `json:"type,omitempty"`
	Default              any         `json:"default,omitempty"`
	Const                *float64    `json:"const,omitempty"`
	Enum                 any         `json:"enum,omitempty"`
	Minimum              *float64    `json:"minimum,omitempty"`
	ExclusiveMinimum     *float64    `json:"exclusiveMinimum,omitempty"`
	Maximum              *float64    `json:"maximum,omitempty"`
	MultipleOf           float64     `json:"multipleOf,omitempty"`
	Pattern              string      `json:"pattern,omitempty"`
	MaximumLength        int         `json:"maxLength,omitempty"`
	AnyOf                []schema    `json:"anyOf,omitempty"`
	Items                *schema     `json:"items,omitempty"`
	MinimumItems         int         `json:"minItems,omitempty"`
	MaximumItems         *int        `json:"maxItems,omitempty"`
	UniqueItems          bool        `json:"uniqueItems,omitempty"`
	Properties           *properties `json:"properties,omitempty"`
	PropertyNames        *schema     `json:"propertyNames,omitempty"`
	MaximumProperties    int         `json:"maxProperties,omitempty"`
	AdditionalProperties any         `json:"additionalProperties,omitempty"`
	Required             []string    `json:"required,omitempty"`
}

// properties are written in the order of the Go type, which is the one that editors offer.
type properties struct {
	names   []string
	schemas []schema
}

func (p *properties) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, name := range p.names {
		if i > 0 {
			text.WriteByte(',')
		}
		value, err := encode(p.schemas[i], "")
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "%q:%s", name, value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// encode leaves <, > and & as they are, unlike json.Marshal.
func encode(value any, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return text.Bytes(), err
}

func renderSchema(comments comments) ([]byte, error) {
	limits := map[string]config.Limit{}
	for _, key := range config.Keys() {
		limits[key.Path] = key.Limit
	}
	root, err := structSchema(reflect.TypeFor[config.Environment](), "", comments, limits,
		reflect.ValueOf(config.Preset(config.Development)), reflect.ValueOf(config.Preset(config.Production)))
	if err != nil {
		return nil, err
	}
	root.Dialect = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "An environment of the payment API"
	root.Description = comments["Environment"]
	root.Required = []string{"class"}
	return encode(root, "  ")
}

func structSchema(t reflect.Type, path string, comments comments, limits map[string]config.Limit, development, production reflect.Value) (schema, error) {
	object := schema{Type: "object", AdditionalProperties: false, Properties: &properties{}}
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		description, err := comments.of(t, field)
		if err != nil {
			return schema{}, err
		}
		at := key
		if path != "" {
			at = path + "." + key
		}
		var property schema
		switch field.Type.Kind() {
		case reflect.Struct:
			property, err = structSchema(field.Type, at, comments, limits, development.Field(i), production.Field(i))
			if err != nil {
				return schema{}, err
			}
		case reflect.Slice:
			property = listSchema(field.Type, limits[at+"[]"])
		case reflect.Map:
			property = mapSchema(field.Type, limits[at+".*"])
		default:
			property = valueSchema(field.Type, limits[at])
			if at != "class" {
				own, other := development.Field(i), production.Field(i)
				if own.Interface() == other.Interface() {
					property.Default = own.Interface()
				} else {
					description += fmt.Sprintf(" Default: %s in development, %s in production.", shown(own), shown(other))
				}
			}
		}
		property.Description = description
		object.Properties.names = append(object.Properties.names, key)
		object.Properties.schemas = append(object.Properties.schemas, property)
	}
	return object, nil
}

func listSchema(t reflect.Type, limit config.Limit) schema {
	items := valueSchema(t.Elem(), limit)
	list := schema{Type: "array", Items: &items, UniqueItems: limit.Unique}
	if limit.Most > 0 {
		list.MaximumItems = &limit.Most
	}
	if limit.Fewest > 0 {
		none := 0
		list.AnyOf = []schema{{MaximumItems: &none}, {MinimumItems: limit.Fewest}}
	}
	return list
}

func mapSchema(t reflect.Type, limit config.Limit) schema {
	return schema{
		Type:                 "object",
		AdditionalProperties: valueSchema(t.Elem(), limit),
		PropertyNames:        &schema{Pattern: limit.Entry.String()},
		MaximumProperties:    limit.Most,
	}
}

func valueSchema(t reflect.Type, limit config.Limit) schema {
	value := schema{Type: map[reflect.Kind]string{
		reflect.String:  "string",
		reflect.Bool:    "boolean",
		reflect.Int:     "integer",
		reflect.Float64: "number",
	}[t.Kind()], MaximumLength: limit.Longest}
	switch {
	case limit.Texts != nil:
		value.Enum = limit.Texts
	case limit.Numbers != nil:
		value.Enum = limit.Numbers
	case limit.Pattern != nil && limit.Optional:
		value.Pattern = "^$|" + limit.Pattern.String()
	case limit.Pattern != nil:
		value.Pattern = limit.Pattern.String()
	case limit.Also != nil:
		value.AnyOf = []schema{{Const: limit.Also}, {Minimum: limit.Minimum, Maximum: limit.Maximum}}
	default:
		value.Minimum, value.Maximum, value.ExclusiveMinimum, value.MultipleOf = limit.Minimum, limit.Maximum, limit.Above, limit.Step
	}
	return value
}
