package emulator

import (
	"context"
	"fmt"
	"io"

	"tap/internal/virtualenv"
)

// InstallAddition installs further packages beside moto and returns the Python interpreter that has
// both. The addition is a complete list in pip's format, each package with its version and hashes,
// moto's own packages in moto's versions. The name tells additions apart. When they are installed
// already, nothing is done. What pip prints goes to progress.
func InstallAddition(ctx context.Context, folder, name string, addition []byte, progress io.Writer) (python string, err error) {
	environment := virtualenv.Environment{Folder: folder, Requirements: requirements}
	if err := environment.Add(ctx, name, addition, progress); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	return environment.Python(), nil
}
