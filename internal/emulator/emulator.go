// Package emulator runs an AWS emulator (moto) on the loopback interface: it starts and stops it, gives the
// environment variables that point Terraform at it and away from the user's own AWS account, and tells what
// it was asked for. The local deployment uses it, and the tests that deploy.
package emulator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"tap/internal/repository"
)

// client talks to the emulator directly, whatever proxy the user's environment names. The first request to a service
// compiles moto's byte code of it, which takes some seconds on a slow disk.
var client = &http.Client{Transport: &http.Transport{}, Timeout: 90 * time.Second}

// stopDeadline is how long the emulator may take to end by itself before it is killed.
const stopDeadline = 5 * time.Second

// reinstall is what to do when the emulator's packages are missing, or Python has been upgraded under them.
const reinstall = "If its packages are missing or damaged, remove .local/venv: `make local` then installs them."

// ErrGone says that the emulator has ended.
var ErrGone = errors.New("the emulator is gone")

var errStarting = errors.New("the emulator starts: try again in a few seconds")

// Emulator is a running AWS emulator. To whoever has the access key EMULATOR<account> it is that account, and to all
// others 123456789012.
type Emulator struct {
	PID     int    `json:"pid"`     // the process, which leads a process group of its own
	Port    int    `json:"port"`    // the TCP port on 127.0.0.1
	Version string `json:"version"` // what Version returned when it was started
	Log     string `json:"-"`       // the file with what it prints
}

// Start starts an emulator on a free loopback port and waits until it answers. The checkout that contains the working
// folder says what is started: its server.py, with the packages that make has installed. What it prints is in the log,
// which stays locked until the emulator has ended: Attach finds a running emulator by it. One that is detached outlives
// this process; any other ends with it, however that ends.
func Start(ctx context.Context, log string, detached bool) (*Emulator, error) {
	pid, err := start(log, detached)
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	for {
		e, err := Attach(log)
		if err == nil {
			return e, nil
		}
		if err = cmp.Or(ctx.Err(), err); !errors.Is(err, errStarting) {
			content, _ := os.ReadFile(log)
			err = fmt.Errorf("start the emulator: %w; its log %s ends with:\n%s\n%s",
				err, log, content[max(0, len(content)-2000):], reinstall)
			return nil, errors.Join(err, (&Emulator{PID: pid, Log: log}).Stop())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func start(name string, detached bool) (pid int, err error) {
	version, err := Version()
	if err != nil {
		return 0, err
	}
	root, _ := repository.Root() // that has the version
	log, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	// The lock belongs to the open file, which becomes the emulator's standard output.
	if err := syscall.Flock(int(log.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return 0, fmt.Errorf("another emulator writes %s: %w", name, err)
	}
	if err := log.Truncate(0); err != nil {
		return 0, err
	}
	// -I keeps PYTHONPATH and the user's own packages out, -B byte code out of the checkout.
	server := filepath.Join(root, "internal/emulator/server.py")
	command := exec.Command(repository.Python(root), "-I", "-B", server, version)
	command.Stdout, command.Stderr = log, log
	command.Env = slices.DeleteFunc(os.Environ(), foreign)
	// A session of its own: a Ctrl-C in the terminal reaches Terraform, which needs the emulator to end in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !detached {
		command.Args = append(command.Args, "--exit-with-stdin")
		if _, err := command.StdinPipe(); err != nil { // it stays open until this process or the emulator ends
			return 0, err
		}
	}
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, reinstall)
	}
	go func() { _ = command.Wait() }() // how it ended is in its log
	return command.Process.Pid, nil
}

// Attach returns the running emulator that writes the log, whichever process started it, or ErrGone.
func Attach(log string) (*Emulator, error) {
	e := &Emulator{Log: log}
	if !e.alive() {
		return nil, ErrGone
	}
	content, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	// Only warnings of Python come before the line that says which process it is.
	for line := range bytes.Lines(content) {
		if json.Unmarshal(line, e) == nil && e.PID > 1 {
			return e, nil
		}
	}
	return nil, errStarting
}

// Version identifies how an emulator answers that is started now: by its packages and its extension.
func Version() (string, error) {
	root, err := repository.Root()
	var all []byte
	for _, name := range []string{"requirements.txt", "server.py", "models.py"} {
		content, readErr := os.ReadFile(filepath.Join(root, "internal/emulator", name))
		all, err = append(all, content...), errors.Join(err, readErr)
	}
	return fmt.Sprintf("%x", sha256.Sum256(all)), err
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

// users are the variables of the user's that do not reach a run against the emulator, but for those that it needs:
// where providers come from, with tokens that Terraform sends to their hosts only, and how much is logged. TF_VAR_*,
// TF_CLI_ARGS* and CDKTF_CONTEXT_JSON change what is deployed, TF_WORKSPACE and TF_DATA_DIR change which state that is,
// TF_REATTACH_PROVIDERS names a provider process with an environment of its own.
var (
	users  = regexp.MustCompile(`(?i)^((AWS|AMAZON|BOTO|CDKTF|TF)(_.*)?|NO_PROXY)=`)
	needed = regexp.MustCompile(
		`^(TF_(CLI_CONFIG_FILE|(PLUGIN_CACHE|REGISTRY|TOKEN)_.+|(ACC_)?LOG\w*)|CDKTF_DISABLE_PLUGIN_CACHE_ENV)=`)
)

// Environment returns the environment in which a program (Terraform, cdktf, the AWS command line) talks to the
// emulator and cannot reach an AWS account: this process's own without any variable that carries AWS credentials,
// names an AWS endpoint or changes what Terraform deploys, and with the emulator's endpoint, dummy credentials and no
// file of the user's that could hold real ones. The Region is not set: the configuration that is deployed names it.
func (e *Emulator) Environment() []string {
	return append(slices.DeleteFunc(os.Environ(), leaks),
		"AWS_ENDPOINT_URL="+e.URL(),
		"AWS_ACCESS_KEY_ID=emulator",
		"AWS_SECRET_ACCESS_KEY=emulator",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		// A method that the emulator lacks fails in seconds; the provider's own default is 25 attempts.
		"AWS_MAX_ATTEMPTS=3",
		"TF_INPUT=0",
		"NO_PROXY=127.0.0.1,"+os.Getenv("NO_PROXY"),
		"no_proxy=127.0.0.1,"+os.Getenv("no_proxy"),
	)
}

// leaks reports whether a variable of the user's must not reach a run against the emulator.
func leaks(entry string) bool { return users.MatchString(entry) && !needed.MatchString(entry) }

// foreign reports whether a variable must not reach the emulator itself, which must not depend on anything of the
// user's, and has no use for their credentials.
func foreign(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return !slices.Contains([]string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE"}, name)
}

// Calls are the requests that the emulator has got since it was started, held against AWS's own models of them.
type Calls struct {
	Count      int            `json:"calls"`
	Operations map[string]int `json:"operations"` // how many calls there were of each, for example ecs:CreateCluster
	Violations []string       `json:"violations"` // operation, member, value and rule that AWS refuses; once, sorted
}

// Calls returns what the emulator was asked for so far. It answers requests that AWS would refuse all the same.
func (e *Emulator) Calls(ctx context.Context) (Calls, error) {
	var calls Calls
	err := e.ask(ctx, "calls", nil, &calls)
	return calls, err
}

// Give makes what a stack names in its Terraform JSON and does not make itself, as far as it is not there: a hosted
// zone, a certificate, secrets, subnets and their VPC, a snapshot, a cluster, the bucket of its own state. It returns
// what it has made.
func (e *Emulator) Give(ctx context.Context, stack []byte) (made []string, err error) {
	return made, e.ask(ctx, "given", stack, &made)
}

// ask sends a text to a page of the emulator's own and decodes the answer.
func (e *Emulator) ask(ctx context.Context, page string, text []byte, answer any) error {
	url := e.URL() + "/moto-api/tap/" + page
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the emulator: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the emulator: %s answered %s; its log is %s", url, response.Status, e.Log)
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("ask the emulator: %s: %w", url, err)
	}
	return nil
}
