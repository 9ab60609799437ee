package emulator

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tap/internal/virtualenv"
)

// Version is the pinned version of moto.
const Version = "5.2.5"

// requirements is moto and everything that it needs, with the hash of every file; it is made
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

// Install makes the folder hold moto and returns the Python interpreter that has it. When it is
// installed already, nothing is done. What pip prints goes to progress.
func Install(ctx context.Context, folder string, progress io.Writer) (python string, err error) {
	environment := virtualenv.Environment{Folder: folder, Requirements: requirements}
	if err := environment.Install(ctx, progress); err != nil {
		return "", fmt.Errorf("install the emulator: %w", err)
	}
	return environment.Python(), nil
}

// Installed reports whether Install has nothing to do.
func Installed(folder string) bool {
	return virtualenv.Environment{Folder: folder, Requirements: requirements}.Installed()
}
