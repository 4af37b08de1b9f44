package packet

import (
	"encoding/binary"
	"net/netip"
)

// ICMP types.
const (
	EchoReply4   = 0
	EchoRequest4 = 8

	EchoRequest6    = 128
	EchoReply6      = 129
	NeighborSolicit = 135
	NeighborAdvert  = 136
)

const icmpHeader = 8

// ICMP is a message of either version: an 8-byte header, of which Rest is the
// second half, and a body.
type ICMP struct {
	Type, Code uint8
	Rest       uint32 // identifier and sequence number of an echo; flags of an NA
	Body       []byte
}

// Echo is an echo request or reply of the version of a.
func Echo(a netip.Addr, request bool, id, seq uint16, body []byte) ICMP {
	types := map[[2]bool]uint8{
		{true, true}: EchoRequest4, {true, false}: EchoReply4,
		{false, true}: EchoRequest6, {false, false}: EchoReply6,
	}
	return ICMP{Type: types[[2]bool{a.Is4(), request}], Rest: uint32(id)<<16 | uint32(seq), Body: body}
}

// ID and Seq of an echo.
func (m ICMP) ID() uint16  { return uint16(m.Rest >> 16) }
func (m ICMP) Seq() uint16 { return uint16(m.Rest) }

// ParseICMP reads the ICMP message that a packet carries.
func ParseICMP(p IP) (m ICMP, ok bool) {
	if len(p.Payload) < icmpHeader || p.Proto != icmpProto(p.Dst) || icmpSum(p) != 0 {
		return m, false
	}
	return ICMP{
		Type: p.Payload[0], Code: p.Payload[1],
		Rest: binary.BigEndian.Uint32(p.Payload[4:]), Body: p.Payload[icmpHeader:],
	}, true
}

// Packet wraps the message into an IP packet.
func (m ICMP) Packet(src, dst netip.Addr, hopLimit uint8) IP {
	b := make([]byte, icmpHeader, icmpHeader+len(m.Body))
	b[0], b[1] = m.Type, m.Code
	binary.BigEndian.PutUint32(b[4:], m.Rest)
	p := IP{Src: src, Dst: dst, Proto: icmpProto(dst), HopLimit: hopLimit, Payload: append(b, m.Body...)}
	binary.BigEndian.PutUint16(p.Payload[2:], icmpSum(p))
	return p
}

func icmpProto(a netip.Addr) uint8 {
	if a.Is4() {
		return ProtoICMPv4
	}
	return ProtoICMPv6
}

// icmpSum includes IPv6's pseudo header (RFC 8200, 8.1).
func icmpSum(p IP) uint16 {
	if p.Dst.Is4() {
		return Checksum(p.Payload)
	}
	pseudo := append(p.Src.AsSlice(), p.Dst.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(p.Payload)))
	pseudo = binary.BigEndian.AppendUint32(pseudo, ProtoICMPv6)
	return Checksum(pseudo, p.Payload)
}
