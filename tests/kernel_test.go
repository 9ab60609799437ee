package tests

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTheFastKernelChangesNoByteOfTheOutput(t *testing.T) {
	program := filepath.Join(t.TempDir(), "tap")
	if output, err := exec.Command("go", "build", "-o", program, "tap").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "environments"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"../environments", "environments"} {
		if err := copyFiles(filepath.Join(folder, "environments"), source); err != nil {
			t.Fatal(err)
		}
	}
	synthesize := func(variable string) map[string]string {
		output := filepath.Join(t.TempDir(), "cdktf.out")
		command := exec.Command(program)
		command.Dir = folder
		command.Env = append(os.Environ(), variable, "CDKTF_OUTDIR="+output)
		if message, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", variable, err, message)
		}
		return readBelow(t, output)
	}
	stock, fast := synthesize("TAP_STOCK_KERNEL=1"), synthesize("TAP_STOCK_KERNEL=")
	if len(stock) < 1+len(stacks(t)) {
		t.Fatalf("%d files were written, expected the manifest and %d stacks", len(stock), len(stacks(t)))
	}
	if len(fast) != len(stock) {
		t.Errorf("the fast kernel writes %d files, the stock one %d", len(fast), len(stock))
	}
	for name, content := range stock {
		if fast[name] != content {
			t.Errorf("%s differs between the fast and the stock kernel", name)
		}
	}
}

// copyFiles copies the files of a folder into another.
func copyFiles(into, from string) error {
	names, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(into, filepath.Base(name)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// readBelow returns the content of every file below a folder.
func readBelow(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		files[name[len(folder):]] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
