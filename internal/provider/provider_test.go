package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tap/tests/must"
)

const aws = "/registry.terraform.io/hashicorp/aws/"

// unpacked puts versions into the mirrors: "/opt/m 5.99.1, /srv/m 5.100.0".
func unpacked(t *testing.T, root, releases string) {
	for release := range strings.SplitSeq(releases, ", ") {
		mirror, version, _ := strings.Cut(release, " ")
		for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
			must.Write(t, root+mirror+aws+version+"/"+platform+"/terraform-provider-aws_v"+version+"_x5", "a program")
		}
	}
}

// Each source goes before those that are there already. Terraform starts no provider before it plans, so that any file
// is one.
func TestOrderOfTheSources(t *testing.T) {
	must.HaveTools(t)
	root := must.Get(filepath.EvalSymlinks(t.TempDir()))(t)
	for name, value := range map[string]string{"HTTPS_PROXY": "http://127.0.0.1:1", "HOME": root + "/home",
		"XDG_DATA_HOME": root + "/data", "XDG_DATA_DIRS": root + "/data", "TF_CLI_CONFIG_FILE": root + "/named.tfrc",
		"TF_PLUGIN_CACHE_DIR": "", "TF_CLI_ARGS_init": "-unknown", "TERRAFORM_BINARY_NAME": "terraform", MirrorVariable: ""} {
		t.Setenv(name, value)
	}
	must.Write(t, root+"/named.tfrc", "")
	// expect fails unless what is found, or why nothing is, has these parts.
	expect := func(parts ...string) *Provider {
		t.Helper()
		p, err := find(t.Context(), root+"/checkout", root, os.Getuid())
		text := fmt.Sprint(p, err)
		for _, part := range parts {
			if !strings.Contains(strings.ReplaceAll(text, root, ""), part) {
				t.Errorf("got %s\nwant %s", text, part)
			}
		}
		return p
	}

	expect("as terraform gets it by itself: Could not retrieve the list of available versions",
		"registry.terraform.io", "/opt /srv /usr/local/share /usr/share /var/lib, at most",
		"terraform providers mirror -platform=", "export TAP_PROVIDER_")
	unpacked(t, root, "/opt/a 6.0.0, /opt/b/c/d 5.100.0, /home/src/clone/mirror 5.100.0, "+
		"/checkout/terraform.d/plugins 5.100.0")
	expect("the mirror /opt/a (found on this machine): Could not retrieve", "no available releases match the given")
	unpacked(t, root, "/srv/m 5.99.1")
	p := expect("provider: the mirror /srv/m (found on this machine)")
	packages, _ := filepath.Glob(p.folder + "/.terraform/providers" + aws + "5.99.1/*/terraform-*")
	if len(packages) != 1 {
		t.Errorf("the packages are %q", packages)
	}
	_, file, _ := strings.Cut(p.Variable(), "=")
	for name, want := range map[string]string{
		file: p.folder + "/.terraform/providers\"", p.Lock(): `version     = "5.99.1"`,
	} {
		if content := string(must.Get(os.ReadFile(name))(t)); !strings.Contains(content, want) {
			t.Errorf("%s is %s\nwant %s", name, content, want)
		}
	}
	unpacked(t, root, "/home/.terraform.d/plugins 5.100.0")
	expect("the mirror /srv/m") // which is installed
	must.Do(t, os.RemoveAll(p.folder))
	expect("provider: as terraform gets it by itself")
	t.Setenv(MirrorVariable, "mirror")
	expect("the mirror /checkout/mirror (TAP_PROVIDER_MIRROR names it): ")
	must.Do(t, os.Rename(root+"/srv/m", root+"/checkout/mirror"))
	expect("provider: the mirror /checkout/mirror (TAP_PROVIDER_MIRROR names it)")
	must.Do(t, os.RemoveAll(root+"/checkout/mirror")) // to which what is installed leads
	expect("cannot be found")
}

func TestExposedMirrors(t *testing.T) {
	for name, test := range map[string]struct {
		linked       bool
		mode         os.FileMode
		owner, group int
		want         string
	}{
		"the owner's alone":             {false, 0o755, os.Getuid(), -1, ""},
		"everybody can write":           {false, 0o1777, os.Getuid(), -1, "/opt/shared is writable for everybody"},
		"a group can write":             {false, 0o775, os.Getuid(), -1, "/opt/shared is writable for a group"},
		"the owner's group can":         {false, 0o775, os.Getuid(), os.Getgid(), ""},
		"it is not of the system":       {false, 0o755, -1, -1, "belongs to the user"},
		"a link to where everybody can": {true, 0o777, os.Getuid(), -1, "/shared is writable for everybody"},
	} {
		root := must.Get(filepath.EvalSymlinks(t.TempDir()))(t)
		unpacked(t, root, "/opt/shared/m 5.100.0")
		if test.linked {
			must.Do(t, os.Rename(root+"/opt/shared", root+"/shared"), os.Symlink(root+"/shared", root+"/opt/shared"))
		}
		must.Do(t, os.Chmod(root+"/opt/shared", test.mode))
		mirrors := systemMirrors(root)
		if len(mirrors) != 1 {
			t.Fatalf("%s: the mirrors are %q", name, mirrors)
		}
		got := ""
		if err := exposed(mirrors[0], root, test.owner, test.group); err != nil {
			got = strings.TrimPrefix(err.Error(), root)
		}
		if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
