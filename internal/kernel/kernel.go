// Package kernel makes synthesis fast, small and quiet. It changes no output and can be deleted: without the folder
// and the calls of Accelerate, and with jsii.Close for Close, the program does the same in about four times the time
// and seven times the memory.
//
// A Go program uses CDKTF and its providers, which are written in TypeScript, through jsii: the Go packages describe
// each call as a line of JSON, and a child process, Node with the jsii kernel, creates and calls the objects. It loads
// all of the AWS provider, although a program uses a small part: the modules of more than 2,100 resources and data
// sources, and .jsii, 120 MB of JSON that describe 23,000 types.
//
// Accelerate passes preload.js to Node, which edits four files in memory while Node compiles them; nothing on disk
// changes. A file of another version, which does not contain exactly the text that is replaced, stays as it is: after
// an upgrade the program is at worst slow, and the tests, which count what is loaded, fail. TAP_STOCK_KERNEL=1 switches
// all edits off, to see whether they are to blame for something. One thing of Node is used that is not documented,
// Module.prototype._compile; the tests pass with Node 20.9, 22, 24 and 26.
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

// Accelerate makes the jsii kernel of this program quiet, and, on Linux and macOS and unless the variable
// TAP_STOCK_KERNEL is 1, fast. Call it before anything else that uses jsii, and Close at the end: it replaces the
// kernel that the bindings prepared while Go initialized them. The environment of the program stays as it is.
func Accelerate() {
	before := os.Environ()
	// jsii has banners about the version of Node. The numbers are the releases that package.json allows and for which it
	// knows an end of life.
	os.Setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22")
	os.Setenv("JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION", "1")
	os.Setenv("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
	if os.Getenv("TAP_STOCK_KERNEL") != "1" && (runtime.GOOS == "linux" || runtime.GOOS == "darwin") {
		// The option contains the module itself, so that no file can be missing, old or changed by another user. The stock
		// kernel gives --preserve-symlinks to its second process. preload.js removes both: constructs see what they would.
		options, set := os.LookupEnv("NODE_OPTIONS")
		if !set {
			options = heapOption
		}
		os.Setenv("NODE_OPTIONS", options+" --preserve-symlinks --import data:text/javascript;base64,"+
			base64.StdEncoding.EncodeToString(preload))
	}
	// A kernel takes its environment when it is prepared. Closing drops the prepared one, and the next use of
	// the runtime, whatever it asks, prepares another. Neither starts Node.
	jsii.Close()
	jsiiruntime.IsAnonymousProxy(nil)
	os.Clearenv()
	for _, variable := range before {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
	}
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
