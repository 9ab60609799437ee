package tests

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tap/config"
	"tap/tests/must"
	"tap/tests/terraform"
)

// control matches the id of a control of Security Hub.
var control = regexp.MustCompile(
	`\b(ACM|Backup|EC2|ECR|ECS|ELB|IAM|Inspector|KMS|RDS|S3|SNS|SQS|SecretsManager|WAF)\.[1-9][0-9]*\b`)

// wantAttributes checks attributes by what they are for.
func (s stack) wantAttributes(rows map[string]map[string]any) {
	file := map[string]any{"suffix": s.suffix}
	must.Do(s, yaml.Unmarshal(must.Get(yaml.Marshal(s.environment))(s), &file))
	if s.environment != nil {
		_, file["vaultAccount"] = s.environment.Database.BackupCopy.Place()
		file["majorVersion"] = s.environment.Database.MajorVersion()
	}
	key := func(reference string) any {
		return terraform.Resource{Attributes: file}.At(strings.TrimPrefix(strings.Trim(reference, `"${}`), "environment."))
	}
	whole, inside := regexp.MustCompile(`"\$\{environment\.[\w.]+\}"`), regexp.MustCompile(`\$\{environment\.[\w.]+\}`)
	for says, attributes := range rows {
		row := s
		row.about += says + ": "
		for attribute, value := range attributes {
			text := whole.ReplaceAllStringFunc(encoded(value), func(found string) string { return encoded(key(found)) })
			text = inside.ReplaceAllStringFunc(text, func(found string) string { return fmt.Sprint(key(found)) })
			row.want(attribute, json.RawMessage(text), ": if meant, name it in tests/attributes.yaml")
		}
	}
}

// The sections of attributes.yaml are about what stacks have in common. Controls whose rows differ between the classes
// are explained in docs/audit.md.
func TestAttributes(t *testing.T) {
	seen, audit, all := map[string]bool{}, read(t, "../docs/audit.md"), map[string]map[string]map[string]any{}
	must.Do(t, yaml.Unmarshal([]byte(read(t, "attributes.yaml")), &all))
	eachStack(t, func(s stack) {
		e := config.Environment{}
		if s.environment != nil {
			e = *s.environment
		}
		hasQueue, hasCopies := s.each("aws_sqs_queue") != nil, e.Database.BackupCopy.Vault != ""
		hasDomain, hasJobs := e.LoadBalancer.Domain.Name != "", len(e.Jobs) > 0
		outside := isCalledFromOutside(&e)
		for section, applies := range map[string]bool{
			"every stack": true, "tap-" + s.suffix: true, "account": s.environment == nil, "environments": s.environment != nil,
			"development": e.Class == config.Development, "production": e.Class == config.Production,
			"defaults of development": s.suffix == development(t).suffix,
			"defaults of production":  s.suffix == production(t).suffix,
			"account of its own":      e.InAccountStack(),
			"own network":             s.each("aws_vpc") != nil, "existing network": e.Network.IsExisting(),
			"domain": hasDomain, "outside": outside && e.Region != config.OutsideRegion, "HTTPS": e.LoadBalancer.HTTPS(),
			"check from outside": outside && e.LoadBalancer.ClientCertificates.Mode != config.CertificatesVerify,
			"exact version":      e.Database.IsExactVersion(), "readers": e.Database.Readers > 0,
			"copies": hasCopies, "jobs": hasJobs, "jobs alone": hasJobs && !hasCopies, "jobs or copies": hasJobs || hasCopies,
			"queue": hasQueue, "queue or copies": hasQueue || hasCopies,
			"image": !e.Service.IsPlaceholder(), "scaling": e.Service.Scaling.Scales(),
			"migration": len(e.Service.Migration) > 0, "sessions": e.Service.ExecuteCommand,
		} {
			if !applies && s.environment != nil {
				section, applies = "without "+section, true
			}
			if rows := all[section]; applies && rows != nil {
				seen[section] = true
				s.wantAttributes(rows)
			}
		}
	})
	for section, rows := range all {
		if !seen[section] { // it is that of a key
			example(t, section).wantAttributes(rows)
		}
		for says, attributes := range rows {
			controls, _, _ := strings.Cut(says, ": ")
			differs, row := false, regexp.MustCompile(`(?m)^\| `+controls+` \|[^|]+\|[^|]+\|$`)
			for attribute := range attributes {
				one, path := development(t).selected(attribute)
				other, _ := production(t).selected(attribute)
				differs = differs || len(one)*len(other) > 0 && encoded(one[0].At(path)) != encoded(other[0].At(path))
			}
			if explained := row.MatchString(audit); control.MatchString(controls) && differs != explained {
				t.Errorf("%s differs between the classes: %v; docs/audit.md explains it: %v", says, differs, explained)
			}
		}
	}
}

// Each bucket has one of each setting, of which attributes.yaml says what it is.
func TestEveryBucketHasItsSettings(t *testing.T) {
	eachStack(t, func(s stack) {
		of := map[string][]string{}
		for _, r := range s.all() {
			if strings.HasPrefix(r.Kind, "aws_s3_bucket_") {
				of[r.Kind] = append(of[r.Kind], r.follow("bucket").Address())
			}
		}
		for kind, buckets := range of {
			same(s, "the buckets of "+kind, buckets, addresses(s.some("aws_s3_bucket")))
		}
	})
}

// Every control that applies is named where it is checked, by a row of attributes.yaml or by what a test says when it
// fails, or accepted in docs/audit.md.
func TestEveryControlIsTestedOrAccepted(t *testing.T) {
	var judges map[string]string
	must.Do(t, yaml.Unmarshal([]byte(read(t, "securityhub.yaml")), &judges))
	tested, accepted, kinds, applies := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	comment := regexp.MustCompile(`(?m)(//|#).*$`) // which can outlive a check
	for _, file := range append(must.Get(filepath.Glob("*_test.go"))(t), "attributes.yaml") {
		for _, name := range control.FindAllString(comment.ReplaceAllString(read(t, file), ""), -1) {
			tested[name] = true
		}
	}
	rowOfTwo := regexp.MustCompile(`(?m)^\|([^|]*)\|[^|]*\|$`)
	for _, row := range rowOfTwo.FindAllStringSubmatch(read(t, "../docs/audit.md"), -1) {
		for _, name := range control.FindAllString(row[1], -1) {
			accepted[name] = true
		}
	}
	eachStack(t, func(s stack) {
		for _, r := range s.all() {
			kinds[r.Kind] = true
		}
	})
	for kind := range kinds {
		controls, known := judges[kind]
		if !known {
			t.Errorf("%s is new: add the controls that judge it to securityhub.yaml", kind)
		}
		for _, name := range strings.Fields(controls) {
			if applies[name] = true; !tested[name] && !accepted[name] {
				t.Errorf("%s applies to %s: name it in attributes.yaml or in what a test says when it fails, or accept it in "+
					"docs/audit.md", name, kind)
			}
		}
	}
	for name := range accepted {
		if !applies[name] {
			t.Errorf("docs/audit.md accepts %s, which applies to nothing", name)
		}
	}
}

// What a production file weakens is accepted in docs/audit.md, by stack and key: tap-prod: `protect`.
func TestWeakerProductionIsAccepted(t *testing.T) {
	audit := read(t, "../docs/audit.md")
	standard := config.Preset(config.Production)
	if !standard.Protect || standard.Logs.RetentionDays < 365 || standard.Database.Login != config.LoginIAM ||
		standard.Database.ApplyInstancesImmediately || len(standard.Firewall.Count) > 0 ||
		standard.Firewall.RateLimit > 2000 {
		t.Error("production's defaults, which files are compared with, are weaker themselves")
	}
	environments, _ := load(t, "../environments")
	for _, e := range environments {
		if e.Class != config.Production {
			continue
		}
		for key, weaker := range map[string]bool{
			"database.backupRetentionDays":   e.Database.BackupRetentionDays < standard.Database.BackupRetentionDays,
			"database.login":                 e.Database.Login != standard.Database.Login,
			"database.readers":               e.Database.Readers < standard.Database.Readers,
			"firewall.count":                 len(e.Firewall.Count) > len(standard.Firewall.Count),
			"firewall.rateLimit":             e.Firewall.RateLimit > standard.Firewall.RateLimit,
			"loadBalancer.allowPlainHttp":    e.LoadBalancer.AllowPlainHTTP,
			"logs.retentionDays":             e.Logs.RetentionDays < standard.Logs.RetentionDays,
			"monitoring.availabilityPercent": e.Monitoring.AvailabilityPercent < standard.Monitoring.AvailabilityPercent,
			"monitoring.emails":              len(e.Monitoring.Emails) == 0,
			"monitoring.errorRatePercent":    e.Monitoring.ErrorRatePercent > standard.Monitoring.ErrorRatePercent,
			"monitoring.latencySeconds":      e.Monitoring.LatencySeconds > standard.Monitoring.LatencySeconds,
			"monitoring.minimumRequests":     e.Monitoring.MinimumRequests > standard.Monitoring.MinimumRequests,
			"protect":                        e.Protect != standard.Protect,
			"service.executeCommand":         e.Service.ExecuteCommand,
			"service.readonlyRootFilesystem": !e.Service.ReadonlyRootFilesystem,
		} {
			entry := "tap-" + e.Suffix + ": `" + key + "`"
			if accepted := strings.Contains(audit, entry); weaker && !accepted {
				t.Errorf("%s is weaker than production's default: mend it, or say why under %s in docs/audit.md", key, entry)
			} else if accepted && !weaker {
				t.Errorf("docs/audit.md accepts %s, which is as strong as the default", entry)
			}
		}
	}
}
