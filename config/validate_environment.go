package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maximumTags is what AWS allows on one resource, the project's own included:
// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
const maximumTags = 50

func (f *file) validateTags() {
	tags := f.environment.Tags
	folded := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		at := join("tags", key)
		lower := strings.ToLower(key)
		switch {
		case !limits["tags.*"].Entry.MatchString(key):
			f.reject("is not a tag's key; allowed: 1 to 128 letters, digits, spaces and _ . : / = + - @", at)
		case strings.HasPrefix(lower, "aws:"):
			f.reject("begins with aws:, which AWS keeps for itself", at)
		case slices.ContainsFunc(OwnTags, func(own string) bool { return strings.EqualFold(own, key) }):
			f.reject("is set by the project itself; the keys "+strings.Join(OwnTags, ", ")+" cannot be set, in any case", at)
		case folded[lower] != "":
			// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
			f.reject(fmt.Sprintf("differs from the tag %s in case only, and IAM takes them for the same", folded[lower]), at)
		default:
			folded[lower] = key
		}
	}
}
