package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"tap/internal/repository"
)

func TestLongCommandLine(t *testing.T) {
	repository.NeedTools(t)
	t.Parallel()
	d := newDeployment(t, "dev")
	cdktf := func(t *testing.T, subcommand string, options ...string) {
		t.Helper()
		// Without --skip-provider-lock the provider is looked for in the public registry, whatever Terraform's
		// configuration says.
		arguments := append([]string{subcommand, d.stack, "--auto-approve", "--skip-provider-lock", "--no-color",
			"--output", d.path("cdktf.out")}, options...)
		if _, err := d.run(t, d.repository, repository.CDKTF(d.repository), arguments...); err != nil {
			t.Fatal(err)
		}
	}

	step(t, "cdktf deploy deploys the repository's development environment", func(t *testing.T) {
		cdktf(t, "deploy", "--outputs-file", d.path("outputs.json"))
		content, err := os.ReadFile(d.path("outputs.json"))
		if err != nil {
			t.Fatal(err)
		}
		var written map[string]map[string]any
		if err := json.Unmarshal(content, &written); err != nil {
			t.Fatal(err)
		}
		outputs := d.outputs(t)
		for name, value := range written[d.stack] {
			if fmt.Sprint(value) != outputs[name] {
				t.Errorf("cdktf has written %v as the output %s, expected %s", value, name, outputs[name])
			}
		}
		if len(written[d.stack]) != len(outputs) {
			t.Errorf("cdktf has written %d outputs, expected %d", len(written[d.stack]), len(outputs))
		}
	})
	step(t, "cdktf destroy leaves nothing", func(t *testing.T) {
		if len(d.inventory(t)) == 0 {
			t.Fatal("nothing has been deployed")
		}
		cdktf(t, "destroy")
		d.expectNothingLeft(t)
	})
}
