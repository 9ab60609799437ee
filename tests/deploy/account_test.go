package deploy

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
)

// other is a second account.
const other = "210987654321"

// inAccounts are the environments dev and qa, of two accounts of which the first has a pipeline.
func inAccounts(monitoring, password string) map[string]string {
	return map[string]string{
		"accounts.yaml": account + ": {region: us-east-1, github: {subject: 'repo:example/tap', repositoryId: '42'}}\n" +
			other + ": {region: us-east-1}\n",
		"environments/dev.yaml": development + "account: '" + account + "'\n" +
			"monitoring: {" + monitoring + "}\ndatabase: {passwordVersion: " + password + "}\n",
		"environments/qa.yaml": development + "account: '" + other + "'\n",
	}
}

// states is the account's bucket of states.
func states(account string) parameters {
	return parameters{"Bucket": "tap-states-" + account + "-" + region}
}

// expectStates fails unless the account's bucket contains exactly these states, and no lock.
func (d *deployment) expectStates(t *testing.T, account string, wanted ...string) {
	t.Helper()
	d.ask(t, "s3", "list_objects_v2", states(account), "Contents[].Key", wanted)
}

// The account's stack, and what its pipeline does with an environment.
func TestLongAccounts(t *testing.T) {
	d := newDeployment(t, "account-"+account)
	d.synthesize(t, inAccounts("latencySeconds: 2", "1"))
	// To the emulator whoever has taken a role of an account is in that account.
	role := parameters{"RoleArn": "arn:aws:iam::" + other + ":role/admin", "RoleSessionName": "test"}
	key := "AWS_ACCESS_KEY_ID=" + d.ask(t, "sts", "assume_role", role, "Credentials.AccessKeyId")
	step(t, "an account's stack needs a bucket only, and repeating it changes nothing", func(t *testing.T) {
		d.refused(t, "must have been previously created", initializing...)
		d.ask(t, "s3", "create_bucket", states(account), "@")
		d.terraform(t, initializing...)
		d.apply(t)
		d.plan(t).expect(t)
		d.refused(t, "Instance cannot be destroyed", destroying...)
	})
	r := newRun(t, "emulated", append(d.emulator.Environment(),
		"AWS_ENDPOINT_URL="+d.proxy.url, "REPOSITORY="+d.repository,
		"PYTHON="+repository.Python(d.repository))...)
	r.command(`cd "$REPOSITORY" && git ls-files -z -co --exclude-standard | tar --null -T - -cf - |
		tar -xf - -C "$FOLDER/checkout"`)
	latency := parameters{"AlarmNames": []string{"HighLatencyAlarm-dev"}}
	// run runs the pipeline for an event, after which an alarm has a threshold, and notifies somebody or not.
	run := func(t *testing.T, event string, failed, calls []string, words, alarm string) {
		t.Helper()
		r.T = t
		r.expect(event, failed, calls, []string{words})
		d.ask(t, "cloudwatch", "describe_alarms", latency, "MetricAlarms[0].[Threshold, ActionsEnabled]", alarm)
	}
	const applies, keeps = "Apply complete!", "no Apply complete!"
	dev, qa := d.of("tap-dev"), d.of("tap-qa", key)
	step(t, "a first push deploys, and is locked meanwhile", func(t *testing.T) {
		dev.terraform(t, initializing...)
		var second error
		d.proxy.intercept("CreateTopic", func() bool {
			d.proxy.intercept("CreateTopic", nil)
			_, second = dev.run(t, dev.stackFolder(), repository.Terraform(), applying...)
			return true
		})
		r.commit(inAccounts("latencySeconds: 2", "1"))
		run(t, "push", nil, nil, applies, "[2 true]")
		if !strings.Contains(fmt.Sprint(second), "Error acquiring the state lock") {
			t.Errorf("a second apply during the first ended with %v, expected it to be refused", second)
		}
	})
	step(t, "each state is in the bucket of its account, encrypted", func(t *testing.T) {
		qa.ask(t, "s3", "create_bucket", states(other), "@")
		qa.terraform(t, initializing...)
		qa.apply(t, qa.target(t, "aws_kms_key"))
		dev.expectStates(t, account, "account/terraform.tfstate", "tap-dev/terraform.tfstate")
		qa.expectStates(t, other, "tap-qa/terraform.tfstate")
		state := parameters{"Bucket": states(account)["Bucket"], "Key": "tap-dev/terraform.tfstate"}
		d.ask(t, "s3", "head_object", state, "ServerSideEncryption", "AES256")
	})
	step(t, "credentials of another account are refused", func(t *testing.T) {
		d.of("tap-dev", key).refused(t, "account ID not allowed: "+other, planning...)
	})
	step(t, "what AWS refuses is made by the next run", func(t *testing.T) {
		r.commit(inAccounts("latencySeconds: 3", "1"))
		d.proxy.refuse("PutMetricAlarm")
		run(t, "push", []string{"apply", "result"}, nil, "tap-dev is not applied, or in part", "[2 true]")
		d.proxy.intercept("PutMetricAlarm", nil)
		run(t, "workflow_dispatch", nil, nil, applies, "[3 true]")
	})
	step(t, "what a hand has done is said at night, and mended by the next push", func(t *testing.T) {
		d.ask(t, "cloudwatch", "disable_alarm_actions", latency, "@")
		const create = "gh issue create --title Deployed environments differ from the main branch --body-file comment.md"
		run(t, "schedule", nil, []string{create}, "actions_enabled", "[3 false]")
		run(t, "push", nil, nil, applies, "[3 true]")
		run(t, "schedule", nil, nil, keeps, "[3 true]")
	})
	step(t, "a revert before the approval stays", func(t *testing.T) {
		r.commit(inAccounts("latencySeconds: 4", "1"))
		must.Write(t, r.folder+"/given/head-apply", `{"object": {"sha": "that of the revert"}}`)
		run(t, "push", nil, nil, keeps, "[3 true]")
		must.Do(t, os.Remove(r.folder+"/given/head-apply"))
	})
	step(t, "a pull request calls what the planner may, and is applied with the stored password", func(t *testing.T) {
		r.commit(inAccounts("latencySeconds: 3", "2"))
		r.github["event"] = object{"pull_request": object{"number": 5,
			"head": object{"repo": object{"full_name": "example/tap"}}}}
		before := must.Get(d.emulator.Calls(t.Context()))(t).Operations
		run(t, "pull_request", nil, []string{"gh pr comment 5 --body-file comment.md"}, keeps, "[3 true]")
		called := must.Get(d.emulator.Calls(t.Context()))(t).Operations
		maps.DeleteFunc(called, func(name string, count int) bool { return before[name] == count })
		got := slices.Sorted(maps.Keys(called))
		if want := strings.Fields("cloudwatch:DescribeAlarms iam:GetRole rds:DescribeDBEngineVersions s3:GetObject " +
			"s3:HeadObject " +
			"s3:ListObjectsV2 secretsmanager:GetRandomPassword sts:GetCallerIdentity"); !slices.Equal(got, want) {
			t.Errorf("the plans and the test call %v, expected %v", got, want)
		}
		run(t, "push", nil, nil, applies, "[3 true]")
		if given := d.proxy.passwords; len(given) != 2 || given[1] != d.storedPassword(t) {
			t.Errorf("RDS was given %d passwords, expected two, the second one as it is stored", len(given))
		}
	})
}
