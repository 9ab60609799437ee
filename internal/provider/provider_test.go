package provider

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
	return &fake{t, &Source{machine: machine{"terraform", "registry.terraform.io",
		func(name string) string { return env[name] }, os.Getuid(), root + "/checkout", root, "linux_amd64",
		&http.Transport{Proxy: http.ProxyURL(nil), DialContext: dial}}}, env}
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

// packed puts version 5.100.0 into a mirror, packed with the name, and damaged by replacing one text with another.
func (f *fake) packed(mirror, name string, damage ...string) {
	f.Helper()
	var content strings.Builder
	archive := zip.NewWriter(&content)
	file := must.Get(archive.CreateHeader(&zip.FileHeader{Name: name}))(f) // stored, so that the content is found
	must.Get(file.Write([]byte("a program")))(f)
	must.Do(f, archive.Close())
	damaged := strings.NewReplacer(damage...).Replace(content.String())
	must.Write(f, f.root+mirror+aws+"terraform-provider-aws_5.100.0_linux_amd64.zip", damaged)
}

const hangs = 299 // a status

// online connects the machine with a registry that says the packages are on another host, which answers a status.
func (f *fake) online(status int) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host + r.URL.Path {
		case "registry.terraform.io/.well-known/terraform.json":
			io.WriteString(w, `{"providers.v1": "/v1/providers/"}`)
		case "registry.terraform.io/v1/providers/hashicorp/aws/5.99.1/download/linux/amd64":
			io.WriteString(w, `{"download_url": "https://packages.test/aws.zip"}`)
		case "packages.test/aws.zip":
			if status == hangs {
				<-r.Context().Done()
			}
			w.WriteHeader(status)
		}
	}))
	f.Cleanup(server.Close)
	f.transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	f.transport.TLSClientConfig.InsecureSkipVerify = true // its certificate is for another name
	f.transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
}

// find returns what is decided, as one text with paths relative to the root: the line for the user and the block, or
// the error.
func (f *fake) find() string {
	f.Helper()
	began := time.Now()
	f.Source = &Source{machine: f.machine}
	err := f.decide(context.Background())
	if took := time.Since(began); took > 15*time.Second {
		f.Errorf("took %s", took)
	}
	text := f.String() + "\n" + f.installation
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
	f.packed("/checkout/mirror", "terraform-provider-aws_v5.100.0_x5")
	f.env["TF_CLI_CONFIG_FILE"] = f.root + "/named.tfrc"
	f.expect(f.find(), "TAP_PROVIDER_MIRROR is not set…TF_CLI_CONFIG_FILE names /named.tfrc, which is not there…"+
		"/home/.terraformrc…terraform looks by itself…https://registry.terraform.io/…no network…/opt, /srv, "+
		"/usr/local/share, /usr/share, /var/lib, /home…terraform providers mirror -platform=linux_amd64 …"+
		"export TAP_PROVIDER_MIRROR=")
	f.unpacked("/opt/m 5.100.0")
	f.expect(f.find(), "provider: 5.100.0 from the mirror /opt/m (found on this machine)")
	f.online(http.StatusOK)
	f.expect(f.find(), "provider: registry.terraform.io\n")
	f.unpacked("/home/.terraform.d/plugins 5.99.1")
	f.expect(f.find(), "provider: 5.99.1 from the mirror /home/.terraform.d/plugins (terraform looks there by itself)")
	must.Write(f, f.root+"/home/.terraformrc", ownBlock)
	f.expect(f.find(), "the block provider_installation of /home/.terraformrc")
	must.Write(f, f.root+"/named.tfrc", ownBlock)
	f.expect(f.find(), "the block provider_installation of /named.tfrc")
	f.env[MirrorVariable] = "mirror"
	f.expect(f.find(), "provider: 5.100.0 from the mirror /checkout/mirror (TAP_PROVIDER_MIRROR names it)")
}

func TestDecisions(t *testing.T) {
	const program, file = "terraform-provider-aws", "_5.100.0_linux_amd64.zip"
	name := func(f *fake) { f.env[MirrorVariable] = f.root + "/opt/m" }
	for _, test := range []struct {
		name, unpacked string
		prepare        func(f *fake)
		want           string
	}{
		{"the block is a comment", "", func(f *fake) {
			must.Write(f, f.root+"/home/.terraformrc", "/*\n"+ownBlock+"*/\n# provider_installation {}\n")
		}, "no provider_installation is in /home/.terraformrc"},
		{"the configuration is a folder", "", func(f *fake) { must.Write(f, f.root+"/home/.terraformrc/x", "") },
			"/home/.terraformrc: is a directory"},

		{"versions are numbers", "/opt/m 5.99.1, /opt/m 5.100.0, /opt/m 5.101.0-beta1, /opt/m 6.0.0", nil, "5.100.0 from"},
		{"the newest mirror", "/opt/m 5.99.1, /srv/m 5.100.0, /usr/share/m 5.99.2", nil, "5.100.0 from the mirror /srv/m"},
		{"none is in the range", "/opt/m 5.99.0, /opt/m 6.0.0", name,
			"TAP_PROVIDER_MIRROR=/opt/m cannot be used: none of its packages is …: 5.99.0/linux…, 6.0.0/linux"},
		{"another platform", "/opt/m 5.100.0", func(f *fake) { f.platform = "darwin_arm64" },
			"/opt/m: none of its packages is >= 5.99.1, < 6.0.0 for darwin_arm64: 5.100.0/linux_amd64/"},
		{"no mirror", "", name, "TAP_PROVIDER_MIRROR=/opt/m cannot be used: no package of the provider is in /opt/m/reg"},
		{"too deep", "/srv/1/2/3/4 5.100.0", nil, "no mirror to use"},
		{"the least deep", "/opt/1/2/3 5.100.0, /home/m 5.100.0", nil, "5.100.0 from the mirror /home/m"},
		{"deep", "/home/1/2/3 5.100.0", nil, "5.100.0 from the mirror /home/1/2/3"},
		{"a project's folder", "/home/project/.terraform/providers 5.100.0", nil, "no mirror to use"},
		{"a link in a mirror", "/opt/m 5.100.0", func(f *fake) {
			f.registry = openTofu
			must.Do(f, os.Symlink("registry.terraform.io", f.root+"/opt/m/registry.opentofu.org"))
		}, "/opt/m/registry.opentofu.org/hashicorp/aws is behind a symbolic link"},
		{"OpenTofu", "/opt/m 5.100.0", func(f *fake) {
			f.registry = openTofu
			must.Do(f, os.Rename(f.root+"/opt/m/registry.terraform.io", f.root+"/opt/m/registry.opentofu.org"))
			must.Write(f, f.root+"/home/.terraformrc", ownBlock)
			must.Write(f, f.root+"/home/.tofurc", "")
		}, `/opt/m…include = ["registry.opentofu.org/hashicorp/aws"]`},

		{"a packed file that is cut off", "/srv/m 5.99.1", func(f *fake) { f.packed("/opt/m", program, "PK\x05\x06", "") },
			"5.99.1 from the mirror /srv/m…passed over /opt/m: /opt/m/…" + file + " is damaged"},
		{"a packed file with a wrong byte", "", func(f *fake) { f.packed("/opt/m", program, "a program", "a rogue!!") },
			file + " is damaged: zip: checksum error"},
		{"a packed file without the program", "", func(f *fake) { f.packed("/opt/m", "README") },
			file + " is damaged: open terraform-provider-aws: file does not exist"},
		{"a program without its mode", "/opt/m 5.100.0", func(f *fake) {
			must.Do(f, os.Chmod(f.root+"/opt/m"+aws+"5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5", 0o644))
		}, "terraform-provider-aws_v5.100.0_x5\": permission denied"},

		{"everybody can write above it", "/srv/shared/m 5.100.0, /opt/m 5.99.1", func(f *fake) {
			must.Do(f, os.Chmod(f.root+"/srv/shared", 0o1777))
		}, "5.99.1 from the mirror /opt/m…passed over /srv/shared/m: /srv/shared is writable for everybody"},
		{"a link to where everybody can write", "/shared/m 5.100.0", func(f *fake) {
			must.Do(f, os.Chmod(f.root+"/shared", 0o777), os.MkdirAll(f.root+"/home/.terraform.d", 0o755),
				os.Symlink(f.root+"/shared/m", f.root+"/home/.terraform.d/plugins"))
		}, "passed over /home/.terraform.d/plugins: /shared is writable for everybody"},
		{"another user's", "/opt/m 5.100.0", func(f *fake) {
			if os.Chown(f.root+"/opt/m", 1, -1) != nil { // only root can
				f.user++
			}
		}, "belongs to another user"},

		{"the packages are closed", "/opt/m 5.100.0", func(f *fake) { f.online(http.StatusForbidden) }, "/opt/m (found"},
		{"a registry that hangs", "", func(f *fake) { f.online(hangs) }, "packages.test/aws.zip: no answer within 3s"},
		{"a proxy that is not there", "", func(f *fake) {
			f.transport.Proxy = http.ProxyURL(&url.URL{Host: "proxy.test", User: url.UserPassword("me", "secret")})
		}, "no network (HTTPS_PROXY is //me:xxxxx@proxy.test)"},
		{"a folder that hides the registry", "/usr/share/terraform/plugins 4.67.0", func(f *fake) { f.online(http.StatusOK) },
			"registry.terraform.io; passed over /usr/share/terraform/plugins: …: 4.67.0/…\n  direct {}\n"},
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

// Outside the other tests the root is that of the machine.
func TestExposedBelowRealRoot(t *testing.T) {
	f := newFake(t)
	folder := f.root + "/opt/shared"
	must.Do(t, os.MkdirAll(folder+"/m", 0o755), os.Chmod(folder, 0o777))
	f.root = ""
	if err := f.exposed(folder + "/m"); err == nil || err.Error() != folder+" is writable for everybody" {
		t.Errorf("%v, want %s", err, folder)
	}
}

func TestConfigurationAndInstructions(t *testing.T) {
	f := newFake(t)
	must.Write(t, f.root+"/home/.terraformrc", "disable_checkpoint = true\n"+ownBlock+"plugin_cache_dir = \"/cache\"\n")
	f.unpacked("/opt/m 5.100.0")
	f.env[MirrorVariable] = f.root + "/opt/m"
	f.find()
	variable, file := "TF_CLI_CONFIG_FILE=", f.root+"/checkout/.local/provider.tfrc"
	environment := must.Get(f.Environment([]string{variable + "/missing"}))(t)
	f.expect(environment[len(environment)-1], variable+file)
	want := "disable_checkpoint = true\nplugin_cache_dir = \"/cache\"\n\n" + f.installation
	if content := must.Get(os.ReadFile(file))(t); string(content) != want {
		t.Errorf("got %s\nwant the user's other settings: %s", content, want)
	}
	f.expect(f.Instructions("tap-dev"), f.installation+"…\n  export "+variable+"'"+file+
		"'\n…\n  npx cdktf deploy tap-dev --skip-provider-lock\n…\n  terraform -chdir=cdktf.out/stacks/tap-dev apply\n")

	// Only what is needed is exported.
	f = newFake(t)
	f.online(http.StatusOK)
	f.find()
	if got := f.Instructions("tap-dev"); strings.Contains(got, "export") || strings.Contains(got, "--skip") {
		t.Errorf("with the registry: %s", got)
	}
	f.env["TF_CLI_CONFIG_FILE"] = f.root + "/missing"
	f.expect(f.Instructions("tap-dev"), "\n  export TF_CLI_CONFIG_FILE=''\n")
}
