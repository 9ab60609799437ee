package config

import (
	"fmt"
	"maps"
	"net/netip"
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

func (f *file) validateState() {
	state := f.environment.State
	if state.Bucket == "" {
		if state.Region != "" {
			f.reject(f.show("state.region", state.Region)+" is the Region of no bucket; name state.bucket as well", "state.region")
		}
		return
	}
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(state.Bucket, prefix) {
			f.reject(fmt.Sprintf("%s begins with %s, which S3 keeps for itself", quote(state.Bucket), prefix), "state.bucket")
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(state.Bucket, suffix) {
			f.reject(fmt.Sprintf("%s ends in %s, which S3 keeps for itself", quote(state.Bucket), suffix), "state.bucket")
		}
	}
	if _, err := netip.ParseAddr(state.Bucket); err == nil {
		f.reject(quote(state.Bucket)+" is an IP address, which S3 allows for no bucket", "state.bucket")
	}
}

// stateBucketProblems reports files that name another state bucket than the first that names
// one: the stack tap-state makes a single bucket.
func stateBucketProblems(files []*file) Problems {
	var first *file
	var problems Problems
	for _, f := range files {
		state := f.environment.State
		if state.Bucket == "" || f.isRejected("state") || f.isRejected("region") {
			continue
		}
		if first == nil {
			first = f
			continue
		}
		for _, part := range []struct{ path, own, other string }{
			{"state.bucket", state.Bucket, first.environment.State.Bucket},
			{"state.region", state.Region, first.environment.State.Region},
		} {
			if part.own != part.other {
				problems = append(problems, Problem{File: f.name, Line: f.line(part.path), Path: part.path,
					Message: fmt.Sprintf("%s differs from %s in %s; all environments keep their state in one bucket, made by the stack tap-state", quote(part.own), quote(part.other), first.name)})
				break
			}
		}
	}
	return problems
}
