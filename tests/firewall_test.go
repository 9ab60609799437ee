package tests

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/tests/must"
)

// cost adds up what the statements in a part of a rule cost, of which capacity has the units.
func cost(t *testing.T, part any, capacity map[string]int) (sum int) {
	t.Helper()
	switch part := part.(type) {
	case []any:
		for _, each := range part {
			sum += cost(t, each, capacity)
		}
	case map[string]any:
		for key, value := range part {
			units, known := capacity[key]
			if strings.HasSuffix(key, "_statement") && !known {
				t.Fatalf("what costs %s? Say it in capacity.yaml", key)
			}
			if name, isText := value.(string); isText && key == "name" {
				if units, known = capacity[name]; !known && part["vendor_name"] != nil {
					t.Fatalf("what costs %s? Say it in capacity.yaml: a web ACL has 1,500 units without a further price", name)
				}
			}
			if list, isList := value.([]any); isList {
				units *= len(list)
			}
			sum += units + cost(t, value, capacity)
		}
	}
	return sum
}

// Over 1,500 units each request costs more: https://aws.amazon.com/waf/pricing/
func TestFirewallIsWithinItsCapacity(t *testing.T) {
	capacity := map[string]int{}
	must.Do(t, yaml.Unmarshal([]byte(read(t, "capacity.yaml")), &capacity))
	for key, want := range map[string]int{"firewall.rateLimits": 1448, "firewall.rateLimit": 1207} { // the most, the least
		sum := 0
		for _, rule := range example(t, key).only("aws_wafv2_web_acl").parts("rule") {
			sum += cost(t, rule.At("statement"), capacity)
		}
		if sum != want || sum > 1500 {
			t.Errorf("with %s the web ACL costs %d units, expected %d", key, sum, want)
		}
	}
}
