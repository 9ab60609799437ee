package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Rule is what values have to be together, as far as JSON Schema can say it, too: where all of If hold, Then has to.
type Rule struct {
	Problem string
	Then    Condition
	If      []Condition
}

// Condition is about the value of a key: that of the file, or else the default.
type Condition struct {
	Path  string
	Limit *Limit // what the value keeps; nil: the file does not set the key
}

// Rules are those of a class in a Region, or in any where that is empty; what only Load can know is below. A problem is
// at the key of Then or, where a file does not have that, at the first of If.
func Rules(class Class, region string) (rules []Rule) {
	is := func(path string, limit Limit) Condition { return Condition{path, &limit} }
	not := func(limit Limit) Limit { return Limit{Not: &limit} }
	some := Limit{Pattern: regexp.MustCompile(`.`), MinItems: 1} // of a text, and of a list
	filled := func(path string) Condition { return is(path, some) }
	empty := func(path string) Condition { return is(path, not(some)) }
	rule := func(problem string, then Condition, where ...Condition) {
		rules = append(rules, Rule{problem, then, where})
	}

	const public, private = "network.existing.publicSubnets", "network.existing.privateSubnets"
	const gateways, endpoints, image = "network.natGateways", "network.interfaceEndpoints", "service.image"
	const certificate, name, zone = "loadBalancer.certificateArn", "loadBalancer.domain.name", "loadBalancer.domain.zoneId"
	ecr := `[0-9]{12}\.dkr\.ecr\.` + cmp.Or(region, regionExpression) + `\.amazonaws\.com/.*`
	if class == Production {
		rule("is missing: production sets a range of its own, for example 10.20.0.0/16, which no network that it may be "+
			"peered with overlaps", filled("network.cidr"), empty(public), empty(private))
		rule(imageStays, is(image, matching(`.*@.*|`+ecr, "")))
		rule("production does not serve clear-text HTTP; set loadBalancer.certificateArn, or name and zoneId of "+
			"loadBalancer.domain, or loadBalancer.allowPlainHttp: true",
			is("loadBalancer.allowPlainHttp", oneOf(true)), empty(certificate), empty(name), empty(zone))
	}

	for _, key := range []string{"network.cidr", "network.zones", gateways} {
		rule("excludes network.existing: a VPC that exists has its own", Condition{Path: key}, filled(public))
	}
	const twoZones = "load balancer and database need subnets in two zones at least"
	rule(twoZones, is(public, Limit{MinItems: 2}), filled(private))
	rule(twoZones, is(private, Limit{MinItems: 2}), filled(public))
	for count := 3; count <= 6; count++ {
		rule("there is one NAT gateway for each zone at most", is("network.zones", Limit{MinItems: count}),
			is(gateways, integer(count, 6)))
	}
	rule("the Region does not offer its zones a, b and c to every account; set network.zones to zones of yours",
		is("region", not(oneOf(regionsWithoutABC...))), Condition{Path: "network.zones"}, empty(public))
	rule("without a NAT gateway, tasks get images and secrets and write logs only with network.interfaceEndpoints: true",
		is(endpoints, oneOf(true)), is(gateways, oneOf(0)), empty(public))
	rule("without a NAT gateway, tasks get an image only from a private ECR repository of the Region",
		is(image, matching(ecr, "")),
		is(gateways, oneOf(0)), is(endpoints, oneOf(true)), empty(public))

	rule("has an effect only with the instance class "+serverlessClass, Condition{Path: "database.serverless"},
		is("database.instanceClass", not(oneOf(serverlessClass))))
	rule("is how long copies are kept, and there are none without a vault",
		Condition{Path: "database.backupCopy.keepDays"}, empty("database.backupCopy.vault"))
	const restored = "database.restore.cluster"
	rule("a snapshot excludes a cluster to restore", empty("database.restore.snapshot"), filled(restored))
	rule("is a moment of "+restored, filled(restored), filled("database.restore.time"))

	for _, cpu := range slices.Sorted(maps.Keys(fargateSizes)) {
		sizes := fargateSizes[cpu]
		rule(fmt.Sprintf("Fargate offers %s MiB with %d CPU units", joined(sizes), cpu),
			is("service.memory", oneOf(sizes...)), is("service.cpu", oneOf(cpu)))
	}
	rule("the placeholder has a command of its own; this one needs an image", filled(image), filled("service.command"))
	rule("a migration is a command of an image", filled(image), filled("service.migration"))
	rule("only an image of your own can log in with a token", filled(image), is("database.login", oneOf(LoginIAM)))
	const check, words = "service.containerHealthCheck",
		"is neither CMD and the words of a command nor CMD-SHELL and one line for the shell"
	rule(words, is(check, Limit{MinItems: 2, PrefixItems: []Limit{oneOf("CMD", "CMD-SHELL")}}), filled(check))
	rule(words, is(check, Limit{MaxItems: 2}), is(check, Limit{MinItems: 1, PrefixItems: []Limit{oneOf("CMD-SHELL")}}))
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
	rule("ECS Exec writes to the container's root file system", is("service.readonlyRootFilesystem", oneOf(false)),
		is("service.executeCommand", oneOf(true)))

	const domain = "a name needs the ID of the hosted zone that contains it, and a zone the name"
	rule(domain, filled(zone), filled(name))
	rule(domain, filled(name), filled(zone))
	rule("a certificate excludes loadBalancer.domain, which has one requested", empty(certificate), filled(name))
	return rules
}

// Holds reports whether an environment whose file does not set the key keeps the condition.
func (c Condition) Holds(e Environment) bool { return c.Limit == nil || c.Limit.keeps(e.at(c.Path)) }

// at returns the value of a key, for example service.cpu; that of no field for an item or an entry.
func (e Environment) at(path string) reflect.Value {
	value := reflect.ValueOf(e)
	for key := range strings.SplitSeq(path, ".") {
		switch {
		case value.Kind() == reflect.Struct:
			value = value.FieldByNameFunc(func(name string) bool {
				field, _ := value.Type().FieldByName(name)
				return field.Tag.Get("yaml") == key
			})
		case value.Kind() == reflect.Map && value.Type().Elem().Kind() == reflect.Struct:
			value = value.MapIndex(reflect.ValueOf(key))
		default:
			return reflect.Value{}
		}
	}
	return value
}

// keeps reports whether a value or a list keeps the limit.
func (l Limit) keeps(value reflect.Value) bool {
	if value.Kind() != reflect.Slice {
		return l.Allows(fmt.Sprint(value))
	}
	for i, first := range l.PrefixItems {
		if i < value.Len() && !first.keeps(value.Index(i)) {
			return false
		}
	}
	return value.Len() >= l.MinItems && (l.MaxItems == 0 || value.Len() <= l.MaxItems) &&
		(l.Not == nil || !l.Not.keeps(value))
}

// applyRules checks what the values have to be together. What each has to be by itself is in limits.go.
func (f *file) applyRules() {
	for _, rule := range Rules(f.environment.Class, f.environment.Region) {
		broken, paths := !f.holds(rule.Then), []string{rule.Then.Path}
		for _, condition := range rule.If {
			broken = broken && f.holds(condition)
			if condition.Path != rule.Then.Path {
				paths = append(paths, condition.Path)
			}
		}
		f.forbid(broken, rule.Problem, paths...)
	}
	folded := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(f.environment.Tags)) {
		other, found := folded[strings.ToLower(key)]
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
		f.forbid(found, "differs in case only from another tag, and is the same to IAM: "+other, join("tags", key))
		folded[strings.ToLower(key)] = key
	}
	f.applyNetworkRules()
	f.applyDatabaseRules()
	f.applyServiceRules()
	f.applyWorkloadRules()
}

func (f *file) holds(c Condition) bool {
	return c.Holds(f.environment) && (c.Limit != nil || f.lines[c.Path] == 0)
}

// forbid reports values of keys, or an item or entry, that cannot be together. The problem is that of the first of them
// in the file: a default has no line to correct. There is none when one of the values has a problem already, so that
// one mistake leads to one message.
func (f *file) forbid(when bool, message string, paths ...string) {
	if !when || slices.ContainsFunc(paths, f.refused) {
		return
	}
	separator := "; "
	for _, path := range paths {
		if value := f.show(path); value != "" {
			message += separator + path + " is " + value
			separator = ", "
		}
	}
	first := max(0, slices.IndexFunc(paths, func(path string) bool { return f.lines[path] > 0 }))
	f.report(paths[first], message)
}

// show says for an error what the value of a key is; empty where there is none, and for a section, an item or an entry.
func (f *file) show(path string) string {
	text, isDefault := "", f.lines[path] == 0
	switch value := f.environment.at(path); value.Kind() {
	case reflect.Invalid, reflect.Struct:
		return ""
	case reflect.String, reflect.Slice:
		if isDefault && value.Len() == 0 {
			return ""
		}
		text = abbreviate(fmt.Sprintf("%q", value.Interface()))
	default:
		text = fmt.Sprint(value.Interface())
	}
	if isDefault {
		text += " (the default)"
	}
	return text
}

func (f *file) applyNetworkRules() {
	e := &f.environment
	for i, id := range e.Network.Existing.PrivateSubnets {
		f.forbid(slices.Contains(e.Network.Existing.PublicSubnets, id), quote(id)+" is in network.existing.publicSubnets as "+
			"well", fmt.Sprintf("network.existing.privateSubnets[%d]", i))
	}
	for i, zone := range e.Network.Zones {
		f.forbid(f.lines["network.zones"] > 0 && zone[:max(0, len(zone)-1)] != e.Region, quote(zone)+" is not a zone of the "+
			"Region", fmt.Sprintf("network.zones[%d]", i), "region")
	}
}

func (f *file) applyDatabaseRules() {
	database := &f.environment.Database
	f.forbid(database.Serverless.MinimumCapacity > database.Serverless.MaximumCapacity,
		"the smallest capacity is more than the largest",
		"database.serverless.minimumCapacity", "database.serverless.maximumCapacity")

	restore := &database.Restore
	_, err := time.Parse(time.RFC3339, restore.Time)
	f.forbid(restore.Time != "" && err != nil, "is not a day of the calendar", "database.restore.time")
	for key, source := range map[string]string{"snapshot": restore.Snapshot, "cluster": restore.Cluster} {
		f.forbid(strings.HasPrefix(source, "arn:") && !strings.Contains(source, ":"+f.environment.Region+":"),
			"is not in the cluster's Region; copy a snapshot there", "database.restore."+key, "region")
	}

	region, account := database.BackupCopy.Place()
	isGov := strings.HasPrefix(f.environment.Region, "us-gov-")
	f.forbid(region != "" && (strings.HasPrefix(region, "us-gov-") != isGov ||
		strings.HasPrefix(database.BackupCopy.Vault, "arn:aws-us-gov:") != isGov),
		"is in another partition, and AWS copies within one", "database.backupCopy.vault", "region")
	f.forbid(region == f.environment.Region && (account == f.environment.Account || f.environment.Account == ""),
		"is lost with the database: it is in the same Region, and in no other account that the file sets",
		"database.backupCopy.vault", "account")

	// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
	const minutesPerDay, minutesPerWeek, shortest = 24 * 60, 7 * 24 * 60, 30
	backup, backupLength := window(database.BackupWindow, minutesPerDay)
	maintenance, maintenanceLength := window(database.MaintenanceWindow, minutesPerWeek)
	f.forbid(backupLength < shortest, "the window is shorter than 30 minutes", "database.backupWindow")
	f.forbid(maintenanceLength < shortest, "the window is shorter than 30 minutes", "database.maintenanceWindow")
	for day := range 7 {
		distance := (maintenance - backup - day*minutesPerDay + minutesPerWeek) % minutesPerWeek
		f.forbid(distance < backupLength || minutesPerWeek-distance < maintenanceLength, "the windows overlap",
			"database.maintenanceWindow", "database.backupWindow")
	}
}

// window returns the first minute of a window in its period, a day or a week, and how many minutes the window has.
func window(text string, period int) (first, length int) {
	minute := func(text string) int {
		day := max(0, strings.Index("montuewedthufrisatsun", text[:3])/3)
		clock, _ := time.Parse("15:04", text[len(text)-len("15:04"):])
		return (day*24+clock.Hour())*60 + clock.Minute()
	}
	from, to, _ := strings.Cut(text, "-")
	return minute(from), (minute(to) - minute(from) + period) % period
}

func (f *file) applyServiceRules() {
	e := &f.environment
	service, scaling := &e.Service, &e.Service.Scaling
	f.forbid(service.TmpfsMiB >= service.Memory, "/tmp leaves nothing of the memory that it is a part of",
		"service.tmpfsMiB", "service.memory")
	f.forbid(scaling.MinimumTasks > scaling.MaximumTasks, "the smallest number of tasks is more than the largest",
		"service.scaling.minimumTasks", "service.scaling.maximumTasks")
	for name := range service.Secrets {
		_, both := service.Environment[name]
		f.forbid(both, "is in service.environment as well", join("service.secrets", name))
	}
	// https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html
	arn := e.LoadBalancer.CertificateARN
	f.forbid(arn != "" && !strings.Contains(arn, ":"+e.Region+":"), "the certificate is not in the load balancer's "+
		"Region", "loadBalancer.certificateArn", "region")
	f.forbid(arn != "" && e.Account != "" && !strings.Contains(arn, ":"+e.Account+":"), "the certificate is not in the "+
		"load balancer's account", "loadBalancer.certificateArn", "account")
}
