package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"tap/internal/repository"
)

// between is the time between two lines where they do not move.
var between = 10 * time.Second

// terraformLog is what Terraform said of the last deployment.
const terraformLog = ".local/terraform.log"

var (
	planned = regexp.MustCompile(`(\d+) to (?:add|change|destroy)`)
	step    = regexp.MustCompile(`^\w+\.([\w-]+?)(?:` + repository.Hash +
		`)?(?: \(.*)?: (?:Still .*[\[ ](\w+) elapsed|\w+ complete)`)
	notable = regexp.MustCompile(`^(?:Planning |No changes\.|Apply complete!)`)
	failure = regexp.MustCompile(`(?m)^(?:│ )?Error: `)
)

// quietly runs a program that applies something, and answers yes. How far that is it says in a line that moves or,
// where the output is no terminal, each ten seconds. All that the program prints is in a file; an error is shown whole.
func quietly(ctx context.Context, variables []string, program ...string) error {
	log, err := os.Create(terraformLog)
	if err != nil {
		return err
	}
	defer log.Close()
	c := command(ctx, append(variables, "TF_CLI_ARGS=-no-color"), program...)
	c.Stdin = strings.NewReader("yes\n")
	output, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		return err
	}
	total, done, shown, begin, end := 0, 0, time.Now(), "", "\n"
	if isatty.IsTerminal(os.Stdout.Fd()) {
		begin, end = "\r\033[K", "" // of the line
	}
	for text := bufio.NewReader(io.TeeReader(output, log)); err == nil; {
		var line string
		line, err = text.ReadString('\n')
		if strings.HasPrefix(line, "Plan: ") {
			for _, found := range planned.FindAllStringSubmatch(line, -1) {
				number, _ := strconv.Atoi(found[1])
				total += number
			}
		}
		switch found := step.FindStringSubmatch(line); {
		case notable.MatchString(line):
			fmt.Print(begin, line)
		case found == nil:
		case found[2] == "":
			done++
		case begin != "" || time.Since(shown) >= between:
			shown = time.Now()
			name := strings.NewReplacer("_", " ", "-", " ").Replace(found[1])
			fmt.Printf("%s%d of %d · waiting for the %s, %s%s", begin, done, total, name, found[2], end)
		}
	}
	if err = ended(ctx, c, c.Wait()); err != nil {
		said, _ := os.ReadFile(terraformLog)
		if found := failure.FindIndex(said); found != nil {
			said = said[found[0]:]
		}
		fmt.Printf("%s%s", begin, said[max(0, len(said)-10000):])
	}
	return err
}
