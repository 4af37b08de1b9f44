package fields

import (
	"fmt"
	"slices"
	"strings"
)

// RefuseUnknown is for blocks of our own: a field that nobody knows is a
// mistake.
func RefuseUnknown(r *Reader, path, key string, known []string) {
	r.Fault(&Error{
		Field:   Join(path, printable(key)),
		Problem: fmt.Sprintf("unknown field (did you mean %s?)", Join(path, meant(key, known))),
		Allowed: strings.Join(own(known), ", "),
	})
}

// IgnoreUnknown is for blocks that others own.
func IgnoreUnknown(*Reader, string, string, []string) {}

// WarnUnknown is for objects to which others add keys of their own: those in
// expected are known to be theirs, and of the rest only what looks like a
// misspelling of ours is worth a line.
func WarnUnknown(expected ...string) func(r *Reader, path, key string, known []string) {
	return func(r *Reader, _, key string, known []string) {
		if slices.ContainsFunc(expected, func(k string) bool { return strings.EqualFold(k, key) }) {
			return
		}
		best, edits := Nearest(key, own(known))
		if edits > 2 || (edits == 2 && len(best) <= 4) {
			return
		}
		r.Warn(fmt.Sprintf("unknown key %q is ignored; did you mean %q?", printable(key), best))
	}
}

// meant finds the field that key was most likely to be: one of this block, or
// exactly one that belongs a block deeper.
func meant(key string, known []string) string {
	for _, n := range known {
		if _, leaf, deeper := strings.Cut(n, "."); deeper && strings.EqualFold(leaf, key) {
			return n
		}
	}
	best, _ := Nearest(key, own(known))
	return best
}

// own leaves out the names that belong a block deeper.
func own(known []string) []string {
	return slices.DeleteFunc(slices.Clone(known), func(n string) bool { return strings.Contains(n, ".") })
}
