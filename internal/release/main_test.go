package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"tap/tests/must"
)

func TestReleaseChangesOneValue(t *testing.T) {
	const images, old = "123456789012.dkr.ecr.us-east-1.amazonaws.com/", "api:1"
	const before = "# Ours.\nclass: development\naccount: '123456789012'\nservice:\n  image: 'api:1' # the API\n" +
		"  port: 80\n"
	digest := "@sha256:" + strings.Repeat("0", 64)
	const line = "environments/qa.yaml:5: service.image: "
	for _, test := range []struct{ stack, content, image, problem string }{
		{"tap-qa", before, images + "payment-api" + digest, ""},
		{"tap-qa", "class: development\nservice: {image: api:1, port: 81}\n", "example.com/api" + digest, ""},
		{"tap-qa", before, images + "payment-api@sha256:short", line},
		{"tap-qa", before, images + "payment-api:2", line + `"` + images + `payment-api:2" is not valid for a release`},
		{"tap-qa", before, "example.com/api" + digest, line + `"example.com/api`},
		{"tap-qa", before, images + "api" + digest, line + "the account's repository is payment-api"},
		{"tap-qa", before, "a'\nprotect: true #" + digest, "environments/qa.yaml:"},
		{"tap-qa", "class: development\n", "payment-api" + digest, "environments/qa.yaml: service.image: is missing"},
		{"tap-qa", strings.Replace(before, "80", "0", 1), images + "payment-api" + digest, "environments/qa.yaml:6: "},
		{"tap-other", before, images + "payment-api" + digest, `no environment file is that of "tap-other"`},
	} {
		t.Chdir(t.TempDir())
		must.Write(t, "environments/qa.yaml", test.content)
		must.Write(t, "accounts.yaml", "123456789012: {region: us-east-1}")
		err, problem, want := release(test.stack, test.image), "", test.content
		if err != nil {
			problem = err.Error()
		} else {
			want = strings.Replace(want, old, test.image, 1)
		}
		got := must.Get(os.ReadFile("environments/qa.yaml"))(t)
		if string(got) != want || (err == nil) != (test.problem == "") || !strings.HasPrefix(problem, test.problem) {
			t.Errorf("%s: %v, expected %q\n%s", test.image, err, test.problem, got)
		}
	}

	// A link is not followed, and a pipe not waited for.
	must.Write(t, "outside", before)
	must.Do(t, os.Symlink("../outside", "environments/link.yaml"), syscall.Mkfifo("environments/pipe.yaml", 0o644))
	for _, stack := range []string{"tap-link", "tap-pipe"} {
		err := release(stack, images+"payment-api"+digest)
		if kept := must.Get(os.ReadFile("outside"))(t); err == nil || string(kept) != before {
			t.Errorf("%s: %v, and what the link leads to is %s", stack, err, kept)
		}
	}
}
