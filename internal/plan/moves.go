package main

import (
	"math"
	"reflect"
	"regexp"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

// move is a renaming that makes Terraform keep a resource.
type move struct{ from, to string }

// findMoves pairs resources that leave the configuration with new ones that may be the same.
func findMoves(resources []*tfjson.ResourceChange) (moves []move) {
	var destroyed, created []*tfjson.ResourceChange
	for _, r := range resources {
		switch {
		case r.Change == nil:
		case r.Change.Actions.Create():
			created = append(created, r)
		case r.Change.Actions.Delete() && r.DeposedKey == "":
			destroyed = append(destroyed, r)
		}
	}
	for _, old := range destroyed {
		if renamed := mostAlike(old, created); renamed != nil && mostAlike(renamed, destroyed) == old {
			moves = append(moves, move{old.Address, renamed.Address})
		}
	}
	return moves
}

// mostAlike returns the one of others that is most like r, and nil when two are as much alike.
func mostAlike(r *tfjson.ResourceChange, others []*tfjson.ResourceChange) (found *tfjson.ResourceChange) {
	best := math.MinInt
	for _, other := range others {
		if other.Type != r.Type {
			continue
		}
		if now := likeness(r, other); now > best {
			found, best = other, now
		} else if now == best {
			found = nil
		}
	}
	return found
}

var hash = regexp.MustCompile(repository.Hash + "$")

// likeness counts the characters at which two names end alike, and every attribute that is another for more than those.
func likeness(a, b *tfjson.ResourceChange) (count int) {
	if a.Change.Before == nil {
		a, b = b, a
	}
	after, _ := b.Change.After.(object) // without what is unknown
	for name, value := range after {
		if !reflect.DeepEqual(value, part(a.Change.Before, name)) {
			count -= 1000
		}
	}
	old, renamed := hash.ReplaceAllString(a.Name, ""), hash.ReplaceAllString(b.Name, "")
	for i := 1; i <= min(len(old), len(renamed)) && old[len(old)-i] == renamed[len(renamed)-i]; i++ {
		count++
	}
	return count
}
