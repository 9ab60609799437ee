package deploy

import (
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

// configureIn synthesizes the environments dev and qa, of two accounts, and the stacks of these.
func (d *deployment) configureIn(t *testing.T, dev string) {
	t.Helper()
	d.synthesize(t, map[string]string{
		"accounts.yaml": account + ": {region: us-east-1, github: {subject: 'repo:example/tap', repositoryId: '42'}}\n" +
			other + ": {region: us-east-1}\n",
		"environments/dev.yaml": development + "account: '" + account + "'\n" + dev,
		"environments/qa.yaml":  development + "account: '" + other + "'\n",
	})
}

// states is the account's bucket of states.
func states(account string) parameters {
	return parameters{"Bucket": "tap-states-" + account + "-" + region}
}

// expectStates fails unless the account's bucket contains exactly these states, and no lock.
func (d *deployment) expectStates(t *testing.T, account string, wanted ...string) {
	t.Helper()
	d.expectAnswers(t, request{"s3", "list_objects_v2", states(account), "Contents[].Key", wanted})
}

func TestLongAccounts(t *testing.T) {
	d := newDeployment(t, "account-"+account)
	d.configureIn(t, "")
	// To the emulator whoever has taken a role of an account is in that account.
	role := parameters{"RoleArn": "arn:aws:iam::" + other + ":role/admin", "RoleSessionName": "test"}
	key := "AWS_ACCESS_KEY_ID=" + d.ask(t, "sts", "assume_role", role, "Credentials.AccessKeyId")
	in := func(stack string, variables ...string) *deployment {
		elsewhere := *d
		elsewhere.stack, elsewhere.variables = stack, variables
		return &elsewhere
	}

	step(t, "an account's stack needs a bucket only, and repeating it changes nothing", func(t *testing.T) {
		d.refused(t, "must have been previously created", initializing...)
		d.ask(t, "s3", "create_bucket", states(account), "@")
		d.terraform(t, initializing...)
		d.apply(t)
		d.plan(t).expect(t)
		d.refused(t, "Instance cannot be destroyed", destroying...)
	})
	dev, qa := in("tap-dev"), in("tap-qa", key)
	step(t, "each state is in the bucket of its account, encrypted, and locked during an apply", func(t *testing.T) {
		dev.terraform(t, initializing...)
		second := make(chan error, 1)
		d.proxy.intercept("CreateTopic", func() bool {
			d.proxy.intercept("CreateTopic", nil)
			_, err := dev.run(t, dev.stackFolder(), repository.Terraform(), applying...)
			second <- err
			return true
		})
		dev.apply(t)
		if err := <-second; err == nil || !strings.Contains(err.Error(), "Error acquiring the state lock") {
			t.Errorf("a second apply during the first ended with %v, expected it to be refused", err)
		}
		qa.ask(t, "s3", "create_bucket", states(other), "@")
		qa.terraform(t, initializing...)
		qa.apply(t, qa.target(t, "aws_sns_topic"))
		dev.expectStates(t, account, "account/terraform.tfstate", "tap-dev/terraform.tfstate")
		qa.expectStates(t, other, "tap-qa/terraform.tfstate")
		state := parameters{"Bucket": states(account)["Bucket"], "Key": "tap-dev/terraform.tfstate"}
		d.expectAnswers(t, request{"s3", "head_object", state, "ServerSideEncryption", "AES256"})
	})
	step(t, "credentials of another account are refused", func(t *testing.T) {
		in("tap-dev", key).refused(t, "account ID not allowed: "+other, planning...)
	})
	step(t, "a plan without refresh calls what the planner may, and another folder applies it", func(t *testing.T) {
		dev.configureIn(t, "database: {passwordVersion: 2}\n")
		dev.terraform(t, initializing...)
		before := must.Get(d.emulator.Calls(t.Context()))(t).Operations
		planned := dev.plan(t, "-refresh=false", "-lock=false")
		called := must.Get(d.emulator.Calls(t.Context()))(t).Operations
		maps.DeleteFunc(called, func(name string, count int) bool { return before[name] == count })
		got := slices.Sorted(maps.Keys(called))
		if want := strings.Fields("rds:DescribeDBEngineVersions s3:GetObject s3:HeadObject s3:ListObjectsV2 " +
			"secretsmanager:GetRandomPassword sts:GetCallerIdentity"); !slices.Equal(got, want) {
			t.Errorf("the plan calls %v, expected %v", got, want)
		}
		elsewhere := in("tap-dev")
		elsewhere.root = t.TempDir()
		must.Write(t, elsewhere.stackFile(), string(must.Get(os.ReadFile(dev.stackFile()))(t)))
		elsewhere.terraform(t, initializing...)
		elsewhere.apply(t, planned.path)
		if given := d.proxy.passwords; len(given) != 2 || given[1] != elsewhere.storedPassword(t) {
			t.Errorf("RDS was given %d passwords, expected two, the second one as it is stored", len(given))
		}
		elsewhere.refused(t, "Saved plan is stale", append(applying, planned.path)...)
		elsewhere.plan(t).expect(t)
	})
}
