package memif

import "sync"

// Host is what the endpoints of one simulated VPP share: the name that they
// tell their peers, and the count of their goroutines.
type Host struct {
	name string
	wg   sync.WaitGroup
}

// NewHost makes a host; peers see its name (31 bytes at most) in HELLO and INIT.
func NewHost(name string) *Host { return &Host{name: name} }

// Wait returns when everything of this host that was closed has ended and has
// freed its memory and descriptors.
func (h *Host) Wait() { h.wg.Wait() }
