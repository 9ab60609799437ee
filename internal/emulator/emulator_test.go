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
	"syscall"
	"testing"
	"time"

	"tap/config"
	"tap/internal/repository"
	"tap/tests/must"
)

// childVariable makes the test binary start an emulator with that log and wait to be killed.
const childVariable = "TAP_TEST_EMULATOR_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(childVariable); log != "" {
		_, err := Start(context.Background(), log, false)
		fmt.Println("started:", err)
		select {}
	}
	os.Exit(m.Run())
}

func started(t *testing.T) *Emulator {
	t.Helper()
	must.HaveTools(t)
	e := must.Get(Start(t.Context(), filepath.Join(t.TempDir(), "emulator.log"), true))(t)
	t.Cleanup(func() { must.Do(t, e.Stop()) })
	return e
}

// python runs a program that has the emulator's packages.
func python(t *testing.T, environment []string, program string) {
	t.Helper()
	command := exec.Command(repository.Python(must.Get(repository.Root())(t)), "-B", "-c", program)
	command.Env = environment
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// send sends a request, signed for a service, with headers and returns the answer's status.
func send(t *testing.T, e *Emulator, service, method, path, body string, headers ...string) int {
	t.Helper()
	request := must.Get(http.NewRequestWithContext(t.Context(), method, e.URL()+path, strings.NewReader(body)))(t)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=emulator/20260101/us-east-1/"+service+"/aws4_request")
	for _, header := range headers {
		if name, value, found := strings.Cut(header, ": "); name == "Host" {
			request.Host = value
		} else if found {
			request.Header.Set(name, value)
		}
	}
	response := must.Get(client.Do(request))(t)
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// Each of these is answered by the emulator, and refused by AWS.
func TestCallsAreHeldAgainstModels(t *testing.T) {
	e := started(t)
	const cluster = "DBClusterIdentifier=a&Engine=aurora-postgresql&"
	long := strings.Repeat("a", 65)
	targets := map[string]string{"ecs": "AmazonEC2ContainerServiceV20141113.", "logs": "Logs_20140328.",
		"application-autoscaling": "AnyScaleFrontendService."}
	var want []string
	send(t, e, "s3", http.MethodPut, "/states", "")
	for _, call := range []struct{ service, operation, body, violation string }{
		{"ecs", "CreateCluster", `{"clusterName": "a"}`, ""},
		{"ecs", "CreateCluster", `{"name": {}}`, ".name: is not a member"},
		{"ecs", "CreateCluster", `{"clusterName": 5}`, ".clusterName = 5: is not of the type string"},
		{"ecs", "CreateService", `{"serviceName": "a", "desiredCount": "2"}`, ".desiredCount = '2': is not of the type that"},
		{"application-autoscaling", "PutScalingPolicy", `{"PolicyName": "a", "ServiceNamespace": "ecs", ` +
			`"ResourceId": "é", "ScalableDimension": "ecs:service:DesiredCount", ` +
			`"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}}`, ""}, // a float, and more than ASCII
		{"ecs", "CreateService", `{"serviceName": "a", "launchType": "EC3"}`, ".launchType = 'EC3': is not one of EC2, "},
		{"logs", "CreateLogGroup", `{}`, ".logGroupName: is required"},
		{"logs", "CreateLogGroup", `{"logGroupName": "a b"}`, `.logGroupName = 'a b': does not match [\.\-_/#A-Za-z0-9]+`},
		{"logs", "DescribeLogGroups", `{"limit": 51}`, ".limit = 51: value or length is not between 1 and 50"},
		{"rds", "CreateDBCluster", cluster + "StorageEncrypted=true&Tags.Tag.1.Key=a&VpcSecurityGroupIds=", ""},
		{"rds", "CreateDBCluster", cluster + "Tags.Tag.1.Name=a", ".Tags.Tag.1.Name: is not a member"},
		{"rds", "CreateDBCluster", cluster + "StorageEncrypted=yes", ".StorageEncrypted = 'yes': is not of the type that"},
		{"rds", "CreateDBCluster", cluster + "Port=many", ": cannot be read: ValueError("},
		{"iam", "GetRole", "RoleName=" + long, ".RoleName = '" + long + "': value or length is not between 1 and 64"},
		{"ec2", "CreateVpc", "Cidr=10.0.0.0/16", ".Cidr: is not a member"},
		{"s3", "PutBucketVersioning", "<Status>On</Status>", ".VersioningConfiguration.Status = 'On': is not one of Enabled"},
		{"s3", "PutBucketVersioning", "<State>Enabled</State>", ".VersioningConfiguration.State: is not a member"},
	} {
		switch target, isJSON := targets[call.service]; {
		case isJSON:
			send(t, e, call.service, http.MethodPost, "", call.body, "Content-Type: application/x-amz-json-1.1",
				"X-Amz-Target: "+target+call.operation)
		case call.service == "s3":
			send(t, e, "s3", http.MethodPut, "/states?versioning",
				"<VersioningConfiguration>"+call.body+"</VersioningConfiguration>")
		default:
			send(t, e, call.service, http.MethodPost, "", "Action="+call.operation+"&"+call.body,
				"Content-Type: application/x-www-form-urlencoded")
		}
		if call.violation != "" {
			want = append(want, call.service+":"+call.operation+call.violation)
		}
	}
	calls := must.Get(e.Calls(t.Context()))(t)
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

// What a file may name is what AWS's own model takes.
func TestCountriesAreThoseOfTheFirewall(t *testing.T) {
	must.HaveTools(t)
	keys := config.Keys()
	key := keys[slices.IndexFunc(keys, func(k config.Key) bool { return k.Path == "firewall.blockedCountries" })]
	python(t, os.Environ(), fmt.Sprintf(`
import boto3
model = boto3.client("wafv2", region_name="us-east-1").meta.service_model.shape_for("CountryCode")
assert sorted(model.enum) == sorted("%s".strip("[]").split()), model.enum`, fmt.Sprint(key.Limit.Items.Enum)))
}

// Pages of other sites are refused, and so is what would let any user of the machine have moto write files, send
// requests or change what it does.
func TestStrangersAreRefused(t *testing.T) {
	e := started(t)
	for request, want := range map[string]int{
		"/reset Origin: https://attacker.example":                http.StatusForbidden,
		"/reset Origin: null":                                    http.StatusForbidden,
		"/reset Host: attacker.example":                          http.StatusForbidden, // whose name leads to 127.0.0.1
		"/reset Host: 127.0.0.1:1":                               http.StatusForbidden,
		"/reset Sec-Fetch-Site: cross-site":                      http.StatusForbidden, // an image or form without an Origin
		"/reset Origin: " + e.URL():                              http.StatusOK,
		"/reset Host: " + strings.TrimPrefix(e.URL(), "http://"): http.StatusOK,
		"/config ":                    http.StatusForbidden,
		"/recorder/upload-recording ": http.StatusForbidden,
		"//recorder/start-recording ": http.StatusForbidden,
		"/%72ecorder/a ":              http.StatusForbidden,
	} {
		path, header, _ := strings.Cut(request, " ")
		if status := send(t, e, "s3", http.MethodPost, "/moto-api"+path, "{}", header); status != want {
			t.Errorf("%s is answered %d, want %d", request, status, want)
		}
	}
}

// given is what stacks say of what they name and do not make.
const given = `{
  "data": {"aws_subnet": {
    "a": {"id": "subnet-1"}, "b": {"id": "subnet-2"}, "c": {"id": "subnet-3"}, "d": {"id": "subnet-4"}}},
  "provider": {"aws": [{"allowed_account_ids": [
          "210987654321"
        ], "region": "eu-west-1"}]},
  "resource": [
    {"domain_name": "api.dev.example.com", "zone_id": "Z1"},
    {"certificate_arn": "arn:aws:acm:eu-west-1:210987654321:certificate/1", "zone_id": "${aws_lb.x.zone_id}"},
    "[{\"valueFrom\":\"arn:aws:secretsmanager:eu-west-1:210987654321:secret:tap/key-AbCdEf:user::\"}]",
    "arn:aws:secretsmanager:eu-west-1:210987654321:secret:tap/key-AbCdEf",
    "arn:aws:secretsmanager:eu-west-1:210987654321:secret:tap/*",
    {"allocation_id": "eipalloc-1"},
    {"family": "aurora-postgresql16", "master_username": "payments", "source_cluster_identifier": "old"},
    {"snapshot_identifier": "arn:aws:rds:eu-west-1:333333333333:cluster-snapshot:noon"}
  ],
  "terraform": {"backend": {"s3": {"bucket": "tap-states",
        "encrypt": true,
        "key": "account/terraform.tfstate"}}}
}`

func TestWhatAStackNamesIsThereFirst(t *testing.T) {
	e := started(t)
	for name, value := range map[string]string{ // all would lead an AWS SDK away from the emulator
		"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:1", "AWS_CONFIG_FILE": "/nonexistent",
		"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"} {
		t.Setenv(name, value)
	}
	for _, want := range []int{11, 0} { // the second time, all is there
		if made := must.Get(e.Give(t.Context(), []byte(given)))(t); len(made) != want {
			t.Errorf("made %q, want %d", made, want)
		}
	}
	python(t, append(e.Environment(), "AWS_ACCESS_KEY_ID=EMULATOR210987654321", "AWS_DEFAULT_REGION=eu-west-1"), `
from boto3 import client
assert client("sts").get_caller_identity()["Account"] == "210987654321"
assert client("route53").get_hosted_zone(Id="Z1")["HostedZone"]["Name"] == "dev.example.com."
client("acm").describe_certificate(CertificateArn="arn:aws:acm:eu-west-1:210987654321:certificate/1")
secret = client("secretsmanager").describe_secret(SecretId="tap/key")
assert secret["ARN"] == "arn:aws:secretsmanager:eu-west-1:210987654321:secret:tap/key-AbCdEf", secret
subnets = client("ec2").describe_subnets(SubnetIds=[f"subnet-{number}" for number in (1, 2, 3, 4)])["Subnets"]
zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in subnets}
assert len({subnet["VpcId"] for subnet in subnets}) == 1, subnets
assert zones["subnet-1"] != zones["subnet-2"] and zones["subnet-3"] != zones["subnet-4"], zones
assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets), subnets
address, = client("ec2").describe_addresses(AllocationIds=["eipalloc-1"])["Addresses"]
cluster, = client("rds").describe_db_clusters()["DBClusters"]
assert [cluster[key] for key in ("MasterUsername", "EngineVersion")] == ["payments", "16.10"], cluster
client("rds").restore_db_cluster_from_snapshot(DBClusterIdentifier="new", Engine="aurora-postgresql",
    SnapshotIdentifier="arn:aws:rds:eu-west-1:333333333333:cluster-snapshot:noon")
client("s3").head_bucket(Bucket="tap-states")
other = client("rds", aws_access_key_id="another", aws_secret_access_key="another")
assert not other.describe_db_clusters()["DBClusters"]
`)
}

// As a client repeats them that has missed an answer.
func TestDeletionMayBeRepeated(t *testing.T) {
	python(t, append(started(t).Environment(), "AWS_DEFAULT_REGION=us-east-1"), `
import boto3
ec2 = boto3.client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
endpoint = ec2.create_vpc_endpoint(VpcId=vpc, VpcEndpointType="Gateway", ServiceName="com.amazonaws.us-east-1.s3",
    RouteTableIds=[ec2.describe_route_tables()["RouteTables"][0]["RouteTableId"]])["VpcEndpoint"]["VpcEndpointId"]
ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])`)
}

func TestDockerIsOutOfReach(t *testing.T) {
	must.HaveTools(t)
	daemon := must.Get(net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "docker.sock")}))(t)
	defer daemon.Close()
	python(t, append(os.Environ(), "DOCKER_HOST=unix://"+daemon.Addr().String()), `
import contextlib, server, docker
with contextlib.suppress(docker.errors.DockerException):
    docker.from_env(timeout=1)`)
	must.Do(t, daemon.SetDeadline(time.Now().Add(100*time.Millisecond)))
	if _, err := daemon.Accept(); err == nil {
		t.Error("the emulator reaches the Docker daemon")
	}
}

func TestLogOfRunningEmulatorIsRefused(t *testing.T) {
	e := started(t)
	if _, err := Start(t.Context(), e.Log, true); err == nil || !strings.Contains(err.Error(), e.Log) {
		t.Errorf("start with the same log = %v, want an error that names it", err)
	}
}

// As of a shell that has a lock, or waits for the end of a pipe.
func TestEmulatorHoldsNothingOfItsParent(t *testing.T) {
	reader, writer, err := os.Pipe()
	inherited := must.Get(syscall.Dup(int(writer.Fd())))(t)
	started(t)
	must.Do(t, err, writer.Close(), syscall.Close(inherited), reader.SetReadDeadline(time.Now().Add(stopDeadline)))
	if _, err := reader.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("reading ends with %v: the emulator has the pipe's other end", err)
	}
}

func TestEmulatorEndsWithItsParent(t *testing.T) {
	must.HaveTools(t)
	log := filepath.Join(t.TempDir(), "emulator.log")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+log)
	output := must.Get(child.StdoutPipe())(t)
	must.Do(t, child.Start())
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
	for _, name := range []string{"cdktf.json", "internal/emulator/requirements.txt",
		"internal/emulator/server.py", "internal/emulator/models.py"} {
		must.Write(t, name, "{}")
	}
	must.Write(t, ".local/venv/bin/python", "#!/bin/sh\necho No module named moto\nexec sleep 60\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Start(ctx, "log", true)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "No module named moto") {
		t.Errorf("start = %v, want an error that shows the log", err)
	}
	if (&Emulator{Log: "log"}).alive() {
		t.Error("a failed start leaves a process")
	}
}

func TestNothingOfTheUsersAccountReachesTheEmulator(t *testing.T) {
	for _, name := range strings.Fields(`AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE
		AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE
		AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_EC2_METADATA_DISABLED AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SECRETS_MANAGER
		AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_REGION AWS_MAX_ATTEMPTS BOTO_CONFIG AMAZON_ACCESS_KEY_ID
		aws_access_key_id TF_VAR_region TF_CLI_ARGS TF_CLI_ARGS_apply TF_WORKSPACE TF_DATA_DIR TF_REATTACH_PROVIDERS
		TF_ENCRYPTION TF_AWS_DEFAULT_TAGS_Owner TF_HTTP_ADDRESS TF_CLOUD_ORGANIZATION TF_INPUT`) {
		t.Setenv(name, "the-users-own")
	}
	needed := []string{"PATH=/usr/bin", "HOME=/home/somebody", "TF_CLI_CONFIG_FILE=/etc/terraform.rc", "TF_LOG=info",
		"TF_PLUGIN_CACHE_DIR=/cache", "TF_TOKEN_registry_example_com=token", "TERRAFORM_BINARY_NAME=tofu",
		"HTTPS_PROXY=http://proxy.example.com:3128", "NODE_EXTRA_CA_CERTS=/etc/certificates.pem"}
	for _, entry := range append(needed, "NO_PROXY=intranet.example.com") {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	environment := (&Emulator{Port: 4566}).Environment()
	for _, entry := range append(needed, "AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,intranet.example.com") {
		if !slices.Contains(environment, entry) {
			t.Errorf("the environment lacks %s", entry)
		}
	}
	for _, entry := range append(environment, slices.DeleteFunc(os.Environ(), foreign)...) {
		if strings.HasSuffix(entry, "=the-users-own") {
			t.Errorf("%s is kept", entry)
		}
	}
}
