package deploy

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// newRun makes a run of the pipeline in a repository of its own, with programs of testdata before those of PATH.
func newRun(t *testing.T, programs string, variables ...string) *run {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip(err)
	}
	r := &run{T: t, workflow: readYAML(t, "../../.github/workflows/pipeline.yml"), folder: t.TempDir(), github: object{
		"ref": "refs/heads/main", "ref_name": "main", "repository": "example/tap", "run_id": 7, "actor_id": 1,
		"server_url": "https://github.com", "token": "secret"}}
	testdata := must.Get(filepath.Abs("testdata"))(t)
	r.variables = append(append(os.Environ(), variables...), "FOLDER="+r.folder, "TESTDATA="+testdata,
		"PATH="+testdata+"/github:"+testdata+"/"+programs+":"+os.Getenv("PATH"))
	r.command("git init -q -b main checkout && git -C checkout config uploadpack.allowAnySHA1InWant true")
	return r
}

// command runs a command in the run's folder, and returns what it says.
func (r *run) command(script string) string {
	command := exec.Command("bash", "-euc", script)
	command.Dir, command.Env = r.folder, r.variables
	said, err := command.CombinedOutput()
	if err != nil {
		r.Fatalf("%s: %v\n%s", script, err, said)
	}
	return strings.TrimSpace(string(said))
}

// commit makes the files the environments and accounts of the repository, and pushes that.
func (r *run) commit(files map[string]string) {
	r.command("rm -rf checkout/environments checkout/accounts.yaml")
	for name, content := range files {
		if content != "" {
			must.Write(r, r.folder+"/checkout/"+name, content)
		}
	}
	r.github["sha"] = r.command(`cd checkout && git add -A &&
		git -c user.name=x -c user.email=x@example.com commit -q --allow-empty -m x && git rev-parse HEAD`)
	must.Write(r, r.folder+"/given/head", `{"object": {"sha": "`+text(r.github["sha"])+`"}}`)
}

// expect runs the pipeline for an event, and fails unless these jobs fail, these calls are made and these words said.
func (r *run) expect(event string, failed, calls, words []string) {
	r.Helper()
	r.command("rm -f calls said; touch calls said")
	r.log.Reset()
	r.github["event_name"] = event
	if got := r.execute(); !slices.Equal(got, failed) {
		r.Errorf("failed: %v, expected %v", got, failed)
	}
	called := strings.ReplaceAll(r.command("cat calls"), text(r.github["sha"]), "COMMIT")
	if want := strings.Join(calls, "\n"); called != want {
		r.Errorf("called\n%s\nexpected\n%s", called, want)
	}
	said := r.command("cat said")
	for _, word := range words {
		word, no := strings.CutPrefix(word, "no ")
		if strings.Contains(said+r.log.String(), word) == no {
			r.Errorf("says it: %v, expected otherwise: %s", no, word)
		}
	}
	if len(said) > 65536 {
		r.Errorf("a comment of %d bytes, of which GitHub takes 65536", len(said))
	}
	if r.Failed() {
		r.Fatalf("%.5000s\n%s", said, &r.log)
	}
}

// scenario is an event, and what the pipeline makes of it.
type scenario struct {
	Name, Event          string
	Before, Files        map[string]string // of the commit before and of this one, in place of the usual; empty: none
	Given                map[string]string // in place of the usual
	Inputs, Repository   string            // of workflow_dispatch; of a fork
	Failed, Calls, Words []string          // "no ..." is not said
}

func TestLongPipeline(t *testing.T) {
	must.HaveTools(t)
	var all struct {
		Files     map[string]string
		Scenarios []scenario
	}
	must.Do(t, yaml.Unmarshal(must.Get(os.ReadFile("testdata/pipeline.yaml"))(t), &all))
	programs := t.TempDir()
	build := exec.Command("go", "build", "-o", programs, "../..", "../../internal/plan", "../../internal/pipeline")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, s := range all.Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, "simulated", "PROGRAMS="+programs)
			must.Do(t, os.CopyFS(r.folder+"/checkout/.github", os.DirFS("../../.github")))
			for _, changed := range []map[string]string{s.Before, s.Files} {
				files := maps.Clone(all.Files)
				maps.Copy(files, changed)
				r.commit(files)
			}
			for name, answer := range s.Given {
				must.Write(t, r.folder+"/given/"+name, answer)
			}
			if s.Event == "pull_request" {
				head := object{"sha": "c0ffee", "repo": object{"full_name": cmp.Or(s.Repository, "example/tap")}}
				r.github["event"] = object{"pull_request": object{"number": 5, "head": head}}
			}
			stack, commit, _ := strings.Cut(strings.ReplaceAll(s.Inputs, "COMMIT", text(r.github["sha"])), " ")
			r.inputs = object{"stack": stack, "commit": commit}
			r.expect(s.Event, s.Failed, s.Calls, s.Words)
		})
	}
}

// GitHub's rule: of a group one job runs, or waits for an approval; one is pending, which a later one replaces.
// https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
func TestWhoWaits(t *testing.T) {
	r := &run{T: t, workflow: readYAML(t, "../../.github/workflows/pipeline.yml")}
	for entries, want := range map[string]string{ // event, run, job or - for the run as a whole, stack
		"push 1 apply a, push 2 plan a, push 3 plan a":         "[runs replaced pending]",
		"push 1 plan a, push 2 plan a, push 1 apply a":         "[runs replaced pending]",
		"push 1 apply a, push 2 plan b, push 2 apply b":        "[runs runs pending]",
		"push 1 apply a, workflow_dispatch 2 plan a":           "[runs pending]",
		"push 1 apply a, schedule 2 plan a, push 3 plan a":     "[runs runs pending]",
		"push 1 plan a, push 2 plan a, schedule 3 plan a":      "[runs pending runs]",
		"push 1 plan a, pull_request 2 plan a, push 3 apply b": "[runs runs runs]",
		"pull_request 1 - a, pull_request 2 - a":               "[replaced runs]",
		"push 1 - a, push 2 - a, schedule 3 - a":               "[runs runs runs]",
	} {
		states, latest := []string{}, map[string][]int{} // by group: what runs, what is pending
		for i, entry := range strings.Split(entries, ", ") {
			field := strings.Fields(entry)
			c := object{"github": object{"event_name": field[0], "run_id": field[1], "ref": "refs/pull/5/merge"},
				"matrix": object{"stack": field[3]}}
			maps.Copy(c, functions)
			concurrency := at(r.workflow, "concurrency")
			if field[2] != "-" {
				concurrency = at(r.workflow, "jobs", field[2], "concurrency")
			}
			group := r.fill(at(concurrency, "group"), c)
			cancels, ahead := r.fill(at(concurrency, "cancel-in-progress"), c) == "true", latest[group]
			if len(ahead) == 2 || len(ahead) == 1 && cancels {
				states[ahead[len(ahead)-1]], ahead = "replaced", ahead[:len(ahead)-1]
			}
			latest[group], states = append(ahead, i), append(states, []string{"runs", "pending"}[len(ahead)])
		}
		if got := fmt.Sprint(states); got != want {
			t.Errorf("%s: %s, expected %s", entries, got, want)
		}
	}
}

// A job that may take a role installs and builds nothing, and one that may write to GitHub runs nothing of the branch.
func TestRightsOfJobs(t *testing.T) {
	const builds = `(?m)(^|: |&& |; ) *(make|go|npm|npx|pip|curl|apt-get) |setup-(go|node)|actions/tools`
	const runs = `uses: \./|checkout@|cdktf\.out`
	jobs := readYAML(t, "../../.github/workflows/pipeline.yml")["jobs"].(object)
	for name, rights := range map[string][]string{ // permissions, and what the job does not contain
		"stacks": {"map[contents:read]", "-token: write|id-token"}, "plan": {"map[contents:read id-token:write]", builds},
		"gather": {"<nil>", "permissions"}, "say": {"map[issues:write pull-requests:write]", runs},
		"supersede": {"map[actions:write]", runs}, "next": {"map[actions:write contents:read]", runs},
		"apply": {"map[actions:read contents:read id-token:write]", builds}, "result": {"<nil>", runs},
	} {
		text := string(must.Get(yaml.Marshal(jobs[name]))(t))
		for _, action := range regexp.MustCompile(`\./\.github/actions/\w+`).FindAllString(text, -1) {
			text += string(must.Get(os.ReadFile("../../" + action + "/action.yml"))(t))
		}
		got := fmt.Sprint(at(jobs[name], "permissions"))
		if got != rights[0] || regexp.MustCompile(rights[1]).MatchString(text) {
			t.Errorf("%s has %s, expected %s, or contains %s", name, got, rights[0], rights[1])
		}
		delete(jobs, name)
	}
	if len(jobs) > 0 {
		t.Errorf("jobs that are not known here: %v", jobs)
	}
}
