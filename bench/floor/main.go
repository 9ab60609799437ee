// Command floor writes the stacks of a synthesized app once more, into the folder that CDKTF_OUTDIR
// names, without any provider: each resource and data source is CDKTF's generic one, with the JSON that
// the app gave it. It is what the app's output costs in CDKTF itself.
//
//	floor cdktf.out
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor <folder of a synthesized app>")
		os.Exit(2)
	}
	stacks, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
	defer jsii.Close()
	app := cdktf.NewApp(nil)
	for _, name := range sortedKeys(stacks) {
		write(app, name, stacks[name])
	}
	app.Synth()
}

// document is the JSON of a stack.
type document map[string]any

// read answers the stacks that a manifest lists, by name.
func read(folder string) (map[string]document, error) {
	var manifest struct {
		Stacks map[string]struct{ SynthesizedStackPath string }
	}
	if err := readJSON(filepath.Join(folder, "manifest.json"), &manifest); err != nil {
		return nil, err
	}
	stacks := map[string]document{}
	for name, stack := range manifest.Stacks {
		var content document
		if err := readJSON(filepath.Join(folder, stack.SynthesizedStackPath), &content); err != nil {
			return nil, err
		}
		stacks[name] = content
	}
	return stacks, nil
}

func readJSON(name string, into any) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// write declares a stack. An element and its content are two calls, so that the floor makes no
// more calls than a program with a provider; everything that is neither a resource nor a data source
// nor an output is one.
func write(app cdktf.App, name string, content document) {
	stack := cdktf.NewTerraformStack(app, &name)
	// Without a backend CDKTF adds one whose path depends on the machine.
	cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{Path: jsii.String("terraform.tfstate")})
	for _, section := range sortedKeys(content) {
		switch section {
		case "//":
		case "resource", "data":
			types := content[section].(map[string]any)
			for _, kind := range sortedKeys(types) {
				elements := types[kind].(map[string]any)
				for _, id := range sortedKeys(elements) {
					config := &cdktf.TerraformResourceConfig{TerraformResourceType: jsii.String(kind)}
					if section == "data" {
						cdktf.NewTerraformDataSource(stack, &id, config)
					} else {
						cdktf.NewTerraformResource(stack, &id, config)
					}
					stack.AddOverride(jsii.String(section+"."+kind+"."+id), elements[id])
				}
			}
		case "output":
			outputs := content[section].(map[string]any)
			for _, id := range sortedKeys(outputs) {
				output := outputs[id].(map[string]any)
				cdktf.NewTerraformOutput(stack, &id, &cdktf.TerraformOutputConfig{Value: output["value"]})
				stack.AddOverride(jsii.String(section+"."+id), output)
			}
		case "terraform":
			for _, key := range sortedKeys(content[section].(map[string]any)) {
				stack.AddOverride(jsii.String(section+"."+key), content[section].(map[string]any)[key])
			}
		default:
			stack.AddOverride(&section, content[section])
		}
	}
}

func sortedKeys[Value any](values map[string]Value) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
