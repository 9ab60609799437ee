package emulator

import (
	"fmt"
	"strings"
	"testing"
)

// planOf returns a plan with one change, in Terraform's JSON.
func planOf(mode, resourceType, actions, before, after, unknown string) []byte {
	return fmt.Appendf(nil, `{"format_version":"1.2","resource_changes":[{"address":"%[2]s.x","mode":"%[1]s","type":"%[2]s",
		"change":{"actions":%[3]s,"before":%[4]s,"after":%[5]s,"after_unknown":%[6]s}}]}`,
		mode, resourceType, actions, before, after, unknown)
}

func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		plan        []byte
		unexplained string
		gaps        string
	}{
		"an attribute that the emulator forgets is a gap": {
			planOf("managed", "aws_ecs_service", `["update"]`, `{"health_check_grace_period_seconds":0,"name":"a"}`,
				`{"health_check_grace_period_seconds":60,"name":"a"}`, `{}`),
			"[]", "[{aws_ecs_service health_check_grace_period_seconds}]",
		},
		"another attribute beside it is not": {
			planOf("managed", "aws_ecs_service", `["update"]`, `{"health_check_grace_period_seconds":0,"desired_count":2}`,
				`{"health_check_grace_period_seconds":60,"desired_count":3}`, `{}`),
			"[update aws_ecs_service.x (desired_count)]", "[{aws_ecs_service health_check_grace_period_seconds}]",
		},
		"the same attribute of another type is not": {
			planOf("managed", "aws_security_group", `["update"]`, `{"description":""}`, `{"description":"x"}`, `{}`),
			"[update aws_security_group.x (description)]", "[]",
		},
		"an attribute that appears or disappears is a change": {
			planOf("managed", "aws_lb", `["update"]`, `{"name":"a","gone":1}`, `{"name":"a","added":1}`, `{}`),
			"[update aws_lb.x (added, gone)]", "[]",
		},
		"what is only not yet known is a consequence": {
			planOf("managed", "aws_iam_role_policy", `["update"]`, `{"policy":"{}"}`, `{}`, `{"policy":true}`),
			"[]", "[]",
		},
		"unknown parts deep inside count as not yet known": {
			planOf("managed", "aws_lb", `["update"]`, `{"subnets":["a"]}`, `{"subnets":[null]}`, `{"subnets":[true]}`),
			"[]", "[]",
		},
		"a replacement is never explained": {
			planOf("managed", "aws_ecs_service", `["delete","create"]`, `{"health_check_grace_period_seconds":0}`,
				`{"health_check_grace_period_seconds":60}`, `{}`),
			"[delete and create aws_ecs_service.x]", "[]",
		},
		"a creation is never explained": {
			planOf("managed", "aws_s3_bucket", `["create"]`, `null`, `{"tags_all":{}}`, `{}`),
			"[create aws_s3_bucket.x]", "[]",
		},
		"a data source that is read again changes nothing": {
			planOf("data", "aws_iam_policy_document", `["read"]`, `null`, `{}`, `{"json":true}`),
			"[]", "[]",
		},
		"no change is no change": {
			planOf("managed", "aws_lb", `["no-op"]`, `{"name":"a"}`, `{"name":"a"}`, `{}`),
			"[]", "[]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			explanation, err := Explain(test.plan)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(explanation.Unexplained); got != test.unexplained {
				t.Errorf("unexplained = %s, want %s", got, test.unexplained)
			}
			if got := fmt.Sprint(explanation.Gaps); got != test.gaps {
				t.Errorf("gaps = %s, want %s", got, test.gaps)
			}
		})
	}
}

func TestAPlanOfAnotherFormatIsRefused(t *testing.T) {
	for _, plan := range []string{`{"format_version":"2.0"}`, `{}`, `not JSON`} {
		if _, err := Explain([]byte(plan)); err == nil || !strings.Contains(err.Error(), "read the plan") {
			t.Errorf("Explain(%s) = %v, want an error that says that the plan cannot be read", plan, err)
		}
	}
}
