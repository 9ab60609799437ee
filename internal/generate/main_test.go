package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tap/internal/repository"
	"tap/tests/must"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	root := must.Get(repository.Root())(t)
	files := must.Get(renderAll(root))(t)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not up to date; run: make golden", name)
		}
	}
}
