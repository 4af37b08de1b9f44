package packet

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// ARP operations (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

// ARP is an ARP packet for IPv4 over Ethernet.
type ARP struct {
	Op                   uint16
	SenderMAC, TargetMAC MAC
	SenderIP, TargetIP   netip.Addr
}

const arpSize = 28

func arpHeader() []byte { return []byte{0, 1, 8, 0, 6, 4} }

// ParseARP reads an ARP packet.
func ParseARP(b []byte) (a ARP, ok bool) {
	if len(b) < arpSize || !bytes.Equal(b[:6], arpHeader()) {
		return a, false
	}
	a.Op = binary.BigEndian.Uint16(b[6:])
	copy(a.SenderMAC[:], b[8:])
	a.SenderIP = netip.AddrFrom4([4]byte(b[14:]))
	copy(a.TargetMAC[:], b[18:])
	a.TargetIP = netip.AddrFrom4([4]byte(b[24:]))
	return a, true
}

// Marshal lays the packet out.
func (a ARP) Marshal() []byte {
	b := binary.BigEndian.AppendUint16(arpHeader(), a.Op)
	b = append(b, a.SenderMAC[:]...)
	b = append(b, a.SenderIP.AsSlice()...)
	b = append(b, a.TargetMAC[:]...)
	return append(b, a.TargetIP.AsSlice()...)
}
