package vppsim

import (
	"net/netip"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// hopLimit of our own packets (ip4_main.host_config.ttl).
const hopLimit = 64

// receiveIP is the host: it answers echo requests and neighbour solicitations
// and counts echo replies. It forwards nothing.
func (s *Sim) receiveIP(i *iface, from packet.MAC, b []byte) {
	p, ok := packet.ParseIP(b)
	if !ok || !i.enabled(p.Dst) || from.Group() {
		return
	}
	m, ok := packet.ParseICMP(p)
	if !ok {
		return
	}
	if n, ok := packet.ParseND(p, m); ok && p.Dst.Is6() {
		s.receiveND(i, p, n)
		return
	}
	if p.Dst.IsLinkLocalUnicast() && p.Dst.Is6() && !i.has(p.Dst) || !s.local(p.Dst) {
		return
	}
	switch m.Type {
	case packet.Echo(p.Dst, true, 0, 0, nil).Type:
		reply := packet.Echo(p.Dst, false, m.ID(), m.Seq(), m.Body)
		s.reply(i, reply.Packet(p.Dst, p.Src, hopLimit))
	case packet.Echo(p.Dst, false, 0, 0, nil).Type:
		s.answered(m.ID())
	}
}

// reply looks the way back up, as VPP does; only a link-local address belongs to
// the link that the request came from.
func (s *Sim) reply(i *iface, p packet.IP) {
	if p.Dst.Is6() && p.Dst.IsLinkLocalUnicast() {
		s.transmit(hop{i, p.Dst}, p)
		return
	}
	if h, ok := s.lookup(p.Dst); ok {
		s.transmit(h, p)
	}
}

// sendEcho sends one echo request, and says whether there was a way to send it.
func (s *Sim) sendEcho(dst netip.Addr, id, seq uint16, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local(dst) {
		s.answered(id)
		return true
	}
	h, ok := s.lookup(dst)
	if !ok {
		return false
	}
	src, ok := h.iface.source(h.next)
	if ok {
		s.transmit(h, packet.Echo(dst, true, id, seq, body).Packet(src, dst, hopLimit))
	}
	return ok
}
