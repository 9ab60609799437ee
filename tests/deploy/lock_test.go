package deploy

import (
	"slices"
	"sync"
	"testing"

	"tap/internal/repository"
)

func TestLongStateLock(t *testing.T) {
	const bucket, key = "tap-states-" + account + "-" + region, "tap-dev/terraform.tfstate"
	d := newDeployment(t, "dev")
	d.synthesize(t, map[string]string{"accounts.yaml": account + ": {region: " + region + "}\n",
		"environments/dev.yaml": development + "account: '" + account + "'\n"})
	d.ask(t, request{"s3", "create_bucket", parameters{"Bucket": bucket}})
	d.initialize(t)
	topic := d.target(t, "aws_sns_topic") // enough of the environment to hold the lock with

	step(t, "a second apply during the first is refused", func(t *testing.T) {
		reached, released := make(chan struct{}), make(chan struct{})
		release := sync.OnceFunc(func() { close(released) })
		defer release()
		d.proxy.intercept("CreateTopic", func() bool {
			d.proxy.intercept("CreateTopic", nil)
			close(reached)
			<-released
			return true
		})
		first := make(chan error, 1)
		go func() {
			_, err := d.run(t, d.stackFolder(), repository.Terraform(), append(applying, topic)...)
			first <- err
		}()
		select {
		case <-reached:
			d.refused(t, []string{"Error acquiring the state lock"}, append(applying, topic)...)
		case err := <-first:
			t.Fatalf("the first apply has ended before it created the topic: %v", err)
		}
		release()
		if err := <-first; err != nil {
			t.Fatal(err)
		}
	})
	step(t, "then the lock is gone, and the state encrypted in the bucket", func(t *testing.T) {
		if found := d.states(t, account); !slices.Equal(found, []string{key}) {
			t.Errorf("the bucket contains %v, expected %s", found, key)
		}
		state := d.ask(t, request{"s3", "head_object", parameters{"Bucket": bucket, "Key": key}})
		expectFacts(t, fact{"the state's encryption", at(state, 0, "ServerSideEncryption"), "AES256"})
		d.plan(t, topic).expect(t)
	})
}
