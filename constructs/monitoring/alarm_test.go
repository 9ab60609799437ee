package monitoring

import (
	"encoding/json"
	"os"
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
	var synthesized struct {
		Resource map[string]map[string]struct {
			Statistic string
			Extended  string `json:"extended_statistic"`
		}
	}
	if err := json.Unmarshal([]byte(*cdktf.Testing_Synth(stack, jsii.Bool(false))), &synthesized); err != nil {
		t.Fatal(err)
	}
	alarms := synthesized.Resource["aws_cloudwatch_metric_alarm"]
	if got := alarms["p999"]; got.Extended != "p99.9" || got.Statistic != "" {
		t.Errorf("p99.9 is written as %+v", got)
	}
	if got := alarms["Average"]; got.Extended != "" || got.Statistic != "Average" {
		t.Errorf("Average is written as %+v", got)
	}
}
