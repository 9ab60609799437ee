package tests

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// pageBlock returns the code of a language in docs/service.md.
func pageBlock(t *testing.T, language string) string {
	t.Helper()
	_, rest, _ := strings.Cut(read(t, "../docs/service.md"), "\n```"+language+"\n")
	block, _, found := strings.Cut(rest, "\n```\n")
	if !found {
		t.Fatalf("docs/service.md contains no %s", language)
	}
	return block + "\n"
}

// encrypted returns the settings of a server that demands TLS and what its database users have to prove, as RDS does:
// the password of the owner, and of whoever has rds_iam a token, which only AWS could check.
func encrypted(t *testing.T, owns string) (settings map[string]string, certificate string) {
	t.Helper()
	folder := folderInTmp(t, "tls")
	settings = map[string]string{"ssl": "on"}
	for _, name := range []string{"ssl_cert_file", "ssl_key_file", "hba_file"} {
		settings[name] = filepath.Join(folder, name)
	}
	write(t, settings["hba_file"], "host all postgres 127.0.0.1/32 trust\n"+
		"hostssl all "+owns+" 127.0.0.1/32 scram-sha-256\nhostssl all +rds_iam 127.0.0.1/32 trust\n")
	// PostgreSQL's package depends on openssl.
	output, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
		"-addext", "subjectAltName=DNS:localhost", "-keyout", settings["ssl_key_file"], "-out", settings["ssl_cert_file"],
	).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if os.Getuid() == 0 {
		for _, path := range []string{folder, settings["ssl_key_file"]} {
			owner(t, path)
		}
	}
	return settings, settings["ssl_cert_file"]
}

// task is a container of a stack that runs on this machine.
type task struct {
	folder             string
	variables, command []string
}

// run runs a command with the container's variables, and returns what it prints.
func (k task) run(command ...string) (string, error) {
	process := exec.Command(command[0], command[1:]...)
	process.Dir, process.Env = k.folder, k.variables
	output, err := process.CombinedOutput()
	return string(output), err
}

// rights are what the API's user is, and what it may do, as PostgreSQL keeps it.
const rights = `\connect payments
SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolpassword FROM pg_authid
WHERE rolname = 'payment_api';
SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole ORDER BY 2;
SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname IN ('payments', 'public');
SELECT defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 3;
SELECT datname, datdba::regrole, datacl FROM pg_database WHERE datname = 'payments'`

// The texts of docs/service.md make the API's user with the variables and the command that the task definition has, on
// a server whose owner is no superuser and has what RDS gives to it.
func TestMigrationMakesTheUserOfTheAPI(t *testing.T) {
	file := strings.Replace(pageBlock(t, "yaml"), "service:\n", "service:\n  image: example.com/api:1\n", 1) +
		"class: production\nnetwork: {cidr: 10.20.0.0/16}\ndatabase: {name: payments}\nloadBalancer: {allowPlainHttp: true}\n"
	s := synthesize(t, parse(t, "sql", file))["sql"].in(t)
	cluster := s.only("aws_rds_cluster")
	owns, password := cluster.text("master_username"), "nobody-may-read-this"
	settings, certificate := encrypted(t, owns)
	maps.Copy(settings, s.databaseSettings())
	server := startPostgres(t, settings)
	server.psql(t, "SET log_statement = 'none'; SET log_min_duration_statement = -1; CREATE ROLE rds_iam; CREATE ROLE "+
		owns+" LOGIN CREATEDB CREATEROLE PASSWORD '"+password+"'; GRANT rds_iam TO "+owns+" WITH ADMIN OPTION")

	folder := t.TempDir()
	write(t, filepath.Join(folder, "migration.sql"), pageBlock(t, "sql"))
	port := strings.TrimSpace(server.psql(t, "SHOW port"))
	values := strings.NewReplacer(cluster.ref("endpoint"), "localhost", cluster.ref("reader_endpoint"), "localhost",
		"5432", port)
	start := func(name, password string) task {
		container := s.containers()[name]
		k := task{folder: folder, variables: []string{"PATH=" + os.Getenv("PATH"), "PGSSLROOTCERT=" + certificate}}
		for variable, value := range container.named("environment", "value") {
			k.variables = append(k.variables, variable+"="+values.Replace(value))
		}
		for variable, source := range container.named("secrets", "valueFrom") {
			key := strings.Split(source, ":")[1]
			k.variables = append(k.variables, variable+"="+map[string]string{"username": owns, "password": password}[key])
		}
		words, _ := container.at("command").([]any)
		for _, word := range words {
			k.command = append(k.command, word.(string))
		}
		return k
	}
	migration := start("PaymentMigration", password)
	migrate := func() {
		if output, err := migration.run(migration.command...); err != nil {
			t.Errorf("the migration: %v\n%s", err, output)
		}
	}

	var together sync.WaitGroup
	for range 10 {
		together.Add(1)
		go func() {
			defer together.Done()
			migrate()
		}()
	}
	together.Wait()
	first := server.psql(t, rights)
	for _, expected := range []string{
		"payment_api|t|f|f|f|\n", "rds_iam|payment_api|f\n", "payment_api=U/", "payment_api=arwd/",
	} {
		if !strings.Contains(first, expected) {
			t.Errorf("ten migrations at once leave\n%s\nexpected %s", first, expected)
		}
	}
	server.psql(t, "DROP DATABASE payments")
	server.psql(t, "DROP ROLE payment_api")
	for range 2 {
		migrate()
		if again := server.psql(t, rights); again != first {
			t.Errorf("one migration leaves\n%s\nten at once left\n%s", again, first)
		}
	}

	const login = "PGPASSWORD=$DB_PASSWORD PGSSLMODE=$DB_SSLMODE psql -v ON_ERROR_STOP=1 -h $DB_HOST -p $DB_PORT " +
		"-U $DB_USERNAME -d $DB_NAME -c "
	if output, err := migration.run("sh", "-c", login+
		"'CREATE TABLE payments.payment (id bigserial PRIMARY KEY, amount bigint)'"); err != nil {
		t.Errorf("the owner: %v\n%s", err, output)
	}
	api := start("PaymentContainer", "")
	for statement, refused := range map[string]string{
		"INSERT INTO payments.payment (amount) VALUES (1)":                            "",
		"UPDATE payments.payment SET amount = 2; SELECT amount FROM payments.payment": "",
		"DELETE FROM payments.payment":                                                "",
		"DROP TABLE payments.payment":                                                 "must be owner of table payment",
		"ALTER TABLE payments.payment ADD COLUMN more text":                           "must be owner of table payment",
		"CREATE TABLE payments.other (id bigint)":                                     "permission denied for schema",
		"CREATE TABLE public.other (id bigint)":                                       "permission denied for schema",
		"CREATE ROLE other":                                                           "permission denied to create role",
		"CREATE DATABASE other":                                                       "permission denied to create database",
		"GRANT rds_iam TO " + owns:                                                    "must have admin option",
		"DROP ROLE " + owns:                                                           "permission denied to drop role",
	} {
		output, err := api.run("sh", "-c", login+"'"+statement+"'")
		if (err == nil) != (refused == "") || !strings.Contains(output, refused) {
			t.Errorf("%s: %v\n%s\nexpected %q", statement, err, output, refused)
		}
	}

	stale := start("PaymentMigration", "the password before the rotation")
	if output, err := stale.run(stale.command...); err == nil || !strings.Contains(output, "password authentication") {
		t.Errorf("a migration with an old password: %v\n%s", err, output)
	}
	write(t, filepath.Join(folder, "migration.sql"), pageBlock(t, "sql")+"SELECT 1 / 0;\nSELECT 1;\n")
	if output, err := migration.run(migration.command...); err == nil || !strings.Contains(output, "division by zero") {
		t.Errorf("a migration that fails: %v\n%s", err, output)
	}
	log := read(t, server.log)
	if strings.Contains(log, password) || strings.Contains(strings.ToUpper(log), "SCRAM-SHA-256$") ||
		!strings.Contains(log, "GRANT rds_iam TO payment_api") {
		t.Errorf("the log contains a secret, or not what was made:\n%s", log)
	}
}
