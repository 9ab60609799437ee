// Package deploy deploys the stacks with the real Terraform and the real AWS provider to an AWS
// emulator on the loopback interface: what is applied is the JSON that goes to AWS.
//
// Each test has an emulator, a folder and a state of its own, and all run at once: they mostly wait
// for the provider, which asks again only every few seconds whether AWS is done. A tool that is
// missing is a failure.
package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tap/internal/emulator"
)

// setup is what all tests share.
var setup struct {
	root      string          // the repository
	program   string          // the built program
	python    string          // the interpreter that has the emulator's packages
	terraform string          // the binary, named as the cdktf command expects it
	plugins   string          // Terraform's plugin cache
	lockFile  string          // which versions of providers are in the cache
	context   context.Context // ends with the first interrupt
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var stop context.CancelFunc
	setup.context, stop = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := waitTogether(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	folder, err := os.MkdirTemp("", "tap-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	ctx, cancel := context.WithTimeout(setup.context, 10*time.Minute) // a first run downloads the emulator and the provider
	defer cancel()
	if err := prepare(ctx, folder); err != nil {
		fmt.Fprintf(os.Stderr, "The deployments cannot be tested: %v\n", err)
		return 1
	}
	return m.Run()
}

// waitTogether lets all tests run at once, however few cores there are, unless -parallel says otherwise.
func waitTogether() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "8")
}

// prepare checks the tools, builds the program, and installs the emulator and the provider.
func prepare(ctx context.Context, folder string) error {
	emulatorFolder, err := emulator.Folder()
	if err != nil {
		return err
	}
	setup.root = filepath.Dir(filepath.Dir(emulatorFolder))
	setup.terraform = "terraform"
	if name := os.Getenv("TERRAFORM_BINARY_NAME"); name != "" {
		setup.terraform = name
	}
	if err := checkTools(ctx); err != nil {
		return err
	}

	setup.program = filepath.Join(folder, "tap")
	build := exec.CommandContext(ctx, "go", "build", "-o", setup.program, ".")
	build.Dir = setup.root
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, said)
	}
	if setup.python, err = emulator.Install(ctx, emulatorFolder, io.Discard); err != nil {
		return err
	}
	return installProvider(ctx, folder)
}

// checkTools reports every tool that is missing or too old, all at once.
func checkTools(ctx context.Context) error {
	var errs []error
	for _, tool := range []string{"node", "python3", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, fmt.Errorf("%s is not installed: %w", tool, err))
		}
	}
	if _, err := os.Stat(commandLine()); err != nil {
		errs = append(errs, fmt.Errorf("the cdktf command line is not installed, run `npm ci`: %w", err))
	}
	return errors.Join(append(errs, checkTerraform(ctx))...)
}

// checkTerraform checks that Terraform knows write-only arguments: 1.11 or newer.
func checkTerraform(ctx context.Context) error {
	said, err := exec.CommandContext(ctx, setup.terraform, "version", "-json").Output()
	if err != nil {
		return fmt.Errorf("%s cannot be run: %w", setup.terraform, err)
	}
	var version struct {
		Terraform string `json:"terraform_version"`
	}
	if err := json.Unmarshal(said, &version); err != nil {
		return fmt.Errorf("%s version -json: %w", setup.terraform, err)
	}
	parts := strings.SplitN(version.Terraform, ".", 3)
	if len(parts) == 3 {
		major, majorErr := strconv.Atoi(parts[0])
		minor, minorErr := strconv.Atoi(parts[1])
		if errors.Join(majorErr, minorErr) == nil && (major > 1 || major == 1 && minor >= 11) {
			return nil
		}
	}
	return fmt.Errorf("%s has version %q, expected 1.11 or newer", setup.terraform, version.Terraform)
}

// commandLine is the cdktf command that package-lock.json pins.
func commandLine() string {
	return filepath.Join(setup.root, "node_modules", ".bin", "cdktf")
}

// installProvider fills the plugin cache once. Terraform does not promise that two commands may do
// so at the same time; that they may read it is all that the tests need.
func installProvider(ctx context.Context, folder string) error {
	setup.plugins = os.Getenv("TF_PLUGIN_CACHE_DIR")
	if setup.plugins == "" {
		setup.plugins = filepath.Join(setup.root, ".local", "terraform-plugins")
	}
	if err := os.MkdirAll(setup.plugins, 0o755); err != nil {
		return err
	}
	configuration := filepath.Join(folder, "provider")
	if err := os.Mkdir(configuration, 0o755); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(configuration, "environments", "dev.yaml"), "class: development\n"); err != nil {
		return err
	}
	synthesis := exec.CommandContext(ctx, setup.program)
	synthesis.Dir = configuration
	synthesis.Env = programEnvironment()
	if said, err := synthesis.CombinedOutput(); err != nil {
		return fmt.Errorf("synthesize an environment: %w\n%s", err, said)
	}
	stack := filepath.Join(configuration, "cdktf.out", "stacks", "tap-dev")
	// What an earlier run has locked lets Terraform take the provider from the cache.
	setup.lockFile = filepath.Join(setup.plugins, "lock.hcl")
	if locked, err := os.ReadFile(setup.lockFile); err == nil {
		if err := writeFile(filepath.Join(stack, lockFileName), string(locked)); err != nil {
			return err
		}
	}
	initialization := exec.CommandContext(ctx, setup.terraform, "init", "-backend=false", "-input=false", "-no-color")
	initialization.Dir = stack
	initialization.Env = append(os.Environ(), "TF_PLUGIN_CACHE_DIR="+setup.plugins, "CHECKPOINT_DISABLE=1")
	if said, err := initialization.CombinedOutput(); err != nil {
		return fmt.Errorf("install the AWS provider: %w\n%s", err, said)
	}
	locked, err := os.ReadFile(filepath.Join(stack, lockFileName))
	if err != nil {
		return err
	}
	return writeFile(setup.lockFile, string(locked))
}

const lockFileName = ".terraform.lock.hcl"

// writeFile writes a file and the folders above it.
func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}
