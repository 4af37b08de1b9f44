package usrspapp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// entry is a memif interface with addresses "ADDRESS" or "ADDRESS>GATEWAY".
func entry(name string, addresses ...string) contract.Entry {
	e := contract.Entry{
		ContainerID: "c", Name: name, IfName: "net1", Created: time.Unix(1, 0),
		Config: netconf.Side{Engine: "vpp", IfType: "memif", NetType: "interface", Memif: &netconf.Memif{
			Role: "slave", Mode: "ethernet", SocketFile: "memif-" + name + ".sock",
		}},
	}
	for _, text := range addresses {
		var ip contract.IP
		address, gateway, found := strings.Cut(text, ">")
		ip.Address = netip.MustParsePrefix(address)
		if found {
			ip.Gateway = netip.MustParseAddr(gateway)
		}
		e.IPResult.IPs = append(e.IPResult.IPs, ip)
	}
	return e
}

// via adds routes "PREFIX" or "PREFIX>GATEWAY".
func via(e contract.Entry, routes ...string) contract.Entry {
	for _, text := range routes {
		dst, gateway, found := strings.Cut(text, ">")
		route := contract.Route{Dst: netip.MustParsePrefix(dst)}
		if found {
			route.GW = netip.MustParseAddr(gateway)
		}
		e.IPResult.Routes = append(e.IPResult.Routes, route)
	}
	return e
}

func routed(e contract.Entry) contract.Entry {
	e.Routed = true
	return e
}

func inModeIP(e contract.Entry) contract.Entry {
	memif := *e.Config.Memif
	memif.Mode = netconf.ModeIP
	e.Config.Memif = &memif
	return e
}

func texts(routes []vpp.Route) (all []string) {
	for _, route := range routes {
		all = append(all, fmt.Sprint(route))
	}
	return all
}

func TestRoutes(t *testing.T) {
	none := via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0")
	none.Config.NetType = netconf.NetTypeNone
	for name, c := range map[string]struct {
		entry contract.Entry
		want  []string
	}{
		"none":                     {entry("n"), nil},
		"by the gateway":           {via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0"), []string{"0.0.0.0/0 via 10.0.0.1"}},
		"by its own":               {via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0>10.0.0.9"), []string{"0.0.0.0/0 via 10.0.0.9"}},
		"without any":              {via(entry("n", "10.0.0.5/24"), "192.0.2.0/24"), []string{"192.0.2.0/24 attached"}},
		"host bits":                {via(entry("n", "10.0.0.5/24"), "192.0.2.7/24>10.0.0.9"), []string{"192.0.2.0/24 via 10.0.0.9"}},
		"twice":                    {via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0", "0.0.0.0/0>10.0.0.1"), []string{"0.0.0.0/0 via 10.0.0.1"}},
		"connected":                {via(entry("n", "10.0.0.5/24"), "10.0.0.0/24"), nil},
		"gateway of its family":    {via(entry("n", "10.0.0.5/24>10.0.0.1", "fd00::5/64>fd00::1"), "::/0", "0.0.0.0/0"), []string{"::/0 via fd00::1", "0.0.0.0/0 via 10.0.0.1"}},
		"no gateway of its family": {via(entry("n", "10.0.0.5/24>10.0.0.1"), "::/0"), []string{"::/0 attached"}},
		"an endpoint alone":        {none, nil},
		"routed v4": {
			routed(via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0")),
			[]string{"10.0.0.1/32 attached", "10.0.0.0/24 via 10.0.0.1", "0.0.0.0/0 via 10.0.0.1"},
		},
		"routed v6": {
			routed(via(entry("n", "fd00::5/64>fd00::1"), "::/0")),
			[]string{"fd00::1/128 attached", "fd00::/64 via fd00::1", "::/0 via fd00::1"},
		},
		"routed dual": {
			routed(via(entry("n", "10.0.0.5/24>10.0.0.1", "fd00::5/64>fd00::1"), "::/0")),
			[]string{"10.0.0.1/32 attached", "10.0.0.0/24 via 10.0.0.1", "fd00::1/128 attached", "fd00::/64 via fd00::1", "::/0 via fd00::1"},
		},
		"routed by another hop": {
			routed(via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0>10.0.0.9")),
			[]string{"10.0.0.1/32 attached", "10.0.0.0/24 via 10.0.0.1", "0.0.0.0/0 via 10.0.0.1"},
		},
		"routed to the gateway itself": {
			routed(via(entry("n", "10.0.0.5/24>10.0.0.1"), "10.0.0.1/32")),
			[]string{"10.0.0.1/32 attached", "10.0.0.0/24 via 10.0.0.1"},
		},
		"routed in mode ip": {
			routed(inModeIP(via(entry("n", "10.0.0.5/24>10.0.0.1"), "0.0.0.0/0"))),
			[]string{"10.0.0.1/32 attached", "10.0.0.0/24 attached", "0.0.0.0/0 attached"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, texts(routes(c.entry))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestShare: the first network that brings a route gets it, and when that
// network goes the next one does.
func TestShare(t *testing.T) {
	all := []contract.Entry{
		via(entry("first", "10.1.0.5/24>10.1.0.1"), "0.0.0.0/0"),
		via(entry("second", "10.2.0.5/24>10.2.0.1"), "0.0.0.0/0", "192.0.2.0/24"),
		via(entry("third", "10.3.0.5/24>10.3.0.1"), "192.0.2.0/24", "0.0.0.0/0"),
	}
	for i, want := range []struct{ shares, lost []string }{
		{
			[]string{"[0.0.0.0/0 via 10.1.0.1]", "[192.0.2.0/24 via 10.2.0.1]", "[]"},
			[]string{"second 0.0.0.0/0 via 10.2.0.1 first", "third 192.0.2.0/24 via 10.3.0.1 second", "third 0.0.0.0/0 via 10.3.0.1 first"},
		},
		{
			[]string{"[0.0.0.0/0 via 10.2.0.1 192.0.2.0/24 via 10.2.0.1]", "[]"},
			[]string{"third 192.0.2.0/24 via 10.3.0.1 second", "third 0.0.0.0/0 via 10.3.0.1 second"},
		},
		{[]string{"[192.0.2.0/24 via 10.3.0.1 0.0.0.0/0 via 10.3.0.1]"}, nil},
	} {
		shares, lost := share(all[i:])
		var got, left []string
		for _, routes := range shares {
			got = append(got, fmt.Sprint(routes))
		}
		for _, l := range lost {
			left = append(left, fmt.Sprint(l.slot.network, " ", l.route, " ", l.earlier))
		}
		if diff := cmp.Diff(want.shares, got); diff != "" {
			t.Errorf("shares without the first %d, -want +got:\n%s", i, diff)
		}
		if diff := cmp.Diff(want.lost, left); diff != "" {
			t.Errorf("lost without the first %d, -want +got:\n%s", i, diff)
		}
	}
}
