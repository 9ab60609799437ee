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
	"syscall"
	"testing"
	"time"
)

// postgres is a PostgreSQL server on this machine for one test.
type postgres struct {
	tools       string   // folder of PostgreSQL's programs
	environment []string // with which they reach the server as its superuser
	log         string
}

func (p postgres) tool(name string) string { return filepath.Join(p.tools, name) }

// databaseSettings are the parameters of the stack's cluster that PostgreSQL itself knows.
func (s stack) databaseSettings() map[string]string {
	s.Helper()
	settings, parameters := map[string]string{}, s.only("aws_rds_cluster_parameter_group")
	s.only("aws_rds_cluster").want("db_cluster_parameter_group_name", parameters.ref("name"))
	for name, value := range parameters.named("parameter", "value") {
		if !strings.HasPrefix(name, "rds.") {
			settings[name] = value
		}
	}
	return settings
}

// startPostgres starts a server with these settings on the loopback address. It skips the test where PostgreSQL 15 is
// not installed, except in CI.
func startPostgres(t *testing.T, settings map[string]string) postgres {
	t.Helper()
	p := postgres{tools: "/usr/lib/postgresql/15/bin"} // where Debian has it
	needs(t, p.tool("postgres"), "postgresql-15")
	folder := folderInTmp(t, "postgres")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	p.log, p.environment = filepath.Join(folder, "log"), []string{
		"PATH=" + os.Getenv("PATH"), "PGHOST=127.0.0.1", "PGPORT=" + port, "PGUSER=postgres", "PGDATABASE=postgres",
	}
	log, err := os.Create(p.log)
	noError(t, err)
	defer log.Close()
	server := func(name string, arguments ...string) *exec.Cmd {
		command := exec.Command(p.tool(name), arguments...)
		command.Dir, command.Env, command.Stdout, command.Stderr = folder, p.environment, log, log
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if os.Getuid() == 0 { // PostgreSQL refuses to run as root
			command.SysProcAttr.Credential = owner(t, folder)
		}
		return command
	}
	data := filepath.Join(folder, "data")
	if err := server("initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--no-sync").Run(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, read(t, p.log))
	}
	arguments := []string{"-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
	for name, value := range settings {
		arguments = append(arguments, "-c", name+"="+value)
	}
	running := server("postgres", arguments...)
	noError(t, running.Start())
	t.Cleanup(func() {
		running.Process.Signal(syscall.SIGINT) // a fast shutdown, whoever is connected
		running.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		command := exec.Command(p.tool("pg_isready"), "--quiet")
		if command.Env = p.environment; command.Run() == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL does not start:\n%s", read(t, p.log))
		}
	}
}

// owner gives a folder to Debian's user postgres, and returns its credential.
func owner(t *testing.T, folder string) *syscall.Credential {
	t.Helper()
	account, err := user.Lookup("postgres")
	noError(t, err)
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	noError(t, os.Chown(folder, uid, gid))
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// psql runs statements as the superuser, each by itself, and returns what they print, errors included.
func (p postgres) psql(t *testing.T, statements string) string {
	t.Helper()
	command := exec.Command(p.tool("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align")
	command.Env, command.Stdin = p.environment, strings.NewReader(statements+"\n;")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("psql: %w\n%s", err, output))
	}
	return string(output)
}
