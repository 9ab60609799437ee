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

// A block provider_installation is recognized by its form, nested once, in a text without the lines of comments.
var (
	comment = regexp.MustCompile(`(?sm)^[ \t]*(?:/\*.*?\*/|(?:#|//).*?$)`)
	block   = regexp.MustCompile(`(?m)^[ \t]*"?provider_installation"?[\s:]*\{(?:[^{}]|\{[^{}]*\})*\}\n?`)
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readConfiguration reads the file of TF_CLI_CONFIG_FILE or, if that does not exist, the one of the home folder.
func (s *Source) readConfiguration() error {
	home := s.getenv("HOME")
	files := []string{home + "/.terraformrc"}
	if s.registry == openTofu {
		files = []string{home + "/.tofurc", files[0], cmp.Or(s.getenv("XDG_CONFIG_HOME"), home) + "/opentofu/tofurc"}
	}
	s.file = files[max(0, slices.IndexFunc(files, exists))]
	if named := s.getenv(configVariable); exists(named) {
		s.named, s.file = named, named
	} else if named != "" {
		s.try("%s names %s, which is not there", configVariable, named)
	}
	content, err := os.ReadFile(s.file)
	s.text = comment.ReplaceAllString(string(content), "") // which may contain a block
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// implied returns the mirrors among the folders where Terraform or OpenTofu looks by itself, on any system.
func (s *Source) implied() []string {
	const library = "/Library/Application Support/io.terraform/plugins"
	home := s.getenv("HOME")
	data := cmp.Or(s.getenv("XDG_DATA_HOME"), home+"/.local/share")
	shared := cmp.Or(s.getenv("XDG_DATA_DIRS"), s.root+"/usr/local/share:"+s.root+"/usr/share")
	folders := []string{s.checkout + "/terraform.d/plugins", home + "/.terraform.d/plugins", data + "/opentofu/plugins",
		home + library, s.root + library}
	for _, data := range append(filepath.SplitList(shared), data) {
		folders = append(folders, filepath.Join(data, "terraform", "plugins"))
	}
	return slices.DeleteFunc(folders, func(folder string) bool { return !exists(s.packages(folder)) })
}

// configFile is what TF_CLI_CONFIG_FILE has to be; empty is as if it were not set.
func (s *Source) configFile() string {
	if s.installation != "" {
		return filepath.Join(s.checkout, ".local", "provider.tfrc")
	}
	return s.named
}

// Environment returns the environment in which the program, or cdktf, gets the provider from the source. A CLI
// configuration that it needs, the user's with the source's block provider_installation, is written below .local,
// whole or not at all. Others cannot read it: it may contain credentials.
func (s *Source) Environment(environ []string) ([]string, error) {
	file := s.configFile()
	environ = append(slices.Clone(environ), configVariable+"="+file) // the last value of a variable counts
	if s.installation == "" {
		return environ, nil
	}
	text, written := block.ReplaceAllString(s.text, "")+"\n"+s.installation, fmt.Sprintf("%s.%d", file, os.Getpid())
	return environ, errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(written, []byte(text), 0o600),
		os.Rename(written, file))
}

// Instructions says how a stack is deployed to AWS with the provider from the source: the configuration, which
// Environment has written, and the whole commands.
func (s *Source) Instructions(stack string) string {
	text, option := s.String()+"\n", " --skip-provider-lock"
	if s.installation != "" {
		text += fmt.Sprintf("\nIts CLI configuration, with what else %s contains:\n\n%s", s.file, s.installation)
	}
	if file := s.configFile(); file != s.getenv(configVariable) {
		text += fmt.Sprintf("\nIt is used in a shell where it is exported:\n\n  export %s='%s'\n", configVariable, file)
	}
	if s.says == s.registry {
		option = "" // which keeps cdktf from asking the registry, whatever the configuration says
	}
	return text + fmt.Sprintf(`
With the CDKTF command line:

  npx cdktf deploy %[1]s%[2]s

With %[3]s alone:

  npx cdktf synth
  %[3]s -chdir=cdktf.out/stacks/%[1]s init
  %[3]s -chdir=cdktf.out/stacks/%[1]s apply
`, stack, option, s.program)
}

// nowhere says all that was tried, and how to make a mirror.
func (s *Source) nowhere() string {
	return fmt.Sprintf(`the AWS provider, %s %s for %s, cannot be found. Tried:
  %s
On a machine that reaches %s, in an empty folder, make a mirror:
  echo '{"terraform": {"required_providers": {"aws": {"source": %[1]q, "version": %[2]q}}}}' >aws.tf.json
  %[6]s providers mirror -platform=%[3]s mirror
Copy the folder mirror to this machine and name it:
  export %[7]s=/path/to/mirror`, versions.Provider, versions.ProviderVersions, s.platform,
		strings.Join(s.tried, "\n  "), s.registry, filepath.Base(s.program), MirrorVariable)
}
