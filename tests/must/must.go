// Package must ends a test at an error that it is not about, or skips it without the tools that it needs.
package must

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Do ends the test if one of the errors is not nil.
func Do(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// Get makes of what a call returns a function that returns the value, or ends the test: must.Get(os.Getwd())(t).
func Get[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		Do(t, err)
		return value
	}
}

// Write writes a file, which may be executed, and the folders above it.
func Write(t testing.TB, path, content string) {
	t.Helper()
	Do(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o755))
}

// HaveTools skips a test that needs Terraform, the provider, the cdktf command line and the emulator, unless a test
// target of make, which has checked and installed them, has set TAP_TOOLS to 1. Tests whose names begin with TestLong
// are those of make test-long.
func HaveTools(t testing.TB) {
	t.Helper()
	target := "make test"
	if strings.HasPrefix(t.Name(), "TestLong") {
		target = "make test-long"
	}
	if os.Getenv("TAP_TOOLS") != "1" {
		t.Skipf("needs Terraform, the AWS provider and the emulator: %s", target)
	}
}
