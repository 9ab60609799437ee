package cloudwatch

import (
	"maps"
	"slices"
)

// Row is where on the dashboard a graph is.
type Row int

// The rows from the top.
const (
	Clients Row = iota // what they see
	Tasks              // what runs, and what is before it
	Data               // what is stored
)

// Graph is lines over time.
type Graph struct {
	Row       Row
	Title     string
	Region    string  // of the metrics; empty: the environment's
	Threshold float64 // of the alarm on a line, where it holds whatever the period; 0 without one
	Lines     [][]any // of Line, Computed and Hidden
}

// Line draws a metric.
func Line(label string, m Metric) []any { return m.entry(map[string]any{"label": label}) }

// Computed draws an expression over hidden metrics.
func Computed(label, expression string) []any {
	return []any{map[string]any{"label": label, "expression": expression}}
}

// Hidden is a metric for expressions, which refer to it by its id.
func Hidden(id string, m Metric) []any { return m.entry(map[string]any{"id": id, "visible": false}) }

// entry is an element of a widget's metrics: namespace, name, dimensions and options.
func (m Metric) entry(options map[string]any) []any {
	entry := []any{m.Namespace, m.Name}
	for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
		entry = append(entry, name, m.Dimensions[name])
	}
	options["stat"] = m.Statistic
	return append(entry, options)
}
