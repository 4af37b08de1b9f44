package packet_test

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

func TestChecksum(t *testing.T) {
	if got := packet.Checksum([]byte{0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7}); got != 0x220d {
		t.Errorf("RFC 1071, 3: %#x", got)
	}
	if packet.Checksum([]byte{1}) != packet.Checksum([]byte{1, 0}) {
		t.Error("odd length")
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// The checksums are added up by hand.
func TestEchoBytes(t *testing.T) {
	for _, tc := range []struct{ src, dst, want string }{
		{
			"10.0.0.1", "10.0.0.2",
			"4500001e000000004001" + "66dd" + "0a0000010a000002" + "0800" + "95ca" + "00010002" + "6232",
		},
		{
			"fd00::1", "fd00::2",
			"60000000000a3a40" + "fd000000000000000000000000000001" + "fd000000000000000000000000000002" +
				"8000" + "2381" + "00010002" + "6232",
		},
	} {
		b := packet.Echo(addr(tc.dst), true, 1, 2, []byte("b2")).Packet(addr(tc.src), addr(tc.dst), 64).Marshal()
		if got := hex.EncodeToString(b); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.dst, got, tc.want)
		}
	}
}

func TestWhatIsDamagedDoesNotParse(t *testing.T) {
	for _, a := range []string{"10.0.0.1", "fd00::1"} {
		good := packet.Echo(addr(a), true, 1, 2, []byte("body")).Packet(addr(a), addr(a), 64).Marshal()
		for n := range good {
			parse(good[:n]) // must not panic
			if p, ok := packet.ParseIP(good[:n]); ok {
				t.Errorf("%s cut to %d bytes: %+v", a, n, p)
			}
			bad := append([]byte(nil), good...)
			bad[n] ^= 0x55
			if hopLimit := a == "fd00::1" && (n < 4 || n == 7); parse(bad) && !hopLimit {
				t.Errorf("%s with byte %d damaged is accepted", a, n)
			}
		}
		if !parse(good) {
			t.Errorf("%s: intact packet refused", a)
		}
	}
}

func parse(b []byte) bool {
	p, ok := packet.ParseIP(b)
	if !ok {
		return false
	}
	m, ok := packet.ParseICMP(p)
	packet.ParseND(p, m)
	return ok
}

func TestND(t *testing.T) {
	mac := packet.MAC{2, 0, 0, 0, 0, 9}
	target := addr("fd00::12:3456")
	group := packet.SolicitedNode(target)
	if group != addr("ff02::1:ff12:3456") || packet.GroupMAC(group) != (packet.MAC{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}) {
		t.Errorf("solicited-node group %v %v", group, packet.GroupMAC(group))
	}
	if got := mac.LinkLocal(); got != addr("fe80::ff:fe00:9") {
		t.Errorf("link-local %v", got)
	}
	for _, want := range []packet.ND{{Solicit: true, Target: target, MAC: mac}, {Target: target, MAC: mac}} {
		p := want.Packet(addr("fd00::1"), group)
		p, _ = packet.ParseIP(p.Marshal())
		m, _ := packet.ParseICMP(p)
		if got, ok := packet.ParseND(p, m); !ok || got != want {
			t.Errorf("%v: got %+v, want %+v", ok, got, want)
		}
		p.HopLimit = 254
		if _, ok := packet.ParseND(p, m); ok {
			t.Error("a routed message is accepted")
		}
		m.Body = append(m.Body[:16:16], 1, 0, 0, 0, 0, 0, 0, 0)
		p.HopLimit = 255
		if _, ok := packet.ParseND(p, m); ok {
			t.Error("an option of length 0 is accepted")
		}
	}
}

func TestARP(t *testing.T) {
	a := packet.ARP{
		Op: packet.ARPRequest, SenderMAC: packet.MAC{1, 2, 3, 4, 5, 6}, SenderIP: addr("10.0.0.1"), TargetIP: addr("10.0.0.2"),
	}
	b := a.Marshal()
	const want = "00010800060400010102030405060a0000010000000000000a000002"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, ok := packet.ParseARP(b); !ok || got != a {
		t.Errorf("%v %+v", ok, got)
	}
	if _, ok := packet.ParseARP(b[:27]); ok {
		t.Error("truncated ARP is accepted")
	}
}
