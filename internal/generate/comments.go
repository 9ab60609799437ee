package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strings"
)

// comments holds the doc comments of package config: of a type by its name, of a field by
// Type.Field.
type comments map[string]string

func readComments(path string) (comments, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	found := comments{}
	for _, declaration := range parsed.Decls {
		general, isGeneral := declaration.(*ast.GenDecl)
		if !isGeneral {
			continue
		}
		for _, spec := range general.Specs {
			named, isType := spec.(*ast.TypeSpec)
			if !isType {
				continue
			}
			found[named.Name.Name] = oneLine(general.Doc.Text())
			structure, isStruct := named.Type.(*ast.StructType)
			if !isStruct {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					found[named.Name.Name+"."+name.Name] = oneLine(field.Doc.Text())
				}
			}
		}
	}
	return found, nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// goName matches the names of Go fields that consist of several words.
var goName = regexp.MustCompile(`\b[A-Z][a-z]+[A-Z][A-Za-z]*\b`)

// of returns what the comment of a field says, in the words of an environment file: with keys
// instead of the names of fields. A field without a comment has that of its type.
func (c comments) of(owner reflect.Type, field reflect.StructField) (string, error) {
	text := c[owner.Name()+"."+field.Name]
	if text == "" {
		text = c[field.Type.Name()]
	}
	if text == "" {
		return "", fmt.Errorf("%s.%s has no doc comment", owner.Name(), field.Name)
	}
	key := field.Tag.Get("yaml")
	if rest, found := strings.CutPrefix(text, field.Name+" "); found {
		text = key + " " + rest
	}
	return goName.ReplaceAllStringFunc(text, func(name string) string {
		if sibling, found := owner.FieldByName(name); found {
			return sibling.Tag.Get("yaml")
		}
		return name
	}), nil
}
