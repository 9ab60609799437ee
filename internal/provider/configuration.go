package provider

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tap/constructs/versions"
)

// configVariable names the file of the CLI configuration.
const configVariable = "TF_CLI_CONFIG_FILE"

// configuration is the user's CLI configuration.
type configuration struct {
	file    string // need not exist
	missing string // the file that the variable names, if that does not exist
	text    string // what the file contains
}

// A block provider_installation is recognized by its form, nested once, in a text without the lines of comments.
var (
	comment = regexp.MustCompile(`(?sm)^[ \t]*(?:/\*.*?\*/|(?:#|//).*?$)`)
	block   = regexp.MustCompile(`(?m)^[ \t]*"?provider_installation"?[\s:]*\{(?:[^{}]|\{[^{}]*\})*\}\n?`)
)

// configuration reads the file of TF_CLI_CONFIG_FILE or, if that does not exist, the one of the home folder.
func (o Options) configuration() (c configuration, err error) {
	home := o.Getenv("HOME")
	files := []string{filepath.Join(home, ".terraformrc")}
	if o.OpenTofu {
		settings := cmp.Or(o.Getenv("XDG_CONFIG_HOME"), home)
		files = []string{filepath.Join(home, ".tofurc"), files[0], filepath.Join(settings, "opentofu", "tofurc")}
	}
	c.file = files[max(0, slices.IndexFunc(files, exists))]
	if named := o.Getenv(configVariable); exists(named) {
		c.file = named
	} else {
		c.missing = named
	}
	content, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	c.text = comment.ReplaceAllString(string(content), "") // which may contain a block
	return c, err
}

// implied returns the folders where Terraform or OpenTofu looks for providers by itself, on any system.
func (o Options) implied() []string {
	const library = "/Library/Application Support/io.terraform"
	home := o.Getenv("HOME")
	data := cmp.Or(o.Getenv("XDG_DATA_HOME"), home+"/.local/share")
	shared := cmp.Or(o.Getenv("XDG_DATA_DIRS"), o.Root+"/usr/local/share:"+o.Root+"/usr/share")
	folders := []string{o.Checkout + "/terraform.d", home + "/.terraform.d", data + "/opentofu", data + "/terraform",
		home + library, o.Root + library}
	for _, data := range filepath.SplitList(shared) {
		folders = append(folders, data+"/terraform")
	}
	for i, folder := range folders {
		folders[i] = filepath.Join(folder, "plugins")
	}
	return folders
}

func (s Source) needsFile() bool { return s.Installation != "" || s.user.missing != "" }

// Environment returns the environment in which the program, or cdktf, gets the provider from the source. A CLI
// configuration that it needs is written to a file in the folder, which must be one that is never committed.
func (s Source) Environment(environ []string, folder string) ([]string, error) {
	if !s.needsFile() {
		return environ, nil
	}
	file, err := s.Write(folder)
	return append(slices.Clone(environ), configVariable+"="+file), err // the last value of a variable counts
}

// Write writes the CLI configuration, the user's with the source's block provider_installation, to a file in the
// folder, whole or not at all. It returns the file's absolute path. Others cannot read it: it may contain credentials.
func (s Source) Write(folder string) (path string, err error) {
	text := s.user.text
	if s.Installation != "" {
		text = block.ReplaceAllString(text, "") + "\n" + s.Installation
	}
	if path, err = filepath.Abs(filepath.Join(folder, "provider.tfrc")); err != nil {
		return "", err
	}
	if err = os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	written := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err = os.WriteFile(written, []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, os.Rename(written, path)
}

// Instructions says how a stack is deployed to AWS with the provider from the source: the configuration, which Write
// has written to the file, and the whole commands.
func (s Source) Instructions(stack, file string) string {
	text, option := s.String()+"\n", " --skip-provider-lock"
	if s.Installation != "" {
		text += fmt.Sprintf("\nIts CLI configuration, with what else %s contains:\n\n%s", s.user.file, s.Installation)
	}
	if s.needsFile() {
		text += fmt.Sprintf("\nIt is used in a shell where it is exported:\n\n  export %s='%s'\n", configVariable, file)
	}
	if s.says == s.options.registry() {
		option = "" // which keeps cdktf from asking the registry, whatever the configuration says
	}
	return text + fmt.Sprintf(`
With the CDKTF command line:

  npx cdktf deploy %[1]s%[2]s

With %[3]s alone:

  npx cdktf synth
  %[3]s -chdir=cdktf.out/stacks/%[1]s init
  %[3]s -chdir=cdktf.out/stacks/%[1]s apply
`, stack, option, s.options.Program)
}

// nowhere says all that was tried, and how to make a mirror.
func (s Source) nowhere() string {
	return fmt.Sprintf(`the AWS provider, %s %s for %s, cannot be found. Tried:
  %s
On a machine that reaches %s, in an empty folder, make a mirror:
  echo '{"terraform": {"required_providers": {"aws": {"source": %[1]q, "version": %[2]q}}}}' >aws.tf.json
  %[6]s providers mirror -platform=%[3]s mirror
Copy the folder mirror to this machine and name it:
  export %[7]s=/path/to/mirror`, versions.Provider, versions.ProviderVersions, s.options.Platform,
		strings.Join(s.tried, "\n  "), s.options.registry(), filepath.Base(s.options.Program), MirrorVariable)
}
