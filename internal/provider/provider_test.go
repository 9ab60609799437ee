package provider

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/tests/must"
)

// fake is a made-up machine: all its paths are below root, and it has no network.
type fake struct {
	*testing.T
	*Source
	env map[string]string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	root := must.Get(filepath.EvalSymlinks(t.TempDir()))(t)
	env := map[string]string{"HOME": root + "/home"}
	return &fake{t, &Source{machine: machine{"terraform", "registry.terraform.io",
		func(name string) string { return env[name] }, os.Getuid(), os.Getgid(), os.Getuid(),
		root + "/checkout", root, "linux_amd64", offline}}, env}
}

const aws = "/registry.terraform.io/hashicorp/aws/"

// unpacked puts versions for the machine's platform into mirrors: "opt/m 5.99.1, srv/m 5.100.0".
func (f *fake) unpacked(releases string) {
	f.Helper()
	for release := range strings.SplitSeq(releases, ", ") {
		if mirror, version, found := strings.Cut(release, " "); found {
			must.Write(f, f.root+mirror+aws+version+"/linux_amd64/terraform-provider-aws_v"+version+"_x5", "a program")
		}
	}
}

// network is what the host of the registry's packages answers: a status, unless there is none.
type network int

const offline, hangs network = 0, 1

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	status, isPackage := http.StatusOK, r.URL.String() == "https://packages.test/aws.zip"
	switch {
	case n == offline:
		return nil, errors.New("no network")
	case isPackage && n == hangs:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case isPackage:
		status = int(n)
	case r.URL.String() != "https://registry.terraform.io/v1/providers/hashicorp/aws/5.99.1/download/linux/amd64":
		status = http.StatusNotFound
	}
	body := io.NopCloser(strings.NewReader(`{"download_url": "https://packages.test/aws.zip"}`))
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: body}, nil
}

// find returns what is decided with paths relative to the root: the line for the user, or the error.
func (f *fake) find() string {
	f.Helper()
	f.Source = &Source{machine: f.machine}
	err := f.decide()
	text := f.String()
	if err != nil {
		text = err.Error()
	}
	return strings.ReplaceAll(text, f.root, "")
}

// expect fails the test unless a text contains the parts of another, which … separates, one after the other.
func (f *fake) expect(got, want string) {
	f.Helper()
	rest, found := got, true
	for part := range strings.SplitSeq(want, "…") {
		if _, rest, found = strings.Cut(rest, part); !found {
			f.Errorf("got %s\nwant %s", got, part)
		}
	}
}

const ownBlock = "provider_installation {\n  network_mirror {\n    url = \"https://m.test/\"\n  }\n  # direct {\n}\n"

// Each source goes before those that are there already. Until it is written the named configuration is missing.
func TestOrderOfTheSources(t *testing.T) {
	f := newFake(t)
	must.Write(t, f.root+"/checkout/mirror"+aws+"terraform-provider-aws_5.100.0_linux_amd64.zip", "")
	f.env["TF_CLI_CONFIG_FILE"] = f.root + "/named.tfrc"
	f.expect(f.find(), "TAP_PROVIDER_MIRROR is not set…no provider_installation is in…/named.tfrc…"+
		"terraform looks by itself…https://registry.terraform.io/…no network…/opt /srv "+
		"/usr/local/share /usr/share /var/lib, at…terraform providers mirror -platform=linux_amd64 …"+
		"export TAP_PROVIDER_MIRROR=")
	f.unpacked("/opt/m 5.100.0")
	f.expect(f.find(), "provider: the mirror /opt/m (found on this machine)")
	f.transport = network(http.StatusOK)
	f.expect(f.find(), "provider: registry.terraform.io")
	f.unpacked("/home/.terraform.d/plugins 5.99.1")
	f.expect(f.find(), "provider: the mirror /home/.terraform.d/plugins (terraform looks there by itself)")
	must.Write(f, f.root+"/named.tfrc", ownBlock)
	f.expect(f.find(), "the block provider_installation of /named.tfrc")
	f.env[MirrorVariable] = "mirror"
	f.expect(f.find(), "provider: the mirror /checkout/mirror (TAP_PROVIDER_MIRROR names it)")
}

func TestDecisions(t *testing.T) {
	name := func(f *fake) { f.env[MirrorVariable] = f.root + "/opt/m" }
	open := func(folder string, mode os.FileMode) func(*fake) {
		return func(f *fake) { must.Do(f, os.Chmod(f.root+folder, mode)) }
	}
	for _, test := range []struct {
		name, unpacked string
		prepare        func(f *fake)
		want           string
	}{
		{"the block is a comment", "", func(f *fake) {
			must.Write(f, f.root+"/home/.terraformrc", "/*\n"+ownBlock+"*/\n# provider_installation {}\n")
		}, "no provider_installation is in…/home/.terraformrc"},

		{"the home folder's configuration", "", func(f *fake) { must.Write(f, f.root+"/home/.terraformrc", ownBlock) },
			"the block provider_installation of /home/.terraformrc"},
		{"none is in the range", "/opt/m 5.99.0, /opt/m 5.101.0-beta1, /opt/m 6.0.0", name,
			"TAP_PROVIDER_MIRROR=/opt/m cannot be used: no version >= 5.99.1, < 6.0.0 for linux_amd64 is in /opt/m/reg"},
		{"another platform", "/opt/m 5.100.0", func(f *fake) { f.platform = "darwin_arm64" },
			"passed over /opt/m: no version >= 5.99.1, < 6.0.0 for darwin_arm64 is in /opt/m/registry.terraform.io/hash"},
		{"the next one", "/opt/m 6.0.0, /srv/m 5.100.0", nil, "the mirror /srv/m (found…; passed over /opt/m"},
		{"deep", "/srv/1/2 5.100.0", nil, "the mirror /srv/1/2"},
		{"too deep", "/srv/1/2/3 5.100.0", nil, "no mirror to use"},
		{"OpenTofu", "/opt/m 5.100.0", func(f *fake) {
			f.registry = openTofu
			must.Do(f, os.Rename(f.root+"/opt/m/registry.terraform.io", f.root+"/opt/m/registry.opentofu.org"))
			must.Write(f, f.root+"/home/.terraformrc", ownBlock)
			must.Write(f, f.root+"/home/.tofurc", "")
		}, "the mirror /opt/m (found on this machine)"},

		// A clone or an unpacked archive has what strangers put there.
		{"elsewhere in the home folder", "/home/src/clone/mirror 5.999.0, /opt/m 5.100.0", nil, "the mirror /opt/m"},
		{"only there", "/home/src/clone/mirror 5.999.0", nil, "no mirror to use"},
		{"in the checkout", "/checkout/terraform.d/plugins 5.999.0", nil, "no mirror to use"},
		{"everybody can write above it", "/opt/shared/m 5.100.0, /srv/1/m 5.99.1", open("/opt/shared", 0o1777),
			"the mirror /srv/1/m…passed over /opt/shared/m: /opt/shared is writable for everybody"},
		{"a group can write to it", "/opt/m 5.100.0, /srv/m 5.99.1", func(f *fake) {
			open("/opt/m", 0o775)(f)
			f.group = -1
		}, "the mirror /srv/m…passed over /opt/m: /opt/m is writable for a group"},
		{"the user's own group can", "/home/.terraform.d/plugins 5.100.0", open("/home/.terraform.d", 0o775),
			"the mirror /home/.terraform.d/plugins"},
		{"a link to where everybody can write", "/shared/m 5.100.0", func(f *fake) {
			open("/shared", 0o777)(f)
			must.Do(f, os.MkdirAll(f.root+"/home/.terraform.d", 0o755),
				os.Symlink(f.root+"/shared/m", f.root+"/home/.terraform.d/plugins"))
		}, "passed over /home/.terraform.d/plugins: /shared is writable for everybody"},
		{"a user's folder in the system's", "/opt/m 5.100.0", func(f *fake) { f.system = -1 }, "belongs to the user"},

		{"the packages are closed", "/opt/m 5.100.0", func(f *fake) { f.transport = network(403) }, "/opt/m (found"},
		{"a registry that hangs", "", func(f *fake) { f.transport = hangs }, `Get "https://packages.test/aws.zip": context deadline exceeded`},
		{"a folder hides the registry", "/usr/share/terraform/plugins 4.67.0", func(f *fake) { f.transport = network(200) },
			"does not ask registry.terraform.io for what it finds by itself…passed over /usr/share/terraform/plugins: no v"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.unpacked(test.unpacked)
			if test.prepare != nil {
				test.prepare(f)
			}
			f.expect(f.find(), test.want)
		})
	}
}

func TestConfigurationAndInstructions(t *testing.T) {
	f := newFake(t)
	f.unpacked("/opt/m 5.100.0")
	f.find()
	variable, file := "TF_CLI_CONFIG_FILE=", f.root+"/checkout/.local/provider.tfrc"
	environment := must.Get(f.Environment([]string{variable + "/missing"}))(t)
	f.expect(environment[len(environment)-1], variable+file)
	f.expect(string(must.Get(os.ReadFile(file))(t)), "provider_installation {…filesystem_mirror {…/opt/m\"\n")
	f.expect(f.Instructions(), "\n  export "+variable+"'"+file+"'\n…--skip-provider-lock\n")

	// Only what is needed is said.
	f = newFake(t)
	f.transport = network(http.StatusOK)
	f.find()
	if got := f.Instructions(); got != "AWS provider: registry.terraform.io\n" {
		t.Errorf("with the registry: %s", got)
	}
}
