package cnivpp

import (
	"net/netip"
	"testing"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// TestOwnTable: an endpoint has a table of its own where packets of each of its families
// find a way out of it, and isn't to cut through.
func TestOwnTable(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")
	gateway4, gateway6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	for name, c := range map[string]struct {
		cutThrough          bool
		addresses, gateways []netip.Addr
		want                bool
	}{
		"v4":                      {false, []netip.Addr{v4}, []netip.Addr{gateway4}, true},
		"v6":                      {false, []netip.Addr{v6}, []netip.Addr{gateway6}, true},
		"both":                    {false, []netip.Addr{v4, v6}, []netip.Addr{gateway4, gateway6}, true},
		"no gateway":              {false, []netip.Addr{v4}, nil, false},
		"a gateway of one family": {false, []netip.Addr{v4, v6}, []netip.Addr{gateway4}, false},
		"cut-through":             {true, []netip.Addr{v4}, []netip.Addr{gateway4}, false},
	} {
		side := netconf.Side{
			IfType: netconf.IfTypeVCL, NetType: netconf.NetTypeInterface, VRF: 7, VCL: &netconf.VCL{CutThrough: c.cutThrough},
		}
		id := vpp.Identity{Tag: "userspace-cni:0011", Number: 5000, Socket: "/s.sock", MAC: "02:fe:00:00:00:09"}
		spec, err := HostSpec(side, id, Numbers{Loopback: 1}, c.addresses, c.gateways)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if own := spec.Own != nil; own != c.want || own == (spec.Table != nil) || own != (spec.Gateway != nil) {
			t.Errorf("%s: own table %v, network's %v, gateway %v", name, spec.Own, spec.Table, spec.Gateway)
		}
	}
}
