package account

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/jsii-runtime-go"

	"tap/config"
	"tap/constructs/policy"
)

// policies are the managed policies tap-<name> of the pipeline's roles, JSON files with variables. A resource is named
// where AWS knows its name before it exists, else recognized by the project's tags. AWS allows 6,144 characters a
// policy, without white space, and 10 policies a role:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
//go:embed policies/*.json
var policies embed.FS

// document returns the JSON of a policy on one line.
func document(name string, account policy.Account, file config.Account) *string {
	text, err := policies.ReadFile("policies/" + name + ".json")
	var compact bytes.Buffer
	if err == nil {
		err = json.Compact(&compact, text)
	}
	if err != nil {
		panic(fmt.Sprintf("policy %s: %v", name, err))
	}
	zones := []string{}
	for _, environment := range file.Environments {
		if zone := environment.LoadBalancer.Domain.ZoneID; zone != "" {
			zones = append(zones, zone)
		}
	}
	if len(zones) == 0 {
		zones = []string{"none"} // which is not the ID of a zone
	}
	return jsii.String(strings.NewReplacer(
		"${partition}", *account.Partition,
		"${account}", *account.ID,
		"${region}", account.Region,
		"${states}", file.StatesBucket(),
		"${repository}", config.Repository,
		"${iamUsername}", config.IAMUsername,
		"${zones}", strings.Join(zones, `","arn:`+*account.Partition+`:route53:::hostedzone/`),
	).Replace(compact.String()))
}
