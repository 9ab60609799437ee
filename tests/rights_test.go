package tests

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/tests/must"
)

var (
	partition = regexp.MustCompile(`\$\{data\.aws_partition\.[A-Za-z0-9_-]+\.partition\}`)
	// numbered is what AWS names, and Terraform knows once it has made or found it.
	numbered = regexp.MustCompile(`\$\{[a-z]+[._][^}]*\}`)
)

// aws writes out the partition and the account, which Terraform inserts into policies.
func aws(text string) string {
	return accountID.ReplaceAllString(partition.ReplaceAllString(text, "aws"), "121212121212")
}

// matches reports whether one of the values, with asterisks, matches the text. An asterisk of IAM takes slashes, too.
func matches(values texts, text string) bool {
	text = strings.ReplaceAll(text, "/", "|")
	return slices.ContainsFunc(values, func(value string) bool {
		matched, _ := path.Match(strings.ReplaceAll(value, "/", "|"), text)
		return matched
	})
}

// holds reports whether a condition of a statement is true of a request with one value of the key, or without the key.
func holds(test string, values texts, value string, present bool) bool {
	test, ofAll := strings.CutPrefix(test, "ForAllValues:")
	test, ifExists := strings.CutSuffix(test, "IfExists")
	switch {
	case test == "Null":
		return (values[0] == "true") != present
	case !present:
		return ofAll || ifExists || test == "StringNotLike"
	case test == "StringEquals" || test == "Bool":
		return slices.Contains(values, value)
	case test == "ArnLike" || test == "StringLike":
		return matches(values, value)
	case test == "StringNotLike":
		return !matches(values, value)
	}
	panic("a test that AWS may have: " + test)
}

// session returns the statements of a policy for whoever has that tag, which is also what AWS is to number.
func (r resource) session(environment string) []statement {
	text := strings.ReplaceAll(aws(r.Text("policy")), "$${aws:PrincipalTag/Environment}", environment)
	r.Attributes = map[string]any{"policy": numbered.ReplaceAllString(text, environment)}
	return r.policy()
}

// may returns the statements of all policies of a role, or of a boundary.
func (s stack) may(name string) (all []statement) {
	s.Helper()
	if strings.HasPrefix(name, "boundary-") {
		return s.find("aws_iam_policy", "name", "tap-"+name).session("")
	}
	role := s.find("aws_iam_role", "name", "tap-"+name)
	for _, r := range slices.Concat(s.some("aws_iam_role_policy_attachment"), s.each("aws_iam_role_policy")) {
		policy := r
		if r.At("policy_arn") != nil {
			policy = r.follow("policy_arn")
		}
		if r.follow("role").Address() == role.Address() {
			all = append(all, policy.session(role.Text("tags.Environment"))...)
		}
	}
	for _, statement := range all {
		if statement.NotAction != nil || statement.NotResource != nil {
			s.Errorf("%s says what it is not about, which allowed does not read", statement)
		}
	}
	return all
}

// allowed reports whether the statements allow a call: an action, a resource, and then key=value; of a key's policy,
// those that are about the account kms:CallerAccount. As AWS, it reads actions in any case, and asterisks in them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func allowed(statements []statement, call string) bool {
	parts, keys := strings.Fields(call), map[string]string{}
	for _, part := range parts[2:] {
		key, value, _ := strings.Cut(part, "=")
		keys[key] = value
	}
	effects := map[string]bool{}
	for _, statement := range statements {
		caller := "arn:aws:iam::" + keys["kms:CallerAccount"] + ":root"
		isAnybody := len(statement.Principal) == 0 || slices.Contains(statement.Principal["AWS"], caller)
		isAction := func(action string) bool { return matches(texts{strings.ToLower(action)}, strings.ToLower(parts[0])) }
		applies := isAnybody && slices.ContainsFunc(statement.Action, isAction) && matches(statement.Resource, parts[1])
		for test, conditions := range statement.Condition {
			for key, values := range conditions {
				value, present := keys[key]
				applies = applies && holds(test, values, value, present)
			}
		}
		effects[statement.Effect] = effects[statement.Effect] || applies
	}
	return effects["Allow"] && !effects["Deny"]
}

// lines returns the lines of a file that are no comment, and the names in the last heading above each. What is the same
// in many of them is written out.
func lines(t *testing.T, file string, each func(names []string, line string)) {
	const records, tags = "route53:ChangeResourceRecordSets", "aws:${1}Tag/Project=tap aws:${1}Tag/Environment=$2"
	text := regexp.MustCompile(`\b(OF|AS)-([a-z0-9-]+)`).ReplaceAllString(read(t, file), tags)
	text = strings.NewReplacer(":OFTag", ":ResourceTag", ":ASTag", ":RequestTag", "HERE:", "eu-west-1:121212121212:",
		"IAM:", "arn:aws:iam::121212121212:", "KEY", "arn:aws:kms:eu-west-1:121212121212:key/1", "S3:", "arn:aws:s3:::",
		"STATES", "arn:aws:s3:::tap-states-121212121212-eu-west-1",
		"BOUND-", "iam:PermissionsBoundary=arn:aws:iam::121212121212:policy/tap-boundary-",
		"BACKUP", "role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup",
		"A-RECORD", records+"RecordTypes=A "+records+"NormalizedRecordNames").Replace(text)
	var names []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, isHeading := strings.CutSuffix(line, ":"); isHeading {
			names = strings.Fields(heading)
		} else if line != "" && line[0] != '#' {
			each(names, line)
		}
	}
}

func TestRolesAreReadAsAWSReadsThem(t *testing.T) {
	for action, expected := range map[string]bool{"s3:*": true, "s3:Get*": true, "S3:getobject": true, "s3:Put*": false} {
		may := []statement{{Effect: "Allow", Action: texts{action}, Resource: texts{"*"}}}
		if got := allowed(may, "s3:GetObject x"); got != expected {
			t.Errorf("%s allows s3:GetObject: %v", action, got)
		}
	}
}

func TestRolesMayWhatTheyNeedOnly(t *testing.T) {
	s, statements := accountStack(t), map[string][]statement{}
	for _, name := range strings.Fields("planner inspector publisher deployer-existing deployer-options " +
		"inspector-existing inspector-options boundary-existing boundary-options") {
		statements[name] = s.may(name)
	}
	statements["key-options"] = stacks(t)["options"].in(t).only("aws_kms_key").session("options")
	lines(t, "calls.txt", func(names []string, call string) {
		for name, may := range statements {
			if got := allowed(may, call); got != slices.Contains(names, name) {
				t.Errorf("%s may %s: %v", name, call, got)
			}
		}
	})
}

// arns returns the ARNs of what stacks have, as they are in an environment of that suffix, and what a request of theirs
// has, by the names of resources.txt.
func arns(t *testing.T, suffix string, of ...stack) map[string][]string {
	all, rows := map[string][]string{}, map[string][][]string{}
	lines(t, "resources.txt", func(_ []string, line string) {
		kind, row, _ := strings.Cut(line, " ")
		rows[kind] = append(rows[kind], strings.SplitN(strings.TrimSpace(row), " ", 2))
	})
	for _, s := range of {
		s, name := s.in(t), s.suffix
		here := strings.NewReplacer("SUFFIX", suffix, name, suffix, strings.ToUpper(name), strings.ToUpper(suffix),
			"//", "/", "alias/alias/", "alias/")
		for _, r := range append(s.all(), s.only("terraform"), s.only("provider")) {
			if rows[r.Kind] == nil {
				t.Errorf("resources.txt has no %s: nothing compares its ARN with the roles' rights", r.Kind)
			}
			for _, row := range rows[r.Kind] {
				arn := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllStringFunc(row[len(row)-1], func(attribute string) string {
					return numbered.ReplaceAllString(aws(r.Text(strings.Trim(attribute, "{}"))), suffix)
				})
				if r.At("provider") != nil {
					arn = strings.Replace(arn, ":eu-west-1:", ":us-east-1:", 1)
				}
				if arn = here.Replace(strings.TrimSpace(arn)); !strings.HasSuffix(arn, ":") { // the attribute is set
					all[row[0]] = append(all[row[0]], arn)
				}
			}
		}
	}
	return all
}

// authorizations are the lines of authorization.txt, by the action.
var authorizations = map[string]string{}

// requests returns the calls that AWS authorizes when somebody who has own calls an action on what other has.
func requests(t *testing.T, action string, own, other map[string][]string) (calls []string) {
	if len(authorizations) == 0 {
		lines(t, "authorization.txt", func(_ []string, line string) {
			name, _, _ := strings.Cut(line, " ")
			authorizations[name] = line
		})
	}
	line, needs, _ := strings.Cut(authorizations[action], " needs ")
	for need := range strings.FieldsSeq(needs) {
		calls = append(calls, requests(t, need, own, other)...)
	}
	isOwn := slices.Equal(own["[aws:ResourceTag]"], other["[aws:ResourceTag]"])
	for word := range strings.FieldsSeq(line) { // the first one is the action
		kind, keys, _ := strings.Cut(strings.TrimSuffix(word, "]"), "[")
		for _, arn := range other[kind] {
			call := action + " " + arn
			for key := range strings.SplitSeq(keys, ",") {
				if key == "aws:ResourceTag" {
					call += " " + strings.Join(other["["+key+"]"], " ")
				} else if isOwn || !strings.HasSuffix(key, ":CreateAction") {
					call += " " + strings.Join(own["["+key+"]"], " ")
				}
			}
			// What is new, and cannot have been tagged before, is not another's.
			if isOwn || !strings.Contains(keys, "aws:RequestTag") || strings.Contains(keys, "aws:ResourceTag") {
				calls = append(calls, call)
			}
		}
	}
	if line == "" || isOwn && calls == nil {
		t.Errorf("authorization.txt has no %s, or the stacks nothing that it is authorized for", action)
	}
	return calls
}

// denied returns which operations of operations.txt the pipeline's roles cannot call on what the account and an
// environment have, without one of their statements, and where to write what is missing: the action's name alone does
// not do.
func denied(t *testing.T, existing map[string][]string, without string) (all []string) {
	s, mays := accountStack(t), map[string][]statement{}
	account := arns(t, "account", s)
	lines(t, "operations.txt", func(roles []string, line string) {
		words := strings.Fields(strings.Replace(line, "elbv2:", "elasticloadbalancing:", 1))
		for _, role := range roles {
			kind, suffix, _ := strings.Cut(role, "-")
			has := map[string]map[string][]string{"existing": existing, "": account}[suffix]
			if mays[role] == nil {
				mays[role] = slices.DeleteFunc(s.may(role), func(s statement) bool { return s.Sid == without })
			}
			for _, call := range requests(t, words[len(words)-1], has, has) {
				if !allowed(mays[role], call) {
					where := whereToAllow(t, kind, call)
					all = append(all, fmt.Sprintf("%s may not %s as %s needs it; %s", role, call, words[0], where))
				}
			}
		}
	})
	return all
}

// whereToAllow says beside which line of a role's policies a call is to be allowed: that of the action or of another
// one of the service, or else of any.
func whereToAllow(t *testing.T, kind, call string) string {
	action, resource := strings.Fields(call)[0], strings.Fields(call)[1]
	service, name, _ := strings.Cut(action, ":")
	if kind == "inspector" || kind == "deployer" && regexp.MustCompile("^(Get|List|Describe)").MatchString(name) {
		kind = "reader-own"
	}
	files := must.Get(filepath.Glob("../constructs/account/policies/" + kind + "*.json"))(t)
	for _, sought := range []string{`"` + action + `"`, `"` + service + `:`, `"Action"`} {
		for _, file := range slices.Backward(files) {
			if before, _, found := strings.Cut(read(t, file), sought); found {
				return fmt.Sprintf("%s:%d: add %s for %s", file[len("../"):], 1+strings.Count(before, "\n"), action, resource)
			}
		}
	}
	panic("there is no policy " + kind)
}

func TestRolesMayCallEveryOperation(t *testing.T) {
	all := stacks(t)
	for _, problem := range denied(t, arns(t, "existing", all["existing"], all["options"], all["workloads"]), "") {
		t.Error(problem)
	}
}

// A message says in which file a statement is missing.
func TestMissingStatementIsFound(t *testing.T) {
	all := stacks(t)
	for _, missing := range []string{"deployer-service.json Queues", "reader-own.json ReadOwn"} {
		file, sid, _ := strings.Cut(missing, " ")
		problems := denied(t, arns(t, "existing", all["existing"], all["options"], all["workloads"]), sid)
		if problems == nil {
			t.Errorf("nobody needs the statement %s", sid)
		}
		for _, problem := range problems {
			if !strings.Contains(problem, "; constructs/account/policies/"+file+":") {
				t.Errorf("without %s %s", missing, problem)
			}
		}
	}
}

// What AWS lets nobody narrow is in docs/accounts.md with what another environment would lose, and everything else is
// refused: on what another environment has, whose name begins or ends like the own one, and on what has no tag.
func TestNothingReachesAnotherEnvironment(t *testing.T) {
	s, all, reached := accountStack(t), stacks(t), [2]map[string]bool{{}, {}}
	own := arns(t, "existing", all["existing"], all["options"], all["workloads"])
	for _, suffix := range []string{"existing2", "my-existing", "options"} {
		tagged := arns(t, suffix, all["existing"], all["options"], all["workloads"])
		tagged["rds:cluster-snapshot"] = append(tagged["rds:cluster-snapshot"], tagged["backup:recoveryPoint"]...)
		untagged := maps.Clone(tagged)
		delete(untagged, "[aws:ResourceTag]")
		for _, name := range []string{"deployer-existing", "inspector-existing", "boundary-existing"} {
			may := s.may(name)
			for _, statement := range may {
				for _, action := range statement.Action {
					for i, other := range []map[string][]string{tagged, untagged} {
						for _, call := range requests(t, action, own, other) {
							name, _, _ := strings.Cut(call, " ")
							if allowed(may, call) && (i == 0 || !reached[0][name]) {
								reached[i][name] = true
							}
						}
					}
				}
			}
		}
	}
	for i, table := range strings.SplitN(read(t, "../docs/accounts.md"), "would lose |\n", 3)[1:] {
		table, _, _ = strings.Cut(table, "\n\n")
		documented := regexp.MustCompile("[a-z0-9-]+:[A-Z][A-Za-z0-9]+|rds-db:connect").FindAllString(table, -1)
		same(t, "what another environment could lose", slices.Collect(maps.Keys(reached[i])), documented)
	}
}
