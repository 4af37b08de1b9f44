// Package fault decides which API message of a conversation with VPP goes
// wrong, and how. It does no I/O, so that a simulator and a proxy in front of a
// real VPP can share it.
package fault
