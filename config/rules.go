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
	f.applyTagRules()
	f.applyNetworkRules()
	f.applyDatabaseRules()
	f.applyServiceRules()
	f.applyContainerRules()
	f.applyLoadBalancerRules()
}

// require reports a rule that does not hold between values. Each is given by the address of its field, or as the path
// of an item or entry. The problem is that of the first value in the file: a default has no line to correct. There is
// none when one of the values has a problem already, so that one mistake leads to one message.
func (f *file) require(holds bool, rule string, fields ...any) {
	var at string
	var values []string
	for _, field := range fields {
		path, isPath := field.(string)
		if !isPath {
			path = f.path(field)
			if value := f.show(path, reflect.ValueOf(field).Elem()); value != "" {
				values = append(values, path+" is "+value)
			}
		}
		holds = holds || f.refused(path)
		if at == "" || f.lines[at] == 0 && f.lines[path] > 0 {
			at = path
		}
	}
	if holds {
		return
	}
	if len(values) > 0 {
		rule += "; " + strings.Join(values, ", ")
	}
	f.report(at, rule)
}

// path returns the path of a field of the environment by its address.
func (f *file) path(field any) string {
	path, found := f.paths[field]
	if !found {
		panic(fmt.Sprintf("config: a %T without a key", field))
	}
	return path
}

// show writes a value for an error; empty for a section.
func (f *file) show(path string, value reflect.Value) string {
	var text string
	switch value.Kind() {
	case reflect.Struct:
		return ""
	case reflect.String, reflect.Slice:
		text = abbreviate(fmt.Sprintf("%q", value.Interface()))
	default:
		text = fmt.Sprint(value.Interface())
	}
	if f.lines[path] == 0 {
		text += " (the default)"
	}
	return text
}

func (f *file) applyTagRules() {
	folded := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(f.environment.Tags)) {
		lower := strings.ToLower(key)
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
		f.require(folded[lower] == "", "differs in case only from another tag, and is the same to IAM: "+folded[lower],
			join(f.path(&f.environment.Tags), key))
		folded[lower] = key
	}
}

func (f *file) applyNetworkRules() {
	e := &f.environment
	network := &e.Network
	if network.IsExisting() {
		f.applyExistingRules()
		return
	}
	f.require(network.CIDR != "", "is missing: production sets a range of its own, for example 10.20.0.0/16, which no "+
		"network that it may be peered with overlaps", f.path(&network.CIDR))
	f.require(network.NATGateways <= len(network.Zones), "there is one NAT gateway for each zone at most",
		&network.NATGateways, &network.Zones)
	if f.lines[f.path(&network.Zones)] == 0 {
		f.require(!slices.Contains(regionsWithoutABC, e.Region), "the Region does not offer its zones a, b and c to every "+
			"account; set network.zones to zones of yours", &network.Zones, &e.Region)
	} else {
		for i, zone := range network.Zones {
			f.require(strings.TrimRight(zone, "abcdefghijklmnopqrstuvwxyz") == e.Region,
				fmt.Sprintf("%s is not a zone of the Region %s", quote(zone), e.Region),
				fmt.Sprintf("%s[%d]", f.path(&network.Zones), i), f.path(&e.Region))
		}
	}
	if network.NATGateways > 0 {
		return
	}
	f.require(network.InterfaceEndpoints, "without a NAT gateway, tasks get images and secrets and write logs only with "+
		"network.interfaceEndpoints: true", &network.NATGateways, &network.InterfaceEndpoints)
	_, region, _, private := e.Service.PrivateRepository()
	f.require(!network.InterfaceEndpoints || private && region == e.Region, "without a NAT gateway, tasks get an image "+
		"only from a private ECR repository of the Region", &network.NATGateways, &e.Service.Image, &e.Region)
}

func (f *file) applyExistingRules() {
	network := &f.environment.Network
	public, private := &network.Existing.PublicSubnets, &network.Existing.PrivateSubnets
	for _, field := range []any{&network.CIDR, &network.Zones, &network.NATGateways} {
		f.require(f.lines[f.path(field)] == 0, "excludes network.existing: a VPC that exists has its own", f.path(field))
	}
	f.require(len(*public) >= 2 && len(*private) >= 2, "load balancer and database need subnets in two zones at least",
		public, private)
	for i, id := range *private {
		f.require(!slices.Contains(*public, id), quote(id)+" is in network.existing.publicSubnets as well",
			fmt.Sprintf("%s[%d]", f.path(private), i))
	}
}

func (f *file) applyDatabaseRules() {
	database := &f.environment.Database
	serverless := &database.Serverless
	f.require(serverless.MinimumCapacity <= serverless.MaximumCapacity, "the smallest capacity is more than the largest",
		&serverless.MinimumCapacity, &serverless.MaximumCapacity)
	// What would have no effect is refused: somebody expects one.
	f.require(f.lines[f.path(serverless)] == 0 || database.IsServerless(), "has an effect only with the instance class "+
		serverlessClass, serverless, &database.InstanceClass)

	restore := &database.Restore
	f.require(restore.Snapshot == "" || restore.Cluster == "", "a snapshot excludes a cluster to restore",
		&restore.Snapshot,
		&restore.Cluster)
	f.require(restore.Time == "" || restore.Cluster != "", "is a moment of database.restore.cluster", &restore.Time,
		&restore.Cluster)
	_, err := time.Parse(time.RFC3339, restore.Time)
	f.require(restore.Time == "" || err == nil, "is not a day of the calendar", &restore.Time)
	for _, source := range []*string{&restore.Snapshot, &restore.Cluster} {
		f.require(!strings.HasPrefix(*source, "arn:") || strings.Contains(*source, ":"+f.environment.Region+":"),
			"is not in the cluster's Region; copy a snapshot there", source, &f.environment.Region)
	}

	// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
	const minutesPerDay, minutesPerWeek, shortest = 24 * 60, 7 * 24 * 60, 30
	backup, backupLength := window(database.BackupWindow, minutesPerDay)
	maintenance, maintenanceLength := window(database.MaintenanceWindow, minutesPerWeek)
	f.require(backupLength >= shortest, "the window is shorter than 30 minutes", &database.BackupWindow)
	f.require(maintenanceLength >= shortest, "the window is shorter than 30 minutes", &database.MaintenanceWindow)
	apart := true
	for day := range 7 {
		distance := (maintenance - backup - day*minutesPerDay + minutesPerWeek) % minutesPerWeek
		apart = apart && distance >= backupLength && minutesPerWeek-distance >= maintenanceLength
	}
	f.require(apart, "the windows overlap", &database.MaintenanceWindow, &database.BackupWindow)
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
	service := &f.environment.Service
	memories := fargateSizes[service.CPU]
	f.require(slices.Contains(memories, service.Memory), fmt.Sprintf("Fargate offers %s MiB with %d CPU units",
		joined(memories), service.CPU), &service.Memory, &service.CPU)
	f.require(service.TmpfsMiB < service.Memory, "/tmp leaves nothing of the memory that it is a part of",
		&service.TmpfsMiB, &service.Memory)
	scaling := &service.Scaling
	f.require(scaling.MinimumTasks <= scaling.MaximumTasks, "the smallest number of tasks is more than the largest",
		&scaling.MinimumTasks, &scaling.MaximumTasks)
}

func (f *file) applyContainerRules() {
	e := &f.environment
	service := &e.Service
	name, digest, _ := strings.Cut(service.Image, "@")
	_, tag, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	f.require(e.Class != Production || digest != "" || tag != "" && tag != "latest", "production needs an image that "+
		"stays the same: one with a digest (@sha256:...), or with a tag that is not latest", &service.Image)
	f.require(len(service.Command) == 0 || !service.IsPlaceholder(), "the placeholder has a command of its own; this one "+
		"needs an image", &service.Command, &service.Image)
	f.require(len(service.Migration) == 0 || !service.IsPlaceholder(), "a migration is a command of an image",
		&service.Migration, &service.Image)
	f.require(e.Database.Login == LoginMaster || !service.IsPlaceholder(), "only an image of your own can log in with a "+
		"token", &e.Database.Login, &service.Image)

	check := service.ContainerHealthCheck
	f.require(len(check) == 0 || len(check) > 1 && check[0] == "CMD" || len(check) == 2 && check[0] == "CMD-SHELL",
		"is neither CMD and the words of a command nor CMD-SHELL and one line for the shell", &service.ContainerHealthCheck)
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
	f.require(!service.ExecuteCommand || !service.ReadonlyRootFilesystem, "ECS Exec writes to the container's root file "+
		"system", &service.ExecuteCommand, &service.ReadonlyRootFilesystem)
	for _, name := range slices.Sorted(maps.Keys(service.Secrets)) {
		_, both := service.Environment[name]
		f.require(!both, "is in service.environment as well", join(f.path(&service.Secrets), name))
	}
}

func (f *file) applyLoadBalancerRules() {
	e := &f.environment
	balancer := &e.LoadBalancer
	certificate, domain := &balancer.CertificateARN, &balancer.Domain
	f.require((domain.Name == "") == (domain.ZoneID == ""), "a name needs the ID of the hosted zone that contains it, "+
		"and a zone the name", &domain.Name, &domain.ZoneID)
	if arn := *certificate; arn != "" {
		f.require(*domain == Domain{}, "a certificate excludes loadBalancer.domain, which has one requested",
			certificate, domain)
		// https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html
		f.require(strings.Contains(arn, ":"+e.Region+":"), "the certificate is not in the load balancer's Region",
			certificate, &e.Region)
		f.require(e.Account == "" || strings.Contains(arn, ":"+e.Account+":"), "the certificate is not in the load "+
			"balancer's account", certificate, &e.Account)
	}
	f.require(e.Class != Production || balancer.HTTPS() || balancer.AllowPlainHTTP, "production does not serve "+
		"clear-text HTTP; set loadBalancer.certificateArn, or name and zoneId of loadBalancer.domain, or "+
		"loadBalancer.allowPlainHttp: true", &balancer.AllowPlainHTTP, certificate, domain)
}
