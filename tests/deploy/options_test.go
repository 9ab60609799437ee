package deploy

import (
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

// What each option loses is in internal/plan/testdata.
func TestLongOptions(t *testing.T) {
	d := newDeployment(t, "dev")
	for _, file := range []string{development, together, strings.Replace(together, "{image", "{port: 8080, image", 1)} {
		d.configure(t, file)
		d.apply(t)
	}
}
