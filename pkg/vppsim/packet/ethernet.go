package packet

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// MAC is an Ethernet address.
type MAC [6]byte

// Broadcast is the address of everybody.
func Broadcast() MAC { return MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// Group says whether an address is broadcast or multicast.
func (m MAC) Group() bool { return m[0]&1 != 0 }

// LinkLocal is the modified EUI-64 address of an interface (RFC 4291, A).
func (m MAC) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5],
	})
}

// GroupMAC is the Ethernet address of an IPv6 multicast group (RFC 2464, 7).
func GroupMAC(a netip.Addr) MAC {
	b := a.As16()
	return MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// EtherTypes.
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeIPv6 = 0x86dd
	typeVLAN = 0x8100
)

// Frame is a parsed Ethernet frame.
type Frame struct {
	Dst, Src MAC
	Type     uint16
	Payload  []byte
}

const ethernetHeader = 14

// ParseFrame reads an Ethernet header.
func ParseFrame(b []byte) (f Frame, ok bool) {
	if len(b) < ethernetHeader {
		return f, false
	}
	copy(f.Dst[:], b)
	copy(f.Src[:], b[6:])
	f.Type = binary.BigEndian.Uint16(b[12:])
	f.Payload = b[ethernetHeader:]
	return f, true
}

// Marshal lays the frame out.
func (f Frame) Marshal() []byte {
	b := make([]byte, 0, ethernetHeader+len(f.Payload))
	b = append(b, f.Dst[:]...)
	b = append(b, f.Src[:]...)
	b = binary.BigEndian.AppendUint16(b, f.Type)
	return append(b, f.Payload...)
}

// A VLAN tag (IEEE 802.1Q) follows the addresses.
const (
	tagAt    = 12
	tagSize  = 4
	vlanMask = 0xfff
)

// PopVLAN takes a frame's VLAN tag off; without one the inner frame is nil.
func PopVLAN(b []byte) (vlan uint16, inner []byte) {
	if len(b) < ethernetHeader+tagSize || binary.BigEndian.Uint16(b[tagAt:]) != typeVLAN {
		return 0, nil
	}
	return binary.BigEndian.Uint16(b[tagAt+2:]) & vlanMask, slices.Concat(b[:tagAt], b[tagAt+tagSize:])
}

// PushVLAN puts a VLAN tag on a frame.
func PushVLAN(b []byte, vlan uint16) []byte {
	return slices.Concat(b[:tagAt], []byte{typeVLAN >> 8, typeVLAN & 0xff, byte(vlan >> 8), byte(vlan)}, b[tagAt:])
}
