// Package nodeconf owns the node settings: an optional file of the node's
// administrator with defaults for all networks and with limits that the author
// of a network definition must not decide alone. It reads and checks the file
// as package netconf does a network configuration, with every fault at once.
//
// It never decides what a network asks for: it only says what a namespace was
// granted. Apart from [Load] it does no I/O.
package nodeconf
