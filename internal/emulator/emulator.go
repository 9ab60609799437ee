// Package emulator runs an AWS emulator (moto) on the loopback interface: it starts and stops it, gives the
// environment variables that point Terraform at it and away from the user's own AWS account, and tells what
// exists in it. The local deployment uses it, and the tests that deploy.
package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tap/internal/repository"
)

// client talks to the emulator directly, whatever proxy the user's environment names. A first start compiles moto's
// byte code before it answers, which takes some seconds on a slow disk.
var client = &http.Client{Transport: &http.Transport{}, Timeout: 90 * time.Second}

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

// Emulator is a running AWS emulator. To whoever has the access key EMULATOR<account> it is that account, and to all
// others 123456789012.
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
	command.Env = slices.DeleteFunc(os.Environ(), foreign)
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

// terraformVariables are the variables of the user's that a Terraform run against the emulator still needs: where
// providers come from, and how much is logged. All others are left out: TF_VAR_* and TF_CLI_ARGS* change what is
// deployed, TF_WORKSPACE and TF_DATA_DIR change which state that is, TF_REATTACH_PROVIDERS names a provider process
// with an environment of its own.
var terraformVariables = []string{
	"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE",
	"TF_REGISTRY_CLIENT_TIMEOUT", "TF_REGISTRY_DISCOVERY_RETRY", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER",
	"TF_LOG_PATH", "TF_ACC_LOG_PATH",
}

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
func leaks(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	upper := strings.ToUpper(name)
	switch prefix, _, _ := strings.Cut(upper, "_"); prefix {
	case "AWS", "AMAZON", "BOTO":
		return true
	case "TF": // a token is for a private registry; Terraform sends it to no other host
		return !slices.Contains(terraformVariables, name) && !strings.HasPrefix(upper, "TF_TOKEN_")
	}
	return upper == "NO_PROXY" // set anew
}

// foreign reports whether a variable must not reach the emulator itself, which must not depend on anything of the
// user's, and has no use for their credentials.
func foreign(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return !slices.Contains([]string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE"}, name)
}

// Resource is something that a client created in the emulator and did not delete.
type Resource struct {
	Service string `json:"service"` // as its API names it: ec2, elbv2, secretsmanager
	Type    string `json:"type"`    // moto's name for the kind of resource: VPC, FakeTargetGroup
	Name    string `json:"name"`    // the ARN, or the id or name of what has none
	Region  string `json:"region"`  // or the partition ("aws") for a global service
}

// String names the resource for a message.
func (r Resource) String() string {
	return fmt.Sprintf("%s %s %s (%s)", r.Service, r.Type, r.Name, r.Region)
}

// Inventory lists what clients created in any service, account and Region and did not delete, sorted. It leaves out
// what AWS makes by itself (the default VPC, managed policies, default parameter groups, automated snapshots), what
// is only still listed as deleted, and what goes with the resource that it is part of (a listener with its load
// balancer, a policy written into a role).
func (e *Emulator) Inventory(ctx context.Context) ([]Resource, error) {
	var resources []Resource
	err := e.ask(ctx, "inventory", nil, &resources)
	return resources, err
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
// what it has made, which is in no inventory.
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
