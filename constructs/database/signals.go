package database

import (
	"cmp"
	_ "embed"

	"tap/config"
	"tap/constructs/cloudwatch"
)

//go:embed signals.yaml
var signalsFile string

//go:embed readers.yaml
var readersFile string

// limits are the thresholds of what an instance has a certain amount of: the original system's 300 connections and
// 256 MiB for db.t3.medium, and the same share of what another class has, as far as that is known.
func limits(database config.Database) (connections, freeableMiB int) {
	connections, freeableMiB = 300*database.MaximumConnections()/419, int(database.MemoryGiB()*1024/16)
	return cmp.Or(connections, 300), cmp.Or(freeableMiB, 256)
}

func newSignals(props Props, cluster *string) (all, readers cloudwatch.Signals) {
	connections, freeableMiB := limits(props.Config)
	values := map[string]any{
		"cluster": cluster, "config": props.Config, "connections": connections, "freeableMiB": freeableMiB,
		"freeable": freeableMiB << 20,
	}
	if props.Config.Readers > 0 {
		readers = cloudwatch.Read(readersFile, props.Name, values)
	}
	return cloudwatch.Read(signalsFile, props.Name, values), readers
}
