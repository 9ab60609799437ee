// Package virtualenv installs pinned Python packages into virtual environments of their own.
package virtualenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Environment is a virtual environment that holds exactly the packages that its requirements name.
type Environment struct {
	// Folder holds the virtual environment. It must not be moved once it has been installed.
	Folder string
	// Requirements is a complete list in pip's format, each package with its version and hashes.
	Requirements []byte
}

// Python is the environment's interpreter.
func (e Environment) Python() string { return filepath.Join(e.Folder, "venv", "bin", "python") }

// Install installs the packages. When they are installed already, nothing is done; when the
// requirements have changed, the environment is made anew. What pip prints goes to progress.
//
// Processes that install at once wait for each other.
func (e Environment) Install(ctx context.Context, progress io.Writer) error {
	if err := os.MkdirAll(e.Folder, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(e.Folder, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return e.install(ctx, progress)
}

// install does so under the lock.
func (e Environment) install(ctx context.Context, progress io.Writer) error {
	if e.Installed() {
		return nil
	}
	environment := filepath.Join(e.Folder, "venv")
	if err := os.RemoveAll(environment); err != nil {
		return err
	}
	// -I keeps PYTHONPATH and the user's own packages out.
	if err := run(ctx, progress, "python3", "-I", "-m", "venv", environment); err != nil {
		return err
	}
	return e.pip(ctx, progress, "requirements.txt", e.Requirements, e.stamp(""))
}

// Add makes the environment also hold the packages of another complete list, after installing its
// own where they are not. When it holds them already, nothing is done. The list may name a package
// of the environment's own in the same version only. The name tells such lists apart.
func (e Environment) Add(ctx context.Context, name string, requirements []byte, progress io.Writer) error {
	if err := os.MkdirAll(e.Folder, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(e.Folder, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.install(ctx, progress); err != nil {
		return err
	}
	if stamped(e.stamp("-"+name), requirements) {
		return nil
	}
	return e.pip(ctx, progress, "requirements-"+name+".txt", requirements, e.stamp("-"+name))
}

// pip installs the packages of a list, and stamps that last: an installation that was interrupted
// is not taken for one.
func (e Environment) pip(ctx context.Context, progress io.Writer, file string, requirements []byte, stamp string) error {
	list := filepath.Join(e.Folder, file)
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return err
	}
	// The list is complete, so that pip resolves nothing and takes nothing else.
	if err := run(ctx, progress, e.Python(), "-I", "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-compile",
		"--no-input", "--disable-pip-version-check", "--requirement", list); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(checksum(requirements)), 0o644)
}

// Installed reports whether the environment holds exactly the packages of the requirements.
func (e Environment) Installed() bool {
	// The interpreter is a link, which an upgrade of Python may have broken.
	if _, err := os.Stat(e.Python()); err != nil {
		return false
	}
	return stamped(e.stamp(""), e.Requirements)
}

// stamp lies in the environment, with which it ends.
func (e Environment) stamp(suffix string) string {
	return filepath.Join(e.Folder, "venv", "installed"+suffix)
}

func stamped(stamp string, requirements []byte) bool {
	content, err := os.ReadFile(stamp)
	return err == nil && string(content) == checksum(requirements)
}

func checksum(requirements []byte) string {
	sum := sha256.Sum256(requirements)
	return hex.EncodeToString(sum[:])
}

func run(ctx context.Context, progress io.Writer, arguments ...string) error {
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	// An interrupted pip removes its temporary files; a killed one does not.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	// pip's own settings (an index, a proxy, a certificate) are the user's to make; this one would
	// send the packages elsewhere.
	command.Env = append(os.Environ(), "PIP_USER=0")
	var said bytes.Buffer
	command.Stdout = progress
	command.Stderr = io.MultiWriter(progress, &said)
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}

// lock takes an exclusive lock that ends with the process, waiting for it if need be.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
