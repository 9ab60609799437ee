package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const digest = "123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api@sha256:"

func TestReleaseChangesOneLine(t *testing.T) {
	const before = "# Ours.\nclass: development\nservice:\n  image: 'old:1' # the API\n  port: 8080\n"
	image := digest + strings.Repeat("0", 64)
	for _, test := range []struct{ stack, content, image, after string }{
		{"tap-qa", before, image, strings.Replace(before, "'old:1'", image, 1)},
		{"tap-qa", before, digest + "short", "is not valid"},
		{"tap-qa", before, "payment-api:2", "is not an image to release"},
		{"tap-qa", "class: development\n", image, "not a line of its own"},
		{"tap-qa", "class: development\nservice: {image: old, port: 0}\n", image, "not a line of its own"},
		{"tap-qa", strings.Replace(before, "8080", "0", 1), image, "environments/qa.yaml:5: service.port"},
		{"tap-other", before, image, "tap-other has no file"},
	} {
		root := t.TempDir()
		file := filepath.Join(root, "environments", "qa.yaml")
		if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(test.content), 0o644); err != nil {
			t.Fatal(err)
		}
		err := release(root, test.stack, test.image)
		got, readErr := os.ReadFile(file)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if err == nil && string(got) == test.after {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.after) || string(got) != test.content {
			t.Errorf("%s %s: %v\n%s\nexpected %s", test.stack, test.image, err, got, test.after)
		}
	}
}
