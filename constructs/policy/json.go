// Package jsontext writes the JSON documents that some AWS attributes are made of.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/aws/jsii-runtime-go"
)

// JSON returns value as JSON in one line. Strings may hold tokens as long as these are plain
// references: Terraform resolves them inside the text, where an expression with quotes of its own
// would be invalid.
func JSON(value any) *string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // < and > stand in tokens
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("encode %T: %v", value, err))
	}
	return jsii.String(string(bytes.TrimSpace(text.Bytes())))
}
