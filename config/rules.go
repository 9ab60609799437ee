package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Rule is what values have to be together, as far as JSON Schema can say it, too: where all of If hold, Then has to.
type Rule struct {
	Problem  string
	Class    Class // the only one that it is for, if any
	Then, If Conditions
}

// Conditions are on values of different keys.
type Conditions []Condition

// Condition is about the value of a key: that of the file, or else the default.
type Condition struct {
	Path  string
	Limit *Limit // what the value keeps; nil: the file does not set the key
}

// UnmarshalYAML reads a mapping of paths to limits.
func (all *Conditions) UnmarshalYAML(node *yaml.Node) (err error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for i := 0; i < len(node.Content); i += 2 {
		condition := Condition{Path: node.Content[i].Value}
		err = errors.Join(err, node.Content[i+1].Decode(&condition.Limit))
		*all = append(*all, condition)
	}
	return err
}

// Rules are those of a class in a Region, or in any where that is empty. A problem is at the key of Then or, where a
// file does not have that, at the first of If.
func Rules(class Class, region string) (rules []Rule) {
	add := func(problem, path string, limit Limit, where ...Condition) {
		rules = append(rules, Rule{Problem: problem, Then: Conditions{{path, &limit}}, If: where})
	}
	is := func(path string, value any) Condition { return Condition{path, &Limit{Enum: []any{value}}} }
	ecr := `[0-9]{12}\.dkr\.ecr\.` + cmp.Or(region, regionExpression) + `\.amazonaws\.com/.*`
	if class == Production {
		add(imageStays, "service.image", Limit{Pattern: regexp.MustCompile(`^(.*@.*|` + ecr + `)$`)})
	}
	add("without a NAT gateway, tasks get an image only from a private ECR repository of the Region", "service.image",
		Limit{Pattern: regexp.MustCompile(`^(` + ecr + `)$`)}, is("network.natGateways", 0),
		is("network.interfaceEndpoints", true), Condition{"network.existing.publicSubnets", &Limit{Not: &Limit{MinItems: 1}}})
	for _, cpu := range slices.Sorted(maps.Keys(declared.Fargate)) {
		sizes, limit := declared.Fargate[cpu], Limit{}
		for _, size := range sizes {
			limit.Enum = append(limit.Enum, size)
		}
		add(fmt.Sprintf("Fargate offers %s MiB with %d CPU units", joined(sizes), cpu), "service.memory",
			limit, is("service.cpu", cpu))
	}
	for _, rule := range declared.Rules {
		if rule.Class == "" || rule.Class == class {
			rules = append(rules, rule)
		}
	}
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

// applyRules checks what the values have to be together. What each has to be by itself is in keys.yaml.
func (f *file) applyRules() {
	for _, rule := range Rules(f.environment.Class, f.environment.Region) {
		then := rule.Then[0]
		broken, paths := !f.holds(then), []string{then.Path}
		for _, condition := range rule.If {
			broken = broken && f.holds(condition)
			if condition.Path != then.Path {
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
	f.applyCallerRules()
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

func (f *file) applyCallerRules() {
	firewall, balancer := &f.environment.Firewall, &f.environment.LoadBalancer
	for key, callers := range map[string][]string{
		"firewall.trustedAddresses": firewall.TrustedAddresses, "loadBalancer.allowedSources": balancer.AllowedSources} {
		for i, caller := range callers {
			at := fmt.Sprintf("%s[%d]", key, i)
			if these, err := netip.ParsePrefix(caller); err == nil { // else it is a prefix list
				f.forbid(these != these.Masked(), quote(caller)+" is not the first address of its range; allowed: "+
					these.Masked().String(), at)
				for _, reserved := range declared.Reserved {
					f.forbid(these.Overlaps(reserved), fmt.Sprintf("%s has addresses of %s, from which nobody calls over the "+
						"internet; allowed: ranges of public addresses", quote(caller), reserved), at)
				}
			}
		}
	}
	paths := slices.Sorted(maps.Keys(firewall.RateLimits))
	for _, path := range paths {
		at := join("firewall.rateLimits", path)
		f.forbid(firewall.RateLimits[path] >= firewall.RateLimit, fmt.Sprintf("%d is not under the limit of all requests",
			firewall.RateLimits[path]), at, "firewall.rateLimit")
		for _, other := range paths {
			f.forbid(path != other && strings.HasPrefix(strings.ToLower(PathRule(path)), strings.ToLower(PathRule(other))),
				"begins with "+other+", or its rule's name does, "+PathRule(other)+": a request would count for both", at)
		}
	}
	for i, rule := range firewall.Count {
		path, isPath := strings.CutPrefix(rule, RateLimitRule+"/")
		f.forbid(isPath && !slices.Contains(paths, "/"+path), quote(rule)+" is of no path of firewall.rateLimits",
			fmt.Sprintf("firewall.count[%d]", i))
	}
	if account := f.environment.Account; account != "" {
		f.forbidOthers("s3://"+Account{ID: account}.TrustBucket(), "is not in the account's bucket of certificates")
	}
}

// forbidOthers reports an object of loadBalancer.clientCertificates that does not begin like this.
func (f *file) forbidOthers(beginning, message string) {
	const section = "loadBalancer.clientCertificates"
	certificates := f.environment.LoadBalancer.ClientCertificates
	objects := map[string]string{section + ".bundle": certificates.Bundle}
	for i, list := range certificates.Revocations {
		objects[fmt.Sprintf("%s.revocations[%d]", section, i)] = list
	}
	for at, object := range objects {
		f.forbid(object != "" && !strings.HasPrefix(object, beginning), quote(object)+" "+message+"; allowed: "+beginning+
			"...", at)
	}
}

func (f *file) applyNetworkRules() {
	e := &f.environment
	for i, id := range e.Network.Existing.PrivateSubnets {
		f.forbid(slices.Contains(e.Network.Existing.PublicSubnets, id), quote(id)+" is in network.existing.publicSubnets as "+
			"well", fmt.Sprintf("network.existing.privateSubnets[%d]", i))
	}
	addresses := len(e.Network.NATAddresses)
	f.forbid(addresses > 0 && addresses != e.Network.NATGateways && !e.Network.IsExisting(),
		"each NAT gateway has one address", "network.natAddresses", "network.natGateways")
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
