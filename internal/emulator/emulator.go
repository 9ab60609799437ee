// Package emulator runs an AWS emulator (moto) on the loopback interface: it starts and stops it, gives the
// environment variables that point Terraform at it and away from the user's own AWS account, and tells what
// exists in it. The local deployment uses it, and the tests that deploy.
package emulator

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tap/internal/repository"
)

// stopDeadline is how long the emulator may take to end by itself before it is killed.
const stopDeadline = 5 * time.Second

// reinstall is what to do when the emulator's packages are missing, or Python has been upgraded under them.
const reinstall = "If its packages are missing or damaged, remove .local/venv: `make local` then installs them."

// ErrGone says that the emulator has ended.
var ErrGone = errors.New("the emulator is gone")

// Options configure Start.
type Options struct {
	// Log is the file that receives what the emulator prints. It is truncated, and stays locked until the
	// emulator has ended: Attach finds a running emulator by it.
	Log string
	// Detached lets the emulator outlive this process. Otherwise it ends with this process, however that ends.
	Detached bool
}

// Emulator is a running AWS emulator. It plays the account 123456789012.
type Emulator struct {
	PID     int    `json:"pid"`     // the process, which leads a process group of its own
	Port    int    `json:"port"`    // the TCP port on 127.0.0.1
	Version string `json:"version"` // what Version returned when it was started
	Log     string `json:"-"`       // see Options
}

// Start starts an emulator on a free loopback port and waits until it answers. The checkout that contains the
// working folder says what is started: its server.py, with the packages that make has installed.
func Start(ctx context.Context, options Options) (*Emulator, error) {
	e, err := start(options)
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	if _, err := e.Inventory(ctx); err != nil {
		content, _ := os.ReadFile(e.Log)
		lines := strings.Split(strings.TrimSpace(string(content)), "\n")
		err = fmt.Errorf("start the emulator: %w; its log %s ends with:\n%s\n%s",
			err, e.Log, strings.Join(lines[max(0, len(lines)-15):], "\n"), reinstall)
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

func start(options Options) (*Emulator, error) {
	root, err := repository.Root()
	if err != nil {
		return nil, err
	}
	version, err := Version()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(options.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The lock belongs to the open file, which becomes the emulator's standard output.
	if err := syscall.Flock(int(log.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another emulator writes %s: %w", options.Log, err)
	}
	if err := log.Truncate(0); err != nil {
		return nil, err
	}
	// The emulator is handed a port that is open already: nobody else can take it meanwhile.
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()

	// -I keeps PYTHONPATH and the user's own packages out, -B byte code out of the checkout.
	server := filepath.Join(root, "internal/emulator/server.py")
	command := exec.Command(repository.Python(root), "-I", "-B", server, version)
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{socket}
	command.Env = serverEnvironment(os.Environ())
	// A session of its own: a Ctrl-C in the terminal reaches Terraform, which needs the emulator to end in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !options.Detached {
		command.Args = append(command.Args, "--exit-with-stdin")
		if _, err := command.StdinPipe(); err != nil { // it stays open until this process or the emulator ends
			return nil, err
		}
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, reinstall)
	}
	go func() { _ = command.Wait() }() // how it ended is in its log
	port := listener.Addr().(*net.TCPAddr).Port
	return &Emulator{PID: command.Process.Pid, Port: port, Version: version, Log: options.Log}, nil
}

// Attach returns the running emulator that writes the log, whichever process started it, or ErrGone.
func Attach(log string) (*Emulator, error) {
	e := &Emulator{Log: log}
	if !e.alive() {
		return nil, ErrGone
	}
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// Only warnings of Python come before the line that says which process it is.
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if json.Unmarshal(lines.Bytes(), e) == nil && e.PID > 1 {
			return e, nil
		}
	}
	return nil, fmt.Errorf("the emulator has not yet said in %s which process it is: try again in a few seconds", log)
}

// Version identifies how an emulator answers that is started now: by its packages and its extension.
func Version() (string, error) {
	root, err := repository.Root()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range []string{"requirements.txt", "server.py", "models.py"} {
		content, readErr := os.ReadFile(filepath.Join(root, "internal/emulator", name))
		sum.Write(content)
		err = errors.Join(err, readErr)
	}
	return hex.EncodeToString(sum.Sum(nil)), err
}

// Stop ends the emulator and returns when it is gone. Stopping it again does nothing.
func (e *Emulator) Stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if e.alive() {
			_ = syscall.Kill(-e.PID, signal) // it may just have ended
		}
		for deadline := time.Now().Add(stopDeadline); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !e.alive() {
				return nil
			}
		}
	}
	return fmt.Errorf("the emulator, process %d, cannot be stopped", e.PID)
}

// alive reports whether the emulator still runs, which it does as long as its log is locked. Its process number
// alone would not do: after a restart of the machine that may be anybody's.
func (e *Emulator) alive() bool {
	log, err := os.Open(e.Log)
	if err != nil {
		return false
	}
	defer log.Close()
	return errors.Is(syscall.Flock(int(log.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// URL is the endpoint of every AWS service.
func (e *Emulator) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", e.Port) }
