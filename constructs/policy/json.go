package policy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/aws/jsii-runtime-go"
)

// JSON returns value as JSON on one line. Strings may contain tokens as long as these are plain references:
// Terraform resolves them inside the text, where an expression with quotes of its own would be invalid.
func JSON(value any) *string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // tokens contain < and >
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("encode %T: %v", value, err))
	}
	return jsii.String(string(bytes.TrimSpace(text.Bytes())))
}
