package tests

import (
	"testing"

	"tap/config"
	"tap/constructs"
	"tap/tests/must"
)

func noError(t testing.TB, err error) {
	t.Helper()
	must.Do(t, err)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must.Write(t, path, content)
}

func synthesize(t *testing.T, environments ...config.Environment) map[string]stack {
	t.Helper()
	return synthesizeStacks(t, environments, nil)
}

func synthesizeAll(t *testing.T, environments []config.Environment, accounts []config.Account,
	additions ...constructs.Addition) (map[string]stack, error) {
	t.Helper()
	return synthesizeStacks(t, environments, accounts, additions...), nil
}

func (s stack) terraform() resource { return s.only("terraform") }

func (s stack) provider() resource { return s.only("provider") }

func (s stack) alarm(name string) resource {
	s.Helper()
	return s.find("aws_cloudwatch_metric_alarm", "alarm_name", name+"-"+s.suffix)
}

func (s stack) listener(port float64) resource { return s.find("aws_lb_listener", "port", port) }

func object(_ *testing.T, text string) map[string]any { return opened(text).(map[string]any) }
