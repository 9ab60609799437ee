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

	"tap/config"
)

func main() {
	err := errors.New("usage: make release STACK=tap-prod IMAGE=REPOSITORY@sha256:DIGEST")
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
	environments, _, err := config.Load("environments", "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(environments, func(e config.Environment) bool { return e.Stack() == stack })
	if i < 0 {
		return fmt.Errorf("no environment file is that of %q", stack)
	}
	name := "environments/" + environments[i].Suffix + ".yaml"
	before, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	old := environments[i].Service.Image
	head, rest, _ := strings.Cut(string(before), old)
	if old == "" || strings.Contains(rest, old) {
		return fmt.Errorf("%s: service.image: is missing, or not in the file once; write it there once, on one line", name)
	}

	// The loader judges the file as it would be; what it refuses is taken back.
	if err := os.WriteFile(name, []byte(head+image+rest), 0o644); err != nil {
		return err
	}
	if environments, _, err = config.Load("environments", ""); err == nil {
		e := environments[i]
		account, _, _, _ := config.PrivateRepository(e.Service.Image)
		if e.Service.Image == image && strings.Contains(image, "@sha256:") && (!e.InAccountStack() || account == e.Account) {
			return nil
		}
		err = fmt.Errorf("%s:%d: service.image: %q is not valid for a release; allowed: an image with a digest "+
			"(@sha256:...), of the repository %s of the environment's account where accounts.yaml has that", name,
			1+strings.Count(head, "\n"), image, config.Repository)
	}
	return errors.Join(err, os.WriteFile(name, before, 0o644))
}
