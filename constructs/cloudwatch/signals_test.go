package cloudwatch

import (
	"testing"

	"tap/constructs/deployment"
)

// CloudWatch refuses a percentile as a statistic.
func TestPercentilesAreExtendedStatistics(t *testing.T) {
	for statistic, isExtended := range map[string]bool{"p99.9": true, "Average": false} {
		config := Alarm{Metric: Metric{Statistic: statistic}}.Config(deployment.Deployment{}, nil, nil)
		got, other := config.Statistic, config.ExtendedStatistic
		if isExtended {
			got, other = other, got
		}
		if got == nil || *got != statistic || other != nil {
			t.Errorf("the alarm on %s has statistic %v, extended %v", statistic, config.Statistic, config.ExtendedStatistic)
		}
	}
}
