package config

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	const existing = "network: {existing: {publicSubnets: [subnet-00000001, subnet-00000002], " +
		"privateSubnets: [subnet-00000003, subnet-00000004]}"
	const without = "network.existing: the VPC gets no flow logs, routes, NAT gateway, endpoint for S3 "
	const each = " connections each (DB_MAX_CONNECTIONS of service.environment; 20 without it) "
	const twenty = "service: {scaling: {maximumTasks: 20}, environment: {DB_MAX_CONNECTIONS: '"
	for content, want := range map[string]string{
		"":                                       "",
		existing + "}":                           without + "or",
		existing + ", interfaceEndpoints: true}": without + "and no",
		"service: {scaling: {maximumTasks: 20}}": "",
		"service: {scaling: {maximumTasks: 21}}": "service.scaling.maximumTasks: 21 tasks that may open 20" + each +
			"are more than the 419 or so that db.t3.medium takes",
		"service: {environment: {DB_MAX_CONNECTIONS: '42'}}": "service.scaling.maximumTasks: 10 tasks that may open 42",
		// As many as AWS says: 1,600 for 15.25 GiB, here 16, and twice that, up to 5,000.
		twenty + "83'}}\ndatabase: {instanceClass: db.r6g.large}":    "",
		twenty + "84'}}\ndatabase: {instanceClass: db.r6g.large}":    "service.scaling.maximumTasks: 20 tasks",
		twenty + "167'}}\ndatabase: {instanceClass: db.r7g.xlarge}":  "",
		twenty + "168'}}\ndatabase: {instanceClass: db.r7g.xlarge}":  "service.scaling.maximumTasks: 20 tasks",
		twenty + "250'}}\ndatabase: {instanceClass: db.r8g.4xlarge}": "",
		twenty + "251'}}\ndatabase: {instanceClass: db.r8g.4xlarge}": "service.scaling.maximumTasks: 20 tasks",
		twenty + "42'}}\ndatabase: {instanceClass: db.serverless}":   "service.scaling.maximumTasks: 20 tasks",
		twenty + "9999'}}\ndatabase: {instanceClass: db.x2g.large}":  "", // not known
	} {
		f := newFile("a.yaml")
		f.fill(f.parse([]byte(development+content), environmentLimit))
		got := strings.Join(f.environment.Warnings(), "\n")
		if len(f.problems) > 0 || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, %v, want %q", content, got, f.problems, want)
		}
	}
}
