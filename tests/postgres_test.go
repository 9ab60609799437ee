package tests

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tap/config"
	"tap/tests/must"
)

// postgresPrograms is where Debian has PostgreSQL's programs.
const postgresPrograms = "/usr/lib/postgresql/15/bin/"

// postgres is a PostgreSQL server on this machine for one test.
type postgres struct {
	port, log, certificate string
	environment            []string // with which its programs reach it as its superuser
}

// startPostgres starts a server on the loopback address with the parameters of the stack's cluster that PostgreSQL
// itself knows. It demands TLS and what database users have to prove, as RDS does: the password of the owner, and of
// whoever has rds_iam a token, which only AWS could check. It skips the test where PostgreSQL 15 is not installed,
// except in CI.
func startPostgres(t *testing.T, s stack) postgres {
	t.Helper()
	needs(t, postgresPrograms+"postgres", "postgresql-15")
	folder := folderInTmp(t, "postgres")
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	data, certificate, key, log := folder+"/data", folder+"/certificate", folder+"/key", folder+"/log"
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "PGHOST=127.0.0.1", "PGPORT=" + port, "PGUSER=postgres", "PGDATABASE=postgres",
	}
	cluster, parameters := s.only("aws_rds_cluster"), s.only("aws_rds_cluster_parameter_group")
	cluster.want("db_cluster_parameter_group_name", parameters.Ref("name"))
	settings := fmt.Sprintf("port = %s\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nssl = on\n"+
		"ssl_cert_file = '%s'\nssl_key_file = '%s'\nhba_file = '%s/hba'\n", port, certificate, key, folder)
	for name, value := range parameters.named("parameter", "value") {
		if !strings.HasPrefix(name, "rds.") {
			settings += fmt.Sprintf("%s = '%s'\n", name, value)
		}
	}
	must.Write(t, folder+"/settings", settings)
	must.Write(t, folder+"/hba", "host all postgres 127.0.0.1/32 trust\nhostssl all "+cluster.Text("master_username")+
		" 127.0.0.1/32 scram-sha-256\nhostssl all +rds_iam 127.0.0.1/32 trust\n")
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root; Debian's package has a user
		account := must.Get(user.Lookup("postgres"))(t)
		uid, gid := must.Get(strconv.Atoi(account.Uid))(t), must.Get(strconv.Atoi(account.Gid))(t)
		must.Do(t, os.Chown(folder, uid, gid))
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	run := func(name string, arguments ...string) {
		command := exec.Command(name, arguments...)
		command.Dir, command.Env, command.SysProcAttr = folder, environment, attributes
		if output, err := command.CombinedOutput(); err != nil {
			logged, _ := os.ReadFile(log)
			t.Fatalf("%s: %v\n%s%s", name, err, output, logged)
		}
	}
	// PostgreSQL's package depends on openssl.
	run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
		"subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
	run(postgresPrograms+"initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--no-sync")
	control := []string{"--pgdata=" + data, "--log=" + log, "--options=--config-file=" + folder + "/settings"}
	run(postgresPrograms+"pg_ctl", append(control, "start")...)
	t.Cleanup(func() { run(postgresPrograms+"pg_ctl", "stop", "--mode=fast", "--pgdata="+data) })
	return postgres{port, log, certificate, environment}
}

// psql runs statements as the superuser, each by itself, and returns what they print, errors included.
func (p postgres) psql(t *testing.T, statements string) string {
	t.Helper()
	command := exec.Command(postgresPrograms+"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align")
	command.Env, command.Stdin = p.environment, strings.NewReader(statements+"\n;")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, output)
	}
	return string(output)
}

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

// rights are what the API's user is, and what it may do, as PostgreSQL keeps it.
const rights = `\connect payments
SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolpassword FROM pg_authid
WHERE rolname = 'payment_api';
SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole ORDER BY 2;
SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname IN ('payments', 'public');
SELECT defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 3;
SELECT datname, datdba::regrole, datacl FROM pg_database WHERE datname = 'payments'`

// The texts of docs/service.md make the API's user with the variables and the command that the task definition has, on
// a server whose owner is not a superuser and has what RDS gives to it.
func TestMigrationMakesTheUserOfTheAPI(t *testing.T) {
	file := strings.Replace(pageBlock(t, "yaml"), "service:\n", "service:\n  image: api"+digest+"\n", 1) +
		"class: production\nnetwork: {cidr: 10.20.0.0/16}\ndatabase: {name: payments}\nloadBalancer: {allowPlainHttp: true}\n"
	s := synthesize(t, []config.Environment{parse(t, "sql", file)}, nil)["sql"].in(t)
	server, cluster := startPostgres(t, s), s.only("aws_rds_cluster")
	owns, password := cluster.Text("master_username"), "nobody-may-read-this"
	server.psql(t, "SET log_statement = 'none'; SET log_min_duration_statement = -1; CREATE ROLE rds_iam; CREATE ROLE "+
		owns+" LOGIN CREATEDB CREATEROLE PASSWORD '"+password+"'; GRANT rds_iam TO "+owns+" WITH ADMIN OPTION")

	migration := filepath.Join(t.TempDir(), "migration.sql")
	must.Write(t, migration, pageBlock(t, "sql"))
	values := strings.NewReplacer(cluster.Ref("endpoint"), "localhost", cluster.Ref("reader_endpoint"), "localhost",
		"5432", server.port)
	// run runs a command, or the container's own, with the container's variables.
	run := func(container resource, password string, words ...string) (string, error) {
		if len(words) == 0 {
			for _, word := range container.At("command").([]any) {
				words = append(words, word.(string))
			}
		}
		command := exec.Command(words[0], words[1:]...)
		command.Dir = filepath.Dir(migration)
		command.Env = []string{"PATH=" + os.Getenv("PATH"), "PGSSLROOTCERT=" + server.certificate}
		for variable, value := range container.named("environment", "value") {
			command.Env = append(command.Env, variable+"="+values.Replace(value))
		}
		for variable, source := range container.named("secrets", "valueFrom") {
			secret := map[string]string{"username": owns, "password": password}[strings.Split(source, ":")[1]]
			command.Env = append(command.Env, variable+"="+secret)
		}
		output, err := command.CombinedOutput()
		return string(output), err
	}
	migrator, api := s.containers()["PaymentMigration"], s.container()
	migrate := func() {
		if output, err := run(migrator, password); err != nil {
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
	for _, test := range []struct {
		who                resource
		statement, refused string
	}{
		{migrator, "CREATE TABLE payments.payment (id bigserial PRIMARY KEY, amount bigint)", ""},
		{api, "INSERT INTO payments.payment (amount) VALUES (1)", ""},
		{api, "UPDATE payments.payment SET amount = 2; SELECT amount FROM payments.payment", ""},
		{api, "DELETE FROM payments.payment", ""},
		{api, "DROP TABLE payments.payment", "must be owner of table payment"},
		{api, "ALTER TABLE payments.payment ADD COLUMN more text", "must be owner of table payment"},
		{api, "CREATE TABLE payments.other (id bigint)", "permission denied for schema"},
		{api, "CREATE TABLE public.other (id bigint)", "permission denied for schema"},
		{api, "CREATE ROLE other", "permission denied to create role"},
		{api, "CREATE DATABASE other", "permission denied to create database"},
		{api, "GRANT rds_iam TO " + owns, "must have admin option"},
		{api, "DROP ROLE " + owns, "permission denied to drop role"},
	} {
		output, err := run(test.who, password, "sh", "-c", login+"'"+test.statement+"'")
		if (err == nil) != (test.refused == "") || !strings.Contains(output, test.refused) {
			t.Errorf("%s: %v\n%s\nexpected %q", test.statement, err, output, test.refused)
		}
	}

	output, err := run(migrator, "the password before the rotation")
	if err == nil || !strings.Contains(output, "password authentication") {
		t.Errorf("a migration with an old password: %v\n%s", err, output)
	}
	must.Write(t, migration, pageBlock(t, "sql")+"SELECT 1 / 0;\nSELECT 1;\n")
	if output, err := run(migrator, password); err == nil || !strings.Contains(output, "division by zero") {
		t.Errorf("a migration that fails: %v\n%s", err, output)
	}
	log := read(t, server.log)
	if strings.Contains(log, password) || strings.Contains(strings.ToUpper(log), "SCRAM-SHA-256$") ||
		!strings.Contains(log, "GRANT rds_iam TO payment_api") {
		t.Errorf("the log contains a secret, or not what was made:\n%s", log)
	}
}
