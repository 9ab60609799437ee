package tests

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

	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs"
	"tap/constructs/connection"
	"tap/constructs/service"
	"tap/tests/keys"
	"tap/tests/must"
)

// A second connection with the same variable would silently take it from the first, or from the environment file.
func TestConnectionsShareNoVariable(t *testing.T) {
	environment := parse(t, "shared", minimalDevelopment+"service: {environment: {LOG_LEVEL: info}}")
	for variable, owner := range map[string]string{"DB_HOST": "database", "LOG_LEVEL": "service.environment"} {
		err := constructs.Synthesize([]config.Environment{environment}, nil, t.TempDir(),
			func(cdktf.TerraformStack, constructs.Platform) []connection.Connection {
				return []connection.Connection{{Name: "thief", Variables: map[string]string{variable: "elsewhere"}}}
			})
		if err == nil || !strings.Contains(err.Error(), variable+" is set by "+owner+" and by thief") {
			t.Errorf("%s set twice: %v", variable, err)
		}
	}
}

// A file that could set the same variable would be overridden in silence.
func TestVariablesOfTheProjectAreReserved(t *testing.T) {
	each, _ := keys.Variants(t)
	for _, v := range each {
		s := example(t, v.Key)
		file := s.environment.Service
		for list, key := range map[string]string{"environment": "value", "secrets": "valueFrom"} {
			for name := range s.container().named(list, key) {
				isSender := name == config.SenderVariable("example") && len(s.environment.Workers) > 0
				if file.Environment[name]+file.Secrets[name] == "" && !slices.Contains(config.ServiceVariables, name) && !isSender {
					t.Errorf("%s: %s is set by the project and not in config.ServiceVariables", v.Key, name)
				}
			}
		}
	}
}

func TestPlaceholderKnowsPortAndPath(t *testing.T) {
	for _, key := range []string{minimalDevelopment, "service.port", "service.healthCheck.path"} {
		s := example(t, key)
		port, path := s.environment.Service.Port, s.environment.Service.HealthCheck.Path
		s.container().want("command", service.PlaceholderCommand(port, path))
		s.container().want("image", service.PlaceholderImage)
	}
	example(t, "service.user").container().want("command", nil)
}

// startPlaceholder runs the task's command with the nginx of this machine, for ten seconds at most. Two things are not
// as in a task: /tmp is a folder of the test's own, and only an address of this process is listened to, so that runs do
// not meet. With capabilities it runs as root with no others and on a port under 1024, as in a task; else as nobody. It
// returns when the port is open, with the path of standard output and standard error.
func startPlaceholder(t *testing.T, path string, capabilities []string) (task *exec.Cmd, address, log string) {
	t.Helper()
	folder, address := folderInTmp(t, "placeholder"), "127.0.0.1:0"
	if capabilities != nil {
		address = fmt.Sprintf("127.%d.%d.%d:1023", os.Getpid()>>16&255, os.Getpid()>>8&255, os.Getpid()&255)
	}
	listener := must.Get(net.Listen("tcp", address))(t)
	address, port := listener.Addr().String(), listener.Addr().(*net.TCPAddr).Port
	listener.Close()

	words := service.PlaceholderCommand(port, path)
	words[len(words)-1] = strings.NewReplacer("/tmp/", folder+"/", fmt.Sprintf("listen %d;", port),
		fmt.Sprintf("listen %s;", address)).Replace(words[len(words)-1])
	if capabilities != nil {
		keep := "-all,+" + strings.ToLower(strings.Join(capabilities, ",+"))
		words = append([]string{"setpriv", "--inh-caps=-all", "--bounding-set=" + keep}, words...)
	}
	output := must.Get(os.Create(filepath.Join(folder, "log")))(t)
	defer output.Close()
	ended, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	task = exec.CommandContext(ended, words[0], words[1:]...)
	task.Stdout, task.Stderr, task.Env = output, output, []string{"PATH=" + os.Getenv("PATH")}
	// The group is the command's own, and still contains its workers when the command has ended.
	task.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	task.Cancel = func() error { return syscall.Kill(-task.Process.Pid, syscall.SIGKILL) }
	if capabilities == nil && os.Getuid() == 0 {
		// Root could write anywhere, which a task with a read-only root file system cannot; nobody only to the folder.
		const nobody = 65534
		must.Do(t, os.Chown(folder, nobody, nobody), output.Chown(nobody, nobody))
		task.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	must.Do(t, task.Start())
	for ; ended.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if connection, err := net.Dial("tcp", address); err == nil {
			connection.Close()
			return task, address, output.Name()
		}
	}
	t.Fatalf("no answer:\n%s", read(t, output.Name()))
	return
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
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			task, address, log := startPlaceholder(t, test.path, test.capabilities)
			get := func(path string) string {
				response := must.Get(http.Get("http://" + address + path))(t)
				defer response.Body.Close()
				return fmt.Sprintf("%d %s", response.StatusCode, must.Get(io.ReadAll(response.Body))(t))
			}
			if answer := get(test.path); answer != "200 ok\n" {
				t.Errorf("%s is answered with %s", test.path, answer)
			}
			for _, other := range []string{"/", test.path + "/more", test.path + "x", "/payments", "/index.html"} {
				if answer := get(other); !strings.HasPrefix(answer, "404 ") {
					t.Errorf("%s is answered with %s", other, answer)
				}
			}
			if text := read(t, log); !strings.Contains(text, "GET "+test.path+" ") {
				t.Errorf("the access log does not reach standard output:\n%s", text)
			}
			must.Do(t, task.Process.Signal(test.signal))
			if err := task.Wait(); err != nil {
				t.Errorf("%v ends it with %v", test.signal, err)
			}
			if err := task.Cancel(); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("a worker is left: %v", err)
			}
		})
	}
}
