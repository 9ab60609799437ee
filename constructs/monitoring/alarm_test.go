package monitoring

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
	"tap/internal/kernel"
)

func TestMain(m *testing.M) {
	kernel.Accelerate()
	code := m.Run()
	kernel.Close()
	os.Exit(code)
}

// CloudWatch refuses a percentile as a statistic.
func TestPercentilesAreExtendedStatistics(t *testing.T) {
	stack := cdktf.NewTerraformStack(cdktf.Testing_App(nil), jsii.String("tap-dev"))
	for _, statistic := range []string{"p99.9", "Average"} {
		topic := Topic{ARN: new(string)}
		alarm{id: statistic, statistic: statistic}.create(stack, deployment.Deployment{Suffix: "dev"}, topic)
	}
	synthesized := *cdktf.Testing_Synth(stack, jsii.Bool(false))
	for _, want := range []string{`"extended_statistic": "p99.9"`, `"statistic": "Average"`} {
		if strings.Count(synthesized, want) != 1 || strings.Count(synthesized, `statistic":`) != 2 {
			t.Errorf("expected %s once, and no other statistic of the two alarms, in %s", want, synthesized)
		}
	}
}
