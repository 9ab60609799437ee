package deploy

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

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

func readYAML(t *testing.T, path string) (decoded object) {
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
			_, broken = r.do(at(readYAML(r.T, action+"/action.yml"), "runs", "steps"), inner, variables, folder)
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
