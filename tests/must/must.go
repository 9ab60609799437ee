// Package must ends a test at an error that it is not about.
package must

import (
	"errors"
	"os"
	"path/filepath"
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
