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

// machine is a made-up one: all its paths are below root, and it has no network.
type machine struct {
	*testing.T
	root    string
	env     map[string]string
	options Options
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	root := must.Get(filepath.EvalSymlinks(t.TempDir()))(t)
	m := &machine{t, root, map[string]string{"HOME": root + "/home"}, Options{
		Program: "terraform", User: os.Getuid(), Checkout: root + "/checkout", Root: root, Platform: "linux_amd64",
		Transport: &http.Transport{
			Proxy:       http.ProxyURL(nil),
			DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") },
		},
	}}
	m.options.Getenv = func(name string) string { return m.env[name] }
	return m
}

// write writes a file below the root.
func (m *machine) write(path, content string) {
	m.Helper()
	must.Write(m, filepath.Join(m.root, path), content)
}

const aws = "/registry.terraform.io/hashicorp/aws/"

// unpacked puts versions for the machine's platform into a mirror.
func (m *machine) unpacked(mirror string, versions ...string) {
	m.Helper()
	for _, version := range versions {
		m.write(mirror+aws+version+"/linux_amd64/terraform-provider-aws_v"+version+"_x5", "a program")
	}
}

// packed puts a packed version into a mirror, with a file of the given name in it.
func (m *machine) packed(mirror, version, name string) (path string) {
	m.Helper()
	var content strings.Builder
	archive := zip.NewWriter(&content)
	file := must.Get(archive.CreateHeader(&zip.FileHeader{Name: name}))(m) // stored, so that a test finds the content
	must.Get(file.Write([]byte("a program")))(m)
	must.Do(m, archive.Close())
	path = mirror + aws + "terraform-provider-aws_" + version + "_linux_amd64.zip"
	m.write(path, content.String())
	return filepath.Join(m.root, path)
}

// online connects the machine with a registry that says the packages are on another host.
func (m *machine) online(packages http.HandlerFunc) {
	mux := http.NewServeMux()
	for path, answer := range map[string]string{
		"/.well-known/terraform.json":                             `{"providers.v1": "/v1/providers/"}`,
		"/v1/providers/hashicorp/aws/5.99.1/download/linux/amd64": `{"download_url": "https://packages.test/aws.zip"}`,
	} {
		says := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }
		mux.HandleFunc("registry.terraform.io"+path, says)
	}
	mux.HandleFunc("packages.test/aws.zip", packages)
	server := httptest.NewTLSServer(mux)
	m.Cleanup(server.Close)
	m.options.Transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	m.options.Transport.TLSClientConfig.InsecureSkipVerify = true // its certificate is for another name
	m.options.Transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
}

func answers(http.ResponseWriter, *http.Request) {}

// find returns what is decided, as one text with paths relative to the root: the line for the user and the block, or
// the error.
func (m *machine) find() string {
	m.Helper()
	began := time.Now()
	source, err := Find(context.Background(), m.options)
	if took := time.Since(began); took > 15*time.Second {
		m.Errorf("took %s", took)
	}
	text := source.String() + "\n" + source.Installation
	if err != nil {
		text = err.Error()
	}
	return strings.ReplaceAll(text, m.root, "")
}

const ownBlock = `provider_installation {
  network_mirror {
    url     = "https://mirror.test/"
    include = ["*/*/*"]
  }
  # direct {
}
`

// Each source goes before those that are there already.
func TestOrderOfTheSources(t *testing.T) {
	m := newMachine(t)
	for _, step := range []struct {
		add  func()
		want string
	}{
		{func() {}, "cannot be found"},
		{func() { m.unpacked("opt/m", "5.100.0") }, "provider: 5.100.0 from the mirror /opt/m (found on this machine)"},
		{func() { m.online(answers) }, "provider: registry.terraform.io\n"},
		{func() { m.unpacked("home/.terraform.d/plugins", "5.99.1") },
			"provider: 5.99.1 from the mirror /home/.terraform.d/plugins (terraform looks there by itself)"},
		{func() { m.write("home/.terraformrc", ownBlock) }, "the block provider_installation of /home/.terraformrc"},
		{func() {
			m.write("named.tfrc", ownBlock)
			m.env["TF_CLI_CONFIG_FILE"] = m.root + "/named.tfrc"
		}, "the block provider_installation of /named.tfrc"},
		{func() {
			m.packed("checkout/mirror", "5.100.0", "terraform-provider-aws_v5.100.0_x5")
			m.env[MirrorVariable] = "mirror"
		}, "provider: 5.100.0 from the mirror /checkout/mirror (TAP_PROVIDER_MIRROR names it)"},
	} {
		step.add()
		if got := m.find(); !strings.Contains(got, step.want) {
			t.Errorf("got %s\nwant %s", got, step.want)
		}
	}
}

func TestDecisions(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(m *machine)
		want    string // in the decision; parts that are separated by … follow each other
	}{
		"nothing is there": {func(m *machine) { m.env["TF_CLI_CONFIG_FILE"] = m.root + "/missing" },
			"TAP_PROVIDER_MIRROR is not set…TF_CLI_CONFIG_FILE names /missing, which is not there…/home/.terraformrc…" +
				"terraform looks by itself…https://registry.terraform.io/…no network…/opt, /srv, /usr/local/share, " +
				"/usr/share, /var/lib, /home…terraform providers mirror -platform=linux_amd64 …export TAP_PROVIDER_MIRROR="},
		"the variable names a missing file": {func(m *machine) {
			m.env["TF_CLI_CONFIG_FILE"] = m.root + "/missing"
			m.write("home/.terraformrc", ownBlock)
		}, "provider_installation of /home/.terraformrc"},
		"the block is a comment": {func(m *machine) {
			m.write("home/.terraformrc", "/*\n"+ownBlock+"*/\n# provider_installation {}\n")
		}, "no provider_installation is in /home/.terraformrc"},
		"the configuration cannot be read": {func(m *machine) { m.write("home/.terraformrc/x", "") },
			"/home/.terraformrc: is a directory"},

		"versions are numbers": {func(m *machine) {
			m.unpacked("opt/m", "5.99.1", "5.100.0", "5.101.0-beta1", "6.0.0")
		}, "5.100.0 from the mirror /opt/m"},
		"the newest mirror": {func(m *machine) {
			m.unpacked("opt/m", "5.99.1")
			m.unpacked("srv/m", "5.100.0")
			m.unpacked("usr/share/m", "5.99.2")
		}, "5.100.0 from the mirror /srv/m"},
		"none is in the range": {func(m *machine) {
			m.unpacked("opt/m", "5.99.0", "6.0.0")
			m.env[MirrorVariable] = m.root + "/opt/m"
		}, "TAP_PROVIDER_MIRROR=/opt/m cannot be used: none of its packages is …: 5.99.0/linux…, 6.0.0/linux"},
		"another platform": {func(m *machine) { m.options.Platform = "darwin_arm64"; m.unpacked("opt/m", "5.100.0") },
			"/opt/m: none of its packages is >= 5.99.1, < 6.0.0 for darwin_arm64: 5.100.0/linux_amd64/"},
		"no mirror": {func(m *machine) { m.env[MirrorVariable] = "/nowhere" },
			"TAP_PROVIDER_MIRROR=/nowhere cannot be used: no package of the provider is in /nowhere/registry"},
		"too deep": {func(m *machine) { m.unpacked("srv/1/2/3/4", "5.100.0") }, "no mirror to use"},
		"deep":     {func(m *machine) { m.unpacked("home/1/2/3", "5.100.0") }, "5.100.0 from the mirror /home/1/2/3"},
		"a project's folder": {func(m *machine) { m.unpacked("home/project/.terraform/providers", "5.100.0") },
			"no mirror to use"},
		"a link in a mirror": {func(m *machine) {
			m.unpacked("opt/m", "5.100.0")
			m.options.OpenTofu = true
			os.Symlink("registry.terraform.io", m.root+"/opt/m/registry.opentofu.org")
		}, "/opt/m/registry.opentofu.org/hashicorp/aws is behind a symbolic link"},
		"OpenTofu": {func(m *machine) {
			m.options.OpenTofu = true
			m.unpacked("opt/m", "5.100.0")
			os.Rename(m.root+"/opt/m/registry.terraform.io", m.root+"/opt/m/registry.opentofu.org")
			m.write("home/.terraformrc", ownBlock)
			m.write("home/.tofurc", "")
		}, `/opt/m…include = ["registry.opentofu.org/hashicorp/aws"]`},

		"a packed file that is cut off": {func(m *machine) {
			os.Truncate(m.packed("opt/m", "5.100.0", "terraform-provider-aws"), 50)
			m.unpacked("srv/m", "5.99.1")
		}, "5.99.1 from the mirror /srv/m…passed over /opt/m: /opt/m/…_5.100.0_linux_amd64.zip is damaged"},
		"a packed file with a wrong byte": {func(m *machine) {
			path := m.packed("opt/m", "5.100.0", "terraform-provider-aws")
			content, _ := os.ReadFile(path)
			os.WriteFile(path, []byte(strings.Replace(string(content), "a program", "a rogue!!", 1)), 0o644)
			m.env[MirrorVariable] = m.root + "/opt/m"
		}, "_5.100.0_linux_amd64.zip is damaged: zip: checksum error"},
		"a packed file without the program": {func(m *machine) { m.packed("opt/m", "5.100.0", "README") },
			"_5.100.0_linux_amd64.zip is damaged: it contains no terraform-provider-aws"},
		"a program without its mode": {func(m *machine) {
			m.unpacked("opt/m", "5.100.0")
			os.Chmod(m.root+"/opt/m"+aws+"5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5", 0o644)
		}, "terraform-provider-aws_v5.100.0_x5 cannot be executed"},

		"everybody can write above it": {func(m *machine) {
			m.unpacked("srv/shared/m", "5.100.0")
			os.Chmod(m.root+"/srv/shared", 0o1777)
			m.unpacked("opt/m", "5.99.1")
		}, "5.99.1 from the mirror /opt/m…passed over /srv/shared/m: /srv/shared is writable for everybody"},
		"a link to where everybody can write": {func(m *machine) {
			m.unpacked("shared/m", "5.100.0")
			os.Chmod(m.root+"/shared", 0o777)
			os.MkdirAll(m.root+"/home/.terraform.d", 0o755)
			os.Symlink(m.root+"/shared/m", m.root+"/home/.terraform.d/plugins")
		}, "passed over /home/.terraform.d/plugins: /shared is writable for everybody"},
		"another user's": {func(m *machine) {
			m.unpacked("opt/m", "5.100.0")
			if os.Chown(m.root+"/opt/m", 1, -1) != nil { // only root can
				m.options.User++
			}
		}, "belongs to another user"},

		"the host of the packages is closed": {func(m *machine) {
			m.online(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
			m.unpacked("opt/m", "5.100.0")
		}, "/opt/m (found"},
		"a registry that hangs": {func(m *machine) {
			m.online(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, "https://packages.test/aws.zip: no answer within 3s"},
		"a proxy that is not there": {func(m *machine) {
			proxy := &url.URL{Scheme: "http", Host: "proxy.test", User: url.UserPassword("me", "secret")}
			m.options.Transport.Proxy = http.ProxyURL(proxy)
		}, "no network (HTTPS_PROXY is http://me:xxxxx@proxy.test)"},
		"a folder that hides the registry": {func(m *machine) {
			m.online(answers)
			m.unpacked("usr/share/terraform/plugins", "4.67.0")
		}, "registry.terraform.io; passed over /usr/share/terraform/plugins: …: 4.67.0/…\n  direct {}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			test.prepare(m)
			got := m.find()
			rest := got
			for _, part := range strings.Split(test.want, "…") {
				var found bool
				if _, rest, found = strings.Cut(rest, part); !found {
					t.Errorf("got %s\nwant %s", got, part)
				}
			}
		})
	}
}

func TestConfigurationKeepsTheUsersSettings(t *testing.T) {
	m := newMachine(t)
	m.write("home/.terraformrc", "disable_checkpoint = true\n"+ownBlock+"plugin_cache_dir = \"/cache\"\n")
	m.unpacked("opt/m", "5.100.0")
	m.env[MirrorVariable] = m.root + "/opt/m"
	source := must.Get(Find(context.Background(), m.options))(t)
	environment, err := source.Environment([]string{"TF_CLI_CONFIG_FILE=/missing"}, m.root+"/checkout/.local")
	file := m.root + "/checkout/.local/provider.tfrc"
	if err != nil || environment[len(environment)-1] != "TF_CLI_CONFIG_FILE="+file {
		t.Fatalf("got %q, %v", environment, err)
	}
	content, err := os.ReadFile(file)
	want := "disable_checkpoint = true\nplugin_cache_dir = \"/cache\"\n\n" + source.Installation
	if string(content) != want {
		t.Errorf("got %s, %v\nwant %s", content, err, want)
	}
}

func TestInstructionsExportOnlyWhatIsNeeded(t *testing.T) {
	m := newMachine(t)
	m.unpacked("opt/m", "5.100.0")
	source, err := Find(context.Background(), m.options)
	if err != nil || !source.Found {
		t.Fatalf("found %v, %v", source.Found, err)
	}
	got := source.Instructions("tap-dev", "/checkout/.local/provider.tfrc")
	for _, want := range []string{
		source.Installation, "\n  export TF_CLI_CONFIG_FILE='/checkout/.local/provider.tfrc'\n",
		"\n  npx cdktf deploy tap-dev --skip-provider-lock\n", "\n  terraform -chdir=cdktf.out/stacks/tap-dev apply\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	m.online(answers)
	source = must.Get(Find(context.Background(), m.options))(t)
	if got := source.Instructions("tap-dev", ""); strings.Contains(got, "export") || strings.Contains(got, "--skip") {
		t.Errorf("with the registry: %s", got)
	}
}
