package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

func TestLinksResolve(t *testing.T) {
	pages, err := exec.Command("git", "ls-files", "--full-name", ":/*.md").Output()
	noError(t, err)
	for page := range strings.FieldsSeq(string(pages)) {
		page = filepath.Join("..", page)
		for _, match := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
