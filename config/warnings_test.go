package config

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	const existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}"
	for content, want := range map[string]string{
		"":                                       "",
		existing + "}":                           "network.existing: the VPC gets no flow logs, routes, NAT gateway, endpoint for S3 or other",
		existing + ", interfaceEndpoints: true}": "network.existing: the VPC gets no flow logs, routes, NAT gateway, endpoint for S3 and no",
	} {
		f := newFile("a.yaml")
		f.read([]byte(development + content))
		got := strings.Join(f.environment.Warnings(), "\n")
		if len(f.problems) > 0 || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, %v, want %q", content, got, f.problems, want)
		}
	}
}
