package deploy

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/tests/must"
)

const development = "class: development\n"

func TestDeployment(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development)
	d.apply(t)
	listed := append(strings.Fields(string(must.Get(os.ReadFile("../operations.txt"))(t))),
		"sts:GetCallerIdentity",  // which everybody may
		"logs:PutResourcePolicy") // which in an account with a pipeline is the account's stack's
	for operation := range must.Get(d.emulator.Calls(t.Context()))(t).Operations {
		if !slices.Contains(listed, operation) {
			t.Errorf("%s is not in tests/operations.txt, with which the deployer's rights are compared", operation)
		}
	}
	d.expectFile(t, "outputs.json", d.outputs(t))
	password := d.storedPassword(t)
	d.proxy.expectPasswords(t, password)
	d.plan(t).expect(t)
	d.expectNowhere(t, password)
}

func TestLongChanges(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development)

	cluster := d.target(t, "aws_rds_cluster")
	var first, second, deployed string
	step(t, "an apply that stops between the secret and the cluster can be repeated", func(t *testing.T) {
		d.proxy.refuse("CreateDBCluster")
		d.refused(t, refusal, append(applying, cluster)...)
		first = d.storedPassword(t)
		d.proxy.intercept("CreateDBCluster", nil)
		d.apply(t)
		if d.storedPassword(t) != first {
			t.Error("the repeated apply has stored another password")
		}
		d.proxy.expectPasswords(t, first, first)
	})
	step(t, "changes are planned as they are judged", func(t *testing.T) { d.expectRecorded(t, development) })
	step(t, "a plan that would replace what cannot be replaced is refused", func(t *testing.T) {
		d.configure(t, production+"region: eu-west-1\n")
		d.expectWords(t, 1, "region is us-east-1 in", "class is development in", "network.cidr is 10.0.0.0/16 in")
	})
	step(t, "a rotation changes the secret, the cluster and the tasks only", func(t *testing.T) {
		d.configure(t, development+"database: {passwordVersion: 2}\n")
		rotation := d.plan(t)
		rotation.expect(t,
			"update aws_ecs_service.service",
			"delete create aws_ecs_task_definition.service_task-definition",
			"update aws_rds_cluster.database_cluster",
			"create delete aws_secretsmanager_secret_version.database_secret_version")
		d.apply(t, rotation.path)
		second = d.storedPassword(t)
		d.proxy.expectPasswords(t, first, first, second)
		d.expectNowhere(t, first, second)
	})
	step(t, "another image and more tasks change the tasks and their scaling only", func(t *testing.T) {
		const image = "public.ecr.aws/docker/library/httpd:2.4"
		deployed = development + "database: {passwordVersion: 2}\n" +
			"service: {image: '" + image + "', scaling: {maximumTasks: 12}}\n"
		d.configure(t, deployed)
		changed := d.plan(t)
		changed.expect(t,
			"update aws_appautoscaling_target.service_scaling_target",
			"update aws_ecs_service.service",
			"delete create aws_ecs_task_definition.service_task-definition")
		d.apply(t, changed.path)
		d.ask(t, "ecs", "describe_task_definition", parameters{"taskDefinition": "PaymentTask-dev"},
			"taskDefinition.containerDefinitions[0].image", image)
	})
	step(t, "what weakens the stack is named, and nothing of it called harmless", func(t *testing.T) {
		d.configure(t, deployed)
		if said := d.expectWords(t, 12, d.weaken(t)...); strings.Contains(said, "Harmless") {
			t.Error(said)
		}
	})
	step(t, "what is done by hand is named, and what it adds also after an apply of something else", func(t *testing.T) {
		d.configure(t, deployed)
		d.expectRefreshed(t, 0, "No changes.")
		words := d.meddle(t)
		d.configure(t, deployed+"monitoring: {latencySeconds: 3}\n")
		d.expectRefreshed(t, 12, words...)
		d.apply(t)
		d.expectRefreshed(t, 12, words[len(words)-4:]...)
	})
	step(t, "a saved plan is applied as it was made or not at all", func(t *testing.T) {
		d.configure(t, deployed+"logs: {retentionDays: 7}\n")
		d.expectWords(t, 12, "`make deploy STACK=tap-dev` applies exactly it")
		d.expectBound(t)
	})
	step(t, "after a refused rotation another one is needed, and sets yet another password", func(t *testing.T) {
		// A provider that fails to update a resource keeps the attributes that it was to set: Terraform takes the new
		// password for set.
		d.configure(t, development+"database: {passwordVersion: 3}\n")
		d.proxy.refuse("ModifyDBCluster")
		d.refused(t, refusal, append(applying, cluster)...)
		refused := d.storedPassword(t)
		d.proxy.intercept("ModifyDBCluster", nil)
		d.configure(t, development+"database: {passwordVersion: 4}\n")
		d.apply(t, cluster)
		last := d.storedPassword(t)
		d.proxy.expectPasswords(t, first, first, second, refused, last)
		if all := []string{first, second, refused, last}; len(slices.Compact(slices.Sorted(slices.Values(all)))) < len(all) {
			t.Error("a rotation has stored an earlier password again")
		}
	})
}

// Work beside the API, then all options at once without it. What each option loses is in internal/plan/testdata. What
// others use goes after they have been changed, and what exists before the environment outlives it.
func TestLongOptions(t *testing.T) {
	d := newDeployment(t, "dev")
	d.variables = []string{"AWS_DEFAULT_REGION=eu-west-1"} // of the files
	options := string(must.Get(os.ReadFile("testdata/options.yaml"))(t))
	for range 3 {
		address := d.ask(t, "ec2", "allocate_address", parameters{"Domain": "vpc"}, "AllocationId")
		options = strings.Replace(options, "ADDRESS", address, 1)
	}
	beside := string(must.Get(os.ReadFile("testdata/workloads.yaml"))(t))
	d.configure(t, beside)
	d.apply(t)
	step(t, "a second plan with work beside the API is empty", func(t *testing.T) { d.plan(t).expect(t) })
	step(t, "a message goes from the API to its worker, as variables and roles allow", func(t *testing.T) {
		d.expectFile(t, "message.json", nil)
	})
	step(t, "a job's task is started by what its schedule has", func(t *testing.T) {
		d.expectFile(t, "job.json", nil)
		network := d.outputs(t)["Jobs"] // for a run by hand
		for _, part := range []string{`"awsvpcConfiguration"`, `["subnet-`, "cron(30 2 * * ? *)", "Europe/Berlin"} {
			if !strings.Contains(network, part) {
				t.Errorf("the output %s has no %s", network, part)
			}
		}
	})
	step(t, "a renamed worker loses its messages, which the plan says", func(t *testing.T) {
		d.configure(t, strings.Replace(beside, "settlement", "settling", 1))
		d.expectWords(t, 12, "queue-settlement_queue destroyed its messages are lost")
	})
	step(t, "a paused worker keeps its queue", func(t *testing.T) {
		d.configure(t, strings.Replace(beside, "maximumTasks: 4", "maximumTasks: 0", 1))
		d.apply(t)
		d.expectFile(t, "paused.json", nil)
	})
	changed := regexp.MustCompile(`trustedAddresses: .*|\{mode: verify.*\}`).ReplaceAllStringFunc(options,
		func(line string) string { return map[bool]string{true: "{mode: off}"}[line[0] == '{'] })
	changed = strings.NewReplacer("{image", "{port: 8080, image", "aurora-iopt1", "aurora").Replace(changed)
	open := strings.Replace(changed, "protect: true", "", 1)
	for _, file := range []string{options, changed, open} {
		d.configure(t, file)
		d.apply(t)
		d.plan(t).expect(t) // of the standard storage type AWS tells nothing
	}
	d.expectFile(t, "off.json", d.outputs(t))
	step(t, "an address is named until it confirms", func(t *testing.T) {
		const address = "on-call@example.com"
		d.expectRefreshed(t, 0, "`"+address+"` PaymentAlarms-dev", "`"+address+"` PaymentMorningAlarms-dev", "No changes.")
		arn := d.outputs(t)["AlarmTopicArn"]
		d.ask(t, "sns", "confirm_subscription", parameters{"TopicArn": arn, "Token": address}, "SubscriptionArn")
		if said := d.expectRefreshed(t, 0, "No changes."); strings.Contains(said, "`"+arn+"`") {
			t.Error(said)
		}
	})
	reported := d.of("") // to the Region of Route 53's metrics
	expectReported := func(topics int, alarms []string) {
		reported.ask(t, "cloudwatch", "describe_alarms", nil, "MetricAlarms[].AlarmName", alarms)
		reported.ask(t, "sns", "list_topics", nil, "length(Topics)", topics)
	}
	expectReported(1, []string{"UnreachableAlarm-dev"})
	d.configure(t, strings.Replace(open, "domain: {name: api.payments.example.com, zoneId: Z0EMULATEDZONE}", "", 1))
	d.apply(t)
	expectReported(0, []string{})
	d.terraform(t, destroying...)
	d.expectNothingLeft(t)
	d.expectFile(t, "left.json", nil)
}

// In a VPC that exists, on arm64, with the data of a snapshot that AWS Backup made, and copies of its own.
func TestLongDayOne(t *testing.T) {
	d := newDeployment(t, "dev")
	const base = development + "service: {architecture: arm64}\nnetwork: {interfaceEndpoints: true, existing: {" +
		"publicSubnets: [subnet-00000001, subnet-00000002], privateSubnets: [subnet-00000003, subnet-00000004]}}\n"
	const copied = base + "database: {backupCopy: {vault: 'arn:aws:backup:us-west-2:123456789012:backup-vault:copies'"
	const restored = copied + "}, restore: {snapshot: 'awsbackup:copyjob-0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f'}}\n"

	step(t, "a private subnet that is public is refused by the plan", func(t *testing.T) {
		d.configure(t, restored)
		setPublic := func(value bool) {
			d.ask(t, "ec2", "modify_subnet_attribute", parameters{"SubnetId": "subnet-00000004",
				"MapPublicIpOnLaunch": parameters{"Value": value}}, "@")
		}
		setPublic(true)
		d.refused(t, "what starts in subnet-00000004", planning...)
		setPublic(false)
	})
	step(t, "all is made there, with the snapshot's data and a password of its own", func(t *testing.T) {
		// AWS and the provider restore no logins with IAM: the first apply stops before anything uses the database.
		d.refused(t, "logins with IAM are not restored", applying...)
		d.apply(t)
		d.proxy.expectPasswords(t, d.storedPassword(t)) // a modification after the restore
		d.expectFile(t, "restored.json", nil)
	})
	step(t, "what it was restored from may change or go", func(t *testing.T) {
		const other = "}, restore: {cluster: gone, time: '2026-11-25T12:00:00Z'}}\n"
		for _, source := range []string{restored, copied + "}}\n", copied + other} {
			d.synthesize(t, map[string]string{"environments/dev.yaml": source})
			d.plan(t).expect(t)
		}
	})
	step(t, "it is copied each day, and copies are kept for as long as the file says", func(t *testing.T) {
		d.configure(t, copied+", keepDays: 90}}\n")
		d.apply(t)
		d.plan(t).expect(t)
		d.expectFile(t, "copied.json", nil)
	})
	step(t, "it ends without what was there before", func(t *testing.T) {
		must.Do(t, d.destroyByHand(t))
		d.expectNothingLeft(t)
	})
}

func TestLongRestoredCluster(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development+"database: {restore: {cluster: paymentdb-old}}\n")
	d.apply(t, d.target(t, "aws_rds_cluster"))
	d.ask(t, "rds", "describe_db_clusters", parameters{"DBClusterIdentifier": "paymentdb-dev"},
		"DBClusters[0].DatabaseName", "given")
}

func TestLongCommandLine(t *testing.T) {
	d := newDeployment(t, "dev")
	cdktf := func(t *testing.T, subcommand string, options ...string) string {
		t.Helper()
		// Without --skip-provider-lock the provider is looked for in the public registry, whatever Terraform's
		// configuration says.
		arguments := append([]string{subcommand, d.stack, "--skip-provider-lock", "--no-color",
			"--output", d.path("cdktf.out")}, options...)
		return must.Get(d.run(t, d.repository, d.repository+"/node_modules/.bin/cdktf", arguments...))(t)
	}

	step(t, "cdktf deploy deploys the repository's development environment", func(t *testing.T) {
		cdktf(t, "deploy", "--auto-approve", "--outputs-file", d.path("outputs.json"))
		var written map[string]map[string]any
		must.Do(t, json.Unmarshal(must.Get(os.ReadFile(d.path("outputs.json")))(t), &written))
		if want := d.outputs(t); fmt.Sprint(written[d.stack]) != fmt.Sprint(want) {
			t.Errorf("cdktf has written the outputs %v, expected %v", written[d.stack], want)
		}
	})
	step(t, "cdktf diff finds no changes", func(t *testing.T) {
		if said := cdktf(t, "diff"); !strings.Contains(said, "No changes.") {
			t.Errorf("cdktf diff says %s", said)
		}
	})
	step(t, "cdktf destroy leaves nothing", func(t *testing.T) {
		if d.left(t) == "" {
			t.Fatal("nothing has been deployed")
		}
		cdktf(t, "destroy", "--auto-approve")
		d.expectNothingLeft(t)
	})
}

// expectNowhere fails when one of the passwords is in a file of the deployment: JSON, state and its backup, plan, log.
func (d *deployment) expectNowhere(t *testing.T, passwords ...string) {
	t.Helper()
	// A search that finds nothing proves something only if it would have found it: the cluster's identifier is in
	// each kind of file.
	read := map[string]bool{}
	var search func(files fs.FS) error
	search = func(files fs.FS) error {
		return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			content := must.Get(fs.ReadFile(files, name))(t)
			for i, password := range passwords {
				if bytes.Contains(content, []byte(password)) {
					t.Errorf("%s contains password number %d", name, i+1)
				}
			}
			if bytes.Contains(content, []byte("paymentdb-dev")) {
				read[cmp.Or(path.Ext(name), name)] = true
			}
			if packed, err := zip.NewReader(bytes.NewReader(content), int64(len(content))); err == nil { // a plan
				return search(packed)
			}
			return nil
		})
	}
	must.Do(t, search(os.DirFS(d.root)))
	for _, kind := range []string{".json", ".log", ".tfstate", "tfplan", "tfstate"} { // the last two are in a plan
		if !read[kind] {
			t.Errorf("the search has read no %s", kind)
		}
	}
}
