package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Key is a key or a section of an environment file.
type Key struct {
	Path  string // as a file nests it, for example service.cpu, with * for a name that a file chooses
	Limit Limit
}

// Limits returns those of environment files and of accounts.yaml.
func Limits() (environment, accounts Limit) { return environmentLimit, declared.Accounts }

// IsMapOfSections reports whether a mapping contains sections, by names that the file chooses.
func (l Limit) IsMapOfSections() bool {
	return l.AdditionalProperties != nil && l.AdditionalProperties.Properties != nil
}

// Keys returns every key and section below a path that has the limit.
func (l Limit) Keys(path string) (all []Key) {
	if l.IsMapOfSections() {
		return l.AdditionalProperties.Keys(path + ".*")
	}
	for _, key := range slices.Sorted(maps.Keys(l.Properties)) {
		limit, at := l.Properties[key], join(path, key)
		all = append(append(all, Key{at, limit}), limit.Keys(at)...)
	}
	return all
}

// join appends a key to a path. A key that is not a plain word is quoted, so that an error shows where it ends.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = quote(key)
	}
	return strings.TrimPrefix(path+"."+key, ".")
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// unknownKey says of a key that a section does not have which was meant, or which there are.
func unknownKey(key, section string, limit Limit) string {
	const unknown = "is not a known key; "
	keys, known := environmentLimit.Keys(""), slices.Sorted(maps.Keys(limit.Properties))
	if account, _, _ := strings.Cut(section, "."); AccountIDs.Allows(account) {
		keys = declared.Accounts.AdditionalProperties.Keys(account)
	}
	for _, nested := range keys {
		if dot := strings.LastIndex(nested.Path, "."); nested.Path == strings.TrimPrefix(section+"."+key, ".") {
			return unknown + "keys are nested: write " + nested.Path[dot+1:] + " below " + nested.Path[:dot]
		}
	}
	for length := len(key); length > max(2, len(key)/2-1); length-- {
		for _, name := range known {
			if len(name) >= length && strings.EqualFold(name[:length], key[:length]) {
				return unknown + "did you mean " + join(section, name) + "?"
			}
		}
	}
	for _, meant := range keys {
		if strings.HasSuffix(meant.Path, "."+key) && !strings.Contains(meant.Path, "*") {
			return unknown + "did you mean " + meant.Path + "?"
		}
	}
	return unknown + "allowed: " + joined(known)
}
