package config

import (
	"os"
	"strings"
	"testing"
)

func TestWhatIsNoEnvironmentFileIsRefused(t *testing.T) {
	const missing = "it has to say at least class: development or class: production"
	for _, test := range []struct{ name, content, want string }{
		{"an empty file", "", ":1: is empty; " + missing},
		{"a file of comments", "# nothing\n", ":1: is empty; " + missing},
		{"a null document", "---\n~\n", ":2: is empty; " + missing},
		{"a list", "- class\n", ":1: a list is not a mapping of keys to values; " + missing},
		{"plain text", "hello\n", `:1: "hello" is not a mapping of keys to values; ` + missing},
		{"a second document", development + "---\nclass: production\n", ":2: a second YAML document begins here; one file holds one environment"},
		{"what is not YAML", "class: [\n", ":1: is not YAML: did not find expected node content"},
		{"a tab that indents", "class: development\nservice:\n\tport: 80\n", ":3: is not YAML: found character that cannot start any token"},
		{"bytes that are not UTF-8", "class: development\n# caf\xe9\n", ":2: byte 0xE9 is not UTF-8 text"},
		{"UTF-16", "\xff\xfec\x00", ":1: byte 0xFF is not UTF-8 text"},
		{"a NUL", "class: development\n\x00", ":2: the character U+0000 is not allowed; files hold printable text only"},
		{"text that shows in another order than it is read", "class: development # \u202e\n", ":1: the character U+202E is not allowed; files hold printable text only"},
		{"a byte order mark inside", "class: development\n\ufeff", ":2: the character U+FEFF is not allowed; files hold printable text only"},
		{"more than 64 KiB", strings.Repeat("#", 65537), ": has 65537 bytes; allowed: up to 65536"},
		{"nesting without end", strings.Repeat("[", 20000), ": is not YAML: exceeded max depth of 10000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantProblems(t, map[string]string{"a.yaml": test.content}, "environments/a.yaml"+test.want)
		})
	}
}

func TestAByteOrderMarkInFrontAndWindowsLineEndsAreAccepted(t *testing.T) {
	load(t, map[string]string{"a.yaml": "\ufeffclass: development\r\nregion: eu-west-1\r\n"}, RequestedSuffix{})
}

func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	inFolder(t, nil)
	if err := os.Mkdir("environments/a.yaml", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", "environments/b.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", "environments/c.yaml"); err != nil {
		t.Fatal(err)
	}
	wantLoadError(t, RequestedSuffix{},
		"environments/a.yaml: is a folder, not a file",
		"environments/b.yaml: cannot be read: no such file or directory",
		"environments/c.yaml: is not a regular file",
	)
}
