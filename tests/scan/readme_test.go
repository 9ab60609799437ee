package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTheREADMEGivesTheReasonOfEveryWaiver(t *testing.T) {
	waivers, err := readWaivers("waivers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := withWaivers(readme, waivers)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readme, want) {
		t.Error("README.md does not list the waivers of waivers.yaml; run: go run ./tests/scan -readme")
	}
}
