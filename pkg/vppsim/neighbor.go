package vppsim

import (
	"net/netip"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/ethernet_types"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip_neighbor"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// maxQueued packets wait for a neighbour's address.
const maxQueued = 8

// neighbor is a next hop on an interface: known, or waited for.
type neighbor struct {
	mac    packet.MAC
	known  bool
	static bool // set by a client: what the link says doesn't count
	queued []packet.IP
}

// transmit sends a packet to a next hop, which it may have to find first. Each
// packet asks again; nothing else does, so no timer runs.
func (s *Sim) transmit(h hop, p packet.IP) {
	if !h.iface.ethernet {
		s.output(h.iface, p.Marshal())
		return
	}
	n := h.iface.neighbors[h.next]
	if n == nil {
		n = &neighbor{}
		h.iface.neighbors[h.next] = n
	}
	if n.known {
		s.outputIP(h.iface, n.mac, p)
		return
	}
	if len(n.queued) < maxQueued {
		n.queued = append(n.queued, p)
	}
	s.solicit(h)
}

func (s *Sim) outputIP(i *iface, dst packet.MAC, p packet.IP) {
	f := packet.Frame{Dst: dst, Src: i.mac, Type: packet.TypeIPv6, Payload: p.Marshal()}
	if p.Dst.Is4() {
		f.Type = packet.TypeIPv4
	}
	s.output(i, f.Marshal())
}

// solicit asks the link for a next hop.
func (s *Sim) solicit(h hop) {
	src, ok := h.iface.source(h.next)
	switch {
	case !ok:
	case h.next.Is4():
		request := packet.ARP{Op: packet.ARPRequest, SenderMAC: h.iface.mac, SenderIP: src, TargetIP: h.next}
		s.outputARP(h.iface, packet.Broadcast(), request)
	default:
		group := packet.SolicitedNode(h.next)
		ns := packet.ND{Solicit: true, Target: h.next, MAC: h.iface.mac}
		s.outputIP(h.iface, packet.GroupMAC(group), ns.Packet(src, group))
	}
}

func (s *Sim) outputARP(i *iface, dst packet.MAC, a packet.ARP) {
	s.output(i, packet.Frame{Dst: dst, Src: i.mac, Type: packet.TypeARP, Payload: a.Marshal()}.Marshal())
}

// learn notes who has an address and sends what waited for it.
func (s *Sim) learn(i *iface, a netip.Addr, mac packet.MAC) {
	n := i.neighbors[a]
	if n == nil {
		n = &neighbor{}
		i.neighbors[a] = n
	}
	if n.static {
		return
	}
	queued := n.queued
	n.mac, n.known, n.queued = mac, true, nil
	for _, p := range queued {
		s.outputIP(i, mac, p)
	}
}

// receiveARP answers for the interface's addresses and learns from requests that
// it answers and replies to itself.
func (s *Sim) receiveARP(i *iface, f packet.Frame) {
	a, ok := packet.ParseARP(f.Payload)
	if !ok || a.SenderMAC != f.Src || !i.has(a.TargetIP) || s.local(i.fib(false), a.SenderIP) ||
		i.lender == nil && !s.attached(i, a.SenderIP) {
		return
	}
	s.learn(i, a.SenderIP, a.SenderMAC)
	if a.Op == packet.ARPRequest {
		s.outputARP(i, a.SenderMAC, packet.ARP{
			Op: packet.ARPReply, SenderMAC: i.mac, SenderIP: a.TargetIP, TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
		})
	}
}

// receiveND does the same for IPv6. A solicitation from :: asks whether an
// address is free; the answer goes to everybody.
func (s *Sim) receiveND(i *iface, p packet.IP, n packet.ND) {
	switch {
	case !n.Solicit:
		if i.neighbors[n.Target] != nil && n.MAC != (packet.MAC{}) {
			s.learn(i, n.Target, n.MAC)
		}
	case !i.has(n.Target):
	case p.Src.IsUnspecified():
		everybody := netip.IPv6LinkLocalAllNodes()
		advert := packet.ND{Target: n.Target, MAC: i.mac}
		s.outputIP(i, packet.GroupMAC(everybody), advert.Packet(n.Target, everybody))
	case n.MAC != (packet.MAC{}):
		s.learn(i, p.Src, n.MAC)
		s.transmit(hop{i, p.Src}, packet.ND{Target: n.Target, MAC: i.mac}.Packet(n.Target, p.Src))
	}
}

func (s *Sim) neighborAddDel(r *ip_neighbor.IPNeighborAddDel, _ *ip_neighbor.IPNeighborAddDelReply) error {
	i, err := s.byIndex(r.Neighbor.SwIfIndex)
	if err != nil {
		return err
	}
	a := address(r.Neighbor.IPAddress)
	n := i.neighbors[a]
	known := n != nil && n.known
	switch {
	case r.IsAdd:
		if known {
			n.static = false
		}
		s.learn(i, a, packet.MAC(r.Neighbor.MacAddress))
		i.neighbors[a].static = r.Neighbor.Flags&ip_neighbor.IP_API_NEIGHBOR_FLAG_STATIC != 0
	case !known:
		return api.NO_SUCH_ENTRY
	default:
		delete(i.neighbors, a)
	}
	return nil
}

func (s *Sim) neighborDump(r *ip_neighbor.IPNeighborDump, send func(*ip_neighbor.IPNeighborDetails)) {
	for i := range s.interfaces.all() {
		for a, n := range i.neighbors {
			asked := uint32(r.SwIfIndex) == noIndex || uint32(r.SwIfIndex) == i.index
			if !n.known || !asked || a.Is6() != (r.Af == ip_types.ADDRESS_IP6) {
				continue
			}
			flags := ip_neighbor.IP_API_NEIGHBOR_FLAG_NONE
			if n.static {
				flags = ip_neighbor.IP_API_NEIGHBOR_FLAG_STATIC
			}
			send(&ip_neighbor.IPNeighborDetails{Neighbor: ip_neighbor.IPNeighbor{
				SwIfIndex: interface_types.InterfaceIndex(i.index), Flags: flags,
				MacAddress: ethernet_types.MacAddress(n.mac), IPAddress: apiAddress(a),
			}})
		}
	}
}
