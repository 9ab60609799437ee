package deploy

import (
	"archive/zip"
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path"
	"testing"

	"tap/tests/must"
)

// expectNowhere fails when one of the passwords is in a file of the deployment: JSON, state and its backup, plan, log.
func (d *deployment) expectNowhere(t *testing.T, passwords ...string) {
	t.Helper()
	// A search that finds nothing proves something only if it would have found it: the cluster's identifier is in
	// each kind of file.
	read := map[string]bool{}
	var search func(files fs.FS) error
	search = func(files fs.FS) error {
		return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			content, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			for i, password := range passwords {
				if password == "" || bytes.Contains(content, []byte(password)) {
					t.Errorf("%s contains password number %d", name, i+1)
				}
			}
			if bytes.Contains(content, []byte("paymentdb-dev")) {
				read[cmp.Or(path.Ext(name), name)] = true
			}
			if path.Ext(name) != ".tfplan" {
				return nil
			}
			packed, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
			if err != nil {
				return err
			}
			return search(packed)
		})
	}
	must.Do(t, search(os.DirFS(d.root)))
	for _, kind := range []string{".json", ".log", ".tfstate", "tfplan", "tfstate"} { // the last two are in a plan
		if !read[kind] {
			t.Errorf("the search has read no %s", kind)
		}
	}
}
