package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs"
	"tap/constructs/connection"
	"tap/constructs/database"
	"tap/constructs/firewall"
	"tap/constructs/loadbalancer"
	"tap/constructs/service"
)

// nameAttributes are the attributes that contain a resource's name, of which AWS has one of each type in an account and
// Region.
var nameAttributes = []string{
	"name", "alarm_name", "bucket", "cluster_identifier", "dashboard_name", "family", "identifier", "policy_name",
}

// expectDistinctNames checks that no two resources of a kind have the same name: AWS would refuse the second, or give
// it the place of the first. With the suffix they cannot be those of another environment in the account.
func expectDistinctNames(s stack) {
	s.Helper()
	// Of the role; of the certificate, and the alias; the engine's.
	others := []string{"aws_iam_role_policy.name", "aws_route53_record.name", "aws_db_parameter_group.family",
		"aws_rds_cluster_parameter_group.family"}
	owner := map[[3]string]string{}
	for _, r := range s.all() {
		for _, attribute := range nameAttributes {
			name := r.Text(attribute)
			if name == "" || name[0] == '$' || slices.Contains(others, r.Kind+"."+attribute) {
				continue
			}
			key := [3]string{r.Kind, attribute, name}
			if other := owner[key]; other != "" {
				s.Errorf("%s and %s have the %s %s", other, r.Address(), attribute, name)
			}
			if owner[key] = r.Address(); s.environment != nil && !strings.Contains(name, "-"+s.suffix) {
				s.Errorf("%s has the %s %s, without the suffix", r.Address(), attribute, name)
			}
		}
	}
}

func TestNamesAreDistinct(t *testing.T) { eachStack(t, expectDistinctNames) }

// A second database, a second load balancer with its firewall, and a second service behind the first load balancer.
func TestSecondOfEachHasItsOwn(t *testing.T) {
	environment := parse(t, "dev", minimalDevelopment)
	first := synthesize(t, []config.Environment{environment}, nil)["dev"].in(t)
	s := synthesize(t, []config.Environment{environment}, nil,
		func(stack cdktf.TerraformStack, platform constructs.Platform) []connection.Connection {
			d := platform.Deployment
			ledger := database.New(stack, "ledger", database.Props{
				Deployment: d, Name: "Ledger", Network: platform.Network, Config: environment.Database,
			})
			target := loadbalancer.Target{Name: "Partner", Config: environment.Service}
			target.Config.Port = 8080
			partners := loadbalancer.New(stack, "partners", loadbalancer.Props{
				Deployment: d, Name: "Partner", Network: platform.Network, Config: environment.LoadBalancer,
				Monitoring: environment.Monitoring, Default: target,
			})
			acl := firewall.New(stack, "partners-firewall", firewall.Props{
				Deployment: d, Name: "Partner", Config: environment.Firewall, LoadBalancerARN: partners.ARN,
			})
			target.Name = "Portal"
			ingress := platform.LoadBalancer.NewRoute(stack, "portal-route", target,
				loadbalancer.Route{Priority: 10, Hosts: []string{"portal.example.com"}, Paths: []string{"/portal/*"}})
			portal := service.New(stack, "portal", service.Props{
				Deployment: d, Name: "Portal", LogName: "portal", Config: environment.Service, Cluster: platform.Cluster,
				Network: platform.Network, Ingress: &ingress, Uses: []connection.Connection{ledger.Connection},
			})
			platform.Monitoring.Watch(stack, ledger.Signals, ledger.ReaderSignals, partners.Signals, acl.Signals,
				portal.Signals)
			return nil
		})["dev"].in(t)
	expectDistinctNames(s)

	one, two := s.find("aws_rds_cluster", "cluster_identifier", "paymentdb-dev"),
		s.find("aws_rds_cluster", "cluster_identifier", "ledgerdb-dev")
	if one.Text("master_password_wo") == two.Text("master_password_wo") {
		t.Errorf("both clusters have the password %s", one.Text("master_password_wo"))
	}
	if passwords := s.each("ephemeral.aws_secretsmanager_random_password"); len(passwords) != 2 {
		t.Errorf("there are %d passwords, expected 2", len(passwords))
	}
	rule := s.only("aws_lb_listener_rule")
	rule.follow("listener_arn").follow("load_balancer_arn").want("name", "PaymentALB-dev")
	rule.want("condition", []any{
		map[string]any{"host_header": map[string]any{"values": []string{"portal.example.com"}}},
		map[string]any{"path_pattern": map[string]any{"values": []string{"/portal/*"}}},
	})
	portal := s.find("aws_ecs_service", "name", "PortalService-dev")
	portal.waitsFor(rule)
	targets := portal.follow("load_balancer.0.target_group_arn")
	targets.want("port", 8080)
	if rule.follow("action.0.target_group_arn").Address() != targets.Address() {
		t.Errorf("the route leads to %s", rule.Text("action.0.target_group_arn"))
	}
	var alarms []string
	for _, alarm := range s.each("aws_cloudwatch_metric_alarm") {
		if name := alarm.alarmName(); !slices.ContainsFunc(first.each("aws_cloudwatch_metric_alarm"),
			func(r resource) bool { return r.alarmName() == name }) {
			alarms = append(alarms, name)
		}
	}
	same(t, "the alarms on the second of each", alarms, strings.Fields(`LedgerHighDBCPUAlarm LedgerHighDBConnectionsAlarm
		LedgerLowDBMemoryAlarm LedgerHighDBReaderCPUAlarm LedgerHighReplicaLagAlarm PartnerHighErrorRateAlarm
		PartnerHighLatencyAlarm PartnerHighLoadBalancerErrorRateAlarm PartnerFastBurnAlarm PartnerSlowBurnAlarm
		PartnerManyBlockedRequestsAlarm PortalNoHealthyTargetAlarm PortalServiceBelowDesiredCountAlarm
		PortalHighServiceCPUAlarm PortalHighServiceMemoryAlarm PortalSilentLogAlarm`),
		": if meant, name it in tests/second_test.go")
}
