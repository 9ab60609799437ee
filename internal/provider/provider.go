// Package provider decides where Terraform or OpenTofu gets the AWS provider from: for the make targets, the tests
// and a person. It needs the standard library only, so that it can answer before anything has been downloaded.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"tap/constructs/versions"
)

// MirrorVariable is the environment variable that names a mirror of providers, a folder as
// `terraform providers mirror` writes it. It goes before everything else.
const MirrorVariable = "TAP_PROVIDER_MIRROR"

// Options is everything that the decision reads; Machine fills it in.
type Options struct {
	Program   string              // the command that is run: terraform, tofu or a path
	OpenTofu  bool                // that command is OpenTofu, which has a registry and folders of its own
	Getenv    func(string) string // the user's environment
	User      int                 // the user's ID
	Checkout  string              // the repository
	Root      string              // the folder that contains /opt and the like
	Platform  string              // of the packages, such as linux_amd64
	Transport *http.Transport     // reaches the registry; has a Proxy
}

// Machine returns the options of this machine. It runs the program to see whether it is Terraform or OpenTofu.
func Machine(ctx context.Context, program, checkout string) (Options, error) {
	command := exec.CommandContext(ctx, program, "version")
	command.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1") // no question for newer versions
	said, err := command.Output()
	if err != nil {
		return Options{}, fmt.Errorf("%s version: %w", program, err)
	}
	return Options{
		Program:   program,
		OpenTofu:  strings.Contains(string(said), "OpenTofu v"),
		Getenv:    os.Getenv,
		User:      os.Getuid(),
		Checkout:  checkout,
		Root:      "/",
		Platform:  runtime.GOOS + "_" + runtime.GOARCH,
		Transport: http.DefaultTransport.(*http.Transport),
	}, nil
}

func (o Options) registry() string {
	if o.OpenTofu {
		return "registry.opentofu.org"
	}
	return "registry.terraform.io"
}

// address is the provider's, and the path of its packages in a mirror.
func (o Options) address() string { return o.registry() + "/" + versions.Provider }

// Source is where the AWS provider comes from.
type Source struct {
	// Installation is the block provider_installation that the user's CLI configuration lacks; empty if it needs none.
	Installation string
	// Found is set for a mirror that nobody has named, which must not be used for AWS unseen.
	Found bool

	says    string
	tried   []string // what goes before this source, in order, and why it is not that
	user    configuration
	options Options
}

// String says in a line which source it is, and which folders were passed over.
func (s Source) String() string {
	text := "AWS provider: " + s.says
	for _, tried := range s.tried {
		if strings.HasPrefix(tried, "passed over ") {
			text += "; " + tried
		}
	}
	return text
}

// Find decides where the AWS provider comes from, within 15 s, and writes nothing. The order:
//
//  1. the mirror that TAP_PROVIDER_MIRROR names
//  2. the user's CLI configuration, if it has a block provider_installation
//  3. the folders where the program looks by itself, if they contain a version in the range
//  4. the registry, if it answers
//  5. a mirror in one of the usual places
//
// A mirror that is named and cannot be used is an error that says why. When nothing is found the error says all that
// was tried, and how to make a mirror.
func Find(ctx context.Context, o Options) (Source, error) {
	user, err := o.configuration()
	if err != nil {
		return Source{}, err
	}
	s := Source{user: user, options: o}
	if named := o.Getenv(MirrorVariable); named != "" {
		folder := named
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(o.Checkout, folder)
		}
		newest, err := o.newestIn(folder)
		if err == nil {
			err = newest.check()
		}
		if err != nil {
			return Source{}, fmt.Errorf("%s=%s cannot be used: %w", MirrorVariable, named, err)
		}
		return s.from(newest, MirrorVariable+" names it"), nil
	}
	s.try("%s is not set", MirrorVariable)

	if user.missing != "" {
		s.try("%s names %s, which is not there", configVariable, user.missing)
	}
	if block.MatchString(user.text) {
		s.says = "as the block provider_installation of " + user.file + " says"
		return s, nil
	}
	s.try("no provider_installation is in %s", user.file)

	implied := o.implied()
	if newest := s.newest(implied); newest != nil {
		return s.from(*newest, o.Program+" looks there by itself"), nil
	}
	s.try("no version in the range is where %s looks by itself", o.Program)

	if err = o.askRegistry(ctx); err == nil {
		s.says = o.registry()
		if slices.ContainsFunc(implied, o.isMirror) { // of any version: then the program does not ask the registry
			s.Installation = "provider_installation {\n  direct {}\n}\n"
		}
		return s, nil
	}
	s.try("%v", err)

	if newest := s.newest(o.search(ctx)); newest != nil {
		s.Found = true
		return s.from(*newest, "found on this machine"), nil
	}
	s.try("no mirror to use is below %s, at most %d folders down", strings.Join(o.places(), ", "), searchDepth)
	return Source{}, errors.New(s.nowhere())
}

func (s *Source) try(format string, values ...any) {
	s.tried = append(s.tried, fmt.Sprintf(format, values...))
}

// newest returns the newest release in several mirrors, nil if none can be used.
func (s *Source) newest(mirrors []string) (newest *release) {
	for _, mirror := range mirrors {
		if !s.options.isMirror(mirror) {
			continue
		}
		candidate, err := s.options.newestIn(mirror)
		if err == nil && newest != nil && slices.Compare(candidate.version[:], newest.version[:]) <= 0 {
			continue
		}
		if err == nil {
			err = s.options.exposed(candidate.path)
		}
		if err == nil {
			err = candidate.check()
		}
		if err == nil {
			newest = &candidate
		} else if note := fmt.Sprintf("passed over %s: %v", mirror, err); !slices.Contains(s.tried, note) {
			s.try("%s", note)
		}
	}
	return newest
}

// from completes the source with a release in a mirror.
func (s Source) from(r release, why string) Source {
	s.says = fmt.Sprintf("%s from the mirror %s (%s)", r, r.mirror, why)
	s.Installation = fmt.Sprintf(`provider_installation {
  filesystem_mirror {
    path    = %q
    include = [%[2]q]
  }
  direct {
    exclude = [%[2]q]
  }
}
`, r.mirror, s.options.address())
	return s
}
