// Package vppapi is a client of VPP's binary API on its Unix socket. It
// connects, calls, dumps and watches, always under the caller's context, and
// implements govpp's api.Connection, so that the generated service clients of
// go.fd.io/govpp/binapi work on it. It knows no particular message and never
// decides what a failed call means.
//
// govpp's own client is not used because a CNI plugin can't live with what it
// does when VPP misbehaves: its Connect takes no context, a call in flight when
// VPP dies waits for its context's end, a dump reader that falls 100 replies
// behind loses the rest (see docs/architecture.md).
package vppapi
