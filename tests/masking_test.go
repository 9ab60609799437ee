package tests

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tap/constructs/logs"
)

var cardNumber = regexp.MustCompile(logs.CardNumberPattern)

func TestCardNumbersMatchHoweverGrouped(t *testing.T) {
	if len(logs.CardNumberPattern) > 200 || regexp.MustCompile(`[^]\[a-zA-Z0-9_#=@/;, ^$?{}|\\*+.-]`).
		MatchString(logs.CardNumberPattern) {
		t.Errorf("CloudWatch Logs refuses %s", logs.CardNumberPattern)
	}
	numbers := []string{"3782 822463 10005", "3056-930902-5904", "6304 0000 0000 0000 000"}
	for length := 13; length <= 19; length++ {
		digits := "4111111111111111222"[:length]
		groups := regexp.MustCompile(`\d{1,4}`).FindAllString(digits, -1)
		numbers = append(numbers, digits, strings.Join(groups, " "), strings.Join(groups, "-"))
	}
	for _, number := range numbers {
		if got := cardNumber.FindString("pan=" + number + ";"); got != number {
			t.Errorf("%q is matched in %s", got, number)
		}
	}
	for _, other := range []string{"411111111111", "2026-11-25 14:07:58.123 UTC [12345] LOG", "10.0.12.34:51234"} {
		if cardNumber.MatchString(other) {
			t.Errorf("%s is taken for a card number", other)
		}
	}
}

// unmasked are the log groups without a mask, and why. What programs, the database, the firewall and sessions
// log may contain what clients send.
var unmasked = map[string]string{
	"/tap-SUFFIX/vpc-flow-logs":                                    "no content; the mask would hide counts",
	"/aws/ecs/containerinsights/PaymentCluster-SUFFIX/performance": "AWS's own measurements",
}

func TestLogsMaskCardNumbers(t *testing.T) {
	eachEnvironment(t, func(s stack) {
		var masked, bare []string
		for name := range unmasked {
			bare = append(bare, strings.Replace(name, "SUFFIX", s.suffix, 1))
		}
		for _, policy := range s.some("aws_cloudwatch_log_data_protection_policy") {
			masked = append(masked, policy.follow("log_group_name").Address())
			policy.want("policy_document.Configuration.CustomDataIdentifier", []any{
				map[string]any{"Name": "CardNumber", "Regex": logs.CardNumberPattern},
			})
		}
		for _, group := range s.some("aws_cloudwatch_log_group") {
			name := group.Text("name")
			if isMasked := slices.Contains(masked, group.Address()); isMasked == slices.Contains(bare, name) {
				s.Errorf("%s is masked (ECS.9): %v", name, isMasked)
			}
		}
	})
}

// What PostgreSQL logs, with the parameters of the cluster that it knows itself, of what goes wrong with a card number.
func TestPostgresLogsNoCardNumber(t *testing.T) {
	server := startPostgres(t, production(t))
	server.psql(t, "CREATE TABLE cards (pan text PRIMARY KEY, amount integer CHECK (amount > 0));"+
		"INSERT INTO cards VALUES ('4012888888881881', 1)")
	for _, test := range []struct {
		pan, statement, logged string
		remains                bool // what no parameter keeps out
	}{
		// A bound value is sent apart from the statement, as programs do.
		{"4012888888881881", "INSERT INTO cards VALUES (:pan::text, 1)", "duplicate key value", false},
		{"5105105105105100", "INSERT INTO cards VALUES (:pan::text, 0)", "violates check constraint", false},
		{"4222222222222", "SELECT pg_sleep(1.1), :pan::text", "duration: ", false},
		{"5555555555554444", "SELECT :pan::text::integer", "is out of range", true},
		{"3530111333300000", "COPY cards FROM STDIN;\nPAN\n\\.\n", "missing data for column", false},
		{"6011000990139424", "COPY cards (amount) FROM STDIN;\nPAN\n\\.\n", "is out of range", true},
		{"3782 822463 10005", "INSERT INTO cards VALUES ('PAN', 0)", "violates check constraint", true},
		{"6011-1111-1111-1117", "SELECT pg_sleep(1.1), 'PAN'", "duration: ", true},
		{"6304000000000000000", "CREATE TABLE copies (pan text DEFAULT 'PAN')", "CREATE TABLE", true},
	} {
		t.Run(test.statement, func(t *testing.T) {
			already := len(read(t, server.log))
			if strings.Contains(test.statement, ":pan") {
				server.bind(t, test.statement, "pan="+test.pan)
			} else {
				server.psql(t, strings.ReplaceAll(test.statement, "PAN", test.pan))
			}
			log := read(t, server.log)[already:]
			if !strings.Contains(log, test.logged) || strings.Contains(log, test.pan) != test.remains {
				t.Errorf("the number remains: %v, expected %v with %q:\n%s", !test.remains, test.remains, test.logged, log)
			}
			for _, text := range []string{test.pan, test.pan[:8], test.pan[len(test.pan)-8:]} {
				if masked := cardNumber.ReplaceAllString(log, "***"); strings.Contains(masked, text) {
					t.Errorf("the mask leaves %s:\n%s", text, masked)
				}
			}
		})
	}
}

// bind runs a statement with a bound value, and lets it fail.
func (p postgres) bind(t *testing.T, statement, value string) {
	t.Helper()
	command := exec.Command(postgresPrograms+"pgbench", "--no-vacuum", "--protocol=extended", "--transactions=1",
		"--define="+value, "--file=/dev/stdin", "postgres")
	command.Env, command.Stdin = p.environment, strings.NewReader(statement+";\n")
	if output, err := command.CombinedOutput(); err != nil && !strings.Contains(string(output), "ERROR:") {
		t.Fatalf("%v: %s", err, output)
	}
}
