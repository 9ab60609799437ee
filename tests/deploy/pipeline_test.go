package deploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
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

const pipeline = "../../.github/workflows/pipeline.yml"

// newRun makes a run of the pipeline in a repository of its own, with programs of testdata before those of PATH.
func newRun(t *testing.T, programs string, variables ...string) *run {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip(err)
	}
	r := &run{T: t, workflow: readYAML[object](t, pipeline), folder: t.TempDir(), github: object{
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

// tables are those of testdata/pipeline.yaml.
type tables struct {
	Files     map[string]string
	Scenarios []scenario
	Waits     map[string]string    // event, run, job or - for the run as a whole, stack
	Rights    map[string][2]string // of a job: permissions, and what it does not contain
}

func TestLongPipeline(t *testing.T) {
	must.HaveTools(t)
	all, programs := readYAML[tables](t, "testdata/pipeline.yaml"), t.TempDir()
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
	r := &run{T: t, workflow: readYAML[object](t, pipeline)}
	for entries, want := range readYAML[tables](t, "testdata/pipeline.yaml").Waits {
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
	jobs := readYAML[object](t, pipeline)["jobs"].(object)
	for name, rights := range readYAML[tables](t, "testdata/pipeline.yaml").Rights {
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

// object is a part of a workflow, or what its expressions can name: contexts, functions, and by their names the results
// of status functions.
type object = map[string]any

// at returns what keys lead to.
func at(value any, keys ...string) any {
	for _, key := range keys {
		inner, _ := value.(object)
		value = inner[key]
	}
	return value
}

// text is a simple value as a text has it.
func text(value any) string { return strings.TrimPrefix(fmt.Sprint(value), "<nil>") }

func readYAML[T any](t *testing.T, path string) (decoded T) {
	t.Helper()
	must.Do(t, yaml.Unmarshal(must.Get(os.ReadFile(path))(t), &decoded))
	return decoded
}

// run is a run of a workflow. It does what GitHub's runner does: the steps of each job in the order of needs, with what
// the expressions say. Actions that need GitHub have stand-ins in testdata/actions.
type run struct {
	*testing.T
	workflow       object
	folder         string   // of this run
	github, inputs object   // contexts
	variables      []string // of the environment of every step
	jobs           object   // that have ended, with result and outputs
	log            strings.Builder
}

var (
	expressions = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)
	quoted      = regexp.MustCompile(`'([^']*)'`)
	statuses    = regexp.MustCompile(`(success|failure|cancelled|always)\(\)`)
	functions   = object{
		"contains": func(a ...any) any { return strings.Contains(text(a[0]), text(a[1])) },
		"toJSON":   func(a ...any) any { text, _ := json.Marshal(a[0]); return string(text) },
		"fromJSON": func(a ...any) (value any) { _ = json.Unmarshal([]byte(text(a[0])), &value); return value },
	}
)

// evaluate evaluates an expression, whose grammar is Go's but for the quotes. What it does not know fails the test.
func (r *run) evaluate(expression string, c object) any {
	var value func(ast.Expr) any
	value = func(e ast.Expr) any {
		switch e := e.(type) {
		case *ast.ParenExpr:
			return value(e.X)
		case *ast.BasicLit:
			return strings.Trim(e.Value, `"`)
		case *ast.Ident:
			if named, known := c[e.Name]; known {
				return named
			}
		case *ast.SelectorExpr:
			return at(value(e.X), e.Sel.Name)
		case *ast.UnaryExpr:
			return text(value(e.X)) == "" || value(e.X) == false
		case *ast.BinaryExpr:
			x, y := value(e.X), value(e.Y)
			and, or := x, y
			if text(x) != "" && x != false {
				and, or = y, x
			}
			return map[token.Token]any{token.EQL: text(x) == text(y), token.NEQ: text(x) != text(y), token.LAND: and,
				token.LOR: or}[e.Op]
		case *ast.CallExpr:
			arguments := []any{}
			for _, argument := range e.Args {
				arguments = append(arguments, value(argument))
			}
			if function, is := value(e.Fun).(func(...any) any); is {
				return function(arguments...)
			}
			return value(e.Fun)
		}
		r.Fatalf("the test does not know %T in %s", e, expression)
		return nil
	}
	return value(must.Get(parser.ParseExpr(quoted.ReplaceAllString(expression, `"$1"`)))(r))
}

// fill replaces the expressions in a text.
func (r *run) fill(template any, c object) string {
	return expressions.ReplaceAllStringFunc(text(template), func(e string) string {
		return text(r.evaluate(expressions.ReplaceAllString(e, "$1"), c))
	})
}

// add adds filled templates to a copy of an object.
func (r *run) add(to object, templates any, c object) object {
	to = maps.Clone(to)
	of, _ := templates.(object)
	for name, template := range of {
		to[strings.ReplaceAll(name, "-", "_")] = r.fill(template, c)
	}
	return to
}

// skips evaluates the if of a job or a step, which asks for success unless it asks for a status itself.
func (r *run) skips(of any, c object) bool {
	asked := expressions.ReplaceAllString(text(at(of, "if")), "$1")
	return !statuses.MatchString(asked) && c["success"] == false || asked != "" && r.evaluate("!("+asked+")", c) == true
}

// execute runs all jobs, and returns those that failed.
func (r *run) execute() (failed []string) {
	r.jobs = object{}
	for _, name := range slices.Sorted(maps.Keys(r.workflow["jobs"].(object))) {
		if r.job(name)["result"] == "failure" {
			failed = append(failed, name)
		}
	}
	return failed
}

// job runs a job, unless it has run, after those that it needs, and for each entry of its matrix.
func (r *run) job(name string) object {
	if done, is := r.jobs[name].(object); is {
		return done
	}
	job, needs, before := at(r.workflow, "jobs", name), object{}, ""
	for _, need := range strings.Fields(strings.Trim(text(at(job, "needs")), "[]")) {
		needs[need] = r.job(need)
		before += text(at(needs, need, "before")) + text(at(needs, need, "result"))
	}
	result := object{"result": "success", "before": before} // a failure or a skip reaches all that comes after
	r.jobs[name] = result
	c := object{"github": r.github, "inputs": r.inputs, "needs": needs, "matrix": object{}, "always": true,
		"cancelled": false, "success": strings.ReplaceAll(before, "success", "") == ""}
	maps.Copy(c, functions)
	if r.skips(job, c) {
		result["result"] = "skipped"
		return result
	}
	entries := []any{object{}}
	if include := text(at(job, "strategy", "matrix", "include")); include != "" {
		entries = r.evaluate(expressions.ReplaceAllString(include, "$1"), c).([]any)
	}
	for _, c["matrix"] = range entries {
		variables := object{"JOB": name}
		for name, value := range r.github {
			variables["GITHUB_"+strings.ToUpper(name)] = value
		}
		variables = r.add(r.add(variables, r.workflow["env"], c), at(job, "env"), c)
		steps, failed := r.do(at(job, "steps"), c, variables, must.Get(os.MkdirTemp(r.folder, name+"-"))(r))
		if c["steps"] = steps; failed {
			result["result"] = "failure"
		}
		result["outputs"] = r.add(object{}, at(job, "outputs"), c)
	}
	return result
}

// do runs steps, and returns what they leave in the context steps, and whether one failed. They share the variables.
func (r *run) do(steps any, c, variables object, folder string) (done object, failed bool) {
	c, done = maps.Clone(c), object{}
	for _, s := range steps.([]any) {
		c["steps"], c["success"], c["failure"] = done, !failed, failed
		if r.skips(s, c) {
			continue
		}
		outputs, broken := object{}, false
		if uses, _, _ := strings.Cut(text(at(s, "uses")), "@"); uses != "" {
			inner, action := maps.Clone(c), "testdata/actions/"+uses
			if strings.HasPrefix(uses, "./") {
				action = folder + "/" + uses
			}
			inner["inputs"] = r.add(object{}, at(s, "with"), c)
			_, broken = r.do(at(readYAML[object](r.T, action+"/action.yml"), "runs", "steps"), inner, variables, folder)
		} else {
			outputs, broken = r.shell(s, c, variables, folder)
		}
		done[text(at(s, "id"))], failed = object{"outputs": outputs}, failed || broken
	}
	return done, failed
}

// shell runs a step's script as the runner does, and returns the outputs that it sets, and whether it failed.
func (r *run) shell(step any, c, variables object, folder string) (outputs object, failed bool) {
	options, files := []string{"-e", "-c", r.fill(at(step, "run"), c)}, r.TempDir()
	if at(step, "shell") == "bash" || at(r.workflow, "defaults", "run", "shell") == "bash" {
		options = slices.Concat(strings.Fields("--noprofile --norc -o pipefail"), options)
	}
	command := exec.CommandContext(interrupted, "bash", options...)
	command.Dir, command.Env = folder, append(r.variables, "GITHUB_OUTPUT="+files+"/output", "GITHUB_ENV="+files+"/env",
		"GITHUB_STEP_SUMMARY="+files+"/summary")
	for name, value := range r.add(variables, at(step, "env"), c) {
		command.Env = append(command.Env, name+"="+text(value))
	}
	said, err := command.CombinedOutput()
	summary, _ := os.ReadFile(files + "/summary")
	fmt.Fprintf(&r.log, "%s: %s%s", variables["JOB"], said, summary)
	maps.Copy(variables, settings(files+"/env"))
	return settings(files + "/output"), err != nil
}

// settings reads lines of name=value, where a step has written any.
func settings(path string) object {
	all := object{}
	content, _ := os.ReadFile(path)
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		all[name] = value
	}
	return all
}
