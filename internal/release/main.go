// Command release changes the image of an environment: the line service.image of its file, and nothing else.
//
//	release STACK IMAGE   for example tap-prod 123456789012.dkr.ecr.us-east-1.amazonaws.com/payment-api@sha256:...
//
// The loader has to accept the new content before the file is changed.
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
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(root, stack, image string) error {
	suffix, _ := strings.CutPrefix(stack, "tap-")
	file := filepath.Join(root, "environments", suffix+".yaml")
	before, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s has no file: %w", stack, err)
	}
	after, err := replaceImage(before, image)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	// The loader reads folders: it gets a copy in which this file has the new content.
	scratch, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	folder := filepath.Join(scratch, "environments")
	err = os.CopyFS(folder, os.DirFS(filepath.Join(root, "environments")))
	if accounts, missing := os.ReadFile(filepath.Join(root, "accounts.yaml")); missing == nil {
		err = errors.Join(err, os.WriteFile(filepath.Join(scratch, "accounts.yaml"), accounts, 0o600))
	}
	if err = errors.Join(err, os.WriteFile(filepath.Join(folder, suffix+".yaml"), after, 0o600)); err != nil {
		return err
	}
	environments, _, err := config.Load(folder, config.RequestedSuffix{})
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), filepath.ToSlash(scratch)+"/", ""))
	}
	e := environments[slices.IndexFunc(environments, func(e config.Environment) bool { return e.Suffix == suffix })]
	account, _, repository, private := e.Service.PrivateRepository()
	if !strings.Contains(image, "@sha256:") || e.StatesBucket != "" && (account != e.Account || !private) {
		return fmt.Errorf("%q is not an image to release; allowed: "+
			"<account>.dkr.ecr.<Region>.amazonaws.com/%s@sha256:<digest>"+
			", of the environment's account where accounts.yaml has it (%s)", image, config.Repository, repository)
	}
	return os.WriteFile(file, after, 0o644)
}

// replaceImage returns a file with another value of service.image, which has to be on a line of its own.
func replaceImage(content []byte, image string) ([]byte, error) {
	var file struct{ Service struct{ Image yaml.Node } }
	if err := yaml.Unmarshal(content, &file); err != nil {
		return nil, err
	}
	node := file.Service.Image
	lines := strings.Split(string(content), "\n")
	if node.Kind != yaml.ScalarNode || !strings.HasPrefix(strings.TrimSpace(lines[node.Line-1]), "image:") {
		return nil, errors.New("service.image is not a line of its own; write one below service: first")
	}
	line := lines[node.Line-1]
	comment := ""
	if at := strings.Index(line[node.Column-1:], " #"); at >= 0 {
		comment = line[node.Column-1+at:]
	}
	lines[node.Line-1] = line[:node.Column-1] + image + comment
	return []byte(strings.Join(lines, "\n")), nil
}
