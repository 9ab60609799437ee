package config

import "strings"

// removed are the keys that environment files had before, by what became of them.
var removed = []struct {
	became string
	keys   []string
}{
	{"is now protect", []string{"preventDestroy", "database.deletionProtection", "loadBalancer.deletionProtection"}},
	{"is now service.scaling.minimumTasks and service.scaling.maximumTasks; where they are equal, nothing scales",
		[]string{"service.desiredCount", "service.scaling.enabled"}},
	{"is no longer a key: it follows logs.retentionDays", []string{"loadBalancer.accessLogRetentionDays"}},
	{"is no longer a key: it follows class", []string{
		"database.applyImmediately", "database.finalSnapshot", "database.masterUsername", "database.passwordRecoveryDays",
		"encryption.deletionWindowDays", "network.flowLogs.aggregationSeconds", "service.containerInsights",
		"service.deploymentAlarms"}},
	{"is no longer a key: it is the same for every environment, set in config/derived.go", []string{
		"network.subnetPrefixLength"}},
	{"is no longer a key: it is the same for every environment, set in constructs/database", []string{
		"database.iamUsername", "database.insights", "database.monitoringIntervalSeconds",
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

// becameOf says what became of a removed key, or of a section in which no key is left; empty for any other path.
func becameOf(path string) string {
	for _, group := range removed {
		for _, key := range group.keys {
			if key == path || strings.HasPrefix(key, path+".") {
				return group.became
			}
		}
	}
	return ""
}
