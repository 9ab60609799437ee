// Package provider lets Terraform or OpenTofu install the AWS provider once, below .local, for all that runs them on
// this machine: the local deployment and the tests. It needs the standard library only, so that it can answer before
// anything has been downloaded.
package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"tap/constructs/versions"
	"tap/internal/repository"
)

// MirrorVariable is the environment variable that names a mirror of providers, a folder as
// `terraform providers mirror` writes it, absolute or in the checkout. Nothing else is asked then.
const MirrorVariable = "TAP_PROVIDER_MIRROR"

// systemFolders are where system administrators put mirrors, at most two folders down.
const systemFolders = "/opt /srv /usr/local/share /usr/share /var/lib"

// Provider is the provider as it is installed.
type Provider struct {
	folder string // has the package, its hashes, a CLI configuration with which it is the only one, and what source says
	source string // where it was installed from
}

// String says in a line where the provider was installed from.
func (p *Provider) String() string { return "AWS provider: " + p.source }

// Lock is the file with its hashes, which a stack's folder can have as .terraform.lock.hcl.
func (p *Provider) Lock() string { return filepath.Join(p.folder, ".terraform.lock.hcl") }

// Variable is the entry of an environment in which the program, or cdktf, takes the provider.
func (p *Provider) Variable() string {
	return "TF_CLI_CONFIG_FILE=" + filepath.Join(p.folder, "terraform.tfrc")
}

// Find returns the provider for the program that plans and applies, which installs it unless it is installed:
//
//  1. from the mirror that TAP_PROVIDER_MIRROR names, and if it names one, from nowhere else
//  2. from where the program gets it by itself: as the user's CLI configuration says, from its own folders, or from
//     the registry
//  3. from a mirror in a folder of the system that only root can write
//
// If all fail the error says why each did, and how to make a mirror.
func Find(ctx context.Context) (*Provider, error) {
	checkout, err := repository.Root()
	if err != nil {
		return nil, err
	}
	return find(ctx, checkout, "/", 0)
}

// find is Find where the system's folders are below a root, and of an owner.
func find(ctx context.Context, checkout, root string, owner int) (*Provider, error) {
	program, named := repository.Terraform(), os.Getenv(MirrorVariable)
	requirement := fmt.Sprintf(`{"terraform": {"required_providers": {"aws": {"source": %q, "version": %q}}}}`,
		versions.Provider, versions.ProviderVersions)
	p := &Provider{folder: filepath.Join(checkout, ".local", "provider", filepath.Base(program))}
	wanted := requirement + " " + named + "\n"
	written, _ := os.ReadFile(filepath.Join(p.folder, "source"))
	installed, _ := filepath.Glob(p.folder + "/.terraform/providers/*/" + versions.Provider + "/*/*/*")
	if source, found := strings.CutPrefix(string(written), wanted); found && installed != nil {
		p.source = source
		return p, nil
	}

	mirrors := append([]string{""}, systemMirrors(root)...) // without one, the program does as it does
	if filepath.IsAbs(named) {
		mirrors = []string{named}
	} else if named != "" {
		mirrors = []string{filepath.Join(checkout, named)}
	}
	var tried []string
	for _, mirror := range mirrors {
		var err error
		switch {
		case named != "":
			p.source = "the mirror " + mirror + " (" + MirrorVariable + " names it)"
		case mirror == "":
			p.source = "as " + program + " gets it by itself"
		default:
			p.source = "the mirror " + mirror + " (found on this machine)"
			err = exposed(mirror, root, owner, owner)
		}
		if err == nil {
			err = p.install(ctx, program, requirement, mirror, wanted+p.source)
		}
		if err == nil {
			return p, nil
		}
		tried = append(tried, fmt.Sprintf("%s: %v", p.source, err))
	}
	return nil, fmt.Errorf(`the AWS provider, %s %s, cannot be found. Tried:
  %s
Unless one is named, mirrors are found in %s, at most two folders down.
On a machine that reaches the registry, in an empty folder, make a mirror:
  echo '%s' >aws.tf.json
  %s providers mirror -platform=%s_%s mirror
Copy the folder mirror to this machine and name it:
  export %s=/path/to/mirror`, versions.Provider, versions.ProviderVersions, strings.Join(tried, "\n  "), systemFolders,
		requirement, filepath.Base(program), runtime.GOOS, runtime.GOARCH, MirrorVariable)
}

const configuration = "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n"

// reason is why an init fails, in the words of Terraform and OpenTofu.
var reason = regexp.MustCompile(`(?s)Error: .*?\n\n(.*?)(?:\n\n|$)`)

// install lets the program install the provider into a new folder, which then takes the place of p.folder.
func (p *Provider) install(ctx context.Context, program, requirement, mirror, source string) error {
	above := filepath.Dir(p.folder)
	madeErr := os.MkdirAll(above, 0o755)
	folder, err := os.MkdirTemp(above, "")
	if err := errors.Join(madeErr, err); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	config := filepath.Join(folder, "terraform.tfrc")
	if err := errors.Join(
		os.WriteFile(filepath.Join(folder, "main.tf.json"), []byte(requirement), 0o644),
		os.WriteFile(filepath.Join(folder, "source"), []byte(source), 0o644),
		os.WriteFile(config, fmt.Appendf(nil, configuration, mirror), 0o644)); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, program, "init", "-input=false", "-no-color")
	command.Dir = folder
	// Without a registry it gives up in seconds, and no options are taken that are for other commands.
	command.Env = append(os.Environ(), "TF_REGISTRY_CLIENT_TIMEOUT=3", "TF_REGISTRY_DISCOVERY_RETRY=0",
		"CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=", "TF_CLI_ARGS_init=", "TF_DATA_DIR=", "TF_WORKSPACE=")
	if mirror != "" {
		command.Env = append(command.Env, "TF_CLI_CONFIG_FILE="+config)
	}
	if said, err := command.CombinedOutput(); err != nil {
		if found := reason.FindSubmatch(said); found != nil {
			return errors.New(strings.Join(strings.Fields(string(found[1])), " "))
		}
		return fmt.Errorf("%w %s", err, said)
	}
	return errors.Join(
		os.WriteFile(config, fmt.Appendf(nil, configuration, filepath.Join(p.folder, ".terraform", "providers")), 0o644),
		os.RemoveAll(p.folder), os.Rename(folder, p.folder))
}

// systemMirrors returns the mirrors of the system, those that are less deep first.
func systemMirrors(root string) (mirrors []string) {
	for _, below := range []string{"", "/*", "/*/*"} {
		for place := range strings.FieldsSeq(systemFolders) {
			folders, _ := filepath.Glob(filepath.Join(root, place+below, "registry.*", versions.Provider))
			for _, folder := range folders {
				mirrors = append(mirrors, filepath.Dir(filepath.Dir(filepath.Dir(folder))))
			}
		}
	}
	return mirrors
}

// exposed returns an error if others than the owner can exchange a package of the provider in a mirror: it, what
// symbolic links lead to, or a folder above belongs to somebody else, or everybody or another group can write to it.
func exposed(mirror, root string, owner, group int) error {
	folder := filepath.Join(mirror, "registry.*", versions.Provider)
	packed, _ := filepath.Glob(folder + "/*.zip")
	packages, _ := filepath.Glob(folder + "/*/*/*")
	for _, file := range append(packages, packed...) {
		resolved, err := filepath.EvalSymlinks(file)
		if err != nil {
			return err
		}
		for _, path := range []string{file, resolved} {
			for last := false; !last; path = filepath.Dir(path) {
				last = path == root || path == "/"
				info, err := os.Stat(path)
				if err != nil {
					return err
				}
				status := info.Sys().(*syscall.Stat_t)
				switch mode := info.Mode().Perm(); {
				case int(status.Uid) != owner:
					return fmt.Errorf("%s belongs to the user %d", path, status.Uid)
				case mode&0o002 != 0:
					return fmt.Errorf("%s is writable for everybody", path)
				case mode&0o020 != 0 && int(status.Gid) != group:
					return fmt.Errorf("%s is writable for a group", path)
				}
			}
		}
	}
	return nil
}
