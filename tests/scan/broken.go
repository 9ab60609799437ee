package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

// brokenName is the stack that has to fail. It is scanned with the others, and its results count for
// nothing else.
const brokenName = "deliberately-broken"

// breakage is a mistake made on purpose in a copy of a stack, and the control that has to notice it.
type breakage struct {
	control string
	shows   string // what a scanner is able to do that notices it
	apply   func(resources map[string]any) error
}

// breakages cover each way in which checkov could stop seeing what is wrong: an attribute, a policy,
// and connections between resources, which only exist while it resolves references.
var breakages = []breakage{
	{"CKV_AWS_17", "it reads attributes of the database's instances", func(resources map[string]any) error {
		return each(resources, "aws_rds_cluster_instance", func(attributes map[string]any) error {
			attributes["publicly_accessible"] = true
			return nil
		})
	}},
	{"CKV_AWS_96", "it reads attributes of the database's cluster", func(resources map[string]any) error {
		return each(resources, "aws_rds_cluster", func(attributes map[string]any) error {
			attributes["storage_encrypted"] = false
			return nil
		})
	}},
	{"CKV_AWS_356", "it reads the policies of roles", func(resources map[string]any) error {
		return each(resources, "aws_iam_role_policy", grantEverySecret)
	}},
	{"CKV2_AWS_6", "it connects buckets with their public access block", remove("aws_s3_bucket_public_access_block")},
	{"CKV2_AWS_11", "it connects the VPC with its flow log", remove("aws_flow_log")},
	{"CKV2_AWS_12", "it connects the VPC with its default security group", remove("aws_default_security_group")},
	{"CKV2_AWS_28", "it connects the load balancer with its web ACL", remove("aws_wafv2_web_acl_association")},
	{"CKV2_AWS_31", "it connects the web ACL with its logging", remove("aws_wafv2_web_acl_logging_configuration")},
}

// breakStack returns a copy of the stack with every breakage.
func breakStack(s stack) (stack, error) {
	broken, err := s.clone(brokenName)
	if err != nil {
		return stack{}, err
	}
	resources := object(broken.root, "resource")
	for _, breakage := range breakages {
		if err := breakage.apply(resources); err != nil {
			return stack{}, fmt.Errorf("break a copy of stack %s for %s: %w", s.name, breakage.control, err)
		}
	}
	return broken, nil
}

// checkBroken returns an error for every breakage that the scan of the broken copy did not report, or
// that it also reported in the original, where it would prove nothing.
func checkBroken(original, broken result) error {
	var problems []error
	for _, breakage := range breakages {
		switch {
		case original.fails(breakage.control):
			problems = append(problems, fmt.Errorf("stack %s already fails %s, so that it cannot show that %s", original.stack.name, breakage.control, breakage.shows))
		case !broken.fails(breakage.control):
			problems = append(problems, fmt.Errorf("checkov did not report %s in a stack that was broken on purpose: whether %s is not proven, and no result of this scan can be trusted", breakage.control, breakage.shows))
		}
	}
	return errors.Join(problems...)
}

func remove(kind string) func(map[string]any) error {
	return func(resources map[string]any) error {
		if _, exists := resources[kind]; !exists {
			return fmt.Errorf("it has no %s", kind)
		}
		delete(resources, kind)
		return nil
	}
}

func each(resources map[string]any, kind string, change func(attributes map[string]any) error) error {
	named := object(resources, kind)
	if len(named) == 0 {
		return fmt.Errorf("it has no %s", kind)
	}
	for name := range named {
		if err := change(object(named, name)); err != nil {
			return fmt.Errorf("%s.%s: %w", kind, name, err)
		}
	}
	return nil
}

// grantEverySecret adds a statement to a role's policy that reads every secret of the account.
func grantEverySecret(attributes map[string]any) error {
	text, _ := attributes["policy"].(string)
	var policy map[string]any
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return err
	}
	statements, _ := policy["Statement"].([]any)
	policy["Statement"] = append(statements, map[string]any{
		"Sid": "Everything", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
	})
	changed, err := json.Marshal(policy)
	attributes["policy"] = string(changed)
	return err
}
