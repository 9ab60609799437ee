package deploy

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTheStateInS3IsLocked(t *testing.T) {
	t.Parallel()
	const bucket = "tap-states-" + account
	d := newDeployment(t, "dev", 2)
	d.configure(t, settings{"class": "development", "state.bucket": bucket})
	states := &deployment{
		context: d.context, root: d.root, stack: "tap-state", emulator: d.emulator, endpoint: d.endpoint,
	}

	step(t, "the stack tap-state makes the bucket", func(t *testing.T) {
		states.initialize(t)
		states.apply(t)
		if found := states.outputs(t)["StateBucket"]; found != bucket {
			t.Errorf("the output StateBucket is %q, expected %q", found, bucket)
		}
	})
	// Its policy denies what comes in clear text, and the emulator speaks nothing else.
	d.ask(t, request{Service: "s3", Operation: "delete_bucket_policy", Parameters: parameters{"Bucket": bucket}})
	// Enough of the environment to hold the lock with.
	topic := "-target=" + d.address(t, "aws_sns_topic")
	step(t, "a second apply during the first is refused by the lock", func(t *testing.T) {
		d.initialize(t)
		second := d.path("second", "cdktf.out", "stacks", d.stack)
		if err := writeFile(filepath.Join(second, "cdk.tf.json"), contents(filepath.Join(d.stackFolder(), "cdk.tf.json"))); err != nil {
			t.Fatal(err)
		}
		d.initializeIn(t, second)

		held := d.endpoint.Hold("CreateTopic")
		defer held.Release()
		type result struct {
			output string
			err    error
		}
		first := make(chan result, 1)
		go func() {
			output, err := d.terraform(t, long, "apply", "-json", "-auto-approve", topic)
			first <- result{output, err}
		}()
		select {
		case <-held.Reached:
		case ended := <-first:
			t.Fatalf("the first apply has ended before it created the topic: %v\n%s", ended.err, tail(told(ended.output), 40))
		case <-d.context.Done():
			t.Fatal(d.context.Err())
		}
		output, err := d.terraformIn(t, second, nil, short, "apply", "-json", "-auto-approve", topic)
		if err == nil || !strings.Contains(output, "Error acquiring the state lock") {
			t.Errorf("the second apply ended with %v, expected the refusal of the lock\n%s", err, tail(told(output), 40))
		}
		held.Release()
		if ended := <-first; ended.err != nil {
			t.Fatalf("the first apply: %v\n%s", ended.err, tail(told(ended.output), 40))
		}
	})
	step(t, "afterwards the state is in the bucket, encrypted and versioned, and the lock is gone", func(t *testing.T) {
		const key = "tap-dev/terraform.tfstate"
		answers := d.ask(t,
			request{Service: "s3", Operation: "list_object_versions", Parameters: parameters{"Bucket": bucket}},
			request{Service: "s3", Operation: "head_object", Parameters: parameters{"Bucket": bucket, "Key": key}},
			request{Service: "s3", Operation: "list_objects_v2", Parameters: parameters{"Bucket": bucket}},
			request{Service: "s3", Operation: "get_bucket_versioning", Parameters: parameters{"Bucket": bucket}},
		)
		versions, _ := at(answers[0], "Versions").([]any)
		found := false
		for _, version := range versions {
			found = found || text(version, "Key") == key && text(version, "VersionId") != "null"
		}
		if !found {
			t.Errorf("the bucket's versions are %v, expected one of %s", versions, key)
		}
		if encryption := text(answers[1], "ServerSideEncryption"); encryption != "AES256" {
			t.Errorf("the state's encryption is %q, expected AES256", encryption)
		}
		if text(answers[2], "Contents", 0, "Key") != key || at(answers[2], "Contents", 1) != nil {
			t.Errorf("the bucket holds %v, expected %s alone", at(answers[2], "Contents"), key)
		}
		if status := text(answers[3], "Status"); status != "Enabled" {
			t.Errorf("the bucket's versioning is %q, expected Enabled", status)
		}
	})
	step(t, "a third apply finds what the first has made", func(t *testing.T) {
		output, err := d.terraform(t, short, "plan", "-json", "-detailed-exitcode", topic)
		if err != nil {
			t.Errorf("terraform plan: %v, expected no change\n%s", err, tail(told(output), 40))
		}
	})
	step(t, "the bucket cannot be destroyed by a plan", func(t *testing.T) {
		output, err := states.terraform(t, short, "destroy", "-json", "-auto-approve")
		if err == nil || !strings.Contains(output, "Instance cannot be destroyed") {
			t.Errorf("terraform destroy ended with %v, expected the refusal of a plan\n%s", err, tail(told(output), 40))
		}
	})
}
