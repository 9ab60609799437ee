package deploy

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// expectNowhere fails when one of the passwords stands in a file of the deployment: environment
// file, JSON, state and its backup, plan, log.
func (d *deployment) expectNowhere(t *testing.T, passwords ...string) {
	t.Helper()
	// A search that finds nothing proves something only if it would have found it: the cluster's
	// identifier stands in all of them.
	read := map[string]int{}
	err := d.files(func(name string, content []byte) {
		for i, password := range passwords {
			if password == "" || bytes.Contains(content, []byte(password)) {
				t.Errorf("%s holds password number %d", name, i+1)
			}
		}
		if bytes.Contains(content, []byte("paymentdb-dev")) {
			read[kind(name)]++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"cdk.tf.json", ".tfstate", ".backup", ".tfplan: tfplan", ".tfplan: tfstate", ".log"} {
		if read[kind] == 0 {
			t.Errorf("the search has read no %s", kind)
		}
	}
}

// kind is how the name of a file, or of an entry of a plan, ends.
func kind(name string) string {
	base := filepath.Base(name)
	if base == "cdk.tf.json" {
		return base
	}
	return base[max(0, strings.LastIndex(base, ".")):]
}

// files calls visit with every file of the deployment, raw, and with what is packed in plans.
func (d *deployment) files(visit func(name string, content []byte)) error {
	return filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "providers" { // Terraform's copies of the provider
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(path, content)
		if filepath.Ext(path) != ".tfplan" {
			return nil
		}
		packed, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, file := range packed.File {
			opened, err := file.Open()
			if err != nil {
				return fmt.Errorf("%s: %s: %w", path, file.Name, err)
			}
			unpacked, err := io.ReadAll(opened)
			opened.Close()
			if err != nil {
				return fmt.Errorf("%s: %s: %w", path, file.Name, err)
			}
			visit(path+": "+file.Name, unpacked)
		}
		return nil
	})
}
