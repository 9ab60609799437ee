package virtualenv

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// empty is an environment without any package: it can be installed without an index.
func empty(t *testing.T) Environment {
	t.Helper()
	return Environment{Folder: t.TempDir(), Requirements: []byte("# nothing\n")}
}

func install(t *testing.T, e Environment) {
	t.Helper()
	if err := e.Install(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
}

// marker is a file that only an environment that was not made anew still has.
func marker(e Environment) string { return filepath.Join(e.Folder, "venv", "marker") }

func mark(t *testing.T, e Environment) {
	t.Helper()
	if err := os.WriteFile(marker(e), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func marked(e Environment) bool {
	_, err := os.Stat(marker(e))
	return err == nil
}

func TestAnEnvironmentIsMadeAnewOnlyWhenItCannotBeTrusted(t *testing.T) {
	e := empty(t)
	if e.Installed() {
		t.Error("a folder without anything counts as installed")
	}
	install(t, e)
	for _, test := range []struct {
		after string
		spoil func() error
		anew  bool
	}{
		{"nothing has happened", func() error { return nil }, false},
		{"the requirements have changed", func() error { e.Requirements = []byte("# nothing either\n"); return nil }, true},
		{"an interrupted installation", func() error { return os.Remove(e.stamp("")) }, true},
		{"an upgrade of Python", func() error {
			return errors.Join(os.Remove(e.Python()), os.Symlink("/nonexistent/python", e.Python()))
		}, true},
	} {
		mark(t, e)
		if err := test.spoil(); err != nil {
			t.Fatal(err)
		}
		install(t, e)
		if marked(e) == test.anew {
			t.Errorf("after %s: made anew: %v, want %v", test.after, !marked(e), test.anew)
		}
		if !e.Installed() {
			t.Errorf("after %s: does not count as installed", test.after)
		}
	}
}

func TestAnAdditionIsInstalledWithTheEnvironmentItAddsTo(t *testing.T) {
	e := empty(t)
	add := func(requirements string) {
		t.Helper()
		if err := e.Add(t.Context(), "more", []byte(requirements), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	add("# more\n")
	if !e.Installed() || !stamped(e.stamp("-more"), []byte("# more\n")) {
		t.Error("the environment or the addition does not count as installed")
	}
	mark(t, e)
	add("# other\n")
	if !marked(e) {
		t.Error("another addition made the environment anew")
	}
	e.Requirements = []byte("# nothing either\n")
	install(t, e)
	if stamped(e.stamp("-more"), []byte("# other\n")) {
		t.Error("the addition counts as installed in an environment that was made anew")
	}
}

func TestInstallationsAtOnceWaitForEachOther(t *testing.T) {
	e := empty(t)
	var group sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		group.Add(1)
		go func() {
			defer group.Done()
			errs[i] = e.Install(t.Context(), io.Discard)
		}()
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if !e.Installed() {
		t.Error("the environment is not installed")
	}
}

func TestAPackageWithoutItsHashIsRefused(t *testing.T) {
	e := empty(t)
	e.Requirements = []byte("moto==5.2.5\n")
	err := e.Install(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "hash") {
		t.Errorf("install = %v, want pip's error about the missing hash", err)
	}
	if e.Installed() {
		t.Error("a failed installation counts as one")
	}
}

func TestAnInterruptedInstallationCountsAsNone(t *testing.T) {
	e := empty(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Install(ctx, io.Discard); err != context.Canceled {
		t.Errorf("install = %v, want %v", err, context.Canceled)
	}
	if e.Installed() {
		t.Error("an interrupted installation counts as one")
	}
}
