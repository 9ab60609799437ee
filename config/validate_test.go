package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// good is what a production file needs beside its class.
const good = "service: {image: 'app:1'}\nloadBalancer: {allowPlainHttp: true}\n"

func TestEnvironmentRules(t *testing.T) {
	runProblemTests(t, Development, []problemTest{
		{"an account of another length", "account: '1234'", `2: account: "1234" is not an AWS account; allowed: 12 digits`},
		{"a zone as the Region", "region: us-east-1a", `2: region: "us-east-1a" is not an AWS Region; allowed: a Region's code, for example us-east-1`},
		{"a tag of AWS", "tags: {'AWS:x': y}", `2: tags."AWS:x": begins with aws:, which AWS keeps for itself`},
		{"a tag of the project", "tags: {managedby: me}", "2: tags.managedby: is set by the project itself; the keys Project, Environment, ManagedBy, Name cannot be set, in any case"},
		{"tags that differ in case only", "tags: {team: a, Team: b}", "2: tags.team: differs from the tag Team in case only, and IAM takes them for the same"},
		{"a tag's key with a character that AWS refuses", "tags: {'a*': b}", `2: tags."a*": is not a tag's key; allowed: 1 to 128 letters, digits, spaces and _ . : / = + - @`},
		{"a tag's value with a character that AWS refuses", "tags: {Team: 'a*'}", `2: tags.Team: "a*" is not a tag's value; allowed: up to 256 letters, digits, spaces and _ . : / = + - @`},
		{"more tags than AWS allows", "tags:" + manyTags(47), "2: tags: has 47; allowed: up to 46"},
		{"a bucket with capitals", "state: {bucket: Tap}", `2: state.bucket: "Tap" is not a bucket's name; allowed: 3 or more lower-case letters, digits, hyphens and single dots, a letter or digit at both ends, up to 63 characters`},
		{"a bucket with two dots in a row", "state: {bucket: a..b}", `2: state.bucket: "a..b" is not a bucket's name; allowed: 3 or more lower-case letters, digits, hyphens and single dots, a letter or digit at both ends, up to 63 characters`},
		{"a bucket that is too long", "state: {bucket: " + strings.Repeat("a", 64) + "}", `2: state.bucket: "` + strings.Repeat("a", 64) + `" has 64 characters; allowed: up to 63`},
		{"a bucket that is an address", "state: {bucket: '10.0.0.1'}", `2: state.bucket: "10.0.0.1" is an IP address, which S3 allows for no bucket`},
		{"a bucket with a reserved beginning", "state: {bucket: xn--states}", `2: state.bucket: "xn--states" begins with xn--, which S3 keeps for itself`},
		{"a bucket with a reserved end", "state: {bucket: states-s3alias}", `2: state.bucket: "states-s3alias" ends in -s3alias, which S3 keeps for itself`},
		{"a Region of no bucket", "state: {region: eu-west-1}", `2: state.region: "eu-west-1" is the Region of no bucket; name state.bucket as well`},
		{"a key that goes too soon", "encryption: {deletionWindowDays: 6}", "2: encryption.deletionWindowDays: 6 is out of range; allowed: 7 to 30"},
		{"a retention that CloudWatch does not offer", "logs: {retentionDays: 31}", "2: logs.retentionDays: 31 is not a period that CloudWatch Logs offers; allowed: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653"},
		{"a rate limit under AWS's minimum", "firewall: {rateLimit: 9}", "2: firewall.rateLimit: 9 is out of range; allowed: 10 to 2000000000"},
		{"a rate limit over AWS's maximum", "firewall: {rateLimit: 2000000001}", "2: firewall.rateLimit: 2000000001 is out of range; allowed: 10 to 2000000000"},
		{"a rule that the web ACL does not have", "firewall: {count: [RateLimit]}", "2: firewall.count[0]: \"RateLimit\" is not a rule of the web ACL; allowed: " + strings.Join(FirewallRules(), ", ") + "; did you mean RateLimitRule?"},
		{"a rule twice", "firewall:\n  count:\n    - RateLimitRule\n    - RateLimitRule", `5: firewall.count[1]: "RateLimitRule" is named twice; it is firewall.count[0] already`},
		{"an address without a domain", "monitoring: {emails: [me@localhost]}", `2: monitoring.emails[0]: "me@localhost" is not an e-mail address; allowed: name@domain, for example on-call@example.com`},
		{"a recipient twice", "monitoring: {emails: [a@example.com, a@example.com]}", `2: monitoring.emails[1]: "a@example.com" is named twice; it is monitoring.emails[0] already`},
		{"a threshold of nothing", "monitoring: {errorRatePercent: 0}", "2: monitoring.errorRatePercent: 0 is out of range; allowed: over 0 to 100"},
		{"a threshold over the whole", "monitoring: {errorRatePercent: 100.5}", "2: monitoring.errorRatePercent: 100.5 is out of range; allowed: over 0 to 100"},
	})
}

func manyTags(count int) string {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "\n  Tag%d: x", i)
	}
	return text.String()
}

func TestNetworkRules(t *testing.T) {
	const cidr = "; allowed: an RFC 1918 range of /16 to /20, for example 10.0.0.0/16"
	runProblemTests(t, Development, []problemTest{
		{"a range that is too large", "network: {cidr: 10.0.0.0/8}", `2: network.cidr: "10.0.0.0/8" is not an IPv4 range` + cidr},
		{"a range that is too small", "network: {cidr: 10.0.0.0/21}", `2: network.cidr: "10.0.0.0/21" is not an IPv4 range` + cidr},
		{"a range of IPv6", "network: {cidr: 'fd00::/16'}", `2: network.cidr: "fd00::/16" is not an IPv4 range` + cidr},
		{"a range with a number over 255", "network: {cidr: 10.0.300.0/16}", `2: network.cidr: "10.0.300.0/16" is not an IPv4 range` + cidr},
		{"a public range", "network: {cidr: 11.0.0.0/16}", `2: network.cidr: "11.0.0.0/16" is not private; allowed: a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`},
		{"a range beside a private one", "network: {cidr: 172.32.0.0/16}", `2: network.cidr: "172.32.0.0/16" is not private; allowed: a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`},
		{"a range that begins inside itself", "network: {cidr: 10.0.1.0/16}", `2: network.cidr: "10.0.1.0/16" begins inside the range 10.0.0.0/16; write that one`},
		{"a range too small for the subnets", "network: {cidr: 10.0.0.0/20, subnetPrefixLength: 22}", `2: network.cidr: "10.0.0.0/20" holds 4 subnets of /22 (network.subnetPrefixLength), and 3 zones need room for 6`},
		{"a default range too small for the subnets", "network:\n  subnetPrefixLength: 20\n  cidr: 10.0.0.0/18", `4: network.cidr: "10.0.0.0/18" holds 4 subnets of /20 (network.subnetPrefixLength), and 3 zones need room for 6`},
		{"room for two zones without the third", "network: {zones: [us-east-1a, us-east-1b], cidr: 10.0.0.0/18, subnetPrefixLength: 20}", `2: network.cidr: "10.0.0.0/18" holds 4 subnets of /20 (network.subnetPrefixLength), and 2 zones need room for 6`},
		{"subnets too small for a load balancer", "network: {subnetPrefixLength: 28}", "2: network.subnetPrefixLength: 28 is out of range; allowed: 20 to 27"},
		{"a single zone", "network: {zones: [us-east-1a]}", "2: network.zones: has 1; allowed: 2 to 6"},
		{"a zone twice", "network:\n  zones: [us-east-1a, us-east-1b, us-east-1a]", `3: network.zones[2]: "us-east-1a" is named twice; it is network.zones[0] already`},
		{"a zone of another Region", "region: eu-west-1\nnetwork: {zones: [eu-west-1a, us-east-1b]}", `3: network.zones[1]: "us-east-1b" is not a zone of the Region eu-west-1; allowed: eu-west-1a, eu-west-1b and so on`},
		{"a Local Zone", "network: {zones: [us-east-1a, us-east-1-bos-1a]}", `2: network.zones[1]: "us-east-1-bos-1a" is not an Availability Zone; allowed: the Region and one letter, for example us-east-1a`},
		{"no zones in a Region that has others", "region: us-west-1", "2: region: us-west-1 does not offer the zones a, b and c to every account; name 2 to 6 zones of your account in network.zones"},
		{"more NAT gateways than zones", "network: {natGateways: 4}", "2: network.natGateways: 4 NAT gateways are more than the 3 zones; allowed: 0 to 3"},
		{"no NAT gateway without interface endpoints", "network: {natGateways: 0}", "2: network.natGateways: 0 NAT gateways leave tasks no way to images, logs and secrets; set network.interfaceEndpoints: true, or 1 gateway or more"},
		{"no NAT gateway and a public image", "network: {natGateways: 0, interfaceEndpoints: true}\nservice: {image: 'public.ecr.aws/a/b:1'}", `2: network.natGateways: 0 NAT gateways leave tasks no way to the image "public.ecr.aws/a/b:1"; name one in an ECR repository of the Region (<account>.dkr.ecr.us-east-1.amazonaws.com/<name>), or 1 gateway or more`},
		{"no NAT gateway and an image of another Region", "network: {natGateways: 0, interfaceEndpoints: true}\nservice: {image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1'}", `2: network.natGateways: 0 NAT gateways leave tasks no way to the image "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1"; name one in an ECR repository of the Region (<account>.dkr.ecr.us-east-1.amazonaws.com/<name>), or 1 gateway or more`},
		{"packets counted over another time", "network: {flowLogs: {aggregationSeconds: 300}}", "2: network.flowLogs.aggregationSeconds: 300 is not an aggregation interval of flow logs; allowed: 60, 600"},
	})
}

func TestDatabaseRules(t *testing.T) {
	const versions = "; allowed: a major version (13, 14, 15, 16, 17, 18), or a minor not older than 13.23, 14.17, 15.10, 16.8, 17.4, 18.3"
	runProblemTests(t, Development, []problemTest{
		{"a major version that is not offered", "database: {engineVersion: '12'}", `2: database.engineVersion: "12" is not a version that Aurora PostgreSQL offers` + versions},
		{"a minor that can no longer be created", "database: {engineVersion: '15.8'}", `2: database.engineVersion: "15.8" is not a version that Aurora PostgreSQL offers` + versions},
		{"a version with three parts", "database: {engineVersion: '15.12.1'}", `2: database.engineVersion: "15.12.1" is not a version of Aurora PostgreSQL` + versions},
		{"an instance class of RDS only", "database: {instanceClass: db.m5.large}", `2: database.instanceClass: "db.m5.large" is not an instance class that Aurora PostgreSQL takes; allowed: ` + auroraClassWords() + "; did you mean db.r5.large?"},
		{"a size that the family does not have", "database: {instanceClass: db.t3.micro}", `2: database.instanceClass: "db.t3.micro" is not an instance class that Aurora PostgreSQL takes; allowed: ` + auroraClassWords()},
		{"a capacity between the steps", "database: {instanceClass: db.serverless, serverless: {maximumCapacity: 1.25}}", "2: database.serverless.maximumCapacity: 1.25 is out of range; allowed: 1 to 256 in steps of 0.5"},
		{"a minimum capacity over the maximum", "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 8}}", "2: database.serverless.minimumCapacity: a minimum of 8 is more than a maximum of 4 (the default of class development)"},
		{"a capacity of instances of a fixed size", "database:\n  serverless: {maximumCapacity: 8}", `3: database.serverless: has no effect with the instance class "db.t3.medium" (the default of class development); it needs db.serverless`},
		{"a pause of a cluster that never pauses", "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0.5, autoPauseSeconds: 600}}", "2: database.serverless.autoPauseSeconds: has no effect with the minimum capacity 0.5; a cluster pauses only with 0"},
		{"a pause that is too short", "database: {instanceClass: db.serverless, serverless: {autoPauseSeconds: 299}}", "2: database.serverless.autoPauseSeconds: 299 is out of range; allowed: 300 to 86400"},
		{"more readers than Aurora has", "database: {readers: 16}", "2: database.readers: 16 is out of range; allowed: 0 to 15"},
		{"a user that RDS reserves", "database: {masterUsername: Admin}", `2: database.masterUsername: "Admin" is a word that RDS or PostgreSQL reserves`},
		{"a user of the engine's own", "database: {iamUsername: pg_monitor}", `2: database.iamUsername: "pg_monitor" begins with pg_ or rds_, which PostgreSQL and RDS keep for themselves`},
		{"a user that begins with a digit", "database: {masterUsername: 1owner}", `2: database.masterUsername: "1owner" is not a user name; allowed: a letter, then up to 62 letters, digits or underscores`},
		{"tasks as the master user", "database: {iamUsername: postgres}", `2: database.iamUsername: "postgres" is the master user and the user of the tasks; they log in as one of their own`},
		{"a recovery between 0 and 7 days", "database: {passwordRecoveryDays: 6}", "2: database.passwordRecoveryDays: 6 is out of range; allowed: 0, or 7 to 30"},
		{"backups that are not kept", "database: {backupRetentionDays: 0}", "2: database.backupRetentionDays: 0 is out of range; allowed: 1 to 35"},
		{"an hour that does not exist", "database: {backupWindow: '24:00-25:00'}", `2: database.backupWindow: "24:00-25:00" is not a daily window; allowed: hh:mm-hh:mm in UTC, for example 07:00-08:00`},
		{"a backup window that is too short", "database: {backupWindow: '23:45-00:14'}", `2: database.backupWindow: "23:45-00:14" lasts 29 minutes; allowed: 30 or more`},
		{"a maintenance window without length", "database: {maintenanceWindow: 'mon:01:00-mon:01:00'}", `2: database.maintenanceWindow: "mon:01:00-mon:01:00" lasts 0 minutes; allowed: 30 or more`},
		{"a day in capitals", "database: {maintenanceWindow: 'Sun:01:00-Sun:02:00'}", `2: database.maintenanceWindow: "Sun:01:00-Sun:02:00" is not a weekly window; allowed: ddd:hh:mm-ddd:hh:mm in UTC, lower case, for example sun:08:30-sun:09:30`},
		{"windows that overlap", "database: {maintenanceWindow: 'tue:07:59-tue:09:00'}", `2: database.maintenanceWindow: the maintenance window "tue:07:59-tue:09:00" overlaps the backup window "07:00-08:00" (the default of class development); RDS wants them apart`},
		{"windows that overlap over the end of the week", "database: {backupWindow: '00:00-00:30', maintenanceWindow: 'sun:23:30-mon:00:01'}", `2: database.maintenanceWindow: the maintenance window "sun:23:30-mon:00:01" overlaps the backup window "00:00-00:30"; RDS wants them apart`},
		{"windows of which one holds the other", "database: {backupWindow: '02:00-02:30', maintenanceWindow: 'wed:01:00-wed:05:00'}", `2: database.maintenanceWindow: the maintenance window "wed:01:00-wed:05:00" overlaps the backup window "02:00-02:30"; RDS wants them apart`},
		{"a slow statement of no time", "database: {slowStatementMilliseconds: 0}", "2: database.slowStatementMilliseconds: 0 is out of range; allowed: -1, or 1 or more"},
		{"an interval that monitoring does not have", "database: {monitoringIntervalSeconds: 20}", "2: database.monitoringIntervalSeconds: 20 is not an interval of enhanced monitoring; allowed: 0, 1, 5, 10, 15, 30, 60"},
		{"a mode that Insights does not have", "database: {insights: advance}", `2: database.insights: "advance" is not a mode of Database Insights; allowed: standard, advanced; did you mean advanced?`},
	})
}

func TestServiceRules(t *testing.T) {
	runProblemTests(t, Development, []problemTest{
		{"a CPU size that Fargate does not sell", "service: {cpu: 300}", "2: service.cpu: 300 is not a CPU size that Fargate sells; allowed: 256, 512, 1024, 2048, 4096, 8192, 16384, 32768"},
		{"a /tmp as large as the memory", "service:\n  tmpfsMiB: 512", "3: service.tmpfsMiB: a /tmp of 512 MiB leaves nothing of a memory of 512 MiB (the default of class development)"},
		{"a memory that does not go with the CPU", "service:\n  cpu: 256\n  memory: 4096", "4: service.memory: Fargate sells no task of 256 CPU units with 4096 MiB; with 256 CPU units it sells 512, 1024, 2048 MiB"},
		{"a default memory that does not go with the CPU", "service:\n  cpu: 8192", "3: service.cpu: Fargate sells no task of 8192 CPU units with 512 MiB (the default of class development); with 8192 CPU units it sells 16384 to 61440 MiB in steps of 4096"},
		{"a port of 0", "service: {port: 0}", "2: service.port: 0 is out of range; allowed: 1 to 65535"},
		{"root as the user", "service: {user: '0'}", `2: service.user: "0" is not a user other than root, by number; allowed: uid or uid:gid, for example 1000:1000, uid not 0`},
		{"a user by name", "service: {user: app}", `2: service.user: "app" is not a user other than root, by number; allowed: uid or uid:gid, for example 1000:1000, uid not 0`},
		{"a user beyond what Linux has", "service: {user: '1000:4294967295'}", `2: service.user: "1000:4294967295" holds an id over 2147483647`},
		{"an image in capitals", "service: {image: App}", `2: service.image: "App" is not an image reference; allowed: [registry/]repository[:tag][@sha256:digest], up to 255 characters`},
		{"an image with a short digest", "service: {image: 'app@sha256:abc'}", `2: service.image: "app@sha256:abc" is not an image reference; allowed: [registry/]repository[:tag][@sha256:digest], up to 255 characters`},
		{"a command for the placeholder", "service: {command: [serve]}", "2: service.command: is a command for no image: the placeholder has its own; name service.image"},
		{"more minimum tasks than maximum", "service: {scaling: {minimumTasks: 11}}", "2: service.scaling.minimumTasks: a minimum of 11 tasks is more than a maximum of 10 tasks (the default of class development)"},
		{"a desired count outside scaling", "service: {desiredCount: 11}", "2: service.desiredCount: a desired count of 11 is outside the range of scaling, 2 (the default of class development) to 10 (the default of class development)"},
		{"a deployment that cannot move", "service: {maximumPercent: 101}", "2: service.maximumPercent: a deployment could neither start nor stop a task: with 101 %, 100 % (the default of class development) and 2 tasks (the default of class development), at most 2 and at least 2 run; raise service.maximumPercent or lower service.minimumHealthyPercent"},
		{"a maximum that rebalancing cannot use", "service: {maximumPercent: 100}", "2: service.maximumPercent: 100 is out of range; allowed: 101 to 200"},
		{"a health check that takes as long as its interval", "service: {healthCheck: {intervalSeconds: 10, timeoutSeconds: 10}}", "2: service.healthCheck.timeoutSeconds: a time-out of 10 seconds is not under an interval of 10 seconds"},
		{"an interval under the default time-out", "service: {healthCheck: {intervalSeconds: 5}}", "2: service.healthCheck.intervalSeconds: a time-out of 5 seconds (the default of class development) is not under an interval of 5 seconds"},
		{"a path without a slash", "service: {healthCheck: {path: health}}", `2: service.healthCheck.path: "health" is not a path; allowed: a slash, then letters, digits and . _ ~ / ? = & @ : + -, up to 1024 characters`},
		{"a path that would end a statement", "service: {healthCheck: {path: '/a;b'}}", `2: service.healthCheck.path: "/a;b" is not a path; allowed: a slash, then letters, digits and . _ ~ / ? = & @ : + -, up to 1024 characters`},
		{"a container health check of another kind", "service: {containerHealthCheck: [curl, localhost]}", `2: service.containerHealthCheck[0]: "curl" is not a kind of check; allowed: CMD, CMD-SHELL`},
		{"a container health check without a command", "service: {containerHealthCheck: [CMD]}", "2: service.containerHealthCheck: CMD has no command behind it"},
		{"a shell with several lines", "service: {containerHealthCheck: [CMD-SHELL, a, b]}", "2: service.containerHealthCheck: has 2 items behind CMD-SHELL; allowed: 1, the line that the shell runs"},
		{"a shell in a container that cannot be written to", "service: {executeCommand: true}", "2: service.executeCommand: ECS Exec needs to write to the container's root file system; set service.readonlyRootFilesystem: false"},
		{"a variable with a hyphen", "service: {environment: {A-B: c}}", "2: service.environment.A-B: is not a variable's name; allowed: letters, digits and underscores, no digit first"},
		{"a variable of the service", "service: {environment: {DB_HOST: c}}", "2: service.environment.DB_HOST: is set by the service itself; the names DB_HOST, DB_PORT, DB_USERNAME, DB_PASSWORD cannot be set"},
		{"a variable that is a secret as well", "service:\n  environment: {TOKEN: c}\n  secrets: {TOKEN: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf'}", "4: service.secrets.TOKEN: stands in service.environment as well; a name has one value"},
		{"a secret in the place of its ARN", "service: {secrets: {TOKEN: hunter2}}", "2: service.secrets.TOKEN: the value is not the ARN of a secret; allowed: arn:aws:secretsmanager:<Region>:<account>:secret:<name>-<6 characters>, with :<JSON key>:: behind it for one value"},
	})
}

func TestLoadBalancerRules(t *testing.T) {
	const arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	runProblemTests(t, Development, []problemTest{
		{"a certificate of IAM", "loadBalancer: {certificateArn: 'arn:aws:iam::123456789012:server-certificate/a'}", `2: loadBalancer.certificateArn: "arn:aws:iam::123456789012:server-certificate/a" is not the ARN of an ACM certificate; allowed: arn:aws:acm:<Region>:<account>:certificate/<id>`},
		{"a certificate of another Region", "region: eu-west-1\nloadBalancer: {certificateArn: '" + arn + "'}", `3: loadBalancer.certificateArn: the certificate is in us-east-1, and the load balancer in "eu-west-1"; it has to be in the same Region`},
		{"a certificate of another account", "account: '210987654321'\nloadBalancer: {certificateArn: '" + arn + "'}", "3: loadBalancer.certificateArn: the certificate is in account 123456789012, and the load balancer in 210987654321; it has to be in the same account"},
		{"a certificate and a domain", "loadBalancer:\n  certificateArn: " + arn + "\n  domain: {name: api.example.com, zoneId: Z1}", "3: loadBalancer.certificateArn: excludes loadBalancer.domain, which has a certificate requested; keep one of them"},
		{"a domain without its zone", "loadBalancer: {domain: {name: api.example.com}}", `2: loadBalancer.domain.name: "api.example.com" needs loadBalancer.domain.zoneId, the Route 53 hosted zone that holds it`},
		{"a zone without a domain", "loadBalancer: {domain: {zoneId: Z1}}", `2: loadBalancer.domain.zoneId: the hosted zone "Z1" needs loadBalancer.domain.name, the name in it that the API has`},
		{"a domain with a dot at its end", "loadBalancer: {domain: {name: api.example.com., zoneId: Z1}}", `2: loadBalancer.domain.name: "api.example.com." is not a domain name; allowed: lower-case labels with dots between, for example api.example.com, up to 64 characters`},
		{"a domain longer than a certificate takes", "loadBalancer: {domain: {name: " + strings.Repeat("a", 53) + ".example.com, zoneId: Z1}}", `2: loadBalancer.domain.name: "` + strings.Repeat("a", 53) + `.example.com" has 65 characters; allowed: up to 64`},
		{"a zone by its name", "loadBalancer: {domain: {name: api.example.com, zoneId: example.com}}", `2: loadBalancer.domain.zoneId: "example.com" is not the ID of a hosted zone; allowed: Z, then up to 31 upper-case letters and digits`},
		{"an idle time-out over AWS's maximum", "loadBalancer: {idleTimeoutSeconds: 4001}", "2: loadBalancer.idleTimeoutSeconds: 4001 is out of range; allowed: 1 to 4000"},
	})
}

func TestProductionRules(t *testing.T) {
	const ways = "production does not serve clear-text HTTP: name loadBalancer.certificateArn, or loadBalancer.domain with name and zoneId, or set loadBalancer.allowPlainHttp: true"
	runProblemTests(t, Production, []problemTest{
		{"nothing but the class", "", "1: loadBalancer.allowPlainHttp: " + ways + "\n1: service.image: is missing: production runs a real image, with a digest or a tag that is not latest"},
		{"clear-text HTTP", "service: {image: 'app:1'}\nloadBalancer:\n  idleTimeoutSeconds: 30", "3: loadBalancer.allowPlainHttp: " + ways},
		{"an image without a tag", "service: {image: 'localhost:5000/app'}\nloadBalancer: {allowPlainHttp: true}", `2: service.image: "localhost:5000/app" may be another image tomorrow; production names a digest (@sha256:...) or a tag that is not latest`},
		{"an image with the tag latest", "service: {image: 'app:latest'}\nloadBalancer: {allowPlainHttp: true}", `2: service.image: "app:latest" may be another image tomorrow; production names a digest (@sha256:...) or a tag that is not latest`},
		{"the name that everybody guesses", good + "database: {masterUsername: postgres}", `4: database.masterUsername: "postgres" is the name that an attacker tries first; a production database has another one (AWS Security Hub control RDS.24)`},
	})
}

func TestOneMistakeIsReportedOnce(t *testing.T) {
	runProblemTests(t, Production, []problemTest{
		{"a domain that is no domain does not count as plain HTTP", "service: {image: 'app:1'}\nloadBalancer: {domain: {name: API, zoneId: Z1}}", `3: loadBalancer.domain.name: "API" is not a domain name; allowed: lower-case labels with dots between, for example api.example.com, up to 64 characters`},
		{"a Region that is none does not make the zones wrong", good + "region: mars\nnetwork: {zones: [us-east-1a, us-east-1b]}", `4: region: "mars" is not an AWS Region; allowed: a Region's code, for example us-east-1`},
		{"an image that cannot be read is not missing", "service: {image: 1.5}\nloadBalancer: {allowPlainHttp: true}", `2: service.image: 1.5 is a number to YAML, and text is expected; quote it: "1.5"`},
	})
}

func TestAllEnvironmentsNameTheSameStateBucket(t *testing.T) {
	wantProblems(t, map[string]string{
		"a.yaml": development + "state: {bucket: tap-states}\n",
		"b.yaml": development + "state: {bucket: other-states}\n",
		"c.yaml": development,
		"d.yaml": development + "region: eu-west-1\nstate: {bucket: tap-states}\n",
	},
		`environments/b.yaml:2: state.bucket: "other-states" differs from "tap-states" in environments/a.yaml; all environments keep their state in one bucket, made by the stack tap-state`,
		`environments/d.yaml:3: state.region: "eu-west-1" differs from "us-east-1" in environments/a.yaml; all environments keep their state in one bucket, made by the stack tap-state`)
}

func TestWhatIsAllowedLoads(t *testing.T) {
	for _, content := range []string{
		good,
		"service: {image: 'app@sha256:" + strings.Repeat("0", 64) + "'}\nloadBalancer: {certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012'}",
		good + "network: {natGateways: 3, zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d]}",
		good + "network: {cidr: 192.168.0.0/20, subnetPrefixLength: 24, zones: [us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f]}",
		good + "region: us-gov-west-1",
		good + "region: us-west-1\nnetwork: {zones: [us-west-1a, us-west-1c]}",
		good + "database: {instanceClass: db.serverless, serverless: {minimumCapacity: 0, maximumCapacity: 256, autoPauseSeconds: 86400}}",
		good + "database: {engineVersion: '17.4', backupWindow: '23:45-00:15', maintenanceWindow: 'sun:23:00-sun:23:45'}",
		good + "database: {engineVersion: '13.9', passwordRecoveryDays: 0, slowStatementMilliseconds: -1, monitoringIntervalSeconds: 0}",
		"service: {image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b:1'}\nnetwork: {natGateways: 0}\nloadBalancer: {domain: {name: api.example.com, zoneId: Z1}}",
		"service: {image: 'app:1', cpu: 32768, memory: 249856, user: '1000680000:0', executeCommand: true, readonlyRootFilesystem: false}\nloadBalancer: {allowPlainHttp: true}",
		"service: {image: 'app:1', desiredCount: 1, scaling: {enabled: false}, minimumHealthyPercent: 0, maximumPercent: 101}\nloadBalancer: {allowPlainHttp: true}",
		"service: {image: 'app:1', secrets: {A: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf:key::'}, containerHealthCheck: [CMD-SHELL, 'curl -f localhost || exit 1']}\nloadBalancer: {allowPlainHttp: true}",
		good + "tags: {'cost:center': 'payments @ 42', Empty: ''}",
		good + "monitoring: {emails: [on-call+pay@example.com], latencySeconds: 0.25}",
		good + "firewall: {count: [" + strings.Join(FirewallRules(), ", ") + "]}",
	} {
		t.Run("", func(t *testing.T) {
			load(t, map[string]string{"a.yaml": "class: production\n" + content}, RequestedSuffix{})
		})
	}
}

func TestTheDefaultsOfAClassKeepTheLimits(t *testing.T) {
	for _, class := range []Class{Development, Production} {
		f := newFile(string(class))
		f.environment = Preset(class)
		f.validate()
		f.problems = slices.DeleteFunc(f.problems, func(p Problem) bool {
			return class == Production && (p.Path == "service.image" || p.Path == "loadBalancer.allowPlainHttp")
		})
		if err := f.problems.asError(); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryKeyHasALimitAndEveryLimitAKey(t *testing.T) {
	keys := map[string]bool{}
	for _, key := range Keys() {
		keys[key.Path] = true
		if _, found := limits[key.Path]; !found && key.Kind != reflect.Bool {
			t.Errorf("%s has no limit", key.Path)
		}
	}
	for path := range limits {
		if !keys[path] {
			t.Errorf("%s is no key", path)
		}
	}
}

// The lengths are a second record of what AWS documents, so that a slip of the pen in a table
// does not go unnoticed.
func TestTheTablesOfAWSAreComplete(t *testing.T) {
	counts := []int{}
	for _, size := range fargateSizes {
		counts = append(counts, len(size.memory))
	}
	if want := []int{3, 4, 7, 13, 23, 12, 12, 3}; !slices.Equal(counts, want) {
		t.Errorf("Fargate sells %v memory sizes by CPU size, want %v", counts, want)
	}
	classes := auroraClasses()
	if len(classes) != 86 || len(slices.Compact(slices.Sorted(slices.Values(classes)))) != len(classes) {
		t.Errorf("got %d instance classes", len(classes))
	}
}
