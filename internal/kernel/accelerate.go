package kernel

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/jsii-runtime-go"
	jsiiruntime "github.com/aws/jsii-runtime-go/runtime"
)

// preload is what Node runs before the kernel.
//
//go:embed preload.js
var preload []byte

// heapOption is what jsii-runtime-go passes to Node while NODE_OPTIONS is not set. The
// number is its own.
const heapOption = "--max-old-space-size=4069"

// Accelerate makes the jsii kernel of this program load only what the program uses of the
// AWS provider. Call it first in main, and in TestMain before m.Run: it replaces the kernel
// that the bindings prepared while the program was loaded, and must not find one at work.
//
// It never fails. Where it cannot help, the kernel is the one that jsii provides:
//   - the variable TAP_STOCK_KERNEL is 1, or JSII_RUNTIME names another kernel;
//   - the system is not Linux or macOS;
//   - the user's cache folder cannot be written, and does not hold the script yet;
//   - a file of the kernel or of the provider is not the one the script knows. This is
//     decided file by file.
//
// The environment of the program is left as it was.
func Accelerate() {
	if os.Getenv("TAP_STOCK_KERNEL") == "1" || os.Getenv("JSII_RUNTIME") != "" {
		return
	}
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return
	}
	script, err := install()
	if err != nil {
		return
	}
	before, set := os.LookupEnv("NODE_OPTIONS")
	if os.Setenv("NODE_OPTIONS", nodeOptions(before, set, script)) != nil {
		return
	}
	// A kernel takes its environment when it is prepared, and the bindings have done so already
	// while Go initialized their packages. Closing drops that kernel; the next use of the
	// runtime, whatever it asks, prepares another. Neither starts Node.
	jsii.Close()
	jsiiruntime.IsAnonymousProxy(nil)
	if set {
		os.Setenv("NODE_OPTIONS", before)
	} else {
		os.Unsetenv("NODE_OPTIONS")
	}
}

// nodeOptions adds the script to what the kernel's NODE_OPTIONS would be without it: before
// if it is set, else what jsii-runtime-go chooses. The script relies on being the last option.
func nodeOptions(before string, set bool, script string) string {
	if !set {
		before = heapOption
	}
	// Node takes a backslash as an escape between double quotes only.
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(script)
	return strings.TrimLeft(before+` --preserve-symlinks --require "`+quoted+`"`, " ")
}

// install answers the path of the script in the user's cache folder, and writes it there if
// it is missing or not the same. Its name holds its digest, so that programs of different
// versions do not overwrite each other's.
func install() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "tap")
	script := filepath.Join(folder, fmt.Sprintf("kernel-%.8x.js", sha256.Sum256(preload)))
	if content, err := os.ReadFile(script); err == nil && bytes.Equal(content, preload) {
		return script, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	return script, writeAtomically(script, preload)
}

// writeAtomically writes a file that others may be writing or reading at the same time.
func writeAtomically(name string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	if _, err = file.Write(content); err != nil {
		file.Close()
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
