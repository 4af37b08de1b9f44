package cnivpp

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/userspace-cni/userspace-cni/cnivpp/memif"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

var identity = vpp.Identity{
	Tag: "userspace-cni:0123456789abcdef0123", Number: 70001, Socket: "/s/memif.sock", MAC: "02:fe:00:00:00:09",
}

func side() netconf.Side {
	return netconf.Side{
		Engine: "vpp", IfType: "memif", NetType: "bridge", MTU: 1500,
		Memif:  &netconf.Memif{Role: "master", Mode: "ethernet", RingSize: 512, Secret: "secret"},
		Bridge: &netconf.Bridge{BridgeName: "5"},
	}
}

func TestHostSpec(t *testing.T) {
	got, err := HostSpec(side(), identity, Numbers{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Spec{
		Kind: "memif", Tag: identity.Tag, MTU: 1500, Domain: &vpp.Domain{ID: 5, Tag: ownTag},
		Endpoint: memif.Endpoint{
			SocketID: 70001, Filename: "/s/memif.sock", Role: "master", Mode: "ethernet", RingSize: 512,
			Secret: "secret", MAC: identity.MAC,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestHostSpecFaults(t *testing.T) {
	for name, spoil := range map[string]func(s *netconf.Side, id *vpp.Identity){
		"unknown iftype": func(s *netconf.Side, _ *vpp.Identity) { s.IfType = "tap" },
		"no block":       func(s *netconf.Side, _ *vpp.Identity) { s.Memif = nil },
		"inject-punt":    func(s *netconf.Side, _ *vpp.Identity) { s.Memif.Mode = "inject-punt" },
		"mtu below zero": func(s *netconf.Side, _ *vpp.Identity) { s.MTU = -1 },
		"mtu wraps":      func(s *netconf.Side, _ *vpp.Identity) { s.MTU = 1<<32 + 1500 },
		"number 0":       func(_ *netconf.Side, id *vpp.Identity) { id.Number = 0 },
		"long socket":    func(_ *netconf.Side, id *vpp.Identity) { id.Socket = "/" + strings.Repeat("x", 107) },
	} {
		s, id := side(), identity
		spoil(&s, &id)
		if spec, err := HostSpec(s, id, Numbers{}, nil, nil); err == nil {
			t.Errorf("%s: %+v", name, spec)
		}
	}
}

// TestSpecRoundTrip: what is read from a record is what was written.
func TestSpecRoundTrip(t *testing.T) {
	spec, err := HostSpec(side(), identity, Numbers{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64")}
	spec.Routes = []vpp.Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.0.0.254")},
		{Prefix: netip.MustParsePrefix("fd00:1::/48")},
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var back Spec
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, back, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

// TestHostileSpec: each file is the intact spec with one thing wrong.
func TestHostileSpec(t *testing.T) {
	var intact struct{ Spec json.RawMessage }
	if err := json.Unmarshal(read(t, "testdata/plan/intact.json"), &intact); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(intact.Spec, new(Spec)); err != nil {
		t.Fatalf("the intact one is refused: %v", err)
	}
	for _, file := range files(t, "testdata/hostile") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var spec Spec
			if err := json.Unmarshal(read(t, file), &spec); err == nil {
				t.Errorf("taken as %+v", spec)
			}
		})
	}
	for _, doc := range []string{"", "null", "{}", "[]", "7", `{"kind":"memif"}`} {
		var spec Spec
		if err := json.Unmarshal([]byte(doc), &spec); err == nil && doc != "null" {
			t.Errorf("%s taken as %+v", doc, spec)
		}
	}
}

// TestMakingValidates: a spec that didn't come out of a record is checked before
// VPP is even connected.
func TestMakingValidates(t *testing.T) {
	spec, err := HostSpec(side(), identity, Numbers{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec.Addresses = []netip.Prefix{{}}
	engine := &Engine{Socket: "/none"}
	if err := engine.Ensure(t.Context(), spec, true); err == nil || !strings.Contains(err.Error(), "address") {
		t.Errorf("error %v", err)
	}
	if err := engine.RemoveTagged(t.Context(), ""); err == nil {
		t.Error("removed everybody's interfaces")
	}
}

// TestNumber is golden: an attachment finds its own again after an upgrade.
func TestNumber(t *testing.T) {
	for key, want := range map[string]uint32{"": 940113208, "db67c9962929978ef8db": 67426598, "0123456789abcdef0123": 1651530656} {
		got, err := Number("memif", key)
		if err != nil || got != want {
			t.Errorf("key %q: number %d, want %d (%v)", key, got, want, err)
		}
	}
	if _, err := Number("tap", "x"); err == nil || !strings.Contains(err.Error(), "memif") {
		t.Errorf("unknown iftype: %v", err)
	}
}
