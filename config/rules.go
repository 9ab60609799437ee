package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// applyRules checks what the values have to be together. What each has to be by itself is in limits.go.
func (f *file) applyRules() {
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
	f.applyLoadBalancerRules()
}

// forbid reports values of keys, or an item or entry, that cannot be together. The problem is that of the first of them
// in the file: a default has no line to correct. There is none when one of the values has a problem already, so that
// one mistake leads to one message.
func (f *file) forbid(found bool, message string, paths ...string) {
	if !found || slices.ContainsFunc(paths, f.refused) {
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

// show says for an error what the value of a key is; empty for a section, an item or an entry.
func (f *file) show(path string) string {
	value := reflect.ValueOf(f.environment)
	for key := range strings.SplitSeq(path, ".") {
		if value.Kind() != reflect.Struct {
			return ""
		}
		value = value.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
	}
	text, isDefault := "", f.lines[path] == 0
	switch value.Kind() {
	case reflect.Invalid, reflect.Struct:
		return ""
	case reflect.String, reflect.Slice:
		if isDefault && value.Len() == 0 {
			return "not set"
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
	network, existing := &e.Network, &e.Network.Existing
	if network.IsExisting() {
		for _, key := range []string{"network.cidr", "network.zones", "network.natGateways"} {
			if f.lines[key] > 0 && !f.refused(key) {
				f.report(key, "excludes network.existing: a VPC that exists has its own")
			}
		}
		f.forbid(len(existing.PublicSubnets) < 2 || len(existing.PrivateSubnets) < 2, "load balancer and database need "+
			"subnets in two zones at least", "network.existing.publicSubnets", "network.existing.privateSubnets")
		for i, id := range existing.PrivateSubnets {
			f.forbid(slices.Contains(existing.PublicSubnets, id), quote(id)+" is in network.existing.publicSubnets as well",
				fmt.Sprintf("network.existing.privateSubnets[%d]", i))
		}
		return
	}
	f.forbid(network.CIDR == "", "is missing: production sets a range of its own, for example 10.20.0.0/16, which no "+
		"network that it may be peered with overlaps", "network.cidr")
	f.forbid(network.NATGateways > len(network.Zones), "there is one NAT gateway for each zone at most",
		"network.natGateways", "network.zones")
	zonesAreSet := f.lines["network.zones"] > 0
	f.forbid(!zonesAreSet && slices.Contains(regionsWithoutABC, e.Region), "the Region does not offer its zones a, b and "+
		"c to every account; set network.zones to zones of yours", "network.zones", "region")
	for i, zone := range network.Zones {
		f.forbid(zonesAreSet && zone[:max(0, len(zone)-1)] != e.Region, quote(zone)+" is not a zone of the Region",
			fmt.Sprintf("network.zones[%d]", i), "region")
	}
	f.forbid(network.NATGateways == 0 && !network.InterfaceEndpoints, "without a NAT gateway, tasks get images and "+
		"secrets and write logs only with network.interfaceEndpoints: true",
		"network.natGateways", "network.interfaceEndpoints")
	_, region, _, _ := e.Service.PrivateRepository()
	f.forbid(network.NATGateways == 0 && network.InterfaceEndpoints && region != e.Region, "without a NAT gateway, tasks "+
		"get an image only from a private ECR repository of the Region", "network.natGateways", "service.image", "region")
}

func (f *file) applyDatabaseRules() {
	database := &f.environment.Database
	f.forbid(database.Serverless.MinimumCapacity > database.Serverless.MaximumCapacity,
		"the smallest capacity is more than the largest",
		"database.serverless.minimumCapacity", "database.serverless.maximumCapacity")
	// What would have no effect is refused: somebody expects one.
	f.forbid(f.lines["database.serverless"] > 0 && !database.IsServerless(),
		"has an effect only with the instance class "+serverlessClass, "database.serverless", "database.instanceClass")

	restore := &database.Restore
	f.forbid(restore.Snapshot != "" && restore.Cluster != "", "a snapshot excludes a cluster to restore",
		"database.restore.snapshot", "database.restore.cluster")
	f.forbid(restore.Time != "" && restore.Cluster == "", "is a moment of database.restore.cluster",
		"database.restore.time", "database.restore.cluster")
	_, err := time.Parse(time.RFC3339, restore.Time)
	f.forbid(restore.Time != "" && err != nil, "is not a day of the calendar", "database.restore.time")
	for key, source := range map[string]string{"snapshot": restore.Snapshot, "cluster": restore.Cluster} {
		f.forbid(strings.HasPrefix(source, "arn:") && !strings.Contains(source, ":"+f.environment.Region+":"),
			"is not in the cluster's Region; copy a snapshot there", "database.restore."+key, "region")
	}

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
	memories := fargateSizes[service.CPU]
	f.forbid(!slices.Contains(memories, service.Memory), fmt.Sprintf("Fargate offers %s MiB with %d CPU units",
		joined(memories), service.CPU), "service.memory", "service.cpu")
	f.forbid(service.TmpfsMiB >= service.Memory, "/tmp leaves nothing of the memory that it is a part of",
		"service.tmpfsMiB", "service.memory")
	f.forbid(scaling.MinimumTasks > scaling.MaximumTasks, "the smallest number of tasks is more than the largest",
		"service.scaling.minimumTasks", "service.scaling.maximumTasks")

	name, digest, _ := strings.Cut(service.Image, "@")
	_, tag, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	f.forbid(e.Class == Production && digest == "" && (tag == "" || tag == "latest"), "production needs an image that "+
		"stays the same: one with a digest (@sha256:...), or with a tag that is not latest", "service.image")
	f.forbid(service.IsPlaceholder() && len(service.Command) > 0, "the placeholder has a command of its own; this one "+
		"needs an image", "service.command", "service.image")
	f.forbid(service.IsPlaceholder() && len(service.Migration) > 0, "a migration is a command of an image",
		"service.migration", "service.image")
	f.forbid(service.IsPlaceholder() && e.Database.Login == LoginIAM, "only an image of your own can log in with a token",
		"database.login", "service.image")

	check := service.ContainerHealthCheck
	isCheck := len(check) == 0 || len(check) > 1 && check[0] == "CMD" || len(check) == 2 && check[0] == "CMD-SHELL"
	f.forbid(!isCheck, "is neither CMD and the words of a command nor CMD-SHELL and one line for the shell",
		"service.containerHealthCheck")
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
	f.forbid(service.ExecuteCommand && service.ReadonlyRootFilesystem, "ECS Exec writes to the container's root file "+
		"system", "service.executeCommand", "service.readonlyRootFilesystem")
	for name := range service.Secrets {
		_, both := service.Environment[name]
		f.forbid(both, "is in service.environment as well", join("service.secrets", name))
	}
}

func (f *file) applyLoadBalancerRules() {
	e := &f.environment
	arn, domain := e.LoadBalancer.CertificateARN, e.LoadBalancer.Domain
	f.forbid((domain.Name == "") != (domain.ZoneID == ""), "a name needs the ID of the hosted zone that contains it, "+
		"and a zone the name", "loadBalancer.domain.name", "loadBalancer.domain.zoneId")
	f.forbid(arn != "" && domain != Domain{}, "a certificate excludes loadBalancer.domain, which has one requested",
		"loadBalancer.certificateArn", "loadBalancer.domain")
	// https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html
	f.forbid(arn != "" && !strings.Contains(arn, ":"+e.Region+":"), "the certificate is not in the load balancer's "+
		"Region", "loadBalancer.certificateArn", "region")
	f.forbid(arn != "" && e.Account != "" && !strings.Contains(arn, ":"+e.Account+":"), "the certificate is not in the "+
		"load balancer's account", "loadBalancer.certificateArn", "account")
	f.forbid(e.Class == Production && !e.LoadBalancer.HTTPS() && !e.LoadBalancer.AllowPlainHTTP, "production does not "+
		"serve clear-text HTTP; set loadBalancer.certificateArn, or name and zoneId of loadBalancer.domain, or "+
		"loadBalancer.allowPlainHttp: true",
		"loadBalancer.allowPlainHttp", "loadBalancer.certificateArn", "loadBalancer.domain")
}
