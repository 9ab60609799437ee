package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// option is something that an environment can have or not.
type option struct {
	// group are options that are planned together: what is replaced by one of them is replaced by
	// all of them too, and a plan takes long.
	group string
	name  string
	// settings are those of a development environment that has the option.
	settings settings
	// allowed are the replacements and removals of protected resources that switching the option on
	// or off has to bring about.
	allowed []allowance
}

// instead is the group of the options that exclude one of another group, or that the emulator cannot
// apply: it forgets a DB subnet group that is modified, as another zone does. They are planned in
// place of all others.
const instead = "instead"

// allowance is a planned action on a protected resource, with the reason why it does no harm.
type allowance struct {
	action   string // delete or replace
	resource *regexp.Regexp
	reason   string
}

func removal(resource, reason string) allowance {
	return allowance{"delete", regexp.MustCompile("^" + resource + "$"), reason}
}

// protected are the types of what holds data or evidence, or takes traffic. Replacing or
// deleting one of these loses something or interrupts customers.
var protected = []string{
	"aws_cloudwatch_log_group", "aws_ecs_cluster", "aws_ecs_service", "aws_eip", "aws_internet_gateway", "aws_kms_key", "aws_lb",
	"aws_lb_listener", "aws_lb_target_group", "aws_nat_gateway", "aws_rds_cluster", "aws_rds_cluster_instance", "aws_route_table",
	"aws_s3_bucket", "aws_secretsmanager_secret", "aws_security_group", "aws_sns_topic", "aws_subnet", "aws_vpc", "aws_wafv2_web_acl",
	"aws_wafv2_web_acl_association",
}

// options are all that an environment file can switch on and off, but for what config says replaces
// something: the network's range, the zones but the last, the database's master user.
func options() []option {
	const image = account + ".dkr.ecr." + region + ".amazonaws.com/payment-api:1.0.0"
	readers := removal(`aws_rds_cluster_instance\.database_reader-[123]`, "the reader that is taken away")
	https := removal(`aws_lb_listener\.load-balancer_https-listener`, "HTTPS itself")
	gateways := removal(`(aws_nat_gateway|aws_eip)\.network_nat-[123](-address)?`, "the gateways that are taken away; the routes of other zones lead elsewhere first")
	return []option{
		{group: "network", name: "interface endpoints", settings: settings{"network.interfaceEndpoints": true},
			allowed: []allowance{removal(`aws_security_group\.network_endpoints_security-group`, "of the endpoints alone")}},
		{group: "network", name: "a NAT gateway in each zone", settings: settings{"network.natGateways": 3},
			allowed: []allowance{gateways}},
		{group: "network", name: "flow logs every minute", settings: settings{"network.flowLogs.aggregationSeconds": 60}},
		{group: "database", name: "a serverless database", settings: settings{"database.instanceClass": "db.serverless", "database.serverless.minimumCapacity": 0.5}},
		{group: "database", name: "three readers", settings: settings{"database.readers": 3}, allowed: []allowance{readers}},
		{group: "database", name: "advanced Database Insights", settings: settings{"database.insights": "advanced"}},
		{group: "database", name: "no enhanced monitoring", settings: settings{"database.monitoringIntervalSeconds": 0}},
		{group: "database", name: "no log of slow statements", settings: settings{"database.slowStatementMilliseconds": -1}},
		{group: "database", name: "longer backups in other windows", settings: settings{"database.backupRetentionDays": 35, "database.backupWindow": "03:00-04:00", "database.maintenanceWindow": "mon:05:00-mon:06:00"}},
		{group: "database", name: "changes in the maintenance window only", settings: settings{"database.applyImmediately": false}},
		{group: "guards", name: "deletion protection of the database", settings: settings{"database.deletionProtection": true}},
		{group: "guards", name: "a final snapshot", settings: settings{"database.finalSnapshot": true}},
		{group: "guards", name: "a recoverable secret", settings: settings{"database.passwordRecoveryDays": 30}},
		{group: "guards", name: "a longer deletion window of the key", settings: settings{"encryption.deletionWindowDays": 30}},
		{group: "guards", name: "deletion protection of the load balancer", settings: settings{"loadBalancer.deletionProtection": true}},
		{group: "guards", name: "protection against destruction", settings: settings{"preventDestroy": true}},
		{group: "tasks", name: "ECS Exec", settings: settings{"service.executeCommand": true, "service.readonlyRootFilesystem": false},
			allowed: []allowance{removal(`aws_cloudwatch_log_group\.service_sessions-logs`, "the log of the sessions, which are no more")}},
		{group: "tasks", name: "a container health check", settings: settings{"service.containerHealthCheck": []string{"CMD-SHELL", "wget -q -O - http://127.0.0.1/health"}}},
		{group: "tasks", name: "an image of one's own with variables and secrets", settings: settings{"service.image": image,
			"service.environment": map[string]string{"LOG_LEVEL": "info"},
			"service.secrets":     map[string]string{"ACQUIRER_KEY": "arn:aws:secretsmanager:" + region + ":" + account + ":secret:acquirer-AbCdEf:key::"}}},
		{group: "tasks", name: "larger tasks", settings: settings{"service.cpu": 1024, "service.memory": 2048}},
		{group: "tasks", name: "longer deregistration and stop", settings: settings{"service.deregistrationDelaySeconds": 120, "service.stopTimeoutSeconds": 90}},
		{group: "service", name: "scaling by memory and requests", settings: settings{"service.scaling.memoryPercent": 75, "service.scaling.requestsPerTarget": 600}},
		{group: "service", name: "deployment alarms", settings: settings{"service.deploymentAlarms": true}},
		{group: "service", name: "enhanced Container Insights", settings: settings{"service.containerInsights": "enhanced"}},
		{group: "service", name: "another health check", settings: settings{"service.healthCheck.path": "/ready", "service.healthCheck.intervalSeconds": 10, "service.healthCheck.gracePeriodSeconds": 120}},
		{group: "service", name: "fewer healthy tasks during a deployment", settings: settings{"service.minimumHealthyPercent": 50}},
		{group: "port", name: "another port", settings: settings{"service.port": 8080}, allowed: []allowance{{
			"replace", regexp.MustCompile(`^aws_lb_target_group\.load-balancer_target-group$`), "its port cannot be changed; the new one is created and used first",
		}}},
		{group: "load balancer", name: "HTTPS for a domain", settings: settings{"loadBalancer.domain.name": "api.payments.example.com", "loadBalancer.domain.zoneId": hostedZone},
			allowed: []allowance{https}},
		{group: "load balancer", name: "another idle timeout", settings: settings{"loadBalancer.idleTimeoutSeconds": 120}},
		{group: "load balancer", name: "longer access logs", settings: settings{"loadBalancer.accessLogRetentionDays": 365}},
		{group: "firewall and monitoring", name: "longer logs", settings: settings{"logs.retentionDays": 365}},
		{group: "firewall and monitoring", name: "firewall rules that count and another rate limit", settings: settings{"firewall.count": []string{"AWSManagedRulesCommonRuleSet", "RateLimitRule"}, "firewall.rateLimit": 5000}},
		{group: "firewall and monitoring", name: "addresses to notify", settings: settings{"monitoring.emails": []string{"on-call@example.com"}}},
		{group: "firewall and monitoring", name: "other thresholds", settings: settings{"monitoring.errorRatePercent": 1, "monitoring.databaseCpuPercent": 60}},
		{group: "firewall and monitoring", name: "tags", settings: settings{"tags": map[string]string{"CostCenter": "payments"}}},
		{group: instead, name: "a fourth zone", settings: settings{"network.zones": []string{region + "a", region + "b", region + "c", region + "d"}},
			allowed: []allowance{removal(`(aws_subnet|aws_route_table)\.network_(public|private)-4(-routes)?`, "the zone that is taken away")}},
		{group: instead, name: "HTTPS with a certificate of one's own",
			settings: settings{"loadBalancer.certificateArn": "arn:aws:acm:" + region + ":" + account + ":certificate/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"}},
		{group: instead, name: "no NAT gateway",
			settings: settings{"network.natGateways": 0, "network.interfaceEndpoints": true, "service.image": image},
			allowed:  []allowance{gateways}},
		{group: instead, name: "a serverless database that pauses", settings: settings{"database.instanceClass": "db.serverless"}},
		{group: instead, name: "no reader", settings: settings{"database.readers": 0}, allowed: []allowance{readers}},
		{group: instead, name: "a fixed number of tasks", settings: settings{"service.scaling.enabled": false}},
	}
}

func TestOptionsCanBeSwitchedOnAndOff(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "dev", 2)
	d.newHostedZone(t, "payments.example.com")
	all := options()
	base := settings{"class": "development"}
	combine := func(chosen func(option) bool) settings {
		combined := base
		for _, option := range all {
			if chosen(option) {
				combined = combined.with(option.settings)
			}
		}
		return combined
	}
	environments := map[string]settings{
		"dev":    base,
		together: combine(func(o option) bool { return o.group != instead }),
	}
	var groups []string
	for _, o := range all {
		if slices.Contains(groups, o.group) {
			continue
		}
		groups = append(groups, o.group)
		environments[on(len(groups)-1)] = combine(func(other option) bool { return other.group == o.group })
		environments[off(len(groups)-1)] = combine(func(other option) bool { return other.group != o.group && other.group != instead })
	}
	// From all others, those of this group are switched on, not off.
	only := slices.Index(groups, instead)
	environments[off(only)] = environments[on(only)]

	d.synthesize(t, environments)
	for suffix := range environments {
		d.rename(t, suffix)
	}
	d.initialize(t)
	step(t, "the development environment is deployed without any", func(t *testing.T) { d.apply(t) })
	step(t, "each can be switched on", func(t *testing.T) { d.tryOptions(t, groups, on) })
	step(t, "all that go together can be switched on at once", func(t *testing.T) {
		if err := os.Rename(d.stackFolderOf(together, "cdk.tf.json"), d.stackFolderOf("dev", "cdk.tf.json")); err != nil {
			t.Fatal(err)
		}
		d.apply(t)
	})
	step(t, "each can be switched off again", func(t *testing.T) { d.tryOptions(t, groups, off) })
}

// The suffixes of the environments that have all options, those of one group only, or all but
// these. They occur in no other word of the JSON, where dev takes their place.
const together = "zzzall"

func on(group int) string  { return fmt.Sprintf("zzz%02dyes", group) }
func off(group int) string { return fmt.Sprintf("zzz%02dnot", group) }

func (d *deployment) stackFolderOf(suffix string, parts ...string) string {
	return filepath.Join(append([]string{d.path("cdktf.out", "stacks", "tap-"+suffix)}, parts...)...)
}

// rename makes the stack of an environment one of the environment dev. One run of the program makes
// them all, since starting it takes more time than all else; in what it makes an environment differs
// from another one of the same settings by its suffix alone.
func (d *deployment) rename(t *testing.T, suffix string) {
	t.Helper()
	path := d.stackFolderOf(suffix, "cdk.tf.json")
	if err := writeFile(path, strings.NewReplacer(suffix, "dev", hostedZone, d.zone).Replace(contents(path))); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(d.stackFolderOf(suffix, lockFileName), contents(setup.lockFile)); err != nil {
		t.Fatal(err)
	}
}

// tryOptions plans what switching each group of options would do to what is deployed.
func (d *deployment) tryOptions(t *testing.T, groups []string, variant func(int) string) {
	deployed := d.configuration(t, "dev")
	for i, group := range groups {
		var names []string
		var allowed []allowance
		for _, option := range options() {
			// In place of the others means that these are switched off.
			if option.group == group || group == instead {
				allowed = append(allowed, option.allowed...)
			}
			if option.group == group {
				names = append(names, option.name)
			}
		}
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			t.Logf("tried: %s", strings.Join(names, ", "))
			d.tryGroup(t, allowed, deployed, variant(i))
		})
	}
}

// tryGroup plans one group of options, and fails when the plan does what it must not.
func (d *deployment) tryGroup(t *testing.T, allowances []allowance, deployed configuration, suffix string) {
	configured := d.configuration(t, suffix)
	if reflect.DeepEqual(configured, deployed) {
		t.Fatal("the options change nothing")
	}
	arguments := append([]string{"plan", "-json", "-refresh=false", "-lock=false"}, configured.targets(deployed)...)
	output, err := d.terraformIn(t, d.stackFolderOf(suffix), []string{"TF_DATA_DIR=" + filepath.Join(d.stackFolder(), ".terraform")}, short, arguments...)
	if err != nil {
		t.Fatalf("terraform plan: %v\n%s", err, tail(told(output), 20))
	}
	counts := map[string]int{}
	for line := range strings.Lines(output) {
		var message struct {
			Type   string
			Change struct {
				Action   string
				Resource struct {
					Address string `json:"addr"`
					Type    string `json:"resource_type"`
				}
			}
		}
		if json.Unmarshal([]byte(line), &message) != nil || message.Type != "planned_change" {
			continue
		}
		action, address := message.Change.Action, withoutHash(message.Change.Resource.Address)
		counts[action]++
		if action != "delete" && action != "replace" || !slices.Contains(protected, message.Change.Resource.Type) {
			continue
		}
		if !slices.ContainsFunc(allowances, func(allowed allowance) bool {
			return allowed.action == action && allowed.resource.MatchString(address)
		}) {
			t.Errorf("would %s %s", action, address)
		}
	}
	t.Logf("planned: %v", counts)
}

// configuration is the JSON of a stack.
type configuration struct {
	Resource map[string]map[string]any
}

func (d *deployment) configuration(t *testing.T, suffix string) configuration {
	t.Helper()
	var found configuration
	if err := json.Unmarshal([]byte(contents(d.stackFolderOf(suffix, "cdk.tf.json"))), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// targets are the arguments that leave the web ACL out of a plan when it is the one that is
// deployed: it refers to nothing that could change, and takes two thirds of the time of a plan.
func (c configuration) targets(deployed configuration) []string {
	const acl = "aws_wafv2_web_acl"
	if !reflect.DeepEqual(c.Resource[acl], deployed.Resource[acl]) {
		return nil
	}
	unique := map[string]bool{}
	for _, resources := range []map[string]map[string]any{c.Resource, deployed.Resource} {
		for kind, named := range resources {
			for name := range named {
				if !strings.HasPrefix(kind, acl) {
					unique["-target="+kind+"."+name] = true
				}
			}
		}
	}
	var arguments []string
	for argument := range unique {
		arguments = append(arguments, argument)
	}
	slices.Sort(arguments)
	return arguments
}
