package tests

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"tap/config"
	"tap/constructs"
)

// program is the path of the built program. It is built once.
var program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "tap-program-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "tap")
	output, err := exec.Command("go", "build", "-o", path, "..").CombinedOutput()
	if err != nil {
		os.Stderr.Write(output)
	}
	return path, err
})

// removeProgram removes what program built.
func removeProgram() {
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
}

// result is what a run of the program left.
type result struct {
	status         int
	output, errors string
	files          map[string]string // below cdktf.out, by path
}

// run runs the program in a folder with variables of its own beside those that it needs.
func run(t *testing.T, folder string, variables ...string) result {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path)
	command.Dir = folder
	// Nothing of the test's own environment but what finds node, and the packages that it has unpacked before.
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + t.TempDir(),
		"JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + filepath.Join(cache, "aws", "jsii", "package-cache"),
	}, variables...)
	var output, errors bytes.Buffer
	command.Stdout, command.Stderr = &output, &errors
	err = command.Run()
	if err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), output.String(), errors.String(), files(t, filepath.Join(folder, "cdktf.out"))}
}

// files returns the content of every file below a folder; none when there is no folder.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if _, err := os.Stat(folder); os.IsNotExist(err) {
		return all
	}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		all[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// project returns a new folder with environment files by name.
func project(t *testing.T, environments map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range environments {
		path := filepath.Join(folder, "environments", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// succeeded stops a test whose run failed.
func (r result) succeeded(t *testing.T) result {
	t.Helper()
	if r.status != 0 {
		t.Fatalf("exit status %d: %s", r.status, r.errors)
	}
	return r
}

// stackNames are the stacks that a run wrote.
func (r result) stackNames() []string {
	var names []string
	for file := range r.files {
		if filepath.Base(file) == "cdk.tf.json" {
			names = append(names, filepath.Base(filepath.Dir(file)))
		}
	}
	slices.Sort(names)
	return names
}

func TestABadFileStopsTheProgramBeforeItWritesAnything(t *testing.T) {
	folder := project(t, map[string]string{
		"dev.yaml": "class: development\nservce: {}\nservice: {port: 70000}",
		"qa.yaml":  "class: development\nnetwork: {cidr: 8.8.8.0/24}",
		"Bad.yaml": "class: development",
	})
	earlier := map[string]string{"manifest.json": "{}", "stacks/tap-dev/cdk.tf.json": "{\"earlier\": true}"}
	for name, content := range earlier {
		path := filepath.Join(folder, "cdktf.out", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := run(t, folder)
	if got.status != 1 || got.output != "" {
		t.Errorf("exit status %d, standard output %q", got.status, got.output)
	}
	for _, problem := range []string{"environments/dev.yaml:2", "environments/dev.yaml:3", "environments/qa.yaml:2", "environments/Bad.yaml", "servce", "70000", "8.8.8.0/24"} {
		if strings.Count(got.errors, problem) != 1 {
			t.Errorf("standard error names %s %d times:\n%s", problem, strings.Count(got.errors, problem), got.errors)
		}
	}
	if !maps.Equal(got.files, earlier) {
		t.Errorf("cdktf.out holds %v", slices.Sorted(maps.Keys(got.files)))
	}
}

func TestTheEnvironmentIsAskedForByContextElseByVariableElseDev(t *testing.T) {
	const context, variable = `CDKTF_CONTEXT_JSON={"environment_suffix":"pr-7"}`, "ENVIRONMENT_SUFFIX=pr-8"
	file := map[string]string{"qa.yaml": "class: development"}
	for _, example := range []struct {
		name      string
		files     map[string]string
		variables []string
		expected  []string
	}{
		{"nothing, and no file", nil, nil, []string{"tap-dev"}},
		{"the variable", file, []string{variable}, []string{"tap-pr-8", "tap-qa"}},
		{"both", nil, []string{context, variable}, []string{"tap-pr-7"}},
	} {
		t.Run(example.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, project(t, example.files), example.variables...).succeeded(t)
			if names := got.stackNames(); !slices.Equal(names, example.expected) {
				t.Errorf("the stacks are %v, expected %v", names, example.expected)
			}
			for _, name := range example.expected {
				if !strings.Contains(got.files["stacks/"+name+"/cdk.tf.json"], `"PaymentVPC-`+strings.TrimPrefix(name, "tap-")+`"`) {
					t.Errorf("the suffix of %s ends no name", name)
				}
			}
		})
	}
	t.Run("one that no environment may have", func(t *testing.T) {
		got := run(t, project(t, nil), "ENVIRONMENT_SUFFIX=Prod_1")
		if got.status != 1 || !strings.Contains(got.errors, "ENVIRONMENT_SUFFIX") || !strings.Contains(got.errors, `"Prod_1"`) || len(got.files) > 0 {
			t.Errorf("exit status %d, %d files, %s", got.status, len(got.files), got.errors)
		}
	})
}

// The output is reviewed, compared and kept: it tells of the environments and of nothing else.
func TestTheOutputDependsOnTheEnvironmentFilesOnly(t *testing.T) {
	expected := stacks(t)
	t.Parallel()
	environments := map[string]string{}
	paths, err := filepath.Glob("environments/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no environments: ", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		environments[filepath.Base(path)] = string(content)
	}
	first := project(t, environments)
	second := filepath.Join(project(t, nil), "a folder with spaces", "tap")
	if err := os.MkdirAll(filepath.Dir(second), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(second, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	one := run(t, first, "TZ=UTC", "LANG=C.UTF-8", "USER=one").succeeded(t)
	other := run(t, second, "TZ=Pacific/Auckland", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "USER=other", "AWS_PROFILE=other", "AWS_REGION=eu-central-1", "CI=1").succeeded(t)
	again := run(t, first, "TZ=UTC").succeeded(t)

	for name, content := range one.files {
		if other.files[name] != content {
			t.Errorf("%s differs in another folder: %s", name, firstDifference([]byte(other.files[name]), []byte(content)))
		}
		if again.files[name] != content {
			t.Errorf("%s differs in the second run: %s", name, firstDifference([]byte(again.files[name]), []byte(content)))
		}
	}
	if len(one.files) < len(environments) || len(other.files) != len(one.files) || len(again.files) != len(one.files) {
		t.Errorf("%d, %d and %d files for %d environments", len(one.files), len(other.files), len(again.files), len(environments))
	}

	checkout, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	moment := regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:|\b1[789][0-9]{8}\b`)
	for name, content := range one.files {
		for _, path := range []string{first, checkout, home + "/", os.TempDir() + "/tap", "/go/pkg/mod"} {
			if strings.Contains(content, path) {
				t.Errorf("%s holds the path %s", name, path)
			}
		}
		if found := moment.FindString(content); found != "" {
			t.Errorf("%s holds the time %s", name, found)
		}
		// The goldens are of another day and of another machine.
		if stack := filepath.Base(filepath.Dir(name)); filepath.Base(name) == "cdk.tf.json" && stack != "tap-state" {
			if golden := expected[stack]; string(golden.text) != content {
				t.Errorf("%s is not what the program writes by itself: %s", stack, firstDifference([]byte(content), golden.text))
			}
		}
	}
}

func TestWithoutNodeTheProgramSaysSoInOneLine(t *testing.T) {
	got := run(t, project(t, nil), "PATH="+t.TempDir())
	if got.status != 1 || got.output != "" || len(got.files) > 0 {
		t.Errorf("exit status %d, standard output %q, %d files", got.status, got.output, len(got.files))
	}
	if strings.Count(got.errors, "\n") != 1 || !strings.Contains(got.errors, "node") || strings.Contains(got.errors, "goroutine") {
		t.Errorf("standard error is %q", got.errors)
	}
}

// CDKTF panics; nobody should have to read a stack trace of Go and JavaScript.
func TestAPanicInAConstructIsAnErrorOfOneLineThatNamesItsPlace(t *testing.T) {
	environment := parse(t, "class: development")
	t.Run("two stacks of one name", func(t *testing.T) {
		err := constructs.Synthesize([]config.Environment{environment, environment}, nil, filepath.Join(t.TempDir(), "out"))
		wantOneLine(t, err, "stack tap-dev", "There is already a Construct with name 'tap-dev'")
	})
	t.Run("an output folder without parent", func(t *testing.T) {
		err := constructs.Synthesize([]config.Environment{environment}, nil, filepath.Join(t.TempDir(), "missing", "out"))
		wantOneLine(t, err, "app", "ENOENT")
	})
	t.Run("a value that a construct refuses", func(t *testing.T) {
		broken := environment
		broken.Network.Zones = nil // Load always fills them in
		broken.Network.CIDR = ""
		broken.Monitoring.Emails = []string{"a@example.com", "a@example.com"}
		err := constructs.Synthesize([]config.Environment{broken}, nil, filepath.Join(t.TempDir(), "out"))
		wantOneLine(t, err, "stack tap-dev", "monitoring.NewTopic", "email-a@example.com")
	})
	t.Run("and the next synthesis works", func(t *testing.T) {
		synthesize(t, environment)
	})
}

func wantOneLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not name %q", err, part)
		}
	}
}
