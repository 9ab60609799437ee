package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
)

func TestLongCommandLine(t *testing.T) {
	d := newDeployment(t, "dev")
	cdktf := func(t *testing.T, subcommand string, options ...string) {
		t.Helper()
		// Without --skip-provider-lock the provider is looked for in the public registry, whatever Terraform's
		// configuration says.
		arguments := append([]string{subcommand, d.stack, "--auto-approve", "--skip-provider-lock", "--no-color",
			"--output", d.path("cdktf.out")}, options...)
		must.Get(d.run(t, d.repository, repository.CDKTF(d.repository), arguments...))(t)
	}

	step(t, "cdktf deploy deploys the repository's development environment", func(t *testing.T) {
		cdktf(t, "deploy", "--outputs-file", d.path("outputs.json"))
		content := must.Get(os.ReadFile(d.path("outputs.json")))(t)
		var written map[string]map[string]any
		must.Do(t, json.Unmarshal(content, &written))
		if want := d.outputs(t); fmt.Sprint(written[d.stack]) != fmt.Sprint(want) {
			t.Errorf("cdktf has written the outputs %v, expected %v", written[d.stack], want)
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
