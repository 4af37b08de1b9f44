package memif

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	vppmemif "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

var identity = vpp.Identity{Tag: "t", Number: 70001, Socket: "/s/memif.sock", MAC: "02:fe:00:00:00:09"}

// TestConfigure: every setting arrives in VPP's message.
func TestConfigure(t *testing.T) {
	side := netconf.Side{Memif: &netconf.Memif{
		Role: "slave", Mode: "ethernet", RingSize: 512, BufferSize: 4096, RxQueues: 2, TxQueues: 3,
		Secret: strings.Repeat("s", MaxSecret), NoZeroCopy: true, UseDMA: true,
	}}
	e, err := Configure(side, identity)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.message()
	if err != nil {
		t.Fatal(err)
	}
	want := &vppmemif.MemifCreateV2{
		Role: vppmemif.MEMIF_ROLE_API_SLAVE, Mode: vppmemif.MEMIF_MODE_API_ETHERNET, SocketID: 70001,
		RingSize: 512, BufferSize: 4096, RxQueues: 2, TxQueues: 3, NoZeroCopy: true, UseDma: true,
		HwAddr: [6]uint8{2, 0xfe, 0, 0, 0, 9}, Secret: side.Memif.Secret,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e.Interface() != "memif70001/0" {
		t.Errorf("interface %s", e.Interface())
	}
}

func TestMAC(t *testing.T) {
	for _, c := range []struct{ mode, configured, want string }{
		{"ethernet", "", identity.MAC},
		{"ethernet", "02:00:00:00:00:01", "02:00:00:00:00:01"},
		{"ip", "02:00:00:00:00:01", ""},
	} {
		e, err := Configure(netconf.Side{MAC: c.configured, Memif: &netconf.Memif{Role: "master", Mode: c.mode}}, identity)
		if err != nil || e.MAC != c.want {
			t.Errorf("%+v: MAC %q (%v)", c, e.MAC, err)
		}
	}
}

// TestEndpointFaults: none of them may reach VPP, from wherever it comes.
func TestEndpointFaults(t *testing.T) {
	good := Endpoint{SocketID: 1, Filename: "/s", Role: "master", Mode: "ethernet"}
	for name, spoil := range map[string]func(*Endpoint){
		"inject-punt crashes VPP": func(e *Endpoint) { e.Mode = "inject-punt" },
		"no mode":                 func(e *Endpoint) { e.Mode = "" },
		"no role":                 func(e *Endpoint) { e.Role = "" },
		"socket id 0":             func(e *Endpoint) { e.SocketID = 0 },
		"socket id ~0":            func(e *Endpoint) { e.SocketID = ^uint32(0) },
		"secret of 24 bytes":      func(e *Endpoint) { e.Secret = strings.Repeat("s", 24) },
		"secret with NUL":         func(e *Endpoint) { e.Secret = "a\x00b" },
		"no filename":             func(e *Endpoint) { e.Filename = "" },
		"filename of 108 bytes":   func(e *Endpoint) { e.Filename = "/" + strings.Repeat("x", 107) },
		"filename with NUL":       func(e *Endpoint) { e.Filename = "/a\x00" },
		"MAC of eight bytes":      func(e *Endpoint) { e.MAC = "02:00:00:00:00:00:00:01" },
		"MAC in words":            func(e *Endpoint) { e.MAC = "mine" },
	} {
		e := good
		spoil(&e)
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(raw); err == nil {
			t.Errorf("%s: %+v", name, got)
		} else if e.Secret != "" && strings.Contains(err.Error(), e.Secret) {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
	raw, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(raw); err != nil || got != good {
		t.Errorf("the good one: %+v, %v", got, err)
	}
}

// TestDifference looks only at what VPP's dump has of the configuration: ring
// and buffer sizes there are 1 and 0 until a peer has connected.
func TestDifference(t *testing.T) {
	e := Endpoint{SocketID: 7, Filename: "/s", Role: "slave", Mode: "ip", RingSize: 512, BufferSize: 4096}
	want, err := e.message()
	if err != nil {
		t.Fatal(err)
	}
	intact := vppmemif.MemifDetails{SocketID: 7, Role: want.Role, Mode: want.Mode, RingSize: 1}
	for text, spoil := range map[string]func(*vppmemif.MemifDetails){
		"":               func(*vppmemif.MemifDetails) {},
		"role is 0":      func(d *vppmemif.MemifDetails) { d.Role = 0 },
		"mode is 0":      func(d *vppmemif.MemifDetails) { d.Mode = 0 },
		"socket id is 8": func(d *vppmemif.MemifDetails) { d.SocketID = 8 },
	} {
		seen := intact
		spoil(&seen)
		if got := difference(want, &seen); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

// TestNumberIsInRange: above what people number by hand, below the sign bit,
// and spread out.
func TestNumberIsInRange(t *testing.T) {
	seen := map[uint32]bool{}
	for i := range 10_000 {
		n := Number(fmt.Sprint(i))
		if n < 1<<16 || n >= 1<<31 {
			t.Errorf("key %d: number %d", i, n)
		}
		seen[n] = true
	}
	if len(seen) < 9_990 {
		t.Errorf("only %d of 10000 numbers differ", len(seen))
	}
}
