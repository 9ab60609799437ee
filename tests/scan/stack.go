package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stack is the Terraform JSON of one synthesized stack.
type stack struct {
	name  string
	class string // whose waivers count: a class of environments, or classState
	root  map[string]any
}

// readStack reads the stack in folder/stacks/name.
func readStack(folder, name, class string) (stack, error) {
	text, err := os.ReadFile(filepath.Join(folder, "stacks", name, "cdk.tf.json"))
	if err != nil {
		return stack{}, fmt.Errorf("read stack %s: %w", name, err)
	}
	s := stack{name: name, class: class}
	if err := json.Unmarshal(text, &s.root); err != nil {
		return stack{}, fmt.Errorf("read stack %s: %w", name, err)
	}
	return s, nil
}

// clone returns a deep copy under another name.
func (s stack) clone(name string) (stack, error) {
	copied := stack{name: name, class: s.class}
	text, err := json.Marshal(s.root)
	if err == nil {
		err = json.Unmarshal(text, &copied.root)
	}
	if err != nil {
		return stack{}, fmt.Errorf("copy stack %s: %w", s.name, err)
	}
	return copied, nil
}

// object returns the object below the keys; an empty one that belongs to nothing if there is none.
func object(value any, keys ...string) map[string]any {
	for _, key := range keys {
		parent, _ := value.(map[string]any)
		value = parent[key]
	}
	if found, ok := value.(map[string]any); ok {
		return found
	}
	return map[string]any{}
}

// resource is what a finding says of the resource that it is about.
type resource struct {
	kind string // Terraform's type, for example aws_s3_bucket
	path string // of the construct below its stack, for example database/cluster
}

// resources returns the stack's resources by the name that Terraform knows them by, which CDKTF makes
// of the construct's whole path, so that it is unique whatever the type.
func (s stack) resources() map[string]resource {
	all := map[string]resource{}
	for kind, named := range object(s.root, "resource") {
		for name := range object(named) {
			path, _ := object(named, name, "//", "metadata")["path"].(string)
			path = strings.TrimPrefix(path, s.name+"/")
			if path == "" {
				path = kind + "." + name
			}
			all[name] = resource{kind: kind, path: path}
		}
	}
	return all
}

// writeReadable writes the stack as <folder>/<name>/cdk.tf.json in a form that checkov reads
// completely. Two things in a stack it does not read:
//
//   - It fails on the whole file because of terraform.required_version
//     (https://github.com/bridgecrewio/checkov/issues/7454), and then reports nothing at all.
//   - It passes over a role's policy that is text. A copy of each such policy is added as the data
//     source aws_iam_policy_document, to which all of its IAM checks apply.
func (s stack) writeReadable(folder string) error {
	readable, err := s.clone(s.name)
	if err != nil {
		return err
	}
	delete(object(readable.root, "terraform"), "required_version")
	documents := map[string]any{}
	for name, attributes := range object(s.root, "resource", "aws_iam_role_policy") {
		text, _ := object(attributes)["policy"].(string)
		document, err := policyDocument(text)
		if err != nil {
			return fmt.Errorf("stack %s: policy of aws_iam_role_policy.%s: %w", s.name, name, err)
		}
		documents[name] = document
	}
	if len(documents) > 0 {
		data := object(readable.root, "data")
		data["aws_iam_policy_document"] = documents
		readable.root["data"] = data
	}

	text, err := json.MarshalIndent(readable.root, "", "  ")
	if err != nil {
		return fmt.Errorf("write stack %s: %w", s.name, err)
	}
	folder = filepath.Join(folder, s.name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write stack %s: %w", s.name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "cdk.tf.json"), text, 0o644); err != nil {
		return fmt.Errorf("write stack %s: %w", s.name, err)
	}
	return nil
}

// policyDocument turns the text of an identity's policy into the arguments of the data source
// aws_iam_policy_document. An element that it does not know is an error: left out, it would make the
// policy look narrower or wider than it is.
func policyDocument(text string) (map[string]any, error) {
	var policy struct {
		Version   string
		ID        string `json:"Id"`
		Statement []map[string]any
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&policy); err != nil {
		return nil, err
	}
	statements := []any{}
	for number, statement := range policy.Statement {
		converted := map[string]any{}
		for element, value := range statement {
			switch element {
			case "Sid":
				converted["sid"] = value
			case "Effect":
				converted["effect"] = value
			case "Action":
				converted["actions"] = list(value)
			case "NotAction":
				converted["not_actions"] = list(value)
			case "Resource":
				converted["resources"] = list(value)
			case "NotResource":
				converted["not_resources"] = list(value)
			case "Condition":
				// Left out when it is empty: checkov cannot read an empty list of blocks.
				if conditions := conditionBlocks(object(value)); len(conditions) > 0 {
					converted["condition"] = conditions
				}
			default:
				return nil, fmt.Errorf("statement %d has the element %q, expected those of an identity's policy", number+1, element)
			}
		}
		statements = append(statements, converted)
	}
	return map[string]any{"statement": statements}, nil
}

func conditionBlocks(tests map[string]any) []any {
	blocks := []any{}
	for test, variables := range tests {
		for variable, values := range object(variables) {
			blocks = append(blocks, map[string]any{"test": test, "variable": variable, "values": list(values)})
		}
	}
	return blocks
}

// list makes a list of a value that IAM also takes alone.
func list(value any) []any {
	if many, ok := value.([]any); ok {
		return many
	}
	return []any{value}
}
