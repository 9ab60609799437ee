package provider

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tap/constructs/versions"
)

// A search goes so many folders down in the usual places, and ends after this time.
const (
	searchDepth = 3
	searchTime  = 5 * time.Second
)

type version [3]int

func (v version) String() string           { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
func (v version) compare(with version) int { return slices.Compare(v[:], with[:]) }

// oldest and above are the bounds of versions.ProviderVersions, in the one form that it has.
var oldest, above = func() (from, to version) {
	const form = ">= %d.%d.%d, < %d.%d.%d"
	_, _ = fmt.Sscanf(versions.ProviderVersions, form, &from[0], &from[1], &from[2], &to[0], &to[1], &to[2])
	return from, to
}()

// release is a version of the provider in a mirror.
type release struct {
	version
	mirror string
	path   string // the packed file, or the program in the folder that one was unpacked to
}

// packages is the folder of the provider's packages in a mirror.
func (s *Source) packages(mirror string) string {
	return filepath.Join(mirror, s.registry, versions.Provider)
}

// newestIn returns the newest version in the range that a mirror has for this platform, packed or unpacked.
func (s *Source) newestIn(mirror string) (newest release, err error) {
	folder := s.packages(mirror)
	base, _ := filepath.EvalSymlinks(mirror)
	if resolved, err := filepath.EvalSymlinks(folder); err == nil && resolved != s.packages(base) {
		return newest, fmt.Errorf("%s is behind a symbolic link, which %s does not follow", folder, s.program)
	}
	var others []string
	for _, layout := range []struct{ pattern, format string }{
		{"terraform-provider-aws_*.zip", "terraform-provider-aws_%d.%d.%d_" + s.platform + ".zip"},
		{"*/*/terraform-provider-aws*", "%d.%d.%d/" + s.platform + "/terraform-provider-aws"},
	} {
		names, _ := fs.Glob(os.DirFS(folder), layout.pattern) // what cannot be read is not there for Terraform either
		for _, name := range names {
			r := release{mirror: mirror, path: filepath.Join(folder, name)}
			_, err := fmt.Sscanf(name, layout.format, &r.version[0], &r.version[1], &r.version[2])
			if err != nil || r.compare(oldest) < 0 || r.compare(above) >= 0 { // a pre-release does not have the format
				others = append(others, name)
			} else if r.compare(newest.version) > 0 {
				newest = r
			}
		}
	}
	switch {
	case newest.path != "":
		return newest, nil
	case others == nil:
		return newest, fmt.Errorf("no package of the provider is in %s", folder)
	}
	slices.Sort(others)
	return newest, fmt.Errorf("none of its packages is %s for %s: %s",
		versions.ProviderVersions, s.platform, strings.Join(others, ", "))
}

// check finds out whether a release is whole. Of a packed one it compares the checksum, which takes some seconds.
func (r release) check() error {
	if !strings.HasSuffix(r.path, ".zip") {
		_, err := exec.LookPath(r.path) // it may be executed
		return err
	}
	archive, err := zip.OpenReader(r.path)
	if err == nil {
		defer archive.Close()
		names, _ := fs.Glob(archive, "terraform-provider-aws*")
		var program fs.File
		if program, err = archive.Open(append(names, "terraform-provider-aws")[0]); err == nil {
			_, err = io.Copy(io.Discard, program)
		}
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", r.path, err)
	}
	return nil
}

// exposed returns an error if others than root and the user can exchange a file: it, what symbolic links lead to, or a
// folder above is writable for everybody or belongs to another user.
func (s *Source) exposed(file string) error {
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
			if info.Mode().Perm()&0o002 != 0 {
				return fmt.Errorf("%s is writable for everybody", path)
			}
			if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != 0 && owner != s.user {
				return fmt.Errorf("%s belongs to another user", path)
			}
		}
	}
	return nil
}

// places are the folders where mirrors are searched for.
func (s *Source) places() []string {
	root := s.root
	return []string{root + "/opt", root + "/srv", root + "/usr/local/share", root + "/usr/share", root + "/var/lib",
		s.getenv("HOME")}
}

// search returns the mirrors that it comes across in the usual places within its time, those that are less deep first.
func (s *Source) search(ctx context.Context) (mirrors []string) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	folders := s.places()
	for range searchDepth + 1 {
		var below []string
		for _, folder := range folders {
			if ctx.Err() != nil {
				return mirrors
			}
			if exists(s.packages(folder)) {
				mirrors = append(mirrors, folder)
			}
			entries, _ := os.ReadDir(folder)
			for _, entry := range entries {
				if entry.IsDir() && entry.Name() != ".terraform" { // which goes with the project that it is of
					below = append(below, filepath.Join(folder, entry.Name()))
				}
			}
		}
		folders = below
	}
	return mirrors
}
