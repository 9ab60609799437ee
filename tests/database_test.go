package tests

import (
	"encoding/json"
	"strings"
	"testing"
)

// databaseParameters are TLS for every connection, a log of who connects (PCI DSS 10.2.1), and no card data in it.
const databaseParameters = `[{"name": "log_connections", "value": "1"}, {"name": "log_disconnections", "value": "1"},
	{"name": "log_error_verbosity", "value": "terse"}, {"name": "log_min_duration_statement", "value": "1000"},
	{"name": "log_parameter_max_length", "value": "0"}, {"name": "log_parameter_max_length_on_error", "value": "0"},
	{"name": "log_statement", "value": "ddl"}, {"name": "rds.force_ssl", "value": "1"}]`

// A major version means its newest minor when the cluster is created; AWS upgrades it then, and Terraform leaves it
// alone. An exact minor is kept until the file sets another.
func TestNothingReplacesOrUpgradesCluster(t *testing.T) {
	const ignored = "aws_rds_cluster.lifecycle.ignore_changes"
	eachEnvironment(t, func(s stack) {
		family := "aurora-postgresql" + s.environment.Database.MajorVersion()
		newest := s.only("data.aws_rds_engine_version")
		newest.want("parameter_group_family", family)
		newest.want("latest", true)
		s.want("aws_rds_cluster.engine_version", "${data.aws_rds_engine_version.version}")
		s.want(ignored, []string{"engine_version", "restore_to_point_in_time", "snapshot_identifier"})
		s.want("aws_rds_cluster.availability_zones", nil) // Aurora adds some, and the next plan would take them away
		s.want("aws_rds_cluster.cluster_identifier_prefix", nil)
		s.want("aws_rds_cluster_instance.auto_minor_version_upgrade", true) // RDS.35
		s.want("aws_rds_cluster_parameter_group.parameter", json.RawMessage(databaseParameters))
		// A group that is in use is replaced after its successor, which therefore has another name.
		for _, group := range []string{"aws_rds_cluster_parameter_group", "aws_db_parameter_group"} {
			s.want(group+".name", nil)
			s.want(group+".lifecycle.create_before_destroy", true)
			s.want(group+".family", family)
		}
	})
	exact := example(t, "database.engineVersion")
	exact.want("aws_rds_cluster.engine_version", "15.12")
	exact.want("aws_rds_cluster_instance.auto_minor_version_upgrade", false)
	exact.want(ignored, []string{"restore_to_point_in_time", "snapshot_identifier"})
}

// What the cluster is made from is named once, at its creation.
func TestRestoreNamesTheSource(t *testing.T) {
	for _, test := range []struct{ key, attribute, source string }{
		{"database.restore.snapshot", "snapshot_identifier", `"noon"`},
		{"database.restore.cluster", "restore_to_point_in_time",
			`{"source_cluster_identifier": "paymentdb-prod", "use_latest_restorable_time": true}`},
		{"database.restore.time", "restore_to_point_in_time",
			`{"source_cluster_identifier": "paymentdb-prod", "restore_to_time": "2026-11-25T12:00:00Z"}`},
	} {
		cluster := example(t, test.key).only("aws_rds_cluster")
		cluster.want(test.attribute, json.RawMessage(test.source))
		conditions := encoded(cluster.At("lifecycle.postcondition"))
		for _, part := range []string{"self.master_username ==", "self.iam_database_authentication_enabled"} {
			if !strings.Contains(conditions, part) {
				t.Errorf("%s: nothing checks %s", test.key, part)
			}
		}
	}
}

// A cluster is created empty, and its first instance becomes the writer, whatever its name is.
func TestWriterIsFirstAndPreferred(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		instances := s.some("aws_rds_cluster_instance")
		writer := s.find("aws_rds_cluster_instance", "identifier", "paymentdb-"+s.suffix+"-writer")
		s.service().waitsFor(writer)
		for _, instance := range instances {
			if instance.Name == writer.Name {
				instance.want("promotion_tier", 0)
				continue
			}
			instance.waitsFor(writer)
			instance.want("promotion_tier", 2) // one of tier 0 or 1 would always be as large as the writer
		}
		readers := s.environment.Database.Readers
		if len(instances) != readers+1 || s.production() && readers == 0 { // RDS.15: in another zone
			s.Errorf("there are %d instances, expected a writer and %d readers", len(instances), readers)
		}
	})
}
