package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

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

// Each of these requests is answered by the emulator, and refused by AWS for its violation.
func TestCallsAreHeldAgainstModels(t *testing.T) {
	e := started(t)
	var requests []struct {
		Service, Method, Path, Body, Violation string
		Headers                                []string
	}
	must.Do(t, yaml.Unmarshal(must.Get(os.ReadFile("testdata/requests.yaml"))(t), &requests))
	var want []string
	for _, r := range requests {
		send(t, e, r.Service, cmp.Or(r.Method, http.MethodPost), r.Path, r.Body, r.Headers...)
		if r.Violation != "" {
			want = append(want, r.Violation)
		}
	}
	calls := must.Get(e.Calls(t.Context()))(t)
	slices.Sort(want)
	if calls.Count != 18 || len(calls.Operations) != 10 || !slices.EqualFunc(calls.Violations, want, strings.HasPrefix) {
		t.Errorf("there were %d calls of %d operations with the violations\n%s\nexpected\n%s", calls.Count,
			len(calls.Operations), strings.Join(calls.Violations, "\n"), strings.Join(want, "\n"))
	}
}

// What a file may name is what AWS's own model takes.
func TestCountriesAreThoseOfTheFirewall(t *testing.T) {
	must.HaveTools(t)
	environment, _ := config.Limits()
	keys := environment.Keys("")
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

func TestWhatAStackNamesIsThereFirst(t *testing.T) {
	e := started(t)
	for name, value := range map[string]string{ // all would lead an AWS SDK away from the emulator
		"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:1", "AWS_CONFIG_FILE": "/nonexistent",
		"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"} {
		t.Setenv(name, value)
	}
	given := must.Get(os.ReadFile("testdata/given.json"))(t)
	for _, want := range []int{11, 0} { // the second time, all is there
		if made := must.Get(e.Give(t.Context(), given))(t); len(made) != want {
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
	must.Do(t, attachErr)
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
