// Package terraform asks questions of the Terraform JSON of a stack.
package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Stack is the decoded JSON of a stack.
type Stack map[string]any

// Parse decodes the JSON of a stack.
func Parse(text []byte) (s Stack, err error) { return s, json.Unmarshal(text, &s) }

// Resource is one resource of a stack, or a part of one.
type Resource struct {
	Kind, Name string // of a data source, the kind is data.aws_subnet, and of an ephemeral resource likewise
	Attributes map[string]any
}

// blocks are what a stack has one of, beside its resources, with the path in the JSON.
var blocks = map[string]string{
	"import": "import.0", "output": "output", "provider": "provider.aws.0", "outside_provider": "provider.aws.1",
	"terraform": "terraform",
}

// Each returns the resources of a kind in the order of names, or the block that is called so.
func (s Stack) Each(kind string) (all []Resource) {
	whole, path := Resource{Attributes: s}, kind
	if block, isBlock := blocks[kind]; isBlock {
		attributes, _ := whole.At(block).(map[string]any)
		return []Resource{{kind, "block", attributes}}
	} else if !strings.Contains(kind, ".") {
		path = "resource." + kind
	}
	named, _ := whole.At(path).(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		attributes, _ := named[name].(map[string]any)
		all = append(all, Resource{kind, name, attributes})
	}
	return all
}

// All returns every resource of the stack, in the order of addresses.
func (s Stack) All() (all []Resource) {
	kinds, _ := s["resource"].(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, s.Each(kind)...)
	}
	return all
}

// Address is how Terraform refers to the resource.
func (r Resource) Address() string { return r.Kind + "." + r.Name }

// Ref is the reference to an attribute of the resource.
func (r Resource) Ref(attribute string) string { return "${" + r.Address() + "." + attribute + "}" }

// At returns the value at a path of names and, in lists, numbers: rule.0.name. It leads into JSON that is a text, too.
func (r Resource) At(path string) any {
	var value any = r.Attributes
	for step := range strings.SplitSeq(path, ".") {
		switch within := Open(value).(type) {
		case map[string]any:
			value = within[step]
		case []any:
			number, err := strconv.Atoi(step)
			if err != nil || number >= len(within) {
				return nil
			}
			value = within[number]
		default:
			return nil
		}
	}
	return value
}

// Text returns the text at a path; empty where there is none.
func (r Resource) Text(path string) string {
	text, _ := r.At(path).(string)
	return text
}

// Open decodes a text that contains JSON; of another text it is nil.
func Open(value any) any {
	if text, isText := value.(string); isText {
		value = nil
		json.Unmarshal([]byte(text), &value)
	}
	return value
}

// PolicyAttributes are the attributes that contain a policy, by kind of resource.
var PolicyAttributes = map[string]string{
	"aws_backup_vault_policy":            "policy",
	"aws_cloudwatch_log_resource_policy": "policy_document",
	"aws_iam_role":                       "assume_role_policy",
	"aws_iam_policy":                     "policy",
	"aws_iam_role_policy":                "policy",
	"aws_kms_key":                        "policy",
	"aws_s3_bucket_policy":               "policy",
	"aws_sns_topic_policy":               "policy",
	"aws_sqs_queue":                      "policy",
	"aws_vpc_endpoint":                   "policy",
}

// Statement is one statement of a policy.
type Statement struct {
	Of          Resource `json:"-"` // that has the policy
	Sid, Effect string
	Action      Texts
	Resource    Texts
	Principal   map[string]Texts
	Condition   map[string]map[string]Texts

	// Nothing here uses these; a statement that did would escape the tests.
	NotAction, NotResource Texts
	NotPrincipal           any
}

// Texts is what a policy writes as a string or as a list of strings.
type Texts []string

// UnmarshalJSON takes both.
func (l *Texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = Texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

func (s Statement) String() string { return fmt.Sprintf("%s, statement %s", s.Of.Address(), s.Sid) }

// HasCondition reports whether the statement compares a key, in whichever way, with values that all match the
// expression.
func (s Statement) HasCondition(key string, expression *regexp.Regexp) bool {
	other := func(value string) bool { return !expression.MatchString(value) }
	for _, keys := range s.Condition {
		for name, values := range keys {
			if strings.EqualFold(name, key) && len(values) > 0 && !slices.ContainsFunc(values, other) {
				return true
			}
		}
	}
	return false
}

// Allows reports whether the statement allows a service an action.
func (s Statement) Allows(service, action string) bool {
	return s.Effect == "Allow" && slices.Equal(s.Principal["Service"], Texts{service}) &&
		slices.Contains(s.Action, action)
}

// Policy returns the statements of the resource's policy, all of which has to be known here.
func (r Resource) Policy() ([]Statement, error) {
	var policy struct {
		Version   string
		Statement []Statement
	}
	text := r.Text(PolicyAttributes[r.Kind])
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&policy); err != nil || policy.Version != "2012-10-17" || len(policy.Statement) == 0 {
		return nil, fmt.Errorf("%s: %q is not a policy of version 2012-10-17 with a statement: %v", r.Address(), text, err)
	}
	for i := range policy.Statement {
		policy.Statement[i].Of = r
	}
	return policy.Statement, nil
}
