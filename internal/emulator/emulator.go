// Package emulator runs an AWS emulator (moto) on the loopback interface, and nothing else that
// could be taken for AWS: it installs moto into a virtual environment, starts and stops it, gives
// the environment variables that point Terraform at it and away from the user's own AWS account,
// and tells what exists in it.
//
// It is used by the local deployment (tap/local) and by the tests that deploy.
package emulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tap/internal/processes"
)

//go:embed server.py
var server []byte

const (
	// DefaultAccount is the AWS account that the emulator plays unless Options say otherwise.
	DefaultAccount = "123456789012"
	// DefaultRunningTasks is the desired count of a development environment's service.
	DefaultRunningTasks = 2

	// A first start compiles moto's byte code; on a slow disk that takes some seconds.
	startDeadline = 90 * time.Second
	// How long the emulator may take to end by itself before it is killed.
	stopDeadline = 5 * time.Second
	// A free port can be taken by somebody else between the choice and the start.
	portAttempts = 3
)

// ErrGone says that the emulator that was started is not there any more: its process has ended,
// or its port belongs to another one.
var ErrGone = errors.New("the emulator is gone")

// Options say how an emulator is started.
type Options struct {
	// Python is the interpreter that Install returned.
	Python string
	// Log is the file that receives what the emulator prints; it is truncated.
	Log string
	// Account is the AWS account to play, 12 digits. Empty: DefaultAccount.
	Account string
	// RunningTasks is how many running tasks a new ECS service reports, whatever it desires:
	// a Terraform that waits for a steady state waits for the desired count. 0: DefaultRunningTasks.
	RunningTasks int
	// Detached lets the emulator outlive this process. Otherwise it ends with this process,
	// however this process ends.
	Detached bool
}

// Instance names one start of an emulator. It can be stored as JSON and attached to later.
type Instance struct {
	// PID is the process, which leads a process group of its own.
	PID int `json:"pid"`
	// Port is the TCP port on 127.0.0.1.
	Port int `json:"port"`
	// Name is random. It is an argument of the process, and the emulator tells it when asked.
	Name string `json:"name"`
	// Build changes with anything that changes how the emulator answers: see Build.
	Build string `json:"build"`
	// Log is the file that receives what the emulator prints.
	Log string `json:"log"`
}

// Emulator is a running AWS emulator.
type Emulator struct {
	// Instance says which one it is.
	Instance Instance

	ended chan struct{}  // closed when the process has been reaped; nil if another process started it
	stdin io.WriteCloser // held open until Stop; nil if detached
}

// Start starts an emulator on a free loopback port and waits until it answers.
func Start(ctx context.Context, options Options) (*Emulator, error) {
	if options.Account == "" {
		options.Account = DefaultAccount
	}
	if options.RunningTasks == 0 {
		options.RunningTasks = DefaultRunningTasks
	}
	for attempt := 1; ; attempt++ {
		e, err := start(ctx, options)
		if err == nil || attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return e, err
		}
	}
}

var errPortTaken = errors.New("the port was taken meanwhile")

func start(ctx context.Context, options Options) (*Emulator, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(options.Log)
	if err != nil {
		return nil, fmt.Errorf("create the emulator's log: %w", err)
	}
	defer log.Close()
	script, err := writeServer(filepath.Dir(options.Log))
	if err != nil {
		return nil, err
	}

	e := &Emulator{
		Instance: Instance{Port: port, Name: rand.Text(), Build: Build(options.RunningTasks), Log: options.Log},
		ended:    make(chan struct{}),
	}
	// -I keeps PYTHONPATH and the user's own packages out.
	arguments := []string{"-I", script, "--port", strconv.Itoa(port), "--instance", e.Instance.Name}
	if !options.Detached {
		arguments = append(arguments, "--exit-with-stdin")
	}
	command := exec.Command(options.Python, arguments...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(serverEnvironment(os.Environ()),
		"MOTO_ACCOUNT_ID="+options.Account,
		"MOTO_ECS_SERVICE_RUNNING="+strconv.Itoa(options.RunningTasks),
		"MOTO_IAM_LOAD_MANAGED_POLICIES=true",
	)
	// A session of its own: a Ctrl-C in the terminal reaches Terraform, which still needs the emulator to stop cleanly.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !options.Detached {
		if e.stdin, err = command.StdinPipe(); err != nil {
			return nil, fmt.Errorf("start the emulator: %w", err)
		}
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	e.Instance.PID = command.Process.Pid
	go func() {
		_ = command.Wait() // how it ended is in its log
		close(e.ended)
	}()

	if err := e.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// awaitReady waits until this very start answers.
func (e *Emulator) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	for {
		if e.answers(ctx) {
			return nil
		}
		select {
		case <-e.ended:
			said := tail(e.Instance.Log)
			if strings.Contains(said, "in use") {
				return errPortTaken
			}
			return fmt.Errorf("the emulator ended while it was starting; its log %s ends with:\n%s", e.Instance.Log, said)
		case <-ctx.Done():
			return fmt.Errorf("the emulator did not answer at %s within %s: %w; its log %s ends with:\n%s",
				e.URL(), startDeadline, context.Cause(ctx), e.Instance.Log, tail(e.Instance.Log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Attach returns the running emulator that an earlier process started, or ErrGone.
func Attach(ctx context.Context, instance Instance) (*Emulator, error) {
	e := &Emulator{Instance: instance}
	if !e.answers(ctx) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, ErrGone
	}
	return e, nil
}

// StopInstance stops the emulator that an earlier process started, answering or not.
// That it is gone already is no error.
func StopInstance(instance Instance) error {
	return (&Emulator{Instance: instance}).Stop()
}

// Stop ends the emulator and everything it started, and returns when it is gone.
// Stopping it again does nothing.
func (e *Emulator) Stop() error {
	if e.stdin != nil {
		defer e.stdin.Close()
	}
	group := -e.Instance.PID
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !e.alive() {
			return nil
		}
		if err := syscall.Kill(group, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the emulator, process %d: %w", e.Instance.PID, err)
		}
		for deadline := time.Now().Add(stopDeadline); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !e.alive() {
				return nil
			}
		}
	}
	return fmt.Errorf("the emulator, process %d, survived SIGKILL", e.Instance.PID)
}

// alive reports whether the process still runs. The process number alone would not do: after a
// restart of the machine it may be anybody's.
func (e *Emulator) alive() bool {
	if e.ended != nil {
		select {
		case <-e.ended:
			return false
		default:
			return true
		}
	}
	if e.Instance.PID <= 1 || e.Instance.Name == "" {
		return false
	}
	table, err := processes.Read()
	return err == nil && strings.Contains(table[e.Instance.PID].Command, e.Instance.Name)
}

// URL is the endpoint of every AWS service.
func (e *Emulator) URL() string {
	return "http://127.0.0.1:" + strconv.Itoa(e.Instance.Port)
}

// Build identifies what an emulator would answer that is started now with that many running
// tasks: its packages and its extension.
func Build(runningTasks int) string {
	sum := sha256.New()
	sum.Write(requirements)
	sum.Write(server)
	fmt.Fprintln(sum, runningTasks)
	return hex.EncodeToString(sum.Sum(nil))
}

// client talks to the emulator directly, whatever proxy the user's environment names.
var client = &http.Client{Transport: &http.Transport{Proxy: nil}, Timeout: time.Minute}

func (e *Emulator) answers(ctx context.Context) bool {
	var told struct{ Instance string }
	return e.get(ctx, "/moto-api/tap/instance", &told) == nil && told.Instance == e.Instance.Name
}

func (e *Emulator) get(ctx context.Context, path string, value any) error {
	return e.do(ctx, http.MethodGet, path, value)
}

func (e *Emulator) do(ctx context.Context, method, path string, value any) error {
	request, err := http.NewRequestWithContext(ctx, method, e.URL()+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the emulator: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the emulator: %s %s answered %s; its log is %s", method, path, response.Status, e.Instance.Log)
	}
	if err := json.NewDecoder(response.Body).Decode(value); err != nil {
		return fmt.Errorf("ask the emulator: %s %s: %w", method, path, err)
	}
	return nil
}

// writeServer puts the extension that starts moto into the folder, whole or not at all: two
// tests may do so at once.
func writeServer(folder string) (string, error) {
	sum := sha256.Sum256(server)
	path := filepath.Join(folder, "server-"+hex.EncodeToString(sum[:4])+".py")
	if existing, err := os.ReadFile(path); err == nil && bytes.Equal(existing, server) {
		return path, nil
	}
	file, err := os.CreateTemp(folder, "server-*.part")
	if err != nil {
		return "", fmt.Errorf("write the emulator's extension: %w", err)
	}
	defer os.Remove(file.Name())
	_, writeErr := file.Write(server)
	if err := errors.Join(writeErr, file.Close()); err != nil {
		return "", fmt.Errorf("write the emulator's extension: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return "", fmt.Errorf("write the emulator's extension: %w", err)
	}
	return path, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free loopback port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// tail returns the last lines of a file, for an error message.
func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
