package main

import (
	"bytes"
	"errors"
	"strings"

	"tap/config"
)

// The table of keys stands between these lines of README.md.
const (
	keysBegin = "<!-- keys: go generate ./config -->\n"
	keysEnd   = "<!-- end of keys -->\n"
)

// withKeys returns the README with the table of every key and its defaults brought up to date.
func withKeys(readme []byte) ([]byte, error) {
	before, rest, begins := bytes.Cut(readme, []byte(keysBegin))
	_, after, ends := bytes.Cut(rest, []byte(keysEnd))
	if !begins || !ends {
		return nil, errors.New("README.md lacks the lines " + strings.TrimSpace(keysBegin) + " and " + strings.TrimSpace(keysEnd))
	}
	var table strings.Builder
	table.WriteString("| Key | Development | Production |\n| --- | --- | --- |\n")
	for _, key := range config.Keys() {
		table.WriteString("| `" + key.Path + "` | " +
			defaultOf(config.Development, key.Path, defaults[key.Path].development) + " | " +
			defaultOf(config.Production, key.Path, defaults[key.Path].production) + " |\n")
	}
	return bytes.Join([][]byte{before, []byte(keysBegin), []byte(table.String()), []byte(keysEnd), after}, nil), nil
}
