package provider

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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

// packageName matches the paths of packages below a mirror's folder of the provider: packed and unpacked ones.
var packageName = regexp.MustCompile(
	`^(?:terraform-provider-aws_([^_/]+)_(\w+)\.zip|([^/]+)/(\w+)/terraform-provider-aws[^/]*)$`)

// newestIn returns the newest version in the range that a mirror has for this platform.
func (o Options) newestIn(mirror string) (newest release, err error) {
	folder := filepath.Join(mirror, o.address())
	packed, _ := fs.Glob(os.DirFS(folder), "*.zip") // what cannot be read is not there for Terraform either
	unpacked, _ := fs.Glob(os.DirFS(folder), "*/*/*")
	base, _ := filepath.EvalSymlinks(mirror) // the only symbolic link that Terraform follows
	var others []string
	for _, name := range append(packed, unpacked...) {
		match := packageName.FindStringSubmatch(name)
		if match == nil {
			continue
		}
		text, platform := match[1]+match[3], match[2]+match[4]
		version, err := parse(text)
		if real, _ := filepath.EvalSymlinks(filepath.Join(folder, match[3])); real != filepath.Join(base, o.address(), match[3]) {
			others = append(others, text+" behind a symbolic link")
		} else if err != nil || !inRange(version) || platform != o.Platform {
			others = append(others, text+" for "+platform)
		} else if slices.Compare(version[:], newest.version[:]) > 0 {
			newest = release{version, mirror, filepath.Join(folder, name)}
		}
	}
	if newest.path == "" && others == nil {
		return newest, fmt.Errorf("no package of the provider is in %s", folder)
	}
	if newest.path == "" {
		return newest, fmt.Errorf("it has %s, not %s for %s", strings.Join(others, ", "), versions.ProviderVersions, o.Platform)
	}
	return newest, nil
}

func parse(version string) (numbers [3]int, err error) {
	_, err = fmt.Sscanf(version+";", "%d.%d.%d;", &numbers[0], &numbers[1], &numbers[2]) // no pre-release
	return numbers, err
}

func inRange(version [3]int) bool {
	var from, to [3]int
	_, err := fmt.Sscanf(versions.ProviderVersions+";", ">= %d.%d.%d, < %d.%d.%d;",
		&from[0], &from[1], &from[2], &to[0], &to[1], &to[2])
	return err == nil && slices.Compare(version[:], from[:]) >= 0 && slices.Compare(version[:], to[:]) < 0
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
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	for _, path := range []string{file, real} {
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
