// Command resources synthesizes a stack with as many SNS topics as its argument says, into the folder
// that CDKTF_OUTDIR names. The bench takes from it what one further resource costs.
//
//	resources 100
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/snstopic"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/kernel"
)

func main() {
	kernel.Accelerate()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: resources <how many>")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintf(os.Stderr, "resources: %q is not a number\n", os.Args[1])
		os.Exit(2)
	}
	defer jsii.Close()
	app := cdktf.NewApp(nil)
	stack := cdktf.NewTerraformStack(app, jsii.String("topics"))
	cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{Path: jsii.String("terraform.tfstate")})
	provider.NewAwsProvider(stack, jsii.String("aws"), &provider.AwsProviderConfig{Region: jsii.String("us-east-1")})
	for i := range count {
		snstopic.NewSnsTopic(stack, jsii.Sprintf("topic-%d", i), &snstopic.SnsTopicConfig{
			Name: jsii.Sprintf("topic-%d", i),
			Tags: &map[string]*string{"Number": jsii.Sprintf("%d", i)},
		})
	}
	app.Synth()
}
