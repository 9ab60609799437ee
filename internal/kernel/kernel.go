package kernel

import (
	_ "embed"
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/aws/jsii-runtime-go"
	jsiiruntime "github.com/aws/jsii-runtime-go/runtime"
)

// preload is the module that Node runs before the kernel.
//
//go:embed preload.js
var preload []byte

// heapOption is what jsii-runtime-go passes to Node when NODE_OPTIONS is not set.
const heapOption = "--max-old-space-size=4069"

// quiet are the variables that silence jsii's banners about the version of Node. The numbers are the releases that
// package.json allows and for which jsii knows an end of life.
var quiet = map[string]string{
	"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20,21,22",
	"JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION":  "1",
	"JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION":    "1",
}

// Accelerate makes the jsii kernel of this program quiet, and, on Linux and macOS and unless the variable
// TAP_STOCK_KERNEL is 1, fast. Call it before anything else that uses jsii, and Close at the end: it replaces the
// kernel that the bindings prepared while Go initialized them. The environment of the program stays as it is.
func Accelerate() {
	for name, value := range quiet {
		if os.Getenv(name) == "" {
			defer setenv(name, value)()
		}
	}
	if os.Getenv("TAP_STOCK_KERNEL") != "1" && (runtime.GOOS == "linux" || runtime.GOOS == "darwin") {
		defer setenv("NODE_OPTIONS", nodeOptions())()
	}
	// A kernel takes its environment when it is prepared. Closing drops the prepared one, and the next use of
	// the runtime, whatever it asks, prepares another. Neither starts Node.
	jsii.Close()
	jsiiruntime.IsAnonymousProxy(nil)
}

// setenv sets a variable and returns a function that restores it.
func setenv(name, value string) func() {
	before, set := os.LookupEnv(name)
	os.Setenv(name, value)
	return func() {
		if set {
			os.Setenv(name, before)
		} else {
			os.Unsetenv(name)
		}
	}
}

// nodeOptions adds preload to what the kernel's NODE_OPTIONS would be without it. The option contains the module
// itself, so that no file can be missing, old or changed by another user. preload.js removes what is added here.
func nodeOptions() string {
	before, set := os.LookupEnv("NODE_OPTIONS")
	if !set {
		before = heapOption
	}
	module := base64.StdEncoding.EncodeToString(preload)
	return before + " --preserve-symlinks --import data:text/javascript;base64," + module
}

// Close ends the kernel and removes its temporary folder. Call it instead of jsii.Close.
//
// jsii-runtime-go 1.112 waits for the end of the process twice: in a goroutine, and in jsii.Close as soon as the
// process has closed its standard error. Whichever comes second gets an error, and the goroutine prints it. While
// Close keeps that pipe open as well, jsii.Close waits until the goroutine has closed the pipe's other end, which it
// does when its wait is over. Only Linux can open a pipe again; elsewhere the line "no child processes" may appear.
func Close() {
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	for _, descriptor := range descriptors {
		if target, _ := os.Readlink(descriptor); !strings.HasPrefix(target, "pipe:") {
			continue
		}
		if pipe, err := os.OpenFile(descriptor, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			defer pipe.Close()
		}
	}
	jsii.Close()
}
