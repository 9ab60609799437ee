package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tap/internal/processes"
)

// python is the installed emulator's interpreter.
var python string

// childVariable makes the test binary start an emulator, print its instance and wait.
const childVariable = "TAP_TEST_EMULATOR_CHILD"

func TestMain(m *testing.M) {
	folder, err := Folder()
	if err == nil {
		python, err = Install(context.Background(), folder, io.Discard)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if log := os.Getenv(childVariable); log != "" {
		child(log)
	}
	os.Exit(m.Run())
}

func child(log string) {
	e, err := Start(context.Background(), Options{Python: python, Log: log})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(e.Instance); err != nil {
		os.Exit(1)
	}
	select {}
}

func started(t *testing.T, options Options) *Emulator {
	t.Helper()
	options.Python, options.Log = python, filepath.Join(t.TempDir(), "emulator.log")
	e, err := Start(t.Context(), options)
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

// call calls a method of an AWS service that speaks JSON and decodes the answer.
func call(t *testing.T, e *Emulator, service, target string, input map[string]any) (int, map[string]any) {
	t.Helper()
	if input == nil {
		input = map[string]any{}
	}
	body, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, e, service, "application/x-amz-json-1.1", target, bytes.NewReader(body))
}

func send(t *testing.T, e *Emulator, service, contentType, target string, body io.Reader) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL()+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("X-Amz-Target", target)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=emulator/20260101/us-east-1/"+service+
		"/aws4_request, SignedHeaders=host, Signature=0")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	_ = json.Unmarshal(content, &answer) // the query protocol answers XML, which no test reads
	return response.StatusCode, answer
}

// must calls a method that has to succeed.
func must(t *testing.T, e *Emulator, service, target string, input map[string]any) map[string]any {
	t.Helper()
	status, answer := call(t, e, service, target, input)
	if status != http.StatusOK {
		t.Fatalf("%s answered %d: %v", target, status, answer)
	}
	return answer
}

// query calls a method of EC2, which speaks the query protocol.
func query(t *testing.T, e *Emulator, form url.Values) {
	t.Helper()
	form.Set("Version", "2016-11-15")
	status, _ := send(t, e, "ec2", "application/x-www-form-urlencoded", "", strings.NewReader(form.Encode()))
	if status != http.StatusOK {
		t.Fatalf("%s answered %d", form.Get("Action"), status)
	}
}

func inventory(t *testing.T, e *Emulator) []Resource {
	t.Helper()
	resources, err := e.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

// createService creates an ECS cluster, task definition and service with two tasks.
func createService(t *testing.T, e *Emulator) {
	t.Helper()
	const ecs = "AmazonEC2ContainerServiceV20141113."
	must(t, e, "ecs", ecs+"CreateCluster", map[string]any{"clusterName": "payments"})
	must(t, e, "ecs", ecs+"RegisterTaskDefinition", map[string]any{
		"family":               "api",
		"containerDefinitions": []any{map[string]any{"name": "api", "image": "nginx", "memory": 128}},
	})
	must(t, e, "ecs", ecs+"CreateService", map[string]any{
		"cluster": "payments", "serviceName": "api", "taskDefinition": "api", "desiredCount": 2,
		"deploymentController": map[string]any{"type": "ECS"},
	})
}

func TestAFreshEmulatorHoldsNothing(t *testing.T) {
	e := started(t, Options{})
	// Each of these services makes something by itself when it is asked for the first time.
	query(t, e, url.Values{"Action": {"DescribeVpcs"}})
	must(t, e, "logs", "Logs_20140328.DescribeLogGroups", nil)
	must(t, e, "kms", "TrentService.ListKeys", nil)
	must(t, e, "events", "AWSEvents.ListEventBuses", nil)
	if left := inventory(t, e); len(left) > 0 {
		t.Errorf("inventory of a fresh emulator = %v, want nothing", left)
	}
}

func TestTheInventoryListsWhatWasCreatedUntilItIsDeleted(t *testing.T) {
	e := started(t, Options{})
	query(t, e, url.Values{"Action": {"CreateVpc"}, "CidrBlock": {"10.0.0.0/16"}})
	must(t, e, "logs", "Logs_20140328.CreateLogGroup", map[string]any{"logGroupName": "kept"})
	must(t, e, "logs", "Logs_20140328.CreateLogGroup", map[string]any{"logGroupName": "deleted"})
	must(t, e, "logs", "Logs_20140328.DeleteLogGroup", map[string]any{"logGroupName": "deleted"})
	key := must(t, e, "kms", "TrentService.CreateKey", nil)["KeyMetadata"].(map[string]any)["KeyId"]
	must(t, e, "kms", "TrentService.ScheduleKeyDeletion", map[string]any{"KeyId": key})

	kinds := map[string]int{}
	for _, resource := range inventory(t, e) {
		kinds[resource.Service+" "+resource.Type]++
	}
	// A VPC comes with its main route table and default security group.
	want := map[string]int{"ec2 VPC": 1, "ec2 RouteTable": 1, "ec2 SecurityGroup": 1, "logs LogGroup": 1}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("inventory = %v, want %v", kinds, want)
	}

	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := inventory(t, e); len(left) > 0 {
		t.Errorf("inventory after a reset = %v, want nothing", left)
	}
}

func TestScalableTargetsKeepTheirTags(t *testing.T) {
	e := started(t, Options{})
	createService(t, e)
	const autoscaling = "AnyScaleFrontendService."
	arn := must(t, e, "application-autoscaling", autoscaling+"RegisterScalableTarget", map[string]any{
		"ServiceNamespace": "ecs", "ResourceId": "service/payments/api", "ScalableDimension": "ecs:service:DesiredCount",
		"MinCapacity": 2, "MaxCapacity": 10, "Tags": map[string]any{"Environment": "dev", "Project": "tap"},
	})["ScalableTargetARN"]
	must(t, e, "application-autoscaling", autoscaling+"TagResource",
		map[string]any{"ResourceARN": arn, "Tags": map[string]any{"Owner": "payments"}})
	must(t, e, "application-autoscaling", autoscaling+"UntagResource",
		map[string]any{"ResourceARN": arn, "TagKeys": []any{"Project"}})

	tags := must(t, e, "application-autoscaling", autoscaling+"ListTagsForResource", map[string]any{"ResourceARN": arn})["Tags"]
	if want := map[string]any{"Environment": "dev", "Owner": "payments"}; fmt.Sprint(tags) != fmt.Sprint(want) {
		t.Errorf("tags = %v, want %v", tags, want)
	}
	status, answer := call(t, e, "application-autoscaling", autoscaling+"ListTagsForResource",
		map[string]any{"ResourceARN": "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/none"})
	if status != http.StatusBadRequest || answer["__type"] != "ResourceNotFoundException" {
		t.Errorf("the tags of an unknown target: answered %d %v, want 400 ResourceNotFoundException", status, answer)
	}
}

func TestTheDeploymentOfAServiceIsListedAsSuccessful(t *testing.T) {
	e := started(t, Options{})
	createService(t, e)
	const ecs = "AmazonEC2ContainerServiceV20141113."
	service := must(t, e, "ecs", ecs+"DescribeServices",
		map[string]any{"cluster": "payments", "services": []any{"api"}})["services"].([]any)[0].(map[string]any)
	deployment := service["deployments"].([]any)[0].(map[string]any)
	number := strings.TrimPrefix(deployment["id"].(string), "ecs-svc/")

	listed := must(t, e, "ecs", ecs+"ListServiceDeployments",
		map[string]any{"cluster": "payments", "service": "api"})["serviceDeployments"].([]any)
	if len(listed) != 1 {
		t.Fatalf("service deployments = %v, want one", listed)
	}
	brief := listed[0].(map[string]any)
	if revision, _ := brief["targetServiceRevisionArn"].(string); !strings.Contains(revision, number) {
		t.Errorf("target service revision = %q, want one that names the deployment %s", revision, number)
	}

	described := must(t, e, "ecs", ecs+"DescribeServiceDeployments",
		map[string]any{"serviceDeploymentArns": []any{brief["serviceDeploymentArn"]}})["serviceDeployments"].([]any)
	if len(described) != 1 || described[0].(map[string]any)["status"] != "SUCCESSFUL" {
		t.Errorf("described service deployments = %v, want one that is SUCCESSFUL", described)
	}
}

func TestTheEmulatorPlaysTheAccountAndTasksAskedFor(t *testing.T) {
	e := started(t, Options{Account: "210987654321", RunningTasks: 5})
	createService(t, e)
	services := must(t, e, "ecs", "AmazonEC2ContainerServiceV20141113.DescribeServices",
		map[string]any{"cluster": "payments", "services": []any{"api"}})["services"].([]any)
	service := services[0].(map[string]any)
	if arn := service["serviceArn"].(string); !strings.Contains(arn, ":210987654321:") {
		t.Errorf("service ARN = %s, want account 210987654321", arn)
	}
	if running := service["runningCount"]; running != 5.0 {
		t.Errorf("running tasks = %v, want 5", running)
	}
}

func TestAStoppedEmulatorLeavesNoProcess(t *testing.T) {
	for _, detached := range []bool{false, true} {
		t.Run("detached="+strconv.FormatBool(detached), func(t *testing.T) {
			e := started(t, Options{Detached: detached})
			if err := e.Stop(); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(-e.Instance.PID, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the process group %d still exists: %v", e.Instance.PID, err)
			}
			if _, err := Attach(t.Context(), e.Instance); !errors.Is(err, ErrGone) {
				t.Errorf("attach to a stopped emulator: %v, want ErrGone", err)
			}
			if err := e.Stop(); err != nil {
				t.Errorf("stop it again: %v", err)
			}
		})
	}
}

func TestALaterProcessFindsAndStopsADetachedEmulator(t *testing.T) {
	e := started(t, Options{Detached: true})
	stored, err := json.Marshal(e.Instance)
	if err != nil {
		t.Fatal(err)
	}
	var instance Instance
	if err := json.Unmarshal(stored, &instance); err != nil {
		t.Fatal(err)
	}

	if _, err := Attach(t.Context(), instance); err != nil {
		t.Fatalf("attach: %v", err)
	}
	other := instance
	other.Name = "of another start"
	if _, err := Attach(t.Context(), other); !errors.Is(err, ErrGone) {
		t.Errorf("attach to another emulator on the same port: %v, want ErrGone", err)
	}
	if err := StopInstance(other); err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(t.Context(), instance); err != nil {
		t.Fatalf("the emulator was stopped under another one's name: %v", err)
	}
	if err := StopInstance(instance); err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(t.Context(), instance); !errors.Is(err, ErrGone) {
		t.Errorf("attach after the stop: %v, want ErrGone", err)
	}
}

func TestTheEmulatorEndsWithAProcessThatIsKilled(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+filepath.Join(t.TempDir(), "emulator.log"))
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var instance Instance
	if err := json.NewDecoder(output).Decode(&instance); err != nil {
		_ = command.Process.Kill()
		t.Fatal(err)
	}
	if _, err := Attach(t.Context(), instance); err != nil {
		t.Fatalf("the child's emulator does not answer: %v", err)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	for orphan := (&Emulator{Instance: instance}); orphan.alive(); time.Sleep(50 * time.Millisecond) {
		if t.Context().Err() != nil {
			t.Fatal("the emulator outlived the process that started it")
		}
	}
}

func TestAStartThatFailsSaysWhatTheEmulatorSaid(t *testing.T) {
	folder := t.TempDir()
	broken := filepath.Join(folder, "python")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho No module named moto\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(folder, "emulator.log")
	_, err := Start(t.Context(), Options{Python: broken, Log: log})
	if err == nil {
		t.Fatal("the start succeeded without moto")
	}
	for _, want := range []string{"No module named moto", log} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestAStartThatIsInterruptedLeavesNoProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	folder := t.TempDir()
	log := filepath.Join(folder, "emulator.log")
	if _, err := Start(ctx, Options{Python: python, Log: log, Detached: true}); !errors.Is(err, context.Canceled) {
		t.Fatalf("start = %v, want context.Canceled", err)
	}
	// The extension's path is an argument of the process.
	table, err := processes.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range table {
		if strings.Contains(process.Command, folder) {
			t.Errorf("an emulator still runs: %s", process.Command)
		}
	}
}
