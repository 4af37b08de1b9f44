package vpp

import "crypto/sha256"

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

// Spread maps a name to a number from lowest to highest, always the same.
func Spread(name string, lowest, highest uint32) uint32 {
	hash := sha256.Sum256([]byte(name))
	number := uint32(hash[0])<<24 | uint32(hash[1])<<16 | uint32(hash[2])<<8 | uint32(hash[3])
	return lowest + number%(highest-lowest+1)
}
