package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Version is the pinned version of moto.
const Version = "5.2.5"

// requirements pins moto and everything that it needs, with the hash of every file; it is made
// from requirements.in, which says how.
//
//go:embed requirements.txt
var requirements []byte

// Folder returns the folder .local/emulator of the repository that holds the working directory,
// where `make local` and the tests share one installation. Git ignores it.
func Folder() (string, error) {
	working, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for folder := working; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "cdktf.json")); err == nil {
			return filepath.Join(folder, ".local", "emulator"), nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("find the repository: no cdktf.json in %s or above", working)
		}
	}
}

// Install makes the folder hold a virtual environment with exactly the pinned packages, and
// returns its Python interpreter. When it does already, nothing is done; when the requirements
// have changed, the environment is made anew. What pip prints goes to progress.
//
// Processes that install at once wait for each other. A folder must not be moved afterwards.
func Install(ctx context.Context, folder string, progress io.Writer) (python string, err error) {
	environment := filepath.Join(folder, "venv")
	python = filepath.Join(environment, "bin", "python")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	unlock, err := lock(filepath.Join(folder, "lock"))
	if err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	defer unlock()

	if Installed(folder) {
		return python, nil
	}
	if err := os.RemoveAll(environment); err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	list := filepath.Join(folder, "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	for _, arguments := range [][]string{
		{"python3", "-I", "-m", "venv", environment},
		// The list is complete, so that pip resolves nothing and takes nothing else.
		{python, "-I", "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-compile", "--no-input",
			"--disable-pip-version-check", "--requirement", list},
	} {
		if err := run(ctx, progress, arguments...); err != nil {
			return "", fmt.Errorf("install the emulator: %w", err)
		}
	}
	if err := os.WriteFile(stamp(folder), []byte(installation()), 0o644); err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	return python, nil
}

// Installed reports whether the folder holds the emulator with exactly the pinned packages.
func Installed(folder string) bool {
	// The interpreter is a link, which an upgrade of Python may have broken.
	if _, err := os.Stat(filepath.Join(folder, "venv", "bin", "python")); err != nil {
		return false
	}
	stamped, err := os.ReadFile(stamp(folder))
	return err == nil && string(stamped) == installation()
}

// stamp is written last, so that an installation that was interrupted is not taken for one.
func stamp(folder string) string { return filepath.Join(folder, "venv", "installed") }

func installation() string {
	sum := sha256.Sum256(requirements)
	return hex.EncodeToString(sum[:])
}

func run(ctx context.Context, progress io.Writer, arguments ...string) error {
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	// An interrupted pip removes its temporary files; a killed one does not.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = stopDeadline
	// pip's own settings (an index, a proxy, a certificate) are the user's to make; this one would
	// send the packages elsewhere.
	command.Env = append(os.Environ(), "PIP_USER=0")
	var said bytes.Buffer
	command.Stdout = progress
	command.Stderr = io.MultiWriter(progress, &said)
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
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
