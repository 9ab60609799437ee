// Command empty synthesizes an app without a stack, into the folder that CDKTF_OUTDIR names: what
// CDKTF costs a Go program before it does anything.
package main

import (
	"github.com/aws/jsii-runtime-go"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

func main() {
	defer jsii.Close()
	cdktf.NewApp(nil).Synth()
}
