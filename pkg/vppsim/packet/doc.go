// Package packet builds and reads the few packets that a simulated host needs:
// Ethernet, ARP, IPv4, IPv6, ICMP echo, neighbour discovery.
//
// It is pure: bytes in, values out, no state. Whatever is truncated or has a
// wrong checksum doesn't parse. Options, extension headers and fragments are
// left to the real VPP.
package packet
