package tests

import (
	"strings"
	"testing"
)

func TestNothingReplacesCluster(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		cluster := s.only("aws_rds_cluster")
		cluster.want("availability_zones", nil) // Aurora adds zones by itself, and the next plan would take them away
		cluster.want("cluster_identifier_prefix", nil)
		// A group that is in use is replaced after its successor, which therefore has another name.
		for _, kind := range []string{"aws_rds_cluster_parameter_group", "aws_db_parameter_group"} {
			group := s.only(kind)
			group.want("name", nil)
			group.want("lifecycle.create_before_destroy", true)
			group.want("family", "aurora-postgresql"+s.environment.Database.MajorVersion())
		}
	})
}

// A major version means its newest minor when the cluster is created; AWS upgrades it then, and Terraform leaves it
// alone. An exact minor is kept until the file sets another.
func TestEngineVersionIsChosenOnce(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		newest := s.one("aws_rds_engine_version", s.section("data", "aws_rds_engine_version"))
		newest.want("parameter_group_family", "aurora-postgresql"+s.environment.Database.MajorVersion())
		newest.want("latest", true)
		cluster := s.only("aws_rds_cluster")
		cluster.want("engine_version", "${data."+newest.address()+".version}")
		cluster.want("lifecycle.ignore_changes", []string{
			"engine_version", "restore_to_point_in_time", "snapshot_identifier",
		})
	})
	exact := example(t, "database.engineVersion").only("aws_rds_cluster")
	exact.want("engine_version", "15.12")
	exact.want("lifecycle.ignore_changes", []string{"restore_to_point_in_time", "snapshot_identifier"})
}

// What the cluster is made from is named once, at its creation.
func TestRestoreNamesTheSource(t *testing.T) {
	for key, source := range map[string]map[string]any{
		"database.restore.snapshot": {"snapshot_identifier": "noon"},
		"database.restore.cluster": {"restore_to_point_in_time": map[string]any{
			"source_cluster_identifier": "paymentdb-prod", "use_latest_restorable_time": true,
		}},
		"database.restore.time": {"restore_to_point_in_time": map[string]any{
			"source_cluster_identifier": "paymentdb-prod", "restore_to_time": "2026-11-25T12:00:00Z",
		}},
	} {
		restored := example(t, key)
		for attribute, value := range source {
			restored.only("aws_rds_cluster").want(attribute, value)
		}
		conditions := encoded(restored.only("aws_rds_cluster").at("lifecycle.postcondition"))
		for _, part := range []string{"self.master_username ==", "self.iam_database_authentication_enabled"} {
			if !strings.Contains(conditions, part) {
				t.Errorf("%s: nothing checks %s", key, part)
			}
		}
	}
}

// A cluster is created empty, and its first instance becomes the writer, whatever its name is.
func TestWriterIsFirstAndPreferred(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		instances := s.some("aws_rds_cluster_instance")
		writer := s.find("aws_rds_cluster_instance", "identifier", "paymentdb-"+s.suffix+"-writer")
		writer.want("promotion_tier", 0)
		for _, instance := range instances {
			if instance.name != writer.name {
				instance.waitsFor(writer)
				instance.want("promotion_tier", 2) // one of tier 0 or 1 would always be as large as the writer
			}
		}
		if expected := s.environment.Database.Readers + 1; len(instances) != expected {
			s.Errorf("there are %d instances, expected %d", len(instances), expected)
		}
		s.only("aws_ecs_service").waitsFor(writer)
	})
}
