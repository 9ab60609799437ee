package tests

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
)

// data is what CloudWatch has for one period, by the id of a metric; what is absent was not reported.
type data map[string]float64

// evaluate computes a metric math expression as CloudWatch does: arithmetic with a missing value, which is not a
// number, gives none, and FILL replaces one. Metric math reads like a Go expression, so Go parses it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
func evaluate(t *testing.T, node ast.Expr, values data) float64 {
	t.Helper()
	switch node := node.(type) {
	case *ast.BasicLit:
		return must.Get(strconv.ParseFloat(node.Value, 64))(t)
	case *ast.Ident:
		if value, reported := values[node.Name]; reported {
			return value
		}
		return math.NaN()
	case *ast.ParenExpr:
		return evaluate(t, node.X, values)
	case *ast.BinaryExpr:
		x, y := evaluate(t, node.X, values), evaluate(t, node.Y, values)
		switch node.Op {
		case token.ADD:
			return x + y
		case token.SUB:
			return x - y
		case token.MUL, token.LAND:
			return x * y
		case token.QUO:
			return x / y
		case token.GEQ:
			if x >= y {
				return 1
			}
			return 0 * (x + y) // none where one is missing
		}
	case *ast.CallExpr:
		first := evaluate(t, node.Args[0], values)
		switch name := fmt.Sprint(node.Fun); {
		case name == "FILL" && !math.IsNaN(first), name == "IF" && math.IsNaN(first):
			return first
		case name == "FILL", name == "IF" && first != 0:
			return evaluate(t, node.Args[1], values)
		case name == "IF":
			return evaluate(t, node.Args[2], values)
		}
	}
	t.Fatalf("this test cannot compute %T", node)
	panic("unreachable")
}

// raises reports whether one period's data counts towards the alarm.
func raises(alarm resource, values data) bool {
	alarm.Helper()
	expression := "value"
	for _, query := range alarm.parts("metric_query") {
		expression = cmp.Or(query.Text("expression"), expression)
	}
	value := evaluate(alarm.T, must.Get(parser.ParseExpr(expression))(alarm.T), values)
	if math.IsNaN(value) {
		return alarm.At("treat_missing_data") == "breaching"
	}
	threshold := alarm.At("threshold").(float64)
	switch alarm.At("comparison_operator") {
	case "GreaterThanOrEqualToThreshold":
		return value >= threshold
	case "LessThanOrEqualToThreshold":
		return value <= threshold
	case "LessThanThreshold":
		return value < threshold
	}
	alarm.Fatalf("%s compares by %v", alarm.Address(), alarm.At("comparison_operator"))
	panic("unreachable")
}

func TestAlarmsAreRaisedAtTheirThresholds(t *testing.T) {
	for _, test := range readScenarios(t).Thresholds {
		s := example(t, cmp.Or(test.Key, minimalProduction))
		alarm := s.find("aws_cloudwatch_metric_alarm", "alarm_name", test.Alarm+"-"+s.suffix)
		for raised, values := range map[bool]data{false: test.Below, true: test.At} {
			if raises(alarm, values) != raised {
				t.Errorf("%s of %q: %v raises it: %v", test.Alarm, test.Key, values, !raised)
			}
		}
	}
}

// alarmName returns the alarm's name without the suffix.
func (r resource) alarmName() string { return strings.TrimSuffix(r.Text("alarm_name"), "-"+r.suffix) }

// metrics returns what an alarm looks at, by the ids in its expression; without one the id is value.
func metrics(alarm resource) map[string]resource {
	alarm.Helper()
	all := map[string]resource{}
	for _, query := range alarm.parts("metric_query") {
		if query.Text("expression") == "" {
			all[query.Text("id")] = query.part("metric")
		}
	}
	if len(all) == 0 {
		all["value"] = alarm
	}
	return all
}

// statistic names how CloudWatch makes one value of a metric from the samples of a period.
func statistic(metric resource) string {
	return cmp.Or(metric.Text("stat"), metric.Text("statistic"), metric.Text("extended_statistic"))
}

// summarize returns that value.
func summarize(metric resource, samples []float64) float64 {
	sum := 0.0
	for _, sample := range samples {
		sum += sample
	}
	switch name := statistic(metric); name {
	case "Sum":
		return sum
	case "Average":
		return sum / float64(len(samples))
	case "Minimum":
		return slices.Min(samples)
	case "Maximum":
		return slices.Max(samples)
	case "p99":
		return slices.Sorted(slices.Values(samples))[(len(samples)*99+99)/100-1]
	default:
		metric.Fatalf("%s: the function summarize in scenarios_test.go cannot compute %q yet", metric.Address(), name)
		panic("unreachable")
	}
}

// traffic is what each metric reports in one minute, by name and role; nil: nothing.
type traffic map[string]*float64

// scenarios is the file scenarios.yaml.
type scenarios struct {
	Ordinary  traffic
	Scenarios []struct {
		Happens string
		Raises  []string
		Phases  []struct {
			Minutes int
			Metrics traffic `yaml:",inline"`
		}
	}
	Thresholds []struct {
		Alarm, Key string
		Below, At  data
	}
}

func readScenarios(t *testing.T) (file scenarios) {
	must.Do(t, yaml.Unmarshal([]byte(read(t, "scenarios.yaml")), &file))
	return file
}

// states returns in which minutes the alarm is raised. CloudWatch evaluates the periods that end with each minute:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
func states(alarm resource, minutes []traffic, from int) []bool {
	alarm.Helper()
	values, period := make([]data, len(minutes)), 0 // of the periods that end with each minute
	for id, metric := range metrics(alarm) {
		kind := metric.Text("dimensions.Role")
		if strings.Contains(metric.Text("dimensions.QueueName"), "dead-letters") {
			kind = "DEAD"
		}
		name := strings.TrimSpace(metric.Text("metric_name") + " " + kind)
		period = int(metric.At("period").(float64)) / 60
		var samples []*float64
		for end, minute := range minutes {
			samples = append(samples, minute[name])
			var reported []float64
			for _, sample := range samples[max(0, end-period+1):] {
				if sample != nil {
					reported = append(reported, *sample)
				}
			}
			if values[end] == nil {
				values[end] = data{}
			}
			if len(reported) > 0 {
				values[end][id] = summarize(metric, reported)
			}
		}
	}
	bad := make([]bool, len(minutes))
	for end := range minutes {
		if end > 0 && maps.Equal(values[end], values[end-1]) {
			bad[end] = bad[end-1]
		} else {
			bad[end] = raises(alarm, values[end])
		}
	}
	periods, enough := int(alarm.At("evaluation_periods").(float64)), int(alarm.At("datapoints_to_alarm").(float64))
	var raised []bool
	for end := from; end < len(minutes); end++ {
		count := 0
		for i := range periods {
			if bad[end-i*period] {
				count++
			}
		}
		raised = append(raised, count >= enough)
	}
	return raised
}

// The table is what people on call read.
func TestGoldenSaysWhatAlarmsDo(t *testing.T) {
	file := readScenarios(t)
	const before, after = 360, 1500 // minutes: the longest period but the certificate's; that, too
	// Whatever a team's own files say.
	environment := parse(t, "prod", minimalProduction+"monitoring: {expectedRequests: 200}\n")
	s, raised := synthesize(t, []config.Environment{environment}, nil)["prod"].in(t), map[string]bool{}
	alarms := s.some("aws_cloudwatch_metric_alarm")
	for _, alarm := range stacks(t)["workloads"].in(t).some("aws_cloudwatch_metric_alarm") {
		// The service of a worker has the alarms of the API's.
		isQueue := strings.HasPrefix(alarm.alarmName(), "WorkerSettlement") && alarm.Text("namespace") == "AWS/SQS"
		if isQueue || strings.HasPrefix(alarm.alarmName(), "JobReconciliation") {
			alarms = append(alarms, alarm)
		}
	}
	table := &strings.Builder{}
	for _, scenario := range file.Scenarios {
		minutes := slices.Repeat([]traffic{file.Ordinary}, before)
		for _, phase := range scenario.Phases {
			now := maps.Clone(file.Ordinary)
			maps.Copy(now, phase.Metrics)
			minutes = append(minutes, slices.Repeat([]traffic{now}, phase.Minutes)...)
			if len(now) > len(file.Ordinary) {
				names := slices.Sorted(maps.Keys(phase.Metrics))
				t.Errorf("%s: ordinary in scenarios.yaml lacks one of %v", scenario.Happens, names)
			}
		}
		end := len(minutes) - before
		minutes = append(minutes, slices.Repeat([]traffic{file.Ordinary}, after)...)
		rows, names := map[int][]string{}, []string(nil) // rows by the minute of the alarm
		for _, alarm := range alarms {
			during, name := states(alarm, minutes, before), alarm.alarmName()
			first := slices.Index(during, true)
			if first < 0 {
				continue
			}
			names, raised[name] = append(names, name), true
			length := slices.Index(during[first:], false)
			if length < 0 || slices.Contains(during[first+length:], true) {
				t.Errorf("%s: %s does not clear once and for all", scenario.Happens, name)
			}
			clears := duration(first+length-end+1) + " after the end"
			if first+length < end {
				clears = "before the end"
			}
			heard := map[string]string{"First": "at once", "Tomorrow": "in the morning"}[advice.FindStringSubmatch(
				alarm.Text("alarm_description"))[2]]
			rows[first] = append(rows[first],
				fmt.Sprintf("%s | %s | after %s | %s", name, heard, duration(first+1), clears))
		}
		same(t, scenario.Happens+": the alarms that are raised", names, scenario.Raises)
		if len(rows) == 0 {
			rows[0] = []string{"none | | |"}
		}
		happens := fmt.Sprintf("%s (%s)", scenario.Happens, duration(end))
		for _, minute := range slices.Sorted(maps.Keys(rows)) {
			for _, row := range rows[minute] {
				fmt.Fprintf(table, "| %s | %s |\n", happens, row)
				happens = "the same"
			}
		}
	}
	says := map[string][]string{} // rows by when they are heard
	for _, alarm := range alarms {
		said := advice.FindStringSubmatch(alarm.Text("alarm_description"))
		says[said[2]] = append(says[said[2]], fmt.Sprintf("| %s | %s | %s |\n", alarm.alarmName(), said[1], said[3]))
	}
	ofWorkload, known := regexp.MustCompile("^(Worker|Job)[A-Z][a-z0-9]*"), map[string]bool{}
	for name := range raised {
		known[ofWorkload.ReplaceAllString(name, "")] = true
	}
	eachEnvironment(t, func(s stack) {
		for _, alarm := range s.some("aws_cloudwatch_metric_alarm") {
			if !known[ofWorkload.ReplaceAllString(alarm.alarmName(), "")] {
				s.Errorf("%s is raised in no scenario: add one to scenarios.yaml", alarm.alarmName())
			}
		}
	})
	slices.Sort(says["First"])
	slices.Sort(says["Tomorrow"])
	text, page := &strings.Builder{}, must.Get(template.ParseFiles("alarms.tmpl"))(t)
	must.Do(t, page.Execute(text, map[string]any{"Says": says, "Scenarios": table}))
	golden(t, "../generated/alarms.md", text.String())
}

// duration writes a number of minutes.
func duration(minutes int) string {
	switch {
	case minutes >= 120 && minutes%60 == 0:
		return fmt.Sprintf("%d h", minutes/60)
	case minutes > 120:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}
