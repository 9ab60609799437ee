// Command check says all that is wrong with the environment files and accounts.yaml, a line each, and nothing else.
package main

import (
	"fmt"
	"os"

	"tap/config"
)

func main() {
	requested, err := config.FindRequestedSuffix(os.Getenv)
	if err == nil {
		_, _, err = config.Load("environments", requested)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
