// Package netconf owns the network configuration: the JSON that a network
// attachment definition holds and that the runtime writes to the plugin's
// stdin. It parses and validates all of it at once, reports every fault with
// field, value and what is allowed, fills in defaults, and derives the
// container's side from the host's.
//
// It never does I/O: it opens no file, looks up no user, talks to nobody, and
// logs nothing (what deserves a log line is in [NetConf.Warnings]). CNI_ARGS
// and the node settings are handed to it, and it never changes the bytes that
// IPAM gets.
//
// Where to change what: a field is one line in fields.go and one in side.go or
// netconf.go; what a pod may ask for is in request.go and args.go; a value that works from now on is a line less in notyet.go; two
// fields that must fit each other are an entry in agree.go.
package netconf
