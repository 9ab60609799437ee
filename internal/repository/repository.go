// Package repository finds what belongs to this checkout, its root and what make has installed in it, and knows how its
// stacks, and the resources in them, are named.
package repository

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Root returns the folder of cdktf.json at or above the working folder.
func Root() (string, error) {
	working, err := os.Getwd()
	for folder := working; err == nil; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "cdktf.json")); err == nil {
			return folder, nil
		} else if folder == filepath.Dir(folder) {
			return "", errors.New("no cdktf.json in " + working + " or above: run this inside the repository")
		}
	}
	return "", err
}

// Python is the interpreter that make has installed the emulator's packages for.
func Python(root string) string { return filepath.Join(root, ".local", "venv", "bin", "python") }

// Terraform is the program that plans and applies: TERRAFORM_BINARY_NAME, which the cdktf command line reads as well,
// or terraform.
func Terraform() string { return cmp.Or(os.Getenv("TERRAFORM_BINARY_NAME"), "terraform") }

// Hash is an expression for what CDKTF ends a name with: eight digits that depend on the path of the construct.
const Hash = `_[0-9A-F]{8}`

var stack = regexp.MustCompile(`^tap-[a-z0-9-]+$`)

// CheckStack returns an error for what cannot be the name of a stack. No text of a command line belongs into a path
// before that.
func CheckStack(name string) error {
	if !stack.MatchString(name) {
		return fmt.Errorf("%q is not the name of a stack; allowed: tap- and then lower-case letters, digits and hyphens, "+
			"for example tap-dev", name)
	}
	return nil
}
