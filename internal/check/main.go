// Command check says all that is wrong with the environment files and accounts.yaml, a line each, and nothing else.
package main

import (
	"log"

	"tap/config"
)

func main() {
	log.SetFlags(0)
	if _, _, err := config.Load("environments", ""); err != nil {
		log.Fatal(err)
	}
}
