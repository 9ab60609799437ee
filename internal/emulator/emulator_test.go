package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tap/internal/repository"
)

// childVariable makes the test binary start an emulator with that log and wait to be killed.
const childVariable = "TAP_TEST_EMULATOR_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(childVariable); log != "" {
		_, err := Start(context.Background(), Options{Log: log})
		fmt.Println("started:", err)
		select {}
	}
	os.Exit(m.Run())
}

func started(t *testing.T) *Emulator {
	t.Helper()
	repository.NeedTools(t)
	e, err := Start(t.Context(), Options{Log: filepath.Join(t.TempDir(), "emulator.log"), Detached: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// python runs a program that has the emulator's packages.
func python(t *testing.T, environment []string, program string) string {
	t.Helper()
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(repository.Python(root), "-B", "-c", program)
	command.Env = environment
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

// expectInventory runs a program that uses an AWS SDK, then compares how many resources of each type exist.
func expectInventory(t *testing.T, e *Emulator, program, want string) {
	t.Helper()
	// All of these would lead the SDK away from the emulator.
	python(t, e.Environment(append(os.Environ(), "AWS_PROFILE=work", "AWS_ENDPOINT_URL_EC2=http://127.0.0.1:1",
		"AWS_CONFIG_FILE=/nonexistent", "HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1")), `
import boto3
ec2, kms, logs, events = (boto3.client(name, region_name="eu-west-1") for name in ("ec2", "kms", "logs", "events"))
`+program)
	resources, err := e.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, resource := range resources {
		types[resource.Type]++
	}
	if got := fmt.Sprint(types); got != want {
		t.Errorf("inventory = %s, want %s", got, want)
	}
}

func TestInventoryListsWhatClientsCreated(t *testing.T) {
	e := started(t)
	// These services make something by themselves when they are asked for the first time.
	expectInventory(t, e, "ec2.describe_vpcs(), kms.list_keys(), events.list_event_buses()", "map[]")
	// A VPC comes with its main route table and default security group.
	expectInventory(t, e, `
ec2.create_vpc(CidrBlock="10.0.0.0/16")
logs.create_log_group(logGroupName="kept")
logs.create_log_group(logGroupName="deleted")
logs.delete_log_group(logGroupName="deleted")
kms.schedule_key_deletion(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])
`, "map[LogGroup:1 RouteTable:1 SecurityGroup:1 VPC:1]")
	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectInventory(t, e, "", "map[]")
}

// send sends a request, signed for S3, with a header and returns the answer's status.
func send(t *testing.T, e *Emulator, method, path, body, header string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, e.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=emulator/20260101/us-east-1/s3/aws4_request")
	if name, value, _ := strings.Cut(header, ": "); name == "Host" {
		request.Host = value
	} else if name != "" {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func TestDeleteMarkersOfSuspendedBucketCanBeDeleted(t *testing.T) {
	e := started(t)
	const versioning = "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>"
	for _, request := range [][3]string{
		{"PUT", "/states"},
		{"PUT", "/states?versioning", fmt.Sprintf(versioning, "Enabled")},
		{"PUT", "/states/key", "content"},
		{"DELETE", "/states/key"}, // leaves a marker
		{"PUT", "/states?versioning", fmt.Sprintf(versioning, "Suspended")},
		{"DELETE", "/states/key"},
		{"DELETE", "/states"},
	} {
		if status := send(t, e, request[0], request[1], request[2], ""); status >= 300 {
			t.Errorf("%s %s answered %d", request[0], request[1], status)
		}
	}
}

// Each of these is answered by the emulator, and refused by AWS.
func TestCallsAreHeldAgainstModels(t *testing.T) {
	e := started(t)
	const query, json = "application/x-www-form-urlencoded", "application/x-amz-json-1.1"
	const xml, ecs, logs = "application/xml", "AmazonEC2ContainerServiceV20141113.", "Logs_20140328."
	cluster := func(members string) string {
		return "Action=CreateDBCluster&Version=2014-10-31&DBClusterIdentifier=a&Engine=aurora-postgresql&" + members
	}
	var want []string
	for _, call := range []struct{ service, method, target, contentType, body, violation string }{
		{"ecs", "POST", ecs + "CreateCluster", json, `{"clusterName": "a"}`, ""},
		{"ecs", "POST", ecs + "CreateCluster", json, `{"name": {}}`, "ecs:CreateCluster.name: is not a member"},
		{"ecs", "POST", ecs + "CreateCluster", json, `{"clusterName": 5}`,
			"ecs:CreateCluster.clusterName = 5: is not of the type string"},
		{"ecs", "POST", ecs + "CreateService", json, `{"serviceName": "a", "desiredCount": "2"}`,
			"ecs:CreateService.desiredCount = '2': is not of the type that the model says"},
		{"application-autoscaling", "POST", "AnyScaleFrontendService.PutScalingPolicy", json, `{"PolicyName": "a", ` +
			`"ServiceNamespace": "ecs", "ResourceId": "é", "ScalableDimension": "ecs:service:DesiredCount", ` +
			`"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}}`, ""}, // a float, and more than ASCII
		{"ecs", "POST", ecs + "CreateService", json, `{"serviceName": "a", "launchType": "LAMBDA"}`,
			"ecs:CreateService.launchType = 'LAMBDA': is not one of EC2, FARGATE, EXTERNAL"},
		{"logs", "POST", logs + "CreateLogGroup", json, `{}`, "logs:CreateLogGroup.logGroupName: is required"},
		{"logs", "POST", logs + "CreateLogGroup", json, `{"logGroupName": "a b"}`,
			`logs:CreateLogGroup.logGroupName = 'a b': does not match [\.\-_/#A-Za-z0-9]+`},
		{"logs", "POST", logs + "DescribeLogGroups", json, `{"limit": 51}`,
			"logs:DescribeLogGroups.limit = 51: value or length is not between 1 and 50"},
		{"rds", "POST", "", query, cluster("StorageEncrypted=true&Tags.Tag.1.Key=a&VpcSecurityGroupIds="), ""},
		{"rds", "POST", "", query, cluster("Tags.Tag.1.Name=a"), "rds:CreateDBCluster.Tags.Tag.1.Name: is not a member"},
		{"rds", "POST", "", query, cluster("StorageEncrypted=yes"),
			"rds:CreateDBCluster.StorageEncrypted = 'yes': is not of the type that the model says"},
		{"rds", "POST", "", query, cluster("Port=many"), "rds:CreateDBCluster: cannot be read: ValueError("},
		{"iam", "POST", "", query, "Action=GetRole&Version=2010-05-08&RoleName=" + strings.Repeat("a", 65),
			"iam:GetRole.RoleName = '" + strings.Repeat("a", 65) + "': value or length is not between 1 and 64"},
		{"ec2", "POST", "", query, "Action=CreateVpc&Version=2016-11-15&Cidr=10.0.0.0/16",
			"ec2:CreateVpc.Cidr: is not a member"},
		{"s3", "PUT", "/states", xml, "", ""},
		{"s3", "PUT", "/states?versioning", xml,
			"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
			"s3:PutBucketVersioning.VersioningConfiguration.Status = 'On': is not one of Enabled, Suspended"},
		{"s3", "PUT", "/states?versioning", xml,
			"<VersioningConfiguration><State>Enabled</State></VersioningConfiguration>",
			"s3:PutBucketVersioning.VersioningConfiguration.State: is not a member"},
	} {
		address, target := e.URL(), call.target
		if path, isPath := strings.CutPrefix(target, "/"); isPath {
			address, target = address+"/"+path, ""
		}
		request, err := http.NewRequestWithContext(t.Context(), call.method, address, strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=emulator/20260101/us-east-1/"+call.service+
			"/aws4_request")
		request.Header.Set("Content-Type", call.contentType)
		request.Header.Set("X-Amz-Target", target)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if call.violation != "" {
			want = append(want, call.violation)
		}
	}
	calls, err := e.Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if calls.Count != 18 || len(calls.Operations) != 10 || len(calls.Violations) != len(want) {
		t.Fatalf("there were %d calls of %d operations with the violations\n%s", calls.Count, len(calls.Operations),
			strings.Join(calls.Violations, "\n"))
	}
	for i, violation := range calls.Violations {
		if !strings.HasPrefix(violation, want[i]) {
			t.Errorf("the violation is %q, expected %q", violation, want[i])
		}
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	e := started(t)
	for header, want := range map[string]int{
		"Origin: https://attacker.example":                http.StatusForbidden,
		"Origin: null":                                    http.StatusForbidden,
		"Host: attacker.example":                          http.StatusForbidden, // whose name leads to 127.0.0.1
		"Host: 127.0.0.1:1":                               http.StatusForbidden,
		"Sec-Fetch-Site: cross-site":                      http.StatusForbidden, // an image or form without an Origin
		"Origin: " + e.URL():                              http.StatusOK,
		"Host: " + strings.TrimPrefix(e.URL(), "http://"): http.StatusOK,
	} {
		if status := send(t, e, http.MethodPost, "/moto-api/reset", "", header); status != want {
			t.Errorf("a request with %s is answered %d, want %d", header, status, want)
		}
	}
}

func TestDockerIsOutOfReach(t *testing.T) {
	repository.NeedTools(t)
	daemon, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "docker.sock")})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	python(t, append(os.Environ(), "DOCKER_HOST=unix://"+daemon.Addr().String()), `
import server, docker
try:
    docker.from_env(timeout=1)
except docker.errors.DockerException:
    pass`)
	if err := daemon.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.Accept(); err == nil {
		t.Error("the emulator reaches the Docker daemon")
	}
}

func TestEmulatorIsFoundByItsLog(t *testing.T) {
	e := started(t)
	found, err := Attach(e.Log)
	if err != nil || *found != *e {
		t.Fatalf("attach = %+v (%v), want %+v", found, err, e)
	}
	if _, err := Start(t.Context(), Options{Log: e.Log}); err == nil || !strings.Contains(err.Error(), e.Log) {
		t.Errorf("start with the same log = %v, want an error that names it", err)
	}
	if err := found.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(e.Log); !errors.Is(err, ErrGone) {
		t.Errorf("attach to a stopped emulator = %v, want ErrGone", err)
	}
}

func TestEmulatorEndsWithItsParent(t *testing.T) {
	repository.NeedTools(t)
	log := filepath.Join(t.TempDir(), "emulator.log")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+log)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = output.Read(make([]byte, 1)) // it has started the emulator, or failed
	e, attachErr := Attach(log)
	_ = child.Process.Kill()
	_ = child.Wait()
	if attachErr != nil {
		t.Fatal(attachErr)
	}
	for deadline := time.Now().Add(stopDeadline); e.alive(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the emulator outlived the process that started it: ", e.Stop())
		}
	}
}

func TestFailedStartShowsTheLogAndLeavesNoProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"cdktf.json": "{}", "internal/emulator/requirements.txt": "",
		"internal/emulator/server.py": "", "internal/emulator/models.py": "",
		".local/venv/bin/python": "#!/bin/sh\necho No module named moto\nexec sleep 60\n",
	} {
		err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o755))
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Start(ctx, Options{Log: "log", Detached: true})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "No module named moto") {
		t.Errorf("start = %v, want an error that shows the log", err)
	}
	if (&Emulator{Log: "log"}).alive() {
		t.Error("a failed start leaves a process")
	}
}
