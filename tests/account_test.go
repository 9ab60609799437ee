package tests

import (
	"fmt"
	"strings"
	"testing"

	"tap/config"
	"tap/tests/terraform"
)

// accountStack returns the stack of the tests' account.
func accountStack(t *testing.T) stack { return stacks(t)["account-121212121212"].in(t) }

// accountWith returns the stack of the account after a change of what the file says.
func accountWith(t *testing.T, change func(*config.Account)) stack {
	t.Helper()
	_, accounts := load(t, "environments")
	change(&accounts[0])
	return synthesize(t, nil, accounts)["account-121212121212"].in(t)
}

// What each role trusts is in attributes.yaml.
func TestRolesTrustGitHub(t *testing.T) {
	existing := accountWith(t, func(a *config.Account) { a.GitHub.ProviderExists = true })
	if existing.each("aws_iam_openid_connect_provider") != nil {
		t.Error("an account can have one provider of GitHub only")
	}
	trust := existing.find("aws_iam_role", "name", "tap-planner").policy()[0].Principal["Federated"]
	if !strings.HasSuffix(trust[0], ":iam::121212121212:oidc-provider/token.actions.githubusercontent.com") {
		t.Errorf("the existing provider is %v", trust)
	}
}

// Also with forty environments and the longest names nothing is longer than IAM takes:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestPoliciesFitIAM(t *testing.T) {
	s := accountWith(t, func(a *config.Account) {
		a.GitHub.Subject = "repo:" + strings.Repeat("o", 39+20) + "/" + strings.Repeat("r", 100+20) // with their numbers
		a.Region, a.GitHub.Branch = "us-gov-west-1", strings.Repeat("b", 200)
		e := a.Environments[0] // in a VPC that exists
		e.LoadBalancer.Domain = config.Domain{Name: strings.Repeat("d", 64), ZoneID: strings.Repeat("Z", 32)}
		e.Network.NATAddresses = strings.Fields(strings.Repeat("eipalloc-0a1b2c3d4e5f60001 ", 6))
		e.Network.Existing.PrivateSubnets = strings.Fields(strings.Repeat("subnet-0a1b2c3d4e5f60001 ", 16))
		for i := range 40 {
			e.Suffix, e.Class = fmt.Sprintf("environment-%03d", i), config.Production
			a.Environments = append(a.Environments, e)
		}
	})
	for kind, most := range map[string]int{"aws_iam_policy": 6144, "aws_iam_role": 2048, "aws_iam_role_policy": 10240} {
		for _, r := range s.some(kind) {
			text := numbered.ReplaceAllString(partition.ReplaceAllString(r.Text(terraform.PolicyAttributes[kind]), "aws-us-gov"),
				"arn:aws-us-gov:iam::121212121212:oidc-provider/token.actions.githubusercontent.com")
			if len(text) > most {
				s.Errorf("%s has %d characters, at most %d", r.Address(), len(text), most)
			}
		}
	}
	if policies := strings.Count(s.json, "_deployer-environment-000-has-"); policies > 10*2 { // and each name twice
		s.Errorf("a deployer has %d managed policies, at most 10", policies/2)
	}
}

func TestDeployerMayBorrowItsAddressesOnly(t *testing.T) {
	may := accountWith(t, func(a *config.Account) {
		for i := range a.Environments {
			a.Environments[i].Network.NATAddresses = []string{"eipalloc-of-" + a.Environments[i].Suffix}
		}
	}).may("deployer-options")
	for suffix, want := range map[string]bool{"options": true, "existing": false} {
		call := "ec2:CreateNatGateway arn:aws:ec2:eu-west-1:121212121212:elastic-ip/eipalloc-of-" + suffix
		if allowed(may, call) != want {
			t.Errorf("the deployer of options may %s: %v", call, !want)
		}
	}
}

// What a role of an environment is allowed has to be within the boundary, which is the most that AWS lets it do.
func TestBoundaryTakesNothingFromRoles(t *testing.T) {
	for _, suffix := range []string{"options", "workloads"} {
		expectWithin(stacks(t)[suffix].in(t), "boundary-"+suffix)
	}
}

func expectWithin(s stack, name string) {
	boundary := accountStack(s.T).may(name)
	const here = ":eu-west-1:121212121212:"
	concrete := []string{
		s.only("aws_secretsmanager_secret").Ref("arn"),
		"arn:aws:secretsmanager" + here + "secret:PaymentDB-" + s.suffix + "-x",
		s.only("aws_kms_key").Ref("arn"), "arn:aws:kms" + here + "key/1",
		s.only("aws_rds_cluster").Ref("arn"), "arn:aws:rds" + here + "cluster:paymentdb-" + s.suffix,
	}
	for _, vault := range s.each("aws_backup_vault") {
		concrete = append(concrete, vault.Ref("arn"), "arn:aws:backup"+here+"backup-vault:"+vault.Text("name"))
	}
	for _, group := range s.each("aws_cloudwatch_log_group") {
		concrete = append(concrete, group.Ref("arn"), "arn:aws:logs"+here+"log-group:"+group.Text("name"))
	}
	for _, role := range s.each("aws_iam_role") {
		concrete = append(concrete, role.Ref("arn"), "arn:aws:iam::121212121212:role/tap/"+s.suffix+"/"+role.Text("name"))
	}
	concrete = append(concrete, s.only("aws_ecs_cluster").Ref("name"), s.only("aws_ecs_cluster").Text("name"))
	for _, queue := range s.each("aws_sqs_queue") {
		concrete = append(concrete, queue.Ref("arn"), "arn:aws:sqs"+here+queue.Text("name"))
	}
	for _, role := range s.some("aws_iam_role") {
		if arn := aws(role.Text("permissions_boundary")); arn != "arn:aws:iam::121212121212:policy/tap-"+name {
			s.Errorf("%s has the boundary %q", role.Text("name"), arn)
		}
		for _, statement := range role.permitted() {
			via := ""
			for _, key := range []string{"kms:ViaService", "ecs:CreateAction", "iam:PassedToService"} {
				via += " " + key + "=" + strings.Join(statement.Condition["StringEquals"][key], " ")
			}
			for _, permission := range permissions(statement) {
				if call := aws(strings.NewReplacer(concrete...).Replace(permission)); !allowed(boundary, call+via) {
					s.Errorf("the boundary takes %s from %s: %s", call, role.Text("name"), whereToAllow(s.T, "boundary", call))
				}
			}
		}
	}
}
