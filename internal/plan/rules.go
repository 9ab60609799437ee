package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// rule says what a change of an attribute means.
type rule struct {
	types   string // patterns of resource types
	paths   string // of attributes; empty is the resource itself; * is an entry of a list whose entries have names
	matters func(difference) bool
	means   string // $name is the value of an attribute
}

// names reports whether a rule is about what is at a path in a resource.
func (rule rule) names(kind, attribute string) bool {
	return slices.Contains(strings.Split(rule.paths, " "), attribute) && rule.of(kind)
}

func (rule rule) of(kind string) bool {
	return slices.ContainsFunc(strings.Fields(rule.types), func(pattern string) bool {
		matches, _ := path.Match(pattern, kind)
		return matches
	})
}

// ruled reports whether a rule's path begins like this.
func ruled(kind, prefix string) bool {
	for _, list := range rules {
		for _, rule := range list {
			if rule.of(kind) && strings.Contains(" "+rule.paths, " "+prefix) {
				return true
			}
		}
	}
	return false
}

const (
	container  = "container_definitions.*."
	connecting = "ip_protocol from_port to_port cidr_ipv4 cidr_ipv6 prefix_list_id referenced_security_group_id"
	scaling    = "target_tracking_scaling_policy_configuration.target_value"
	capacity   = "serverlessv2_scaling_configuration.max_capacity serverlessv2_scaling_configuration.min_capacity"
)

// rules are what is known. What is another without a rule for it is not judged.
var rules = map[heading][]rule{
	losesData: {
		{"aws_cloudwatch_log_group", "retention_in_days", shorter, "older logs are deleted"},
		{"aws_ecr_lifecycle_policy", "policy", changed, "images that tasks need may be deleted"},
		{"aws_rds_cluster", "backup_retention_period", less, "older points in time cannot be restored"},
		{"aws_rds_cluster", "skip_final_snapshot", on, "nothing is left when it is destroyed"},
		{"aws_s3_bucket_lifecycle_configuration", "rule.expiration.days rule.noncurrent_version_expiration.noncurrent_days",
			less, "what is in the bucket is deleted earlier"},
	},
	interruptsTraffic: {
		{"aws_appautoscaling_policy", scaling, more, "tasks are added later"},
		{"aws_appautoscaling_target", "max_capacity", less, "fewer tasks serve the highest load"},
		{"aws_appautoscaling_target", "min_capacity", less, "fewer tasks run"},
		{"aws_ecs_service", "deployment_minimum_healthy_percent", less, "tasks end before others run"},
		{"aws_ecs_service", "desired_count", less, "fewer tasks run"},
		{"aws_ecs_service", "health_check_grace_period_seconds", less, "tasks that start slowly are stopped"},
		{"aws_ecs_service", "load_balancer", changed, "requests reach other tasks, or none"},
		{"aws_ecs_task_definition", "cpu memory", less, "tasks may need more"},
		{"aws_ecs_task_definition", "runtime_platform", changed, "an image of another platform does not start"},
		{"aws_ecs_task_definition", container + "healthCheck", changed, "tasks that do not pass are replaced"},
		{"aws_ecs_task_definition", container + "portMappings", changed, "connections to the old port are refused"},
		{"aws_ecs_task_definition", container + "secrets", shrunk, "a program that needs it does not start"},
		{"aws_ecs_task_definition", container + "stopTimeout", less, "requests in progress may be cut off"},
		{"aws_kms_key", "is_enabled", off, "nothing that it encrypts can be read"},
		{"aws_lb", "idle_timeout", less, "slow answers are cut off"},
		{"aws_lb", "subnets", shrunk, "a zone has no load balancer"},
		{"aws_lb_listener", "certificate_arn", changed, "clients may not trust it"},
		{"aws_lb_listener", "default_action", changed, "requests are answered in another way"},
		{"aws_lb_listener aws_lb_target_group aws_rds_cluster", "port", changed, "connections to the old port are refused"},
		{"aws_lb_listener aws_lb_target_group", "protocol", changed, "clients of the old protocol are refused"},
		{"aws_lb_target_group", "deregistration_delay", less, "requests in progress may be cut off"},
		{"aws_lb_target_group", "health_check", changed, "tasks that do not pass get no requests"},
		{"aws_rds_cluster", "engine_version", changed, "the instances restart"},
		{"aws_rds_cluster", "master_password_wo_version", changed,
			"tasks with the old password cannot connect until they are replaced"},
		{"aws_rds_cluster", capacity, less, "the instances may need more"},
		{"aws_rds_cluster_instance", "instance_class", changed, "the instance restarts"},
		{"aws_route", "gateway_id nat_gateway_id", changed, "open connections break"},
		{"aws_route53_record", "alias records", changed, "clients are sent elsewhere"},
		{"aws_vpc", "enable_dns_hostnames enable_dns_support", off, "names in the VPC have no addresses"},
		{"aws_vpc_endpoint", "private_dns_enabled", off, "the service's name leads to the internet"},
		{"aws_vpc_endpoint", "route_table_ids subnet_ids", shrunk, "the service cannot be reached from everywhere"},
	},
	weakensProtection: {
		{"*", "policy assume_role_policy policy_document", widened, "it allows more, or denies less"},
		{"*", "kms_key_id kms_master_key_id performance_insights_kms_key_id", changed,
			"what is written is encrypted by another key, or by none of one's own"},
		{"*", "performance_insights_enabled", off, "nobody sees what the database does"},
		{"aws_cloudwatch_log_data_protection_policy", "policy_document", changed, "card numbers may be readable in logs"},
		{"aws_cloudwatch_metric_alarm", "actions_enabled", off, "nobody is told"},
		{"aws_cloudwatch_metric_alarm", "alarm_actions", shrunk, "somebody is not told any more"},
		{"aws_cloudwatch_metric_alarm", "datapoints_to_alarm evaluation_periods period", more, "it is raised later"},
		{"aws_cloudwatch_metric_alarm", "dimensions metric_name metric_query namespace statistic", changed,
			"it watches something else"},
		{"aws_cloudwatch_metric_alarm", "threshold", quieter, "it is raised later, or never"},
		{"aws_cloudwatch_metric_alarm", "treat_missing_data", changed, "silence means something else"},
		{"aws_default_security_group aws_security_group", "ingress egress", grown, "it lets other connections through"},
		{"aws_ecr_repository", "image_scanning_configuration.scan_on_push", off, "images are not scanned"},
		{"aws_ecr_repository", "image_tag_mutability", changed, "a tag may lead to another image"},
		{"aws_ecr_repository aws_s3_bucket", "force_delete force_destroy", on,
			"it can be destroyed with all that is in it"},
		{"aws_ecs_cluster", "setting.*.value", disabled, "nothing is measured in containers"},
		{"aws_ecs_service", "alarms.alarm_names", shrunk, "a deployment goes on while they are raised"},
		{"aws_ecs_service", "alarms.enable alarms.rollback deployment_circuit_breaker.enable " +
			"deployment_circuit_breaker.rollback", off, "a deployment that fails is not rolled back"},
		{"aws_ecs_service", "enable_execute_command", on, "shells may be opened in tasks"},
		{"aws_ecs_service", "network_configuration.assign_public_ip", on, "tasks have public addresses"},
		{"aws_ecs_service", "network_configuration.security_groups", changed, "others decide who reaches tasks"},
		{"aws_ecs_task_definition", container + "image", elsewhere, "it is from another repository"},
		{"aws_ecs_task_definition", container + "user", root, "whoever breaks in is root"},
		{"aws_ecs_task_definition", container + "readonlyRootFilesystem", off, "whoever breaks in can leave files"},
		{"aws_ecs_task_definition", container + "privileged", on, "whoever breaks in has the host"},
		{"aws_ecs_task_definition", container + "linuxParameters.capabilities", changed, "the kernel allows other things"},
		{"aws_ecs_task_definition", container + "logConfiguration", changed, "what it logs is elsewhere, or nowhere"},
		{"aws_iam_openid_connect_provider", "client_id_list thumbprint_list", grown, "other tokens are accepted"},
		{"aws_iam_role", "permissions_boundary", changed, "other things are out of its reach, or nothing"},
		{"aws_kms_key aws_secretsmanager_secret", "deletion_window_in_days recovery_window_in_days", less,
			"there is less time to notice a deletion"},
		{"aws_kms_key", "enable_key_rotation", off, "the key stays the same for ever"},
		{"aws_lb", "access_logs.enabled", off, "requests are not recorded"},
		{"aws_lb", "desync_mitigation_mode", changed, "ambiguous requests may reach tasks"},
		{"aws_lb", "drop_invalid_header_fields", off, "invalid headers reach tasks"},
		{"aws_lb", "enable_waf_fail_open", on, "requests pass while the firewall does not answer"},
		{"aws_lb aws_rds_cluster", "enable_deletion_protection deletion_protection", off, "AWS deletes it when asked to"},
		{"aws_lb aws_rds_cluster aws_vpc_endpoint", "security_groups vpc_security_group_ids security_group_ids", changed,
			"others decide who reaches it"},
		{"aws_lb_listener", "routing_http_response_strict_transport_security_header_value", changed,
			"browsers may use plain HTTP"},
		{"aws_lb_listener", "ssl_policy", changed, "other versions of TLS or other ciphers are accepted"},
		{"aws_rds_cluster", "db_cluster_parameter_group_name", changed, "TLS and what is logged depend on it"},
		{"aws_rds_cluster", "enable_http_endpoint", on, "SQL can be sent to an API of AWS"},
		{"aws_rds_cluster", "enabled_cloudwatch_logs_exports", shrunk, "logs are not kept"},
		{"aws_rds_cluster", "iam_database_authentication_enabled", off, "only passwords are left"},
		{"aws_rds_cluster_instance", "auto_minor_version_upgrade", off, "known holes stay open"},
		{"aws_rds_cluster_instance", "monitoring_interval", removed, "nobody sees what the instance does"},
		{"aws_rds_cluster_instance", "publicly_accessible", on, "the database has a public address"},
		{"aws_rds_cluster_parameter_group", "parameter.*", removed, "TLS and what is logged depend on it"},
		{"aws_rds_cluster_parameter_group", "parameter.*.value", changed, "TLS and what is logged depend on it"},
		{"aws_s3_bucket_public_access_block", "block_public_acls block_public_policy ignore_public_acls " +
			"restrict_public_buckets", off, "the bucket may be public"},
		{"aws_s3_bucket_versioning", "versioning_configuration.status", changed, "what is overwritten cannot be restored"},
		{"aws_subnet", "map_public_ip_on_launch", on, "what starts there has a public address"},
		{"aws_vpc_security_group_*_rule", connecting, changed, "it lets $connection through"},
		{"aws_vpc_security_group_*_rule", "", added, "it lets $connection through"},
		{"aws_wafv2_web_acl", "data_protection_config", shrunk, "secrets may get into the logs"},
		{"aws_wafv2_web_acl", "default_action", changed, "what no rule is about is treated in another way"},
		{"aws_wafv2_web_acl", "rule.*", gone, "what it did not let through may pass"},
		{"aws_wafv2_web_acl_logging_configuration", "log_destination_configs logging_filter redacted_fields", changed,
			"requests are not recorded as before"},
	},
	addsAccess: {
		{"aws_ecs_service", "", added, "tasks run"},
		{"aws_ecs_task_definition", container + "environment.*", added, "who may describe the task reads this variable"},
		{"aws_ecs_task_definition", container + "secrets.*", added, "its program gets this secret"},
		{"aws_ecs_task_definition", "container_definitions.*", added, "another container runs"},
		{"aws_iam_openid_connect_provider", "", added, "$url vouches for who may act as a role"},
		{"aws_iam_role_policy_attachment", "", added, "$role is allowed what $policy_arn allows"},
		{"aws_lb_listener", "", added, "requests are taken at port $port"},
		{"aws_route", "", added, "packets to $destination_cidr_block $destination_ipv6_cidr_block leave"},
		{"aws_route53_record", "", added, "clients of $name are sent here"},
		{"aws_route_table_association", "", added, "packets take other routes"},
		{"aws_s3_bucket_lifecycle_configuration aws_ecr_lifecycle_policy", "", added, "what it is about is deleted in time"},
		{"aws_secretsmanager_secret_version", "", added, "the secret is another"},
		{"aws_sns_topic_subscription", "", added, "$endpoint is told, too"},
		{"aws_wafv2_web_acl_association", "", added, "$web_acl_arn filters its requests"},
	},
	harmless: {
		{"*", "description tags tags_all timeouts", changed, "nothing behaves otherwise"},
		{"aws_appautoscaling_policy", scaling, less, "tasks are added earlier"},
		{"aws_appautoscaling_target", "max_capacity min_capacity", more, "more tasks may run"},
		{"aws_cloudwatch_dashboard", "dashboard_body", changed, "nothing acts on a dashboard"},
		{"aws_cloudwatch_log_group", "retention_in_days", longer, "logs are kept longer"},
		{"aws_cloudwatch_metric_alarm", "alarm_description", changed, "it is raised as before"},
		{"aws_cloudwatch_metric_alarm", "datapoints_to_alarm evaluation_periods", less, "it is raised earlier"},
		{"aws_cloudwatch_metric_alarm", "threshold", louder, "it is raised earlier"},
		{"aws_ecs_cluster", "setting.*.value", enabled, "more is measured"},
		{"aws_ecs_service", "alarms.alarm_names", grown, "a deployment ends at more alarms"},
		{"aws_ecs_service", "deployment_minimum_healthy_percent desired_count", more, "more tasks run"},
		{"aws_ecs_service", "enable_execute_command", off, "no shells may be opened in tasks"},
		{"aws_ecs_service", "health_check_grace_period_seconds", more, "tasks may start more slowly"},
		{"aws_ecs_service", "task_definition", toUnknown, "the task definition is judged itself"},
		{"aws_ecs_task_definition", "cpu memory", more, "tasks have more"},
		{"aws_ecs_task_definition", container + "image", released, "nobody can exchange an image by digest"},
		{"aws_ecs_task_definition", container + "linuxParameters.tmpfs.size", more, "there is more room"},
		{"aws_ecs_task_definition", container + "readonlyRootFilesystem", on, "nobody can leave files"},
		{"aws_ecs_task_definition", container + "stopTimeout", more, "requests have more time to end"},
		{"aws_ecs_task_definition", container + "user", ordinary, "it is not root"},
		{"aws_kms_key", "enable_key_rotation", on, "what is written later has a newer key"},
		{"aws_kms_key aws_secretsmanager_secret", "deletion_window_in_days recovery_window_in_days", more,
			"there is more time to notice a deletion"},
		{"aws_lb", "idle_timeout", more, "slow answers have more time"},
		{"aws_lb", "drop_invalid_header_fields", on, "fewer invalid headers reach tasks"},
		{"aws_lb aws_rds_cluster", "enable_deletion_protection deletion_protection", on, "AWS refuses to delete it"},
		{"aws_lb_target_group", "deregistration_delay", more, "requests have more time to end"},
		{"aws_rds_cluster", "backup_retention_period", more, "older points in time can be restored"},
		{"aws_rds_cluster", "final_snapshot_identifier", set, "a destroyed cluster leaves a snapshot"},
		{"aws_rds_cluster", "skip_final_snapshot", off, "a destroyed cluster leaves a snapshot"},
		{"aws_rds_cluster", capacity, more, "the instances have more"},
		{"aws_rds_cluster*", "performance_insights_enabled", on, "more is measured"},
		{"aws_rds_cluster*", "apply_immediately preferred_backup_window preferred_maintenance_window", changed,
			"it is when, and not what"},
		{"aws_rds_cluster_instance", "auto_minor_version_upgrade", on, "known holes are closed"},
		{"aws_s3_bucket", "force_destroy", off, "it cannot be destroyed with what is in it"},
		{"aws_s3_bucket_lifecycle_configuration", "rule.expiration.days rule.noncurrent_version_expiration.noncurrent_days",
			more, "what is in the bucket is kept longer"},
		{"aws_s3_bucket_public_access_block", "block_public_acls block_public_policy ignore_public_acls " +
			"restrict_public_buckets", on, "the bucket may be less public"},
		{"aws_sns_topic", "display_name", changed, "it is the sender's name in an e-mail"},
	},
}

func added(d difference) bool     { return d.before == nil }
func gone(d difference) bool      { return d.before != nil }
func changed(d difference) bool   { return !d.created }
func set(d difference) bool       { return !isZero(d.after) }
func removed(d difference) bool   { return !isZero(d.before) && isZero(d.after) }
func off(d difference) bool       { return d.before == true && isZero(d.after) }
func on(d difference) bool        { return isZero(d.before) && d.after == true }
func disabled(d difference) bool  { return d.after == "disabled" }
func enabled(d difference) bool   { return d.after == "enabled" || d.after == "enhanced" }
func toUnknown(d difference) bool { return d.after == later }
func grown(d difference) bool     { return d.after != later && without(d.after, d.before) != nil }
func shrunk(d difference) bool    { return d.after != later && without(d.before, d.after) != nil }

func less(d difference) bool {
	was, known := number(d.before)
	is, too := number(d.after)
	return known && too && is < was
}

func more(d difference) bool { return less(difference{before: d.after, after: d.before}) }

// shorter is less for a retention, of which 0 is for ever.
func shorter(d difference) bool {
	return !isZero(d.after) && d.after != later && (d.before == 0.0 || less(d))
}

func longer(d difference) bool { return shorter(difference{before: d.after, after: d.before}) }

// quieter reports an alarm that is raised later than before.
func quieter(d difference) bool {
	operator, _ := at(d.resource, "comparison_operator").(string)
	return strings.HasPrefix(operator, "Greater") && more(d) || strings.HasPrefix(operator, "Less") && less(d)
}

func louder(d difference) bool {
	return quieter(difference{before: d.after, after: d.before, resource: d.resource})
}

// number returns a number, which providers also keep as a text.
func number(value any) (float64, bool) {
	if text, ok := value.(string); ok {
		n, err := strconv.ParseFloat(text, 64)
		return n, err == nil
	}
	n, ok := value.(float64)
	return n, ok
}

// root reports a user of a container that is root, which is also the one of most images.
func root(d difference) bool {
	user, _, _ := strings.Cut(fmt.Sprint(plain(d.after)), ":")
	return slices.Contains([]string{"<nil>", "0", "root"}, user)
}

func ordinary(d difference) bool { return !root(d) }

// elsewhere reports an image of another repository.
func elsewhere(d difference) bool { return repositoryOf(d.before) != repositoryOf(d.after) }

// released reports an image of the same repository, by digest.
func released(d difference) bool {
	return !elsewhere(d) && strings.Contains(fmt.Sprint(d.after), "@sha256:")
}

func repositoryOf(image any) string {
	name, _, _ := strings.Cut(fmt.Sprint(image), "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	return name
}

// widened reports statements of a policy that allow something new, or that denied something.
func widened(d difference) bool {
	return uncovered(statements(d.after, "Allow"), statements(d.before, "Allow")) ||
		uncovered(statements(d.before, "Deny"), statements(d.after, "Deny"))
}

// statements returns those of a policy that have the effect. One alone may be there without a list.
func statements(policy any, effect string) (found []any) {
	document, _ := plain(policy).(map[string]any)
	for _, statement := range entries(document["Statement"]) {
		if at(statement, "Effect") == effect {
			found = append(found, statement)
		}
	}
	return found
}

// uncovered reports whether one of the statements is in none of the others.
func uncovered(statements, others []any) bool {
	return slices.ContainsFunc(statements, func(narrow any) bool {
		return !slices.ContainsFunc(others, func(wide any) bool { return covers(wide, narrow) })
	})
}

// covers reports whether a statement of a policy is about all that another one is about.
func covers(wide, narrow any) bool {
	outer, inner := maps.Clone(fields(wide)), maps.Clone(fields(narrow))
	for _, name := range []string{"Action", "Resource"} {
		if len(without(entries(inner[name]), entries(outer[name]))) > 0 {
			return false
		}
		delete(outer, name)
		delete(inner, name)
	}
	delete(outer, "Sid")
	delete(inner, "Sid")
	return equal(outer, inner)
}

// entries returns a list, or the value as one.
func entries(value any) []any {
	if list, ok := value.([]any); ok || value == nil {
		return list
	}
	return []any{value}
}

// isZero reports whether a value is none: providers keep an attribute that is not set as null or as empty.
func isZero(value any) bool { return plain(value) == nil || value == false || value == 0.0 }

// expand fills attributes into words.
func expand(words string, resource any, hidden func(string) bool) string {
	return os.Expand(words, func(name string) string {
		switch value := at(resource, name); {
		case hidden(name):
			return "(sensitive)"
		case name == "connection":
			return connection(resource)
		default:
			return show(value)
		}
	})
}
