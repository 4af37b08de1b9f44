package vpp

// Identity is what an endpoint is called on one VPP. We choose all of it, so
// that everything can be found again after a process or VPP itself was killed.
type Identity struct {
	// Tag marks the interface as the attachment's (at most MaxTag bytes).
	Tag string
	// Number is for kinds whose objects are numbered, such as a memif's socket.
	Number uint32
	// Socket is the socket on which the endpoint meets its peer, in VPP's
	// notation.
	Socket string
	// MAC is the interface's own address where the configuration names none.
	MAC string
}
