package main

import (
	"strings"
	"testing"
)

const valid = `
production:
  - control: CKV2_AWS_8
    resources: [database/cluster]
    reason: Backed up by Aurora itself.
  - control: CKV2_AWS_57
    resources: [database/secret/secret]
    reason: Rotated by version.
  - control: CKV_AWS_2
    resources: [load-balancer/a, load-balancer/b]
    reason: Redirects.
development: []
`

func TestWaiversAreReadByClassInOrder(t *testing.T) {
	read, err := parseWaivers("waivers.yaml", []byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	production := read.byClass["production"]
	if len(production) != 3 || len(read.byClass["development"]) != 0 {
		t.Fatalf("got %v", read.byClass)
	}
	last := production[2]
	if last.control != "CKV_AWS_2" || strings.Join(last.resources, " ") != "load-balancer/a load-balancer/b" || last.reason != "Redirects." || last.line != 9 {
		t.Errorf("got %+v", last)
	}
}

func TestAWaiverFileWithAnyFlawIsRefusedAndSaysWhere(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"empty":                    {valid, "", "expected the classes"},
		"not YAML":                 {"production:", "production: [", "waivers.yaml: yaml"},
		"unknown class":            {"development: []", "staging: []", `waivers.yaml:12: class "staging"`},
		"class twice":              {"development: []", "production: []", `waivers.yaml:12: key "production" is there twice`},
		"class without a list":     {"development: []", "development: none", "waivers.yaml:12: development: expected a list"},
		"waiver that is a text":    {"development: []", "development: [CKV_AWS_2]", "waivers.yaml:12: expected a waiver with the keys"},
		"no reason":                {"    reason: Redirects.\n", "", "waivers.yaml:9: the waiver gives no reason"},
		"blank reason":             {"reason: Redirects.", `reason: "  "`, "waivers.yaml:9: the waiver gives no reason"},
		"reason of two lines":      {"reason: Redirects.", `reason: "one\ntwo"`, "waivers.yaml:11: the reason is longer than one line"},
		"no resources":             {"resources: [database/cluster]", "resources: []", "waivers.yaml:3: the waiver names no resources"},
		"resources unsorted":       {"[load-balancer/a, load-balancer/b]", "[load-balancer/b, load-balancer/a]", `waivers.yaml:10: resource "load-balancer/a" comes after "load-balancer/b"`},
		"resource twice":           {"[load-balancer/a, load-balancer/b]", "[load-balancer/a, load-balancer/a]", `waivers.yaml:10: resource "load-balancer/a" is there twice`},
		"unknown key":              {"reason: Redirects.", "because: Redirects.", `waivers.yaml:11: key "because"`},
		"key twice":                {"    reason: Redirects.\n", "    reason: Redirects.\n    reason: Again.\n", `waivers.yaml:12: key "reason" is there twice`},
		"no control":               {"control: CKV_AWS_2", "control: ELB.1", `waivers.yaml:9: control "ELB.1", expected one of checkov's`},
		"control twice":            {"CKV2_AWS_57", "CKV2_AWS_8", "waivers.yaml:6: control CKV2_AWS_8 is there twice"},
		"numbers sorted as text":   {"CKV2_AWS_8", "CKV2_AWS_570", "waivers.yaml:6: control CKV2_AWS_57 comes after CKV2_AWS_570"},
		"families out of order":    {"control: CKV2_AWS_8", "control: CKV_AWS_1", "waivers.yaml:6: control CKV2_AWS_57 comes after CKV_AWS_1"},
		"number sorts before text": {"CKV2_AWS_57", "CKV2_AWS_7", "waivers.yaml:6: control CKV2_AWS_7 comes after CKV2_AWS_8"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(valid, test.old, test.new, 1)
			if text == valid {
				t.Fatalf("the file holds no %q", test.old)
			}
			_, err := parseWaivers("waivers.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got the error %v, expected one with %q", err, test.want)
			}
		})
	}
}

func TestAllFlawsOfAWaiverFileAreReportedAtOnce(t *testing.T) {
	text := strings.NewReplacer("reason: Redirects.", "reason:", "[database/cluster]", "[]", "CKV2_AWS_57", "57").Replace(valid)
	_, err := parseWaivers("waivers.yaml", []byte(text))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{":3: the waiver names no resources", `:6: control "57"`, ":9: the waiver gives no reason"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %q too", err, want)
		}
	}
}

// failing is a result with a finding for each pair of control and path.
func failing(name, class string, pairs ...string) result {
	r := result{stack: stack{name: name, class: class}, checked: 1, passed: 3}
	for i := 0; i < len(pairs); i += 2 {
		r.findings = append(r.findings, finding{control: pairs[i], resource: resource{path: pairs[i+1]}})
	}
	return r
}

// all fails whatever the valid file waives.
func all() result {
	return failing("tap-prod", "production", "CKV2_AWS_8", "database/cluster", "CKV2_AWS_57", "database/secret/secret",
		"CKV_AWS_2", "load-balancer/a", "CKV_AWS_2", "load-balancer/b")
}

func judge(t *testing.T, results ...result) ([]verdict, error) {
	t.Helper()
	read, err := parseWaivers("waivers.yaml", []byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	return read.judge(results)
}

func TestAFailedCheckThatIsWaivedForItsResourceIsNoFailure(t *testing.T) {
	verdicts, err := judge(t, all())
	if err != nil {
		t.Fatal(err)
	}
	if v := verdicts[0]; v.waived != 4 || len(v.unexplained) != 0 {
		t.Errorf("got %d waived and %v unexplained, expected 4 and none", v.waived, v.unexplained)
	}
}

func TestAWaiverCountsForNoOtherControlResourceOrClass(t *testing.T) {
	for name, other := range map[string]result{
		"control":  failing("tap-b", "production", "CKV2_AWS_9", "database/cluster"),
		"resource": failing("tap-b", "production", "CKV2_AWS_8", "database/other"),
		"class":    failing("tap-b", "development", "CKV2_AWS_8", "database/cluster"),
	} {
		t.Run(name, func(t *testing.T) {
			verdicts, err := judge(t, all(), other)
			if err != nil {
				t.Fatal(err)
			}
			if v := verdicts[1]; v.waived != 0 || len(v.unexplained) != 1 {
				t.Errorf("got %d waived and %d unexplained, expected the finding to stay", v.waived, len(v.unexplained))
			}
		})
	}
}

func TestAWaiverIsNeededWhenOneStackOfItsClassFails(t *testing.T) {
	first := failing("tap-a", "production", "CKV2_AWS_8", "database/cluster", "CKV_AWS_2", "load-balancer/a")
	second := failing("tap-b", "production", "CKV2_AWS_57", "database/secret/secret", "CKV_AWS_2", "load-balancer/b")
	if _, err := judge(t, first, second); err != nil {
		t.Errorf("got %v, expected every waiver to be needed", err)
	}
}

func TestAWaiverThatNoStackNeedsIsRefusedForEachOfItsResources(t *testing.T) {
	_, err := judge(t, failing("tap-prod", "production", "CKV2_AWS_57", "database/secret/secret", "CKV_AWS_2", "load-balancer/a"))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"waivers.yaml:3: no production stack fails CKV2_AWS_8 at database/cluster",
		"waivers.yaml:9: no production stack fails CKV_AWS_2 at load-balancer/b",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "load-balancer/a") || strings.Contains(err.Error(), "CKV2_AWS_57") {
		t.Errorf("got %v, which names a waiver that is needed", err)
	}
}

func TestAnUnexplainedFindingIsPrintedWithEverythingNeededToMendIt(t *testing.T) {
	r := result{stack: stack{name: "tap-prod", class: "production"}, findings: []finding{{
		control: "CKV_AWS_96", name: "Encrypt storage", resource: resource{"aws_rds_cluster", "database/cluster"},
		attributes: []string{"storage_encrypted"}, guideline: "https://example.com/guide",
	}}}
	var output strings.Builder
	err := printVerdicts(&output, []verdict{{result: r, unexplained: r.findings}})
	if err == nil || !strings.Contains(err.Error(), "failed checks that no waiver explains: 1") {
		t.Errorf("got the error %v, expected one that counts the finding", err)
	}
	for _, want := range []string{"tap-prod fails CKV_AWS_96 at database/cluster (aws_rds_cluster)", "Encrypt storage", "storage_encrypted", "https://example.com/guide"} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("got %q, expected %q in it", output.String(), want)
		}
	}
}
