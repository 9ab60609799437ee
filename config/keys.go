package config

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Key is a key of an environment file, or of an account in accounts.yaml, that contains a value, a list or a map.
type Key struct {
	Path  string // as a file nests it, for example service.cpu
	Limit Limit
}

// Keys returns every key of environment files, in the order of the Go type.
func Keys() []Key { return keysOf(&Environment{}, limits) }

// AccountKeys returns every key of an account, in the order of the Go type.
func AccountKeys() []Key { return keysOf(&Account{}, accountLimits) }

func keysOf(root any, limits map[string]Limit) []Key {
	var keys []Key
	eachField(reflect.ValueOf(root).Elem(), "", func(field reflect.Value, path string) {
		if field.Kind() != reflect.Struct {
			keys = append(keys, Key{path, limits[path]})
		}
	})
	return keys
}

// eachField calls visit for every field that has a key, sections included, with its path.
func eachField(section reflect.Value, path string, visit func(field reflect.Value, path string)) {
	for i := range section.NumField() {
		key := section.Type().Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		field, at := section.Field(i), join(path, key)
		visit(field, at)
		if field.Kind() == reflect.Struct {
			eachField(field, at, visit)
		}
	}
}

// pathsOf returns the path of every field that has a key, by the field's address.
func pathsOf(root any) map[any]string {
	paths := map[any]string{}
	eachField(reflect.ValueOf(root).Elem(), "", func(field reflect.Value, path string) {
		paths[field.Addr().Interface()] = path
	})
	return paths
}

// join appends a key to a path. A key that is not a plain word is quoted, so that an error shows where it ends.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// unknownKey says what became of a key that a section does not have, which was meant, or which there are.
func (f *file) unknownKey(key, section string, known []string) string {
	path := join(section, key)
	for _, group := range removed {
		for _, old := range group.keys {
			if old == path || strings.HasPrefix(old, path+".") {
				return group.became
			}
		}
	}
	const unknown = "is not a known key; "
	dotted := strings.TrimPrefix(section+"."+key, ".")
	if _, found := f.limits[dotted]; found {
		dot := strings.LastIndex(dotted, ".")
		return unknown + "keys are nested: write " + dotted[dot+1:] + " below " + dotted[:dot]
	}
	for length := len(key); length > max(2, len(key)/2-1); length-- {
		for _, name := range known {
			if len(name) >= length && strings.EqualFold(name[:length], key[:length]) {
				return unknown + "did you mean " + join(section, name) + "?"
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(f.limits)) {
		if strings.HasSuffix(path, "."+key) {
			return unknown + "did you mean " + f.prefix + path + "?"
		}
	}
	return unknown + "allowed: " + joined(known)
}

// removed are the keys that environment files had before, by what became of them.
var removed = []struct {
	became string
	keys   []string
}{
	{"is now protect", []string{"preventDestroy", "database.deletionProtection", "loadBalancer.deletionProtection"}},
	{"is now service.scaling.minimumTasks and service.scaling.maximumTasks; where they are equal, nothing scales",
		[]string{"service.desiredCount", "service.scaling.enabled"}},
	{"is no longer a key: the state is kept where accounts.yaml has the account", []string{
		"state.bucket", "state.region"}},
	{"is no longer a key: it follows logs.retentionDays", []string{"loadBalancer.accessLogRetentionDays"}},
	{"is no longer a key: it follows class", []string{
		"database.applyImmediately", "database.finalSnapshot", "database.masterUsername", "database.passwordRecoveryDays",
		"encryption.deletionWindowDays", "network.flowLogs.aggregationSeconds", "service.containerInsights",
		"service.deploymentAlarms"}},
	{"is no longer a key: it is the same for every environment, set in config/derived.go", []string{
		"network.subnetPrefixLength"}},
	{"is no longer a key: it is the same for every environment, set in config/names.go", []string{
		"database.iamUsername"}},
	{"is no longer a key: it is the same for every environment, set in constructs/database", []string{
		"database.insights", "database.monitoringIntervalSeconds",
		"database.serverless.autoPauseSeconds", "database.slowStatementMilliseconds"}},
	{"is no longer a key: it is the same for every environment, set in constructs/loadbalancer", []string{
		"service.healthCheck.healthyThreshold", "service.healthCheck.timeoutSeconds",
		"service.healthCheck.unhealthyThreshold"}},
	{"is no longer a key: it is the same for every environment, set in constructs/monitoring", []string{
		"monitoring.blockedRequests", "monitoring.databaseConnections", "monitoring.databaseCpuPercent",
		"monitoring.databaseFreeableMemoryMiB", "monitoring.replicaLagMilliseconds", "monitoring.serviceCpuPercent",
		"monitoring.serviceMemoryPercent"}},
	{"is no longer a key: it is the same for every environment, set in constructs/service", []string{
		"service.maximumPercent", "service.minimumHealthyPercent"}},
}
