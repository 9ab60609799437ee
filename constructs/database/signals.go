package database

import (
	"cmp"
	"fmt"

	"github.com/aws/jsii-runtime-go"

	"tap/config"
	"tap/constructs/cloudwatch"
)

const (
	highCPUPercent         = 80 // the original system's
	replicaLagMilliseconds = 1000
)

// limits are the thresholds of what an instance has a certain amount of: the original system's 300 connections and
// 256 MiB for db.t3.medium, and the same share of what another class has, as far as that is known.
func limits(database config.Database) (connections, freeableMiB int) {
	connections, freeableMiB = 300*database.MaximumConnections()/419, int(database.MemoryGiB()*1024/16)
	return cmp.Or(connections, 300), cmp.Or(freeableMiB, 256)
}

// newSignals are those of an Aurora cluster, over its instances:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
func newSignals(props Props, cluster *string) (all, readers cloudwatch.Signals) {
	metric := cloudwatch.Metrics("AWS/RDS", map[string]*string{"DBClusterIdentifier": cluster})
	// Over both roles an idle reader would hide a busy writer.
	cpuOf := func(role string) cloudwatch.Metric {
		of := map[string]*string{"DBClusterIdentifier": cluster, "Role": jsii.String(role)}
		return cloudwatch.Metrics("AWS/RDS", of)("CPUUtilization", "Average")
	}
	mostConnections, leastMiB := limits(props.Config)
	writerCPU, readerCPU := cpuOf("WRITER"), cpuOf("READER")
	connections, freeable := metric("DatabaseConnections", "Maximum"), metric("FreeableMemory", "Minimum")
	lag := metric("AuroraReplicaLagMaximum", "Maximum")
	all = cloudwatch.Signals{Alarms: []cloudwatch.Alarm{{
		ID: "database-cpu", Name: "HighDBCPUAlarm",
		Description: fmt.Sprintf("The CPU of the database's writer is at %d %% or more for 10 minutes.", highCPUPercent),
		Advice:      "look at the top statements in Database Insights.", Tomorrow: true,
		// A paused serverless cluster reports nothing, here and below.
		Metric: writerCPU, Threshold: highCPUPercent, Period: 300, Periods: 2,
	}, {
		ID: "database-connections", Name: "HighDBConnectionsAlarm",
		Description: fmt.Sprintf("An instance of the database has %d connections or more for 10 minutes; at its limit it "+
			"refuses new ones.", mostConnections),
		Advice: "look for tasks that leak connections.", Tomorrow: true,
		Metric: connections, Threshold: float64(mostConnections), Period: 300, Periods: 2,
	}, {
		ID: "database-memory", Name: "LowDBMemoryAlarm",
		Description: fmt.Sprintf("An instance of the database has %d MiB of free memory or less for 10 minutes.", leastMiB),
		Advice:      "look at connections and large sorts; then consider a larger database.instanceClass.", Tomorrow: true,
		Metric: freeable, Comparison: cloudwatch.AtMost, Threshold: float64(leastMiB << 20), Period: 300, Periods: 2,
	}}}
	cpu := [][]any{cloudwatch.Line("writer", writerCPU)}
	draw := func(title string, threshold float64, lines ...[]any) {
		all.Graphs = append(all.Graphs,
			cloudwatch.Graph{Row: cloudwatch.Data, Title: title, Threshold: threshold, Lines: lines})
	}
	if props.Config.Readers > 0 {
		cpu = append(cpu, cloudwatch.Line("average reader", readerCPU))
	}
	draw("Database CPU", highCPUPercent, cpu...)
	draw("Database Connections", float64(mostConnections), cloudwatch.Line("most of an instance", connections))
	draw("Database Freeable Memory", float64(leastMiB<<20), cloudwatch.Line("least of an instance", freeable))
	if props.Config.Readers > 0 {
		readers.Alarms = []cloudwatch.Alarm{{
			ID: "reader-cpu", Name: "HighDBReaderCPUAlarm",
			Description: fmt.Sprintf("The CPU of the database's readers is at %d %% or more on average for 10 minutes.",
				highCPUPercent),
			Advice: "look at the readers' top statements in Database Insights, or raise database.readers.", Tomorrow: true,
			Metric: readerCPU, Threshold: highCPUPercent, Period: 300, Periods: 2,
		}, {
			ID: "replica-lag", Name: "HighReplicaLagAlarm",
			Description: fmt.Sprintf("A reader of the database lags %d ms or more behind for 5 minutes: reads are stale.",
				replicaLagMilliseconds),
			Advice: "look at the writer's write load and at long statements on the reader; who reads only from the writer " +
				"sees nothing of it.", Tomorrow: true,
			Metric: lag, Threshold: replicaLagMilliseconds, Period: 60, Periods: 5,
		}}
		draw("Replica Lag", replicaLagMilliseconds, cloudwatch.Line("slowest reader", lag))
	}
	if props.Config.IsServerless() {
		draw("Database Capacity", 0, cloudwatch.Line("ACU", metric("ServerlessDatabaseCapacity", "Average")))
	}
	return all.Of(props.Name), readers.Of(props.Name)
}
