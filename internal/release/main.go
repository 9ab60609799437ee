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
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tap/config"
)

func main() {
	err := errors.New("usage: make release STACK=tap-prod IMAGE=REPOSITORY@sha256:...")
	if len(os.Args) == 3 {
		err = release(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// release works in the repository's root.
func release(stack, image string) error {
	// The loader follows no link and waits for no pipe: what it has read is a file of this folder.
	environments, _, err := config.Load("environments", config.RequestedSuffix{})
	if err != nil {
		return err
	}
	suffix := strings.TrimPrefix(stack, "tap-")
	name := "environments/" + suffix + ".yaml"
	before, err := os.ReadFile(name)
	if err != nil || !slices.ContainsFunc(environments, func(e config.Environment) bool { return e.Suffix == suffix }) {
		return fmt.Errorf("no environment file is that of %s", stack)
	}
	var file struct{ Service struct{ Image yaml.Node } }
	_ = yaml.Unmarshal(before, &file) // the loader says what is wrong
	old, lines := file.Service.Image, strings.Split(string(before), "\n")
	if old.Value == "" || strings.Count(lines[old.Line-1], old.Value) != 1 {
		return fmt.Errorf("%s: service.image: is missing, or not all on one line; write it there once", name)
	}
	lines[old.Line-1] = strings.Replace(lines[old.Line-1], old.Value, image, 1)
	after := []byte(strings.Join(lines, "\n"))

	// The loader reads a copy, so that the file is changed only after it has accepted the content.
	copied, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	err = os.CopyFS(copied+"/environments", os.DirFS("environments"))
	if accounts, missing := os.ReadFile("accounts.yaml"); missing == nil {
		err = errors.Join(err, os.WriteFile(copied+"/accounts.yaml", accounts, 0o600))
	}
	if err = errors.Join(err, os.WriteFile(copied+"/"+name, after, 0o600)); err != nil {
		return err
	}
	environments, _, err = config.Load(copied+"/environments", config.RequestedSuffix{})
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), copied+"/", ""))
	}
	for _, e := range environments {
		account, _, _, _ := e.Service.PrivateRepository()
		if e.Suffix == suffix && e.Service.Image == image && strings.Contains(image, "@sha256:") &&
			(e.StatesBucket == "" || account == e.Account) {
			return os.WriteFile(name, after, 0o644)
		}
	}
	return fmt.Errorf("%s:%d: service.image: %q is not valid for a release; allowed: an image with a digest "+
		"(@sha256:...), of the repository %s of the environment's account where accounts.yaml has that", name, old.Line,
		image, config.Repository)
}
