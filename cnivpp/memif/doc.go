// Package memif is the memif kind of endpoint: a shared-memory interface that
// VPP's memif plugin makes on a socket (src/plugins/memif). It owns the socket
// id and the interface, whichever side of the connection they are on. It never
// touches the socket's file, which belongs to pkg/shareddir.
package memif
