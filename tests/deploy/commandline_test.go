package deploy

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

func TestDeploymentThroughTheCommandLine(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "dev", 2)

	step(t, "cdktf deploy deploys the repository's development environment", func(t *testing.T) {
		d.cdktf(t, "deploy", "--outputs-file", d.path("outputs.json"))
	})
	step(t, "the outputs are those of the stack", func(t *testing.T) {
		var written map[string]map[string]string
		if err := json.Unmarshal([]byte(contents(d.path("outputs.json"))), &written); err != nil {
			t.Fatal(err)
		}
		if wanted := map[string]map[string]string{d.stack: d.outputs(t)}; !reflect.DeepEqual(written, wanted) {
			t.Errorf("cdktf has written the outputs %v, expected %v", written, wanted)
		}
		d.expectOutputs(t, "dev")
	})
	step(t, "the state lies beside the output folder", func(t *testing.T) {
		if _, err := os.Stat(d.state()); err != nil {
			t.Error(err)
		}
	})
	step(t, "cdktf destroy leaves nothing", func(t *testing.T) {
		d.cdktf(t, "destroy")
		d.expectNothingLeft(t)
	})
}

// cdktf runs the pinned cdktf command in the repository, with an output folder of the test's own.
func (d *deployment) cdktf(t *testing.T, subcommand string, arguments ...string) {
	t.Helper()
	log := d.log("cdktf-" + subcommand)
	err := command{
		path: commandLine(),
		// Without --skip-provider-lock the provider is looked for in the public registry, whatever
		// the command line's configuration says.
		arguments: append([]string{subcommand, d.stack, "--auto-approve", "--skip-provider-lock", "--no-color", "--output", d.path("cdktf.out")}, arguments...),
		folder:    setup.root,
		environment: append(d.environment(),
			"CI=true",
			"FORCE_COLOR=0",
			"CDKTF_DISABLE_PLUGIN_CACHE_ENV=1", // it would set a cache of its own
		),
		within: long,
		log:    log,
	}.run(d.context)
	if err != nil {
		t.Fatalf("cdktf %s: %v\n%s", subcommand, err, tail(contents(log), 60))
	}
}
