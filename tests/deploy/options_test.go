package deploy

import (
	"slices"
	"strings"
	"testing"
)

// together are options that a deployed development environment can have all at once, on top of the port.
const together = `
class: development
account: "` + account + `"
protect: true
tags: {CostCenter: payments}
logs: {retentionDays: 365}
network: {natGateways: 3, interfaceEndpoints: true}
database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0.5, maximumCapacity: 8}, readers: 3,
  backupRetentionDays: 35, backupWindow: "03:00-04:00", maintenanceWindow: "mon:05:00-mon:06:00"}
loadBalancer: {idleTimeoutSeconds: 120, domain: {name: api.payments.example.com, zoneId: ` + hostedZone + `}}
firewall: {rateLimit: 5000, count: [AWSManagedRulesCommonRuleSet, RateLimitRule]}
monitoring: {emails: [on-call@example.com], errorRatePercent: 1, minimumRequests: 50, latencySeconds: 1}
service: {image: "` + image + `", command: [/payment-api, serve], user: "10001", executeCommand: true, cpu: 1024,
  memory: 2048, tmpfsMiB: 128, readonlyRootFilesystem: false, stopTimeoutSeconds: 90, deregistrationDelaySeconds: 120,
  scaling: {minimumTasks: 2, maximumTasks: 20, cpuPercent: 60, memoryPercent: 75, requestsPerTarget: 600},
  healthCheck: {path: /ready, intervalSeconds: 10, gracePeriodSeconds: 120}, environment: {LOG_LEVEL: info},
  containerHealthCheck: [CMD-SHELL, "wget -q -O - http://127.0.0.1/ready"],
  secrets: {ACQUIRER_KEY: "arn:aws:secretsmanager:` + region + `:` + account + `:secret:acquirer-AbCdEf:key::"}}
`

// instead are options that exclude some of these, or that the emulator cannot apply: it forgets a DB subnet group
// that is modified, as a fourth zone does.
const instead = `
class: development
network: {zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d], natGateways: 0, interfaceEndpoints: true}
database: {instanceClass: db.serverless, readers: 0}
loadBalancer:
  certificateArn: arn:aws:acm:` + region + `:` + account + `:certificate/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0
service: {image: "` + image + `", scaling: {minimumTasks: 2, maximumTasks: 2}}
`

// withPort returns a file in which the service listens on another port.
func withPort(file string) string {
	return strings.Replace(file, "service: {", "service: {port: 8080, ", 1)
}

// protected are the types of what contains data or evidence, or takes traffic. Replacing or deleting one of these
// loses something or interrupts customers.
var protected = strings.Fields(`aws_cloudwatch_log_group aws_ecs_cluster aws_ecs_service aws_eip aws_internet_gateway
	aws_kms_key aws_lb aws_lb_listener aws_lb_target_group aws_nat_gateway aws_rds_cluster aws_rds_cluster_instance
	aws_route_table aws_s3_bucket aws_secretsmanager_secret aws_security_group aws_sns_topic aws_subnet aws_vpc
	aws_wafv2_web_acl aws_wafv2_web_acl_association`)

func TestLongOptions(t *testing.T) {
	d := newDeployment(t, "dev")
	d.configure(t, development)
	d.apply(t)

	d.expectLosses(t, together)
	d.expectLosses(t, withPort(development+"service: {}\n"),
		"create delete aws_lb_target_group.load-balancer_target-group") // the new one is used first
	d.expectLosses(t, instead, "delete aws_eip.network_nat-1-address", "delete aws_nat_gateway.network_nat-1",
		"delete aws_rds_cluster_instance.database_reader-1")

	d.configure(t, withPort(together))
	d.apply(t)

	d.expectLosses(t, withPort(development+"service: {}\n"),
		"delete aws_eip.network_nat-2-address", // the routes of the zones lead to the first gateway before
		"delete aws_eip.network_nat-3-address",
		"delete aws_lb_listener.load-balancer_https-listener", // HTTPS itself
		"delete aws_nat_gateway.network_nat-2", "delete aws_nat_gateway.network_nat-3",
		"delete aws_rds_cluster_instance.database_reader-2", "delete aws_rds_cluster_instance.database_reader-3",
		"delete aws_security_group.network_endpoints_security-group") // of the endpoints alone
	d.expectLosses(t, together, "create delete aws_lb_target_group.load-balancer_target-group")
	d.expectLosses(t, withPort(instead), // the listener stays, with the other certificate
		"delete aws_eip.network_nat-1-address", "delete aws_eip.network_nat-2-address",
		"delete aws_eip.network_nat-3-address", "delete aws_nat_gateway.network_nat-1",
		"delete aws_nat_gateway.network_nat-2", "delete aws_nat_gateway.network_nat-3",
		"delete aws_rds_cluster_instance.database_reader-1", "delete aws_rds_cluster_instance.database_reader-2",
		"delete aws_rds_cluster_instance.database_reader-3")
}

// expectLosses fails unless a plan of the file would delete or replace exactly these of the protected resources.
func (d *deployment) expectLosses(t *testing.T, file string, wanted ...string) {
	t.Helper()
	d.configure(t, file)
	p := d.plan(t, "-refresh=false")
	if len(p.changes) == 0 {
		t.Error("the options change nothing")
	}
	p.changes = slices.DeleteFunc(p.changes, func(change string) bool {
		actions, resource, _ := strings.Cut(change, "aws_")
		kind, _, _ := strings.Cut("aws_"+resource, ".")
		return !strings.Contains(actions, "delete") || !slices.Contains(protected, kind)
	})
	p.expect(t, wanted...)
}
