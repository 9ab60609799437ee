package provider

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
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

// release is a version of the provider in a mirror.
type release struct {
	version [3]int
	mirror  string
	path    string // the packed file, or the program in the folder that one was unpacked to
}

func (r release) String() string {
	return fmt.Sprintf("%d.%d.%d", r.version[0], r.version[1], r.version[2])
}

// newestIn returns the newest version in the range that a mirror has for this platform, packed or unpacked.
func (o Options) newestIn(mirror string) (newest release, err error) {
	folder := filepath.Join(mirror, o.address())
	base, _ := filepath.EvalSymlinks(mirror)
	if resolved, err := filepath.EvalSymlinks(folder); err == nil && resolved != filepath.Join(base, o.address()) {
		return newest, fmt.Errorf("%s is behind a symbolic link, which %s does not follow", folder, o.Program)
	}
	var others []string
	for _, layout := range []struct{ pattern, format string }{
		{"terraform-provider-aws_*.zip", "terraform-provider-aws_%d.%d.%d_" + o.Platform + ".zip"},
		{"*/*/terraform-provider-aws*", "%d.%d.%d/" + o.Platform + "/terraform-provider-aws"},
	} {
		names, _ := fs.Glob(os.DirFS(folder), layout.pattern) // what cannot be read is not there for Terraform either
		for _, name := range names {
			r := release{mirror: mirror, path: filepath.Join(folder, name)}
			_, err := fmt.Sscanf(name, layout.format, &r.version[0], &r.version[1], &r.version[2])
			if err != nil || !r.inRange() { // a pre-release does not have the format
				others = append(others, name)
			} else if slices.Compare(r.version[:], newest.version[:]) > 0 {
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
		versions.ProviderVersions, o.Platform, strings.Join(others, ", "))
}

// inRange knows the one form that versions.ProviderVersions has.
func (r release) inRange() bool {
	var from, to [3]int
	_, err := fmt.Sscanf(versions.ProviderVersions+";", ">= %d.%d.%d, < %d.%d.%d;",
		&from[0], &from[1], &from[2], &to[0], &to[1], &to[2])
	return err == nil && slices.Compare(r.version[:], from[:]) >= 0 && slices.Compare(r.version[:], to[:]) < 0
}

// isMirror reports whether a folder contains anything of the provider.
func (o Options) isMirror(folder string) bool { return exists(filepath.Join(folder, o.address())) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// check finds out whether a release is whole. Of a packed one it compares the checksum, which takes some seconds.
func (r release) check() error {
	if !strings.HasSuffix(r.path, ".zip") {
		if info, err := os.Stat(r.path); err != nil || info.Mode()&0o111 == 0 {
			return fmt.Errorf("%s cannot be executed", r.path)
		}
		return nil
	}
	archive, err := zip.OpenReader(r.path)
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", r.path, err)
	}
	defer archive.Close()
	programs, _ := fs.Glob(archive, "terraform-provider-aws*")
	if len(programs) == 0 {
		return fmt.Errorf("%s is damaged: it contains no terraform-provider-aws", r.path)
	}
	program, err := archive.Open(programs[0])
	if err == nil {
		_, err = io.Copy(io.Discard, program)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", r.path, err)
	}
	return nil
}

// exposed returns an error if others than root and the user can exchange a file: it, what symbolic links lead to, or a
// folder above is writable for everybody or belongs to another user.
func (o Options) exposed(file string) error {
	resolved, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	for _, path := range []string{file, resolved} {
		for below := ""; path != below && below != o.Root; path, below = filepath.Dir(path), path {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o002 != 0 {
				return fmt.Errorf("%s is writable for everybody", path)
			}
			if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != 0 && owner != o.User {
				return fmt.Errorf("%s belongs to another user", path)
			}
		}
	}
	return nil
}

// places are the folders where mirrors are searched for.
func (o Options) places() []string {
	return []string{
		filepath.Join(o.Root, "opt"), filepath.Join(o.Root, "srv"), filepath.Join(o.Root, "usr/local/share"),
		filepath.Join(o.Root, "usr/share"), filepath.Join(o.Root, "var/lib"), o.Getenv("HOME"),
	}
}

// search returns the mirrors that it comes across in the usual places within its time.
func (o Options) search(ctx context.Context) (mirrors []string) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	folders := o.places()
	for range searchDepth + 1 {
		var below []string
		for _, folder := range folders {
			if ctx.Err() != nil {
				return mirrors
			}
			if o.isMirror(folder) {
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
