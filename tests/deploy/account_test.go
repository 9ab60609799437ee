package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tap/tests/must"
)

// other is a second account.
const other = "210987654321"

const accountsFile = account + ": {region: us-east-1, github: {subject: 'repo:example/tap', repositoryId: '42'}}\n" +
	other + ": {region: us-east-1}\n"

// configureIn synthesizes the environments dev and qa, of two accounts, and the stacks of these.
func (d *deployment) configureIn(t *testing.T, dev string) {
	t.Helper()
	d.synthesize(t, map[string]string{
		"accounts.yaml":         accountsFile,
		"environments/dev.yaml": development + "account: '" + account + "'\n" + dev,
		"environments/qa.yaml":  development + "account: '" + other + "'\n",
	})
}

// states returns the names of all objects in an account's bucket of states.
func (d *deployment) states(t *testing.T, account string) []string {
	t.Helper()
	listed := d.ask(t, request{"s3", "list_objects_v2", parameters{"Bucket": "tap-states-" + account + "-" + region}})
	var names []string
	for i := 0; at(listed, 0, "Contents", i) != nil; i++ {
		names = append(names, text(listed, 0, "Contents", i, "Key"))
	}
	return names
}

func TestLongAccounts(t *testing.T) {
	d := newDeployment(t, "account-"+account)
	d.configureIn(t, "")
	// To the emulator whoever has taken a role of an account is in that account.
	role := parameters{"RoleArn": "arn:aws:iam::" + other + ":role/admin", "RoleSessionName": "test"}
	key := text(d.ask(t, request{"sts", "assume_role", role}), 0, "Credentials", "AccessKeyId")
	in := func(stack string, variables ...string) *deployment {
		elsewhere := *d
		elsewhere.stack, elsewhere.variables = stack, variables
		return &elsewhere
	}

	step(t, "an account's stack needs a bucket only, and repeating it changes nothing", func(t *testing.T) {
		d.refused(t, []string{"does not exist", "must have been previously created"}, "init", "-no-color")
		d.ask(t, request{"s3", "create_bucket", parameters{"Bucket": "tap-states-" + account + "-" + region}})
		d.initialize(t)
		d.apply(t)
		d.plan(t).expect(t)
		d.refused(t, []string{"Instance cannot be destroyed"}, destroying...)
	})
	dev, qa := in("tap-dev"), in("tap-qa", "AWS_ACCESS_KEY_ID="+key)
	step(t, "each state is in the bucket of its account", func(t *testing.T) {
		dev.initialize(t)
		dev.apply(t)
		qa.ask(t, request{"s3", "create_bucket", parameters{"Bucket": "tap-states-" + other + "-" + region}})
		qa.initialize(t)
		qa.apply(t, qa.target(t, "aws_sns_topic"))
		found := append(dev.states(t, account), qa.states(t, other)...)
		want := strings.Fields("account/terraform.tfstate tap-dev/terraform.tfstate tap-qa/terraform.tfstate")
		if !slices.Equal(found, want) {
			t.Errorf("the states are %v, expected %v", found, want)
		}
	})
	step(t, "credentials of another account are refused", func(t *testing.T) {
		in("tap-dev", "AWS_ACCESS_KEY_ID="+key).refused(t, []string{"account ID not allowed", other}, "plan", "-no-color")
	})
	step(t, "a plan without refresh calls what the planner may, and another folder applies it", func(t *testing.T) {
		dev.configureIn(t, "database: {passwordVersion: 2}\n")
		dev.initialize(t)
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
		text := must.Get(os.ReadFile(filepath.Join(dev.stackFolder(), "cdk.tf.json")))(t)
		must.Write(t, filepath.Join(elsewhere.stackFolder(), "cdk.tf.json"), string(text))
		elsewhere.initialize(t)
		elsewhere.apply(t, planned.path)
		if given := d.proxy.passwords; len(given) != 2 || given[1] != elsewhere.storedCredentials(t).Password {
			t.Errorf("RDS was given %d passwords, expected two, the second one as it is stored", len(given))
		}
		elsewhere.refused(t, []string{"Saved plan is stale"}, append(applying, planned.path)...)
		elsewhere.plan(t).expect(t)
	})
}
