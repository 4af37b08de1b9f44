package vpppath

import "strings"

// MaxSocket is the longest path that VPP listens on, in bytes, and MaxAbstract the
// longest name of an abstract socket: it counts two terminating NULs into the 108
// bytes of a Unix socket's address, and an abstract name's leading one.
const (
	MaxSocket   = 106
	MaxAbstract = 105
)

// Ends tells whether VPP stops reading a path at this character, such as the
// tilde in the kubelet's directories: it takes letters, digits and "/_.-".
func Ends(c rune) bool {
	isAlphanumeric := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	return !isAlphanumeric && !strings.ContainsRune("/_.-", c)
}

// IsPath tells whether VPP reads all of an absolute path, which is not "/".
func IsPath(path string) bool {
	return len(path) > 1 && path[0] == '/' && !strings.ContainsFunc(path, Ends)
}
