package netconf

import (
	"fmt"
	"slices"
	"strings"
)

// refuseUnknown is for our own blocks: a field that nobody knows is a mistake.
func refuseUnknown(r *reader, path, key string, known []string) {
	full := join(path, printable(key))
	if fieldNotYet(full) {
		r.fault(&Error{Field: full, Problem: "not supported yet", Allowed: strings.Join(own(known), ", "), Err: ErrUnsupported})
		return
	}
	r.fault(&Error{
		Field:   full,
		Problem: fmt.Sprintf("unknown field (did you mean %s?)", join(path, meant(key, known))),
		Allowed: strings.Join(own(known), ", "),
	})
}

// ignoreUnknown is for blocks that others own: ipam and dns.
func ignoreUnknown(*reader, string, string, []string) {}

// cniKeys are the top-level keys that CNI and its callers add.
var cniKeys = []string{
	"args", "capabilities", "runtimeConfig", "prevResult", "disableCheck", "disableGC",
	"cni.dev/valid-attachments", "cni.dev/attachments", "plugins", "loadOnlyInlinedPlugins",
}

// warnUnknown is for the top level, where Multus and the runtime add keys of
// their own: only what looks like a misspelling of ours is worth a line.
func warnUnknown(r *reader, _, key string, known []string) {
	if slices.ContainsFunc(cniKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
		return
	}
	best, edits := nearest(key, own(known))
	if edits > 2 || (edits == 2 && len(best) <= 4) {
		return
	}
	r.warn(fmt.Sprintf("unknown key %q is ignored; did you mean %q?", printable(key), best))
}

// meant finds the field that key was most likely to be: one of this block, or
// exactly one that belongs a block deeper.
func meant(key string, known []string) string {
	for _, n := range known {
		if _, leaf, deeper := strings.Cut(n, "."); deeper && strings.EqualFold(leaf, key) {
			return n
		}
	}
	best, _ := nearest(key, own(known))
	return best
}

// own leaves out the names that belong a block deeper.
func own(known []string) []string {
	return slices.DeleteFunc(slices.Clone(known), func(n string) bool { return strings.Contains(n, ".") })
}
