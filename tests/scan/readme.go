package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tap/config"
)

// The waivers stand between these lines of README.md.
const (
	readmeBegin = "<!-- waivers: go run ./tests/scan -readme -->\n"
	readmeEnd   = "<!-- end of waivers -->\n"
)

// updateReadme writes the waivers into README.md.
func updateReadme(root string, waivers waivers) error {
	file := filepath.Join(root, "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the README: %w", err)
	}
	text, err = withWaivers(text, waivers)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// withWaivers returns the README with the table of waivers brought up to date.
func withWaivers(readme []byte, waivers waivers) ([]byte, error) {
	before, rest, begins := bytes.Cut(readme, []byte(readmeBegin))
	_, after, ends := bytes.Cut(rest, []byte(readmeEnd))
	if !begins || !ends {
		return nil, errors.New("README.md lacks the lines " + strings.TrimSpace(readmeBegin) + " and " + strings.TrimSpace(readmeEnd))
	}
	var table strings.Builder
	table.WriteString("| Stacks | Control | Accepted because |\n| --- | --- | --- |\n")
	for _, class := range []string{string(config.Production), string(config.Development), classState} {
		for _, waiver := range waivers.byClass[class] {
			fmt.Fprintf(&table, "| %s | %s | %s |\n", class, waiver.control, strings.ReplaceAll(waiver.reason, "|", `\|`))
		}
	}
	return bytes.Join([][]byte{before, []byte(readmeBegin), []byte(table.String()), []byte(readmeEnd), after}, nil), nil
}
