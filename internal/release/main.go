// Command release changes the image of an environment: the value of service.image in its file, and nothing else.
//
//	release STACK IMAGE   for example tap-prod 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api@sha256:...
//
// The image has a digest, and where accounts.yaml has the environment's account it is in the account's repository.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/internal/repository"
)

func main() {
	root, err := repository.Root()
	if err == nil && len(os.Args) != 3 {
		err = errors.New("usage: release STACK IMAGE")
	}
	if err == nil {
		err = release(root, os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func release(root, stack, image string) error {
	suffix := strings.TrimPrefix(stack, "tap-")
	name := "environments/" + suffix + ".yaml"
	before, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return fmt.Errorf("%s has no file: %w", stack, err)
	}
	var file struct{ Service struct{ Image yaml.Node } }
	_ = yaml.Unmarshal(before, &file) // the loader says what is wrong
	old, lines := file.Service.Image, strings.Split(string(before), "\n")
	if old.Value == "" || strings.Count(lines[old.Line-1], old.Value) != 1 {
		return fmt.Errorf("%s: service.image: is missing, or not all on one line; write it there once", name)
	}
	lines[old.Line-1] = strings.Replace(lines[old.Line-1], old.Value, image, 1)

	// The loader reads a copy, so that the file is changed only after it has accepted the content.
	copied, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	err = os.CopyFS(copied+"/environments", os.DirFS(filepath.Join(root, "environments")))
	if accounts, missing := os.ReadFile(filepath.Join(root, "accounts.yaml")); missing == nil {
		err = errors.Join(err, os.WriteFile(copied+"/accounts.yaml", accounts, 0o600))
	}
	after := []byte(strings.Join(lines, "\n"))
	if err = errors.Join(err, os.WriteFile(filepath.Join(copied, name), after, 0o600)); err != nil {
		return err
	}
	environments, _, err := config.Load(copied+"/environments", config.RequestedSuffix{})
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), copied+"/", ""))
	}
	e := environments[slices.IndexFunc(environments, func(e config.Environment) bool { return e.Suffix == suffix })]
	account, _, _, _ := e.Service.PrivateRepository()
	if e.Service.Image != image || !strings.Contains(image, "@sha256:") ||
		e.StatesBucket != "" && account != e.Account {
		return fmt.Errorf("%s:%d: service.image: %q is not valid for a release; allowed: an image with a digest "+
			"(@sha256:...), of the repository %s of the environment's account where accounts.yaml has that", name,
			old.Line, image, config.Repository)
	}
	return os.WriteFile(filepath.Join(root, name), after, 0o644)
}
