package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

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
