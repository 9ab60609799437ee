// Package provider decides where Terraform or OpenTofu gets the AWS provider from: for the make targets, the tests
// and a person. It needs the standard library only, so that it can answer before anything has been downloaded.
package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"tap/constructs/versions"
	"tap/internal/repository"
)

// MirrorVariable is the environment variable that names a mirror of providers, a folder as
// `terraform providers mirror` writes it. It goes before everything else.
const MirrorVariable = "TAP_PROVIDER_MIRROR"

const configVariable = "TF_CLI_CONFIG_FILE"

// registryTime is how long the registry and the host of its packages have to answer.
const registryTime = 3 * time.Second

// openTofu is the registry of OpenTofu, which has files and folders of its own, too.
const openTofu = "registry.opentofu.org"

// machine is everything that the decision reads.
type machine struct {
	program   string              // the command that is run: terraform, tofu or a path
	registry  string              // the host that the program asks
	getenv    func(string) string // the user's environment
	user      int                 // the user's ID,
	group     int                 // of the group that only the user is in,
	system    int                 // and of who owns the system's folders
	checkout  string              // the repository, absolute
	root      string              // goes before /opt and the like
	platform  string              // of the packages, such as linux_amd64
	transport http.RoundTripper   // reaches the registry
}

// Source is where the AWS provider comes from.
type Source struct {
	machine
	says   string
	tried  []string // what goes before this source, in order, and why it is not that
	passed []string // folders that cannot be used, and why
	mirror string   // the folder that Terraform has to be told of; may be empty
}

// String says in a line which source it is, and which folders were passed over.
func (s *Source) String() string {
	return strings.Join(append([]string{"AWS provider: " + s.says}, s.passed...), "; ")
}

// Find decides where the program that plans and applies gets the AWS provider from, within 15 s, and writes nothing.
// The order:
//
//  1. the mirror that TAP_PROVIDER_MIRROR names
//  2. what the user's CLI configuration says in a block provider_installation
//  3. the folders where the program looks by itself
//  4. the registry, if it answers
//  5. a mirror in a folder of the system that only root can write
//
// A mirror that is named and cannot be used is an error that says why. When nothing is found the error says all that
// was tried, and how to make a mirror.
func Find(ctx context.Context) (*Source, error) {
	checkout, err := repository.Root()
	if err != nil {
		return nil, err
	}
	program := repository.Terraform()
	command := exec.CommandContext(ctx, program, "version")
	// No question for newer versions, and no options that are for other commands.
	command.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=", "TF_CLI_ARGS_version=")
	said, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", program, err)
	}
	// A group of the user's own has the user's number, where systems make one.
	s := &Source{machine: machine{program, "registry.terraform.io", os.Getenv, os.Getuid(), os.Getuid(), 0, checkout, "",
		runtime.GOOS + "_" + runtime.GOARCH, http.DefaultTransport}}
	if strings.Contains(string(said), "OpenTofu v") {
		s.registry = openTofu
	}
	return s, s.decide()
}

func (s *Source) decide() error {
	if named := s.getenv(MirrorVariable); named != "" {
		s.mirror = named
		if !filepath.IsAbs(named) {
			s.mirror = filepath.Join(s.checkout, named)
		}
		if _, err := s.packagesIn(s.mirror); err != nil {
			return fmt.Errorf("%s=%s cannot be used: %w", MirrorVariable, named, err)
		}
		s.says = "the mirror " + s.mirror + " (" + MirrorVariable + " names it)"
		return nil
	}
	s.try("%s is not set", MirrorVariable)
	if s.configured() {
		return nil
	}
	own := s.ownFolders()
	if s.takeOne(own, s.program+" looks there by itself", s.system, s.user) {
		return nil
	}
	s.try("no version in the range is where %s looks by itself", s.program)
	if len(own) > 0 {
		s.try("%s does not ask %s for what it finds by itself", s.program, s.registry)
	} else if err := s.askRegistry(); err != nil {
		s.try("%v", err)
	} else {
		s.says = s.registry
		return nil
	}
	if s.takeOne(s.systemMirrors(), "found on this machine", s.system) {
		return nil
	}
	s.try("no mirror to use is in %s, at most two folders down", systemFolders)
	return fmt.Errorf(`the AWS provider, %s %s for %s, cannot be found. Tried:
  %s
On a machine that reaches %s, in an empty folder, make a mirror:
  echo '{"terraform": {"required_providers": {"aws": {"source": %[1]q, "version": %[2]q}}}}' >aws.tf.json
  %[6]s providers mirror -platform=%[3]s mirror
Copy the folder mirror to this machine and name it:
  export %[7]s=/path/to/mirror`, versions.Provider, versions.ProviderVersions, s.platform,
		strings.Join(append(s.tried, s.passed...), "\n  "), s.registry, filepath.Base(s.program), MirrorVariable)
}

func (s *Source) try(format string, values ...any) {
	s.tried = append(s.tried, fmt.Sprintf(format, values...))
}

// takeOne takes the first of several mirrors that can be used and that nobody but the owners can change.
func (s *Source) takeOne(mirrors []string, why string, owners ...int) bool {
	for _, mirror := range mirrors {
		packages, err := s.packagesIn(mirror)
		for i := 0; i < len(packages) && err == nil; i++ {
			err = s.exposed(packages[i], owners)
		}
		if err == nil {
			s.mirror, s.says = mirror, fmt.Sprintf("the mirror %s (%s)", mirror, why)
			return true
		}
		if note := fmt.Sprintf("passed over %s: %v", mirror, err); !slices.Contains(s.passed, note) {
			s.passed = append(s.passed, note)
		}
	}
	return false
}

var (
	comment      = regexp.MustCompile(`(?sm)^[ \t]*(?:/\*.*?\*/|(?:#|//).*?$)`)
	installation = regexp.MustCompile(`(?m)^[ \t]*"?provider_installation\b`)
)

// configured reports whether the user's CLI configuration says where providers come from: the file that
// TF_CLI_CONFIG_FILE names, or else the one of the home folder.
func (s *Source) configured() bool {
	home := s.getenv("HOME")
	files := []string{home + "/.terraformrc"}
	if s.registry == openTofu {
		files = []string{home + "/.tofurc", files[0], cmp.Or(s.getenv("XDG_CONFIG_HOME"), home) + "/opentofu/tofurc"}
	}
	if named := s.getenv(configVariable); named != "" {
		files = []string{named}
	}
	s.try("no provider_installation is in the first that can be read of %s", strings.Join(files, " "))
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil {
			s.says = "as the block provider_installation of " + file + " says"
			return installation.Match(comment.ReplaceAll(content, nil))
		}
	}
	return false
}

// askRegistry finds out whether the oldest version in the range can be downloaded: the registry and the host of its
// packages have to answer. The error names the address that does not.
func (s *Source) askRegistry() error {
	client := &http.Client{Transport: s.transport, Timeout: registryTime}
	address := fmt.Sprintf("https://%s/v1/providers/%s/%d.%d.%d/download/%s", s.registry, versions.Provider,
		oldest[0], oldest[1], oldest[2], strings.Replace(s.platform, "_", "/", 1))
	for _, isPackage := range []bool{false, true} {
		response, err := client.Get(address)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var answer struct {
			Download string `json:"download_url"`
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		if response.StatusCode != http.StatusOK || err != nil && !isPackage {
			return fmt.Errorf("%s answers %s", address, response.Status)
		}
		address = answer.Download
	}
	return nil
}

func (s *Source) configFile() string { return filepath.Join(s.checkout, ".local", "provider.tfrc") }

// Environment returns the environment in which the program, or cdktf, gets the provider from the source. The CLI
// configuration that a mirror needs is written below .local, whole or not at all, and has nothing of the user's own.
func (s *Source) Environment(environ []string) ([]string, error) {
	if s.mirror == "" {
		return environ, nil
	}
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", s.mirror)
	file := s.configFile()
	written := fmt.Sprintf("%s.%d", file, os.Getpid())
	return append(slices.Clone(environ), configVariable+"="+file), errors.Join(os.MkdirAll(filepath.Dir(file), 0o755),
		os.WriteFile(written, []byte(text), 0o644), os.Rename(written, file))
}

// Instructions says how stacks are deployed to AWS with the provider from the source, after Environment.
func (s *Source) Instructions() string {
	if s.mirror == "" {
		return s.String() + "\n"
	}
	return fmt.Sprintf(`%s

In a shell with this variable, make plan, make deploy and %s take it:

  export %s='%s'

The cdktf command line asks the registry all the same, unless it is told: --skip-provider-lock
`, s, s.program, configVariable, s.configFile())
}
