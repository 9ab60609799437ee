package main

import (
	"reflect"
	"regexp"
	"slices"

	tfjson "github.com/hashicorp/terraform-json"

	"tap/internal/repository"
)

// move is a renaming that makes Terraform keep a resource.
type move struct{ from, to string }

// findMoves pairs resources that leave the configuration with new ones that may be the same.
func findMoves(resources []*tfjson.ResourceChange) (moves []move) {
	var destroyed, created []*tfjson.ResourceChange
	for _, r := range resources {
		if r.Change == nil {
			continue
		} else if r.Change.Actions.Create() {
			created = append(created, r)
		} else if r.Change.Actions.Delete() && r.DeposedKey == "" {
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

// mostAlike returns the one of others that has the type of r, the fewest other attributes and then the name that is
// the most alike. It returns nil when two are as much alike.
func mostAlike(r *tfjson.ResourceChange, others []*tfjson.ResourceChange) (found *tfjson.ResourceChange) {
	var best []int
	for _, other := range others {
		if other.Type != r.Type {
			continue
		}
		likeness := []int{-unlike(r.Change, other.Change), alike(r.Name, other.Name)}
		switch order := slices.Compare(likeness, best); {
		case best == nil || order > 0:
			found, best = other, likeness
		case order == 0:
			found = nil
		}
	}
	return found
}

// unlike counts the known attributes of what is created that are not those of what is destroyed.
func unlike(a, b *tfjson.Change) (count int) {
	if a.Before == nil {
		a, b = b, a
	}
	after, _ := b.After.(object) // without what is unknown
	for name, value := range after {
		if !reflect.DeepEqual(value, part(a.Before, name)) {
			count++
		}
	}
	return count
}

var hash = regexp.MustCompile(repository.Hash + "$")

// alike returns how many characters two names have in common at their beginnings and ends, their hashes apart.
func alike(a, b string) (count int) {
	a, b = hash.ReplaceAllString(a, ""), hash.ReplaceAllString(b, "")
	for ; a != "" && b != "" && a[0] == b[0]; a, b = a[1:], b[1:] {
		count++
	}
	for ; a != "" && b != "" && a[len(a)-1] == b[len(b)-1]; a, b = a[:len(a)-1], b[:len(b)-1] {
		count++
	}
	return count
}
