// Package provider decides where Terraform or OpenTofu gets the AWS provider from: for the make targets, the tests
// and a person. It needs the standard library only, so that it can answer before anything has been downloaded.
package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
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

// registryTime is how long the registry and the host of its packages have to answer.
const registryTime = 3 * time.Second

// openTofu is the registry of OpenTofu, which has files and folders of its own, too.
const openTofu = "registry.opentofu.org"

// machine is everything that the decision reads.
type machine struct {
	program   string              // the command that is run: terraform, tofu or a path
	registry  string              // the host that the program asks
	getenv    func(string) string // the user's environment
	user      int                 // the user's ID
	checkout  string              // the repository, absolute
	root      string              // goes before /opt and the like
	platform  string              // of the packages, such as linux_amd64
	transport *http.Transport     // reaches the registry; has a Proxy
}

// Source is where the AWS provider comes from.
type Source struct {
	machine
	says         string
	tried        []string // what goes before this source, in order, and why it is not that
	installation string   // the block provider_installation that the user's CLI configuration lacks; may be empty
	named        string   // the file that TF_CLI_CONFIG_FILE names, if it exists
	file, text   string   // the user's CLI configuration, without comments; the file need not exist
}

// String says in a line which source it is, and which folders were passed over.
func (s *Source) String() string {
	text := "AWS provider: " + s.says
	for _, tried := range s.tried {
		if strings.HasPrefix(tried, "passed over ") {
			text += "; " + tried
		}
	}
	return text
}

// Find decides where the program that plans and applies gets the AWS provider from, within 15 s, and writes nothing.
// The order:
//
//  1. the mirror that TAP_PROVIDER_MIRROR names
//  2. the user's CLI configuration, if it has a block provider_installation
//  3. the folders where the program looks by itself, if they contain a version in the range
//  4. the registry, if it answers
//  5. a mirror in one of the usual places
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
	command.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1") // no question for newer versions
	said, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", program, err)
	}
	s := &Source{machine: machine{program, "registry.terraform.io", os.Getenv, os.Getuid(), checkout, "",
		runtime.GOOS + "_" + runtime.GOARCH, http.DefaultTransport.(*http.Transport)}}
	if strings.Contains(string(said), "OpenTofu v") {
		s.registry = openTofu
	}
	return s, s.decide(ctx)
}

func (s *Source) decide(ctx context.Context) error {
	if named := s.getenv(MirrorVariable); named == "" {
		s.try("%s is not set", MirrorVariable)
	} else {
		folder := named
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(s.checkout, folder)
		}
		newest, err := s.newestIn(folder)
		if err == nil {
			err = newest.check()
		}
		if err != nil {
			return fmt.Errorf("%s=%s cannot be used: %w", MirrorVariable, named, err)
		}
		s.take(newest, MirrorVariable+" names it")
	}
	if err := s.readConfiguration(); err != nil || s.says != "" {
		return err
	}
	if block.MatchString(s.text) {
		s.says = "as the block provider_installation of " + s.file + " says"
		return nil
	}
	s.try("no provider_installation is in %s", s.file)

	implied := s.implied()
	if s.takeNewest(implied, s.program+" looks there by itself") {
		return nil
	}
	s.try("no version in the range is where %s looks by itself", s.program)

	if err := s.askRegistry(ctx); err != nil {
		s.try("%v", err)
	} else {
		s.says = s.registry
		if len(implied) > 0 { // of any version: then the program does not ask the registry by itself
			s.installation = "provider_installation {\n  direct {}\n}\n"
		}
		return nil
	}
	if s.takeNewest(s.search(ctx), "found on this machine") {
		return nil
	}
	s.try("no mirror to use is below %s, at most %d folders down", strings.Join(s.places(), ", "), searchDepth)
	return errors.New(s.nowhere())
}

func (s *Source) try(format string, values ...any) {
	s.tried = append(s.tried, fmt.Sprintf(format, values...))
}

// takeNewest takes the newest release in several mirrors, and reports whether one can be used.
func (s *Source) takeNewest(mirrors []string, why string) bool {
	var newest release
	for _, mirror := range mirrors {
		candidate, err := s.newestIn(mirror)
		if err == nil && candidate.compare(newest.version) <= 0 {
			continue
		}
		if err == nil {
			err = s.exposed(candidate.path)
		}
		if err == nil {
			err = candidate.check()
		}
		if err == nil {
			newest = candidate
		} else if note := fmt.Sprintf("passed over %s: %v", mirror, err); !slices.Contains(s.tried, note) {
			s.try("%s", note)
		}
	}
	if newest.path != "" {
		s.take(newest, why)
	}
	return newest.path != ""
}

func (s *Source) take(r release, why string) {
	s.says = fmt.Sprintf("%s from the mirror %s (%s)", r, r.mirror, why)
	s.installation = fmt.Sprintf(`provider_installation {
  filesystem_mirror {
    path    = %q
    include = [%[2]q]
  }
  direct {
    exclude = [%[2]q]
  }
}
`, r.mirror, s.registry+"/"+versions.Provider)
}

// askRegistry finds out whether the oldest version in the range can be downloaded: it follows the registry's discovery
// to the address of the package, which has to answer. The error names the address that does not.
func (s *Source) askRegistry(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registryTime)
	defer cancel()
	var answer struct {
		Providers string `json:"providers.v1"`
		Download  string `json:"download_url"`
	}
	address := &url.URL{Scheme: "https", Host: s.registry, Path: "/.well-known/terraform.json"}
	err := s.get(ctx, address, &answer)
	if err == nil {
		address, err = address.Parse(answer.Providers)
	}
	if err == nil {
		address = address.JoinPath(versions.Provider, oldest.String(), "download", strings.Replace(s.platform, "_", "/", 1))
		err = s.get(ctx, address, &answer)
	}
	if err == nil {
		address, err = address.Parse(answer.Download)
	}
	if err == nil {
		err = s.get(ctx, address, nil)
	}
	return err
}

// get asks an address and decodes what it answers in JSON, unless into is nil.
func (s *Source) get(ctx context.Context, address *url.URL, into any) error {
	request := (&http.Request{Method: http.MethodGet, URL: address}).WithContext(ctx)
	response, err := (&http.Client{Transport: s.transport}).Do(request)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%s: no answer within %s", address, registryTime)
		}
		if proxy, _ := s.transport.Proxy(request); proxy != nil {
			err = fmt.Errorf("%w (HTTPS_PROXY is %s)", err, proxy.Redacted())
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("%s does not answer as a registry does: %w", address, err)
	}
	return nil
}
