package deploy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

//go:embed ask.py
var ask string

// parameters of a request to AWS, as its API names them.
type parameters map[string]any

// request is one request to an AWS service, by boto3's names.
type request struct {
	Service    string     `json:"service"`
	Operation  string     `json:"operation"`
	Parameters parameters `json:"parameters"`
	Region     string     `json:"region"`
}

// ask sends requests to the emulator and returns the answers, which hold an Error where AWS refused.
func (d *deployment) ask(t *testing.T, requests ...request) []any {
	t.Helper()
	for i := range requests {
		requests[i].Region = region
		if requests[i].Parameters == nil {
			requests[i].Parameters = parameters{}
		}
	}
	text, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	program := exec.CommandContext(d.context, setup.python, "-I", "-c", ask)
	program.Env = d.emulator.Environment(os.Environ())
	program.Stdin, program.Stderr = bytes.NewReader(text), &said
	answered, err := program.Output()
	if err != nil {
		t.Fatalf("ask the emulator: %v\n%s", err, said.String())
	}
	var answers []any
	if err := json.Unmarshal(answered, &answers); err != nil {
		t.Fatalf("ask the emulator: %v", err)
	}
	return answers
}

// at returns what lies below keys and indices in decoded JSON; nil if nothing does.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// text returns the string below keys and indices in decoded JSON; empty if there is none.
func text(value any, path ...any) string {
	found, _ := at(value, path...).(string)
	return found
}
