package main

import (
	"os"
	"testing"

	"tap/tests/must"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	t.Chdir("../..")
	for name, want := range must.Get(render("."))(t) {
		if got, err := os.ReadFile(name); err != nil || string(got) != string(want) {
			t.Errorf("%s is not up to date; run: make golden (%v)", name, err)
		}
	}
}
