// Package processes reads the table of the machine's processes, of which the standard library
// knows nothing.
package processes

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is a running process. One that has ended and waits for its parent to notice is none.
type Process struct {
	Parent  int
	Command string // the command line, arguments separated by spaces
}

// Table holds processes by their number.
type Table map[int]Process

// Read returns the process table.
func Read() (Table, error) {
	// Small Linux images come without ps, macOS comes without /proc.
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		return readProc("/proc")
	}
	return readPS()
}

func readProc(folder string) (Table, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	table := Table{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process may end at any moment; what cannot be read is gone.
		arguments, err := os.ReadFile(filepath.Join(folder, entry.Name(), "cmdline"))
		stat, statErr := os.ReadFile(filepath.Join(folder, entry.Name(), "stat"))
		if errors.Join(err, statErr) != nil || len(arguments) == 0 { // kernel threads and zombies have no arguments
			continue
		}
		// proc(5): "pid (name) state parent ..."; the name may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		command := strings.ReplaceAll(strings.TrimRight(string(arguments), "\x00"), "\x00", " ")
		table[pid] = Process{Parent: parent, Command: command}
	}
	return table, nil
}

func readPS() (Table, error) {
	output, err := exec.Command("ps", "-axww", "-o", "pid=,ppid=,stat=,command=").Output()
	if err != nil {
		return nil, err
	}
	table := Table{}
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		parent, parentErr := strconv.Atoi(fields[1])
		if errors.Join(err, parentErr) == nil {
			table[pid] = Process{Parent: parent, Command: strings.Join(fields[3:], " ")}
		}
	}
	return table, nil
}

// Family returns the process of that number and all its descendants.
func (t Table) Family(root int) Table {
	family := Table{}
	if process, running := t[root]; running {
		family[root] = process
	}
	for grown := true; grown; {
		grown = false
		for pid, process := range t {
			_, known := family[pid]
			if _, ours := family[process.Parent]; ours && !known {
				family[pid] = process
				grown = true
			}
		}
	}
	return family
}

// Running returns the numbers of the processes that run the program of that name, with or without
// its folder.
func (t Table) Running(name string) []int {
	var pids []int
	for pid, process := range t {
		program, _, _ := strings.Cut(process.Command, " ")
		if filepath.Base(program) == filepath.Base(name) {
			pids = append(pids, pid)
		}
	}
	return pids
}
