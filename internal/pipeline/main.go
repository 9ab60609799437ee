// Command pipeline is what .github/workflows/pipeline.yml has to know of environments and accounts:
//
//	pipeline stacks   lists what to plan, as a matrix of jobs, of the environment files and accounts.yaml
//	pipeline gather   completes the results of `plan -result` in the folder results, and lists what to apply
//
// Both print outputs of a step of GitHub Actions, and take its variables.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tap/config"
)

// stack is an entry of the matrix.
type stack struct {
	Name      string `json:"stack"`
	Account   string `json:"account"`
	Region    string `json:"region"`
	Inspector string `json:"inspector"` // the role that plans on the main branch
	Suffix    string `json:"suffix"`    // of an environment
	Class     string `json:"class"`     // of an environment; or account; or lost, which is an account of states alone
	Reviews   string `json:"reviews"`   // github.reviews of accounts.yaml
	Status    int    `json:"status"`    // of the plan
}

// result is what `plan -result` says of a stack.
type result struct {
	Stack   string `json:"stack"`
	Status  int    `json:"status"`
	Summary string `json:"summary"`
	Text    string `json:"text"`
}

var (
	event   = os.Getenv("GITHUB_EVENT_NAME")
	deploys = event == "push" || event == "workflow_dispatch"
)

func main() {
	command := list
	if slices.Contains(os.Args, "gather") {
		command = gather
	}
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "::error::"+strings.ReplaceAll(err.Error(), "\n", "%0A"))
		os.Exit(1)
	}
}

// list lists the stacks that this branch deploys, and the accounts that accounts.yaml had one commit before.
func list() error {
	environments, accounts, err := config.Load("environments", "")
	if err != nil {
		return err
	}
	stacks, lost := []stack{}, map[string]config.Account{}
	before, _ := exec.Command("git", "show", "HEAD^1:accounts.yaml").Output() // there may have been none
	err = yaml.Unmarshal(before, lost)
	for _, a := range accounts {
		delete(lost, a.ID)
		if a.GitHub.Subject == "" || event != "pull_request" && os.Getenv("GITHUB_REF") != "refs/heads/"+a.GitHub.Branch {
			continue
		}
		if !deploys {
			stacks = append(stacks, stack{a.Stack(), a.ID, a.Region, "tap-inspector", "", "account", "", 0})
		}
		for _, e := range a.Environments {
			stacks = append(stacks, stack{e.Stack(), a.ID, a.Region, "tap-inspector-" + e.Suffix, e.Suffix,
				string(e.Class), a.GitHub.Reviews, 0})
		}
	}
	for _, e := range environments {
		if _, found := lost[e.Account]; found {
			err = errors.Join(err, fmt.Errorf("environments/%s.yaml: account %s has left accounts.yaml: put it back, or "+
				"destroy %s and remove its file first", e.Suffix, e.Account, e.Stack()))
		}
	}
	for id, a := range lost {
		if a.ID = id; a.GitHub.Subject != "" {
			stacks = append(stacks, stack{a.Stack(), id, a.Region, "tap-planner", "", "lost", "", 0})
		}
	}
	if only := os.Getenv("STACK"); only != "" {
		stacks = slices.DeleteFunc(stacks, func(s stack) bool { return s.Name != only })
		if len(stacks) == 0 {
			err = errors.Join(err, fmt.Errorf("%s deploys no stack %q", os.Getenv("GITHUB_REF"), only))
		}
	}
	return errors.Join(err, print("stacks", stacks))
}

// gather gives each stack a result, with what the pipeline does about it.
func gather() error {
	var stacks []stack
	err := json.Unmarshal([]byte(os.Getenv("STACKS")), &stacks)
	changed := []stack{}
	for _, s := range stacks {
		path, r := "results/"+s.Name+".json", result{}
		if text, _ := os.ReadFile(path); json.Unmarshal(text, &r) != nil {
			r = result{s.Name, 1, fmt.Sprintf("## Plan of `%s` failed\n\n%s says why. If its role is not there yet, an "+
				"administrator runs `make deploy STACK=%s`. Then start the workflow.\n", s.Name, os.Getenv("RUN"),
				config.Account{ID: s.Account}.Stack()), ""}
		}
		switch s.Status = r.Status; {
		case s.Class == "account" && s.Status >= 10:
			r.Summary += "\nThe pipeline never applies this: an administrator does, with `make deploy STACK=" + s.Name +
				"`, before anything is merged that needs these roles and rights.\n"
		case s.Class == string(config.Development) && s.Status == 12:
			r.Summary += "\nOf class development: it is applied without a question.\n"
		case s.Reviews == config.ReviewsOfBranch && s.Status == 12:
			r.Summary += "\nIt is applied only by `gh workflow run pipeline.yml -f stack=" + s.Name + " -f commit=...`.\n"
		}
		if s.Status >= 10 && deploys { // then it is an environment
			changed = append(changed, s)
		}
		text, problem := json.Marshal(r)
		err = errors.Join(err, problem, os.WriteFile(path, text, 0o644))
	}
	return errors.Join(err, print("changed", changed))
}

// print sets an output.
func print(name string, value any) error {
	text, err := json.Marshal(value)
	fmt.Printf("%s=%s\n", name, text)
	return err
}
