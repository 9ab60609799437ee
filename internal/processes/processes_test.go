package processes

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tables are the ways to read the process table that this machine offers.
func tables(t *testing.T) map[string]func() (Table, error) {
	t.Helper()
	found := map[string]func() (Table, error){"Read": Read}
	if _, err := exec.LookPath("ps"); err == nil {
		found["ps"] = readPS
	}
	return found
}

func TestAFamilyIsTheProcessAndItsDescendants(t *testing.T) {
	// The shell must not replace itself by sleep, so it has something left to do.
	command := exec.Command("sh", "-c", "sleep 60 & echo started; wait; true")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for name, read := range tables(t) {
		var family Table
		// For a moment the child still is a copy of the shell.
		for tries := 0; tries < 200 && len(family.Running("sleep")) == 0; tries++ {
			table, err := read()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			family = table.Family(command.Process.Pid)
			time.Sleep(10 * time.Millisecond)
		}
		if _, found := family[os.Getpid()]; found {
			t.Errorf("%s: the parent is in its child's family", name)
		}
		sleeping := family.Running("sleep")
		if len(family) != 2 || len(sleeping) != 1 {
			t.Errorf("%s: family = %v, want the shell and its sleep", name, family)
			continue
		}
		if sleep := family[sleeping[0]]; sleep.Parent != command.Process.Pid || sleep.Command != "sleep 60" {
			t.Errorf("%s: sleep = %+v, want `sleep 60` below the shell", name, sleep)
		}
	}
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	for pid := range table.Family(command.Process.Pid) {
		if process, err := os.FindProcess(pid); err == nil {
			_ = process.Kill()
		}
	}
	_ = command.Wait()
}

func TestAProcessThatHasEndedIsNotListed(t *testing.T) {
	command := exec.Command("true")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// Its end of the pipe is closed when it ends; nobody has waited for it yet.
	if _, err := bufio.NewReader(output).ReadByte(); err == nil {
		t.Fatal("true printed something")
	}
	for name, read := range tables(t) {
		for tries := 0; ; tries++ {
			table, err := read()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			process, listed := table[command.Process.Pid]
			if !listed {
				break
			}
			time.Sleep(10 * time.Millisecond)
			if tries == 200 {
				t.Errorf("%s: lists the ended process as %+v", name, process)
				break
			}
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestTheCommandLineIsWhole(t *testing.T) {
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := table[os.Getpid()].Command, strings.Join(os.Args, " "); got != want {
		t.Errorf("command = %q, want %q", got, want)
	}
}
