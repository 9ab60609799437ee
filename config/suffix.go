package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

const (
	// SuffixContextKey is the CDKTF context key that asks for one environment by its suffix.
	SuffixContextKey = "environment_suffix"
	// SuffixVariable is the environment variable that asks for one when the context does not.
	SuffixVariable = "ENVIRONMENT_SUFFIX"

	// contextVariable is how the CDKTF command line hands the context to the program.
	contextVariable = "CDKTF_CONTEXT_JSON"
	// defaultSuffix is the environment of a project that has no file yet.
	defaultSuffix = "dev"
	suffixAllowed = "one letter, then up to 14 letters, digits or single hyphens, lower case, no hyphen at the end"
)

var suffixPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,14}$`)

// RequestedSuffix is the suffix of an environment that the command asks for, whether or not there is a file for it.
type RequestedSuffix struct {
	Value  string // empty: none is asked for
	Source string // where the value comes from, for errors
}

// FindRequestedSuffix reads the suffix from the context key environment_suffix, or else from ENVIRONMENT_SUFFIX. An
// empty value counts as none. The argument returns a variable of the process, as os.Getenv does. An error is of the
// type Problems.
func FindRequestedSuffix(getenv func(string) string) (RequestedSuffix, error) {
	source := fmt.Sprintf("context key %s in %s", SuffixContextKey, contextVariable)
	if text := getenv(contextVariable); text != "" {
		var context map[string]any
		if err := json.Unmarshal([]byte(text), &context); err != nil {
			return RequestedSuffix{}, Problems{{File: contextVariable, Message: fmt.Sprintf("is not a JSON object: %v", err)}}
		}
		switch value := context[SuffixContextKey].(type) {
		case nil:
		case string:
			if value != "" {
				return RequestedSuffix{Value: value, Source: source}, nil
			}
		default:
			message := fmt.Sprintf("%v is not a string; allowed: %s", value, suffixAllowed)
			return RequestedSuffix{}, Problems{{File: source, Message: message}}
		}
	}
	if value := getenv(SuffixVariable); value != "" {
		return RequestedSuffix{Value: value, Source: SuffixVariable}, nil
	}
	return RequestedSuffix{}, nil
}

// suffixProblem says what is wrong with a suffix; empty when nothing is.
func suffixProblem(suffix string) string {
	if !suffixPattern.MatchString(suffix) || strings.HasSuffix(suffix, "-") || strings.Contains(suffix, "--") {
		return fmt.Sprintf("%s is not a suffix; allowed: %s", quote(suffix), suffixAllowed)
	}
	return ""
}
