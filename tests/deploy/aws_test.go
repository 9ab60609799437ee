package deploy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os/exec"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
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
}

// ask sends requests to the emulator and returns the answers, which contain an Error where AWS refused.
func (d *deployment) ask(t *testing.T, requests ...request) []any {
	t.Helper()
	text := must.Get(json.Marshal(requests))(t)
	var said bytes.Buffer
	program := exec.CommandContext(t.Context(), repository.Python(d.repository), "-I", "-c", ask)
	program.Env = append(d.emulator.Environment(), "AWS_DEFAULT_REGION="+region)
	program.Env = append(program.Env, d.variables...)
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

// at returns what is below keys and indices in decoded JSON; nil if nothing is.
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

// find returns the item of a list in decoded JSON in which a key has that value; nil if none has.
func find(list any, key string, value any) any {
	items, _ := list.([]any)
	for _, item := range items {
		if at(item, key) == value {
			return item
		}
	}
	return nil
}

// fact is something that AWS says, and what it has to be. Nothing at all is never right.
type fact struct {
	name          string
	found, wanted any
}

func expectFacts(t *testing.T, facts ...fact) {
	t.Helper()
	for _, f := range facts {
		if f.found != f.wanted || f.wanted == nil || f.wanted == "" {
			t.Errorf("%s is %v, expected %v", f.name, f.found, f.wanted)
		}
	}
}
