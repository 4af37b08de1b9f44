package vppsim

import (
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// input takes a frame from a memif's peer. It returns with the frame done.
func (s *Sim) input(i *iface, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.owns(i) || !i.adminUp:
	case i.memif.mode == memif.IP:
		// In a bridge VPP takes the packet's first bytes for addresses and drops it.
		if i.port == nil {
			s.receiveIP(i, packet.MAC{}, frame)
		}
	default:
		if i, frame = s.untag(i, frame); i.adminUp {
			s.receiveFrame(i, frame)
		}
	}
}

func (s *Sim) receiveFrame(i *iface, frame []byte) {
	f, ok := packet.ParseFrame(frame)
	switch {
	case !ok:
	case i.port != nil:
		i.port.bridge.forward(s, i.port, f, frame)
	case f.Dst == i.mac || f.Dst.Group():
		s.deliver(i, f)
	}
}

// output sends a frame of our own out of an interface; from a BVI it goes into
// the bridge.
func (s *Sim) output(i *iface, frame []byte) {
	switch {
	case !i.adminUp:
	case i.memif != nil:
		// Whoever has no room or no peer loses packets, as anywhere.
		_ = i.memif.endpoint.Send(frame)
	case i.vhost != nil: // no frame passes through one
	case i.sub != nil:
		s.output(i.sub.of, i.tagged(frame))
	case i.port != nil:
		s.receiveFrame(i, frame)
	}
}

// forward is the learning bridge.
func (b *bridge) forward(s *Sim, from *port, f packet.Frame, frame []byte) {
	if b.Learn && !f.Src.Group() && from.iface != b.bvi {
		b.macs[f.Src] = from
	}
	if !b.Forward {
		return
	}
	to := b.macs[f.Dst]
	switch {
	case b.bvi != nil && f.Dst == b.bvi.mac && from.iface != b.bvi:
		s.deliver(b.bvi, f)
	case to != nil && !f.Dst.Group():
		b.send(s, from, to, f, frame)
	case f.Dst.Group() && b.Flood || !f.Dst.Group() && b.UuFlood:
		for _, to := range b.members {
			b.send(s, from, to, f, frame)
		}
	}
}

func (b *bridge) send(s *Sim, from, to *port, f packet.Frame, frame []byte) {
	switch {
	case to == from || to.group != 0 && to.group == from.group:
	case to.iface == b.bvi:
		if f.Dst.Group() {
			s.deliver(b.bvi, f)
		}
	case to.iface.hardware().memif != nil && to.iface.ethernet:
		s.output(to.iface, frame)
	}
}

// deliver hands a frame to the IP host behind an interface.
func (s *Sim) deliver(i *iface, f packet.Frame) {
	if !i.adminUp {
		return
	}
	switch f.Type {
	case packet.TypeARP:
		s.receiveARP(i, f)
	case packet.TypeIPv4, packet.TypeIPv6:
		s.receiveIP(i, f.Src, f.Payload)
	}
}
