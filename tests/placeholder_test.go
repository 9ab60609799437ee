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
	"strings"
	"syscall"
	"testing"
	"time"

	"tap/constructs/service"
)

// placeholder is a running placeholder task.
type placeholder struct {
	command *exec.Cmd
	address string
	folder  string // stands for /tmp
	log     string // path of standard output and standard error
}

// startPlaceholder runs the task's command with the nginx of this machine. Two things are not as in a
// task: /tmp is a folder of the test's own, so that runs do not meet, and only this machine is listened to.
func startPlaceholder(t *testing.T, healthCheckPath string) placeholder {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Fatal("nginx is missing; it proves that the placeholder answers the health check (Debian: apt-get install nginx): ", err)
	}
	folder, err := os.MkdirTemp("/tmp", "tap-placeholder-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()

	words := service.PlaceholderCommand(port, healthCheckPath)
	script := words[len(words)-1]
	for _, change := range [][2]string{{"/tmp/", folder + "/"}, {fmt.Sprintf("listen %d;", port), fmt.Sprintf("listen %s;", address)}} {
		if !strings.Contains(script, change[0]) {
			t.Fatalf("the command does not hold %q: %s", change[0], script)
		}
		script = strings.ReplaceAll(script, change[0], change[1])
	}
	command := exec.Command(words[0], append(words[1:len(words)-1:len(words)-1], script)...)

	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		// Root could write anywhere, which a task with a read-only root file system cannot; nobody can write to the folder only.
		const nobody = 65534
		for _, path := range []string{folder, log.Name()} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// The group is the command's own, and still holds its workers should the command be gone.
	t.Cleanup(func() { syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	return placeholder{command, address, folder, log.Name()}
}

// get asks until there is an answer, for ten seconds at most.
func (p placeholder) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			defer response.Body.Close()
			content, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(content)
		}
		if ctx.Err() != nil {
			log, _ := os.ReadFile(p.log)
			t.Fatalf("no answer: %v\n%s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop sends a signal and waits for the end, for ten seconds at most.
func (p placeholder) stop(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("still running 10 seconds after %v", signal)
		panic("unreachable")
	}
}

func TestThePlaceholderAnswersTheHealthCheckAndNothingElse(t *testing.T) {
	for _, path := range []string{"/health", "/healthz/ready"} {
		task := startPlaceholder(t, path)
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
		if err := task.stop(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
}

// ECS sends the image's stop signal, for nginx SIGQUIT, else SIGTERM.
func TestThePlaceholderEndsAtOnceWhenItIsStopped(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			task := startPlaceholder(t, "/health")
			task.get(t, "/health")
			if err := task.stop(t, signal); err != nil {
				t.Errorf("%v ends it with %v", signal, err)
			}
			if err := syscall.Kill(-task.command.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("a worker is left: %v", err)
			}
		})
	}
}

func TestTheTaskRunsThePlaceholderOnItsOwnPortAndPath(t *testing.T) {
	container := synthesize(t, parse(t, "class: development\nservice: {port: 8081, healthCheck: {path: /alive}}"))["tap-dev"].container(t)
	container.want(t, service.PlaceholderCommand(8081, "/alive"), "command")
	container.want(t, service.PlaceholderImage, "image")
	stacks(t)["tap-isolated"].container(t).want(t, nil, "command")
}
