package packet

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers.
const (
	ProtoICMPv4 = 1
	ProtoICMPv6 = 58
)

// IP is an IPv4 or IPv6 packet without options or extension headers.
type IP struct {
	Src, Dst netip.Addr
	Proto    uint8
	HopLimit uint8
	Payload  []byte
}

const (
	ipv4Header    = 20
	ipv6Header    = 40
	fragmentField = 0x3fff // "more fragments" and the offset
)

// ParseIP reads either version, as the packet's first nibble says.
func ParseIP(b []byte) (p IP, ok bool) {
	if len(b) == 0 {
		return p, false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b)
	case 6:
		return parseIPv6(b)
	}
	return p, false
}

func parseIPv4(b []byte) (p IP, ok bool) {
	if len(b) < ipv4Header {
		return p, false
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Header || total < header || len(b) < total ||
		Checksum(b[:header]) != 0 || binary.BigEndian.Uint16(b[6:])&fragmentField != 0 {
		return p, false
	}
	return IP{
		Src: netip.AddrFrom4([4]byte(b[12:])), Dst: netip.AddrFrom4([4]byte(b[16:])),
		HopLimit: b[8], Proto: b[9], Payload: b[header:total],
	}, true
}

func parseIPv6(b []byte) (p IP, ok bool) {
	if len(b) < ipv6Header {
		return p, false
	}
	total := ipv6Header + int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < total {
		return p, false
	}
	return IP{
		Src: netip.AddrFrom16([16]byte(b[8:])), Dst: netip.AddrFrom16([16]byte(b[24:])),
		Proto: b[6], HopLimit: b[7], Payload: b[ipv6Header:total],
	}, true
}

// Marshal lays the packet out in the version of its addresses.
func (p IP) Marshal() []byte {
	if p.Dst.Is4() {
		return p.marshal4()
	}
	b := make([]byte, 4, ipv6Header+len(p.Payload))
	b[0] = 6 << 4
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Payload)))
	b = append(b, p.Proto, p.HopLimit)
	b = append(b, p.Src.AsSlice()...)
	b = append(b, p.Dst.AsSlice()...)
	return append(b, p.Payload...)
}

func (p IP) marshal4() []byte {
	b := make([]byte, ipv4Header, ipv4Header+len(p.Payload))
	b[0] = 4<<4 | ipv4Header/4
	binary.BigEndian.PutUint16(b[2:], uint16(ipv4Header+len(p.Payload)))
	b[8], b[9] = p.HopLimit, p.Proto
	copy(b[12:], p.Src.AsSlice())
	copy(b[16:], p.Dst.AsSlice())
	binary.BigEndian.PutUint16(b[10:], Checksum(b))
	return append(b, p.Payload...)
}

// Checksum is the Internet checksum (RFC 1071) over all parts in turn, each but
// the last of even length. Over data that contains its checksum it is 0.
func Checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for ; len(b) > 1; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			sum += uint32(b[0]) << 8
		}
		sum = sum>>16 + sum&0xffff
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum)
}
