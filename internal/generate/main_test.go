package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tap/internal/repository"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := renderAll(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not up to date; run: make golden", name)
		}
	}
}
