// Package vcl is the kind "vcl": applications of the pod use VPP's host stack by
// the VPP Comms Library. The host's VPP has the pod's addresses on a loopback, and
// the pod a socket at which its applications attach themselves to it. It knows
// nothing of the network that the loopback is in.
package vcl
