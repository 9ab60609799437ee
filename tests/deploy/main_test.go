// Package deploy deploys the stacks with the real Terraform and the real AWS provider to an AWS emulator on the
// loopback interface: what is applied is the JSON that goes to AWS.
//
// Each deployment has an emulator, a folder and a state of its own. The tests whose names begin with TestLong run
// all at once, since they mostly wait for the provider, which asks only every few seconds whether AWS is done.
package deploy

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"tap/constructs/versions"
	"tap/internal/kernel"
	"tap/internal/repository"
)

// interrupted ends with the first interrupt. All commands end with it, and then all tests, which clean up.
var interrupted, _ = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

func TestMain(m *testing.M) {
	// However few cores there are. m.Run reads the command line after this, so that -parallel still counts.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	kernel.Close()
	os.Exit(code)
}

// prepare returns the repository's root, once the provider is in a plugin cache that all deployments read: Terraform
// does not promise that two commands can write to one at the same time.
var prepare = sync.OnceValues(func() (root string, err error) {
	kernel.Accelerate()
	if root, err = repository.Root(); err != nil {
		return "", err
	}
	cache := cmp.Or(os.Getenv("TF_PLUGIN_CACHE_DIR"), filepath.Join(root, ".local", "plugins"))
	for name, value := range map[string]string{
		"TF_PLUGIN_CACHE_DIR": cache,
		"CHECKPOINT_DISABLE":  "1",
		// The tests search for passwords in what Terraform prints unless told otherwise.
		"TF_LOG": "", "TF_LOG_CORE": "", "TF_LOG_PROVIDER": "",
		// The cdktf command line prints plain lines.
		"CI": "true", "FORCE_COLOR": "0",
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", err
		}
	}
	// Terraform takes from the cache what the lock file of this folder vouches for, and replaces anything else. The
	// deployments have no lock file and take what they find.
	folder := filepath.Join(root, ".local", "provider")
	requirement := fmt.Sprintf(`{"terraform":{"required_providers":{"aws":{"source":%q,"version":%q}}}}`,
		versions.Provider, versions.ProviderVersions)
	if err := errors.Join(os.MkdirAll(cache, 0o755), os.MkdirAll(folder, 0o755),
		os.WriteFile(filepath.Join(folder, "main.tf.json"), []byte(requirement), 0o644)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(interrupted, 10*time.Minute) // the first time, it may be downloaded
	defer cancel()
	initialize := exec.CommandContext(ctx, repository.Terraform(), "init", "-upgrade", "-input=false", "-no-color")
	initialize.Dir = folder
	if said, err := initialize.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install the AWS provider: %w\n%s", err, said)
	}
	return root, os.Setenv("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1")
})
