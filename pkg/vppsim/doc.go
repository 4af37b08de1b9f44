// Package vppsim is a simulator of FD.io VPP, a verified fake: it answers VPP's
// binary API on a Unix socket and moves real frames over real memif shared
// memory, so that a plugin can be tried and tested where no VPP is installed.
//
// It owns the state behind the API (interfaces, memif sockets, bridge domains,
// addresses, tables, routes, VLANs) and a small host: a learning bridge, ARP,
// neighbour discovery, ICMP echo, and forwarding of whole packets without
// options. It sends no ICMP errors, keeps no statistics, and is no measure of
// speed. Where it differs from VPP 26.06 in what it does cover, it is wrong:
// test/suite/api_test.go holds it to the real one.
//
// A message is one line in messages.go and one function; what it changes is
// state in the file of the same subject.
package vppsim
