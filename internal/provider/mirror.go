package provider

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tap/constructs/versions"
)

// oldest and above are the bounds of versions.ProviderVersions, in the one form that it has.
var oldest, above = func() (from, to [3]int) {
	const form = ">= %d.%d.%d, < %d.%d.%d"
	_, _ = fmt.Sscanf(versions.ProviderVersions, form, &from[0], &from[1], &from[2], &to[0], &to[1], &to[2])
	return from, to
}()

// folder is that of the provider's packages in a mirror.
func (s *Source) folder(mirror string) string {
	return filepath.Join(mirror, s.registry, versions.Provider)
}

// packagesIn returns the packages of versions in the range that a mirror has for this platform, packed or unpacked. It
// is an error if there is none.
func (s *Source) packagesIn(mirror string) (packages []string, err error) {
	folder := s.folder(mirror)
	for _, form := range []string{
		"terraform-provider-aws_%d.%d.%d_" + s.platform + ".zip", "%d.%d.%d/" + s.platform + "/terraform-provider-aws",
	} {
		names, _ := fs.Glob(os.DirFS(folder), strings.ReplaceAll(form, "%d", "*")+"*")
		for _, name := range names {
			var version [3]int // a pre-release does not have the form
			_, err := fmt.Sscanf(name, form, &version[0], &version[1], &version[2])
			if err == nil && slices.Compare(version[:], oldest[:]) >= 0 && slices.Compare(version[:], above[:]) < 0 {
				packages = append(packages, filepath.Join(folder, name))
			}
		}
	}
	if packages == nil {
		err = fmt.Errorf("no version %s for %s is in %s", versions.ProviderVersions, s.platform, folder)
	}
	return packages, err
}

// exposed returns an error if others than the owners can exchange a file: it, what symbolic links lead to, or a folder
// above belongs to somebody else, or everybody or a group can write to it that is not of the user alone.
func (s *Source) exposed(file string, owners []int) error {
	resolved, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	for _, path := range []string{file, resolved} {
		for last := false; !last; path = filepath.Dir(path) {
			last = path == s.root || path == filepath.Dir(path)
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			owner := info.Sys().(*syscall.Stat_t)
			switch mode := info.Mode().Perm(); {
			case !slices.Contains(owners, int(owner.Uid)):
				return fmt.Errorf("%s belongs to the user %d", path, owner.Uid)
			case mode&0o002 != 0:
				return fmt.Errorf("%s is writable for everybody", path)
			case mode&0o020 != 0 && int(owner.Gid) != s.group:
				return fmt.Errorf("%s is writable for a group", path)
			}
		}
	}
	return nil
}

// ownFolders returns the mirrors among the folders where Terraform or OpenTofu looks by itself, on any system.
func (s *Source) ownFolders() []string {
	const library = "/Library/Application Support/io.terraform/plugins"
	home := s.getenv("HOME")
	data := cmp.Or(s.getenv("XDG_DATA_HOME"), home+"/.local/share")
	shared := cmp.Or(s.getenv("XDG_DATA_DIRS"), s.root+"/usr/local/share:"+s.root+"/usr/share")
	folders := []string{home + "/.terraform.d/plugins", data + "/opentofu/plugins", home + library, s.root + library}
	for _, data := range append(filepath.SplitList(shared), data) {
		folders = append(folders, filepath.Join(data, "terraform", "plugins"))
	}
	return slices.DeleteFunc(folders, func(folder string) bool {
		_, err := os.Stat(s.folder(folder))
		return err != nil
	})
}

// systemFolders are where system administrators put mirrors.
const systemFolders = "/opt /srv /usr/local/share /usr/share /var/lib"

// systemMirrors returns the mirrors there, those that are less deep first.
func (s *Source) systemMirrors() (mirrors []string) {
	for _, below := range []string{"", "/*", "/*/*"} {
		for place := range strings.FieldsSeq(systemFolders) {
			folders, _ := filepath.Glob(s.folder(s.root + place + below))
			for _, folder := range folders {
				mirrors = append(mirrors, strings.TrimSuffix(folder, s.folder("/")))
			}
		}
	}
	return mirrors
}
