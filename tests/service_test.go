package tests

import (
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

	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs"
	"tap/constructs/connection"
	"tap/constructs/service"
)

func TestAutoscalingOwnsTheNumberOfTasks(t *testing.T) {
	scaled := map[bool]bool{}
	eachEnvironment(t, func(s stack) {
		service, scales := s.only("aws_ecs_service"), s.environment.Service.Scaling.Scales()
		scaled[scales] = true
		if !scales {
			service.want("lifecycle.ignore_changes", nil) // Terraform owns it
			if targets := s.each("aws_appautoscaling_target"); len(targets) > 0 {
				s.Errorf("%v scale all the same", addresses(targets))
			}
			return
		}
		service.want("lifecycle.ignore_changes", []string{"desired_count"})
		target := s.only("aws_appautoscaling_target")
		target.want("resource_id", "service/"+s.only("aws_ecs_cluster").ref("name")+"/"+service.ref("name"))
		target.want("min_capacity", service.at("desired_count"))
		for _, policy := range s.some("aws_appautoscaling_policy") {
			metric := policy.part("target_tracking_scaling_policy_configuration.predefined_metric_specification")
			if metric.at("predefined_metric_type") == "ALBRequestCountPerTarget" {
				metric.want("resource_label",
					s.only("aws_lb").ref("arn_suffix")+"/"+s.only("aws_lb_target_group").ref("arn_suffix"))
			}
		}
	})
	if len(scaled) < 2 {
		t.Errorf("tasks are scaled: %v; one of both is not tested", scaled)
	}
}

// The postcondition notices a deployment that the circuit breaker has rolled back, which ends in a steady state too.
func TestRollbackIsAFailure(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		service, definition := s.only("aws_ecs_service"), s.only("aws_ecs_task_definition")
		service.want("task_definition", definition.ref("arn"))
		service.want("deployment_circuit_breaker.rollback", true)
		service.want("wait_for_steady_state", true)
		service.want("lifecycle.postcondition.0.condition",
			"${(self.task_definition == "+definition.address()+".arn)}")
		definition.want("skip_destroy", true) // to be rolled back to
		service.want("timeouts", map[string]any{"create": "15m", "update": "15m"})
		for _, alarm := range service.followAll("alarms.alarm_names") {
			if s.production() != (service.at("alarms.rollback") == true) {
				s.Errorf("%s rolls back: %v", alarm.address(), service.at("alarms.rollback"))
			}
		}
	})
}

// A task whose migration fails does not start the API, which ends the deployment as the postcondition says.
func TestMigrationSucceedsBeforeTheAPIStarts(t *testing.T) {
	migrates := 0
	eachEnvironment(t, func(s stack) {
		migration, exists := s.containers()["PaymentMigration"]
		if words := s.environment.Service.Migration; exists != (len(words) > 0) || exists && len(s.containers()) != 2 {
			s.Errorf("with the migration %v the containers are %v", words, s.containers())
		}
		if !exists {
			s.container().want("dependsOn", nil)
			return
		}
		migrates++
		s.container().want("dependsOn", []any{map[string]any{
			"containerName": migration.text("name"), "condition": "SUCCESS",
		}})
		s.container().want("essential", true)
		migration.want("essential", false) // its end is not the task's
		migration.want("command", s.environment.Service.Migration)
		migration.want("portMappings", nil)
		for _, shared := range []string{"image", "linuxParameters", "stopTimeout"} {
			migration.want(shared, s.container().at(shared))
		}
		migration.want("logConfiguration.options.awslogs-group", s.container().at("logConfiguration.options.awslogs-group"))
	})
	if migrates < 2 {
		t.Errorf("%d environments have a migration", migrates)
	}
}

// A second connection with the same variable would silently take it from the first, or from the environment file.
func TestConnectionsShareNoVariable(t *testing.T) {
	environment := parse(t, "shared", minimalDevelopment+"service: {environment: {LOG_LEVEL: info}}")
	for variable, owner := range map[string]string{"DB_HOST": "database", "LOG_LEVEL": "service.environment"} {
		_, err := synthesizeAll(t, []config.Environment{environment}, nil,
			func(cdktf.TerraformStack, constructs.Areas) []connection.Connection {
				return []connection.Connection{{Name: "thief", Variables: map[string]string{variable: "elsewhere"}}}
			})
		if err == nil || !strings.Contains(err.Error(), variable+" is set by "+owner+" and by thief") {
			t.Errorf("%s set twice: %v", variable, err)
		}
	}
}

// Without NAT gateway a session needs an endpoint, and what is typed is logged under the key.
func TestSessionsAreReachedAndLogged(t *testing.T) {
	s := stacks(t)["options"].in(t)
	s.only("aws_ecs_service").want("enable_execute_command", true)
	logging := s.only("aws_ecs_cluster").part("configuration.execute_command_configuration")
	logging.want("logging", "OVERRIDE")
	logging.want("log_configuration.cloud_watch_encryption_enabled", true)
	logging.follow("log_configuration.cloud_watch_log_group_name").want("name", "/tap-options/execute-command")
	s.find("aws_vpc_endpoint", "service_name", "com.amazonaws.eu-west-1.ssmmessages")
}

func TestPlaceholderKnowsPortAndPath(t *testing.T) {
	for _, key := range []string{minimalDevelopment, "service.port", "service.healthCheck.path"} {
		s := example(t, key)
		port, path := s.environment.Service.Port, s.environment.Service.HealthCheck.Path
		s.container().want("command", service.PlaceholderCommand(port, path))
		s.container().want("image", service.PlaceholderImage)
	}
	example(t, image).container().want("command", nil)
}

// A program that is taken over has no capability, and cannot run what it writes.
func TestContainersKeepWhatTheyNeed(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		dropped := []string{"ALL"}
		if s.environment.Service.IsPlaceholder() {
			dropped = service.PlaceholderDroppedCapabilities
		}
		for _, container := range s.containers() {
			container.want("linuxParameters.capabilities", map[string]any{"drop": dropped})
			container.want("linuxParameters.tmpfs.0.mountOptions", []string{"nosuid", "nodev", "noexec"})
			container.want("privileged", nil) // ECS.4
		}
	})
}

// placeholder is a running placeholder task.
type placeholder struct {
	command *exec.Cmd
	address string
	log     string // path of standard output and standard error
}

// startPlaceholder runs the task's command with the nginx of this machine. Two things are not as in a task: /tmp is a
// folder of the test's own, so that runs do not meet, and only this machine is listened to. With capabilities it runs
// as root with no others and on a port under 1024, as in a task; without, as nobody.
func startPlaceholder(t *testing.T, healthCheckPath string, capabilities []string) placeholder {
	t.Helper()
	folder := folderInTmp(t, "placeholder")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	for port := 1023; capabilities != nil && port > 1000; port-- {
		if low, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			listener.Close()
			listener = low
			break
		}
	}
	noError(t, err)
	address, port := listener.Addr().String(), listener.Addr().(*net.TCPAddr).Port
	listener.Close()

	words := service.PlaceholderCommand(port, healthCheckPath)
	script := &words[len(words)-1]
	for old, replacement := range map[string]string{
		"/tmp/": folder + "/", fmt.Sprintf("listen %d;", port): fmt.Sprintf("listen %s;", address),
	} {
		if !strings.Contains(*script, old) {
			t.Fatalf("the command does not contain %q: %s", old, *script)
		}
		*script = strings.ReplaceAll(*script, old, replacement)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	noError(t, err)
	defer log.Close()
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = log, log
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if capabilities != nil {
		keep := "-all,+" + strings.ToLower(strings.Join(capabilities, ",+"))
		command.Args = append([]string{"setpriv", "--inh-caps=-all", "--bounding-set=" + keep}, command.Args...)
		if command.Path, err = exec.LookPath("setpriv"); err != nil {
			t.Fatal(err)
		}
	} else if os.Getuid() == 0 {
		// Root could write anywhere, which a task with a read-only root file system cannot; nobody only to the folder.
		const nobody = 65534
		for _, path := range []string{folder, log.Name()} {
			noError(t, os.Chown(path, nobody, nobody))
		}
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	noError(t, command.Start())
	// The group is the command's own, and still contains its workers when the command has ended.
	t.Cleanup(func() { syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	return placeholder{command, address, log.Name()}
}

// get asks until there is an answer, for ten seconds at most.
func (p placeholder) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	for deadline := time.Now().Add(client.Timeout); ; time.Sleep(20 * time.Millisecond) {
		response, err := client.Get("http://" + p.address + path)
		if err == nil {
			defer response.Body.Close()
			content, err := io.ReadAll(response.Body)
			noError(t, err)
			return response.StatusCode, string(content)
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(p.log)
			t.Fatalf("no answer: %v\n%s", err, log)
		}
	}
}

// stop sends a signal and waits for the end of command and workers, for ten seconds at most.
func (p placeholder) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	noError(t, p.command.Process.Signal(signal))
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%v ends it with %v", signal, err)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("still running 10 seconds after %v", signal)
	}
	if err := syscall.Kill(-p.command.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("a worker is left: %v", err)
	}
}

func TestPlaceholderAnswersHealthCheck(t *testing.T) {
	needs(t, "nginx", "nginx")
	// Fargate's default set: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
	kept := slices.DeleteFunc(strings.Fields("AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE "+
		"NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"),
		func(name string) bool { return slices.Contains(service.PlaceholderDroppedCapabilities, name) })
	if os.Getuid() != 0 {
		t.Log("only root can run it with the capabilities of a task")
		kept = nil
	}
	for _, test := range []struct {
		path         string
		signal       syscall.Signal // ECS sends the image's stop signal, for nginx SIGQUIT, else SIGTERM
		capabilities []string
	}{
		{"/health", syscall.SIGQUIT, nil}, {"/healthz/ready", syscall.SIGTERM, nil},
		{"/health", syscall.SIGQUIT, kept}, {"/health", syscall.SIGTERM, kept},
	} {
		path := test.path
		task := startPlaceholder(t, path, test.capabilities)
		if status, body := task.get(t, path); status != http.StatusOK || body != "ok\n" {
			t.Errorf("%s is answered with %d %q", path, status, body)
		}
		for _, other := range []string{"/", path + "/more", path + "x", "/payments", "/index.html"} {
			if status, _ := task.get(t, other); status != http.StatusNotFound {
				t.Errorf("%s is answered with %d", other, status)
			}
		}
		log, err := os.ReadFile(task.log)
		if err != nil || !strings.Contains(string(log), "GET "+path+" ") {
			t.Errorf("the access log does not reach standard output: %v\n%s", err, log)
		}
		task.stop(t, test.signal)
	}
}
