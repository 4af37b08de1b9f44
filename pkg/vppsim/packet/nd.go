package packet

import "net/netip"

// Neighbour discovery (RFC 4861, 4.3 and 4.4).
const (
	ndHopLimit      = 255
	ndTargetSize    = 16
	optionSourceMAC = 1
	optionTargetMAC = 2

	advertSolicited = 1 << 30
	advertOverride  = 1 << 29
)

// ND is a neighbour solicitation or advertisement.
type ND struct {
	Solicit bool
	Target  netip.Addr
	MAC     MAC // of the sender or the target; zero when the option is missing
}

// ParseND reads a solicitation or an advertisement that can't have been routed.
func ParseND(p IP, m ICMP) (n ND, ok bool) {
	if p.HopLimit != ndHopLimit || len(m.Body) < ndTargetSize ||
		m.Type != NeighborSolicit && m.Type != NeighborAdvert {
		return n, false
	}
	n = ND{Solicit: m.Type == NeighborSolicit, Target: netip.AddrFrom16([16]byte(m.Body))}
	for o := m.Body[ndTargetSize:]; len(o) >= 8; {
		size := int(o[1]) * 8
		if size == 0 || size > len(o) {
			return n, false
		}
		if o[0] == n.option() {
			copy(n.MAC[:], o[2:])
		}
		o = o[size:]
	}
	return n, true
}

// Packet makes the message; an advertisement is a solicited, overriding one.
func (n ND) Packet(src, dst netip.Addr) IP {
	m := ICMP{Type: NeighborSolicit, Body: append(n.Target.AsSlice(), n.option(), 1)}
	if !n.Solicit {
		m.Type, m.Rest = NeighborAdvert, advertSolicited|advertOverride
	}
	m.Body = append(m.Body, n.MAC[:]...)
	return m.Packet(src, dst, ndHopLimit)
}

func (n ND) option() byte {
	if n.Solicit {
		return optionSourceMAC
	}
	return optionTargetMAC
}

// SolicitedNode is the group in which an address is asked for (RFC 4291, 2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}
