package vppsim

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip"
)

// FIB sources as seen in the dumps of VPP 26.06: the filter of ip_route_v2_dump.
const (
	sourceSpecial   = 1
	sourceInterface = 4
	sourceAPI       = 8
	sourceDefault   = 20
)

// tableEntry is one line of a dump.
type tableEntry struct {
	prefix netip.Prefix
	source uint8
	paths  []fib_types.FibPath
}

func (s *Sim) routeDump(r *ip.IPRouteDump, send func(*ip.IPRouteDetails)) {
	for _, e := range s.entries(r.Table) {
		send(&ip.IPRouteDetails{Route: ip.IPRoute{
			Prefix: apiPrefix(e.prefix), NPaths: uint8(len(e.paths)), Paths: e.paths,
		}})
	}
}

func (s *Sim) routeV2Dump(r *ip.IPRouteV2Dump, send func(*ip.IPRouteV2Details)) {
	for _, e := range s.entries(r.Table) {
		if r.Src == 0 || r.Src == e.source {
			send(&ip.IPRouteV2Details{Route: ip.IPRouteV2{
				Prefix: apiPrefix(e.prefix), Src: e.source, NPaths: uint8(len(e.paths)), Paths: e.paths,
			}})
		}
	}
}

// entries of table 0: what clients have set, what addresses bring along, and
// what is always there. Neighbours and recursive gateways, which VPP has in the
// table as well, are left out.
func (s *Sim) entries(t ip.IPTable) (entries []tableEntry) {
	if t.TableID != 0 {
		return nil
	}
	entries = alwaysThere()
	for _, p := range slices.SortedFunc(maps.Keys(s.routes), netip.Prefix.Compare) {
		r := s.routes[p]
		e := tableEntry{prefix: r.given, source: sourceAPI}
		for _, p := range r.paths {
			e.paths = append(e.paths, p.FibPath)
		}
		entries = append(entries, e)
	}
	for i := range s.interfaces.all() {
		for _, p := range i.addresses {
			if i.adminUp {
				entries = append(entries, i.entries(p)...)
			}
		}
	}
	// Of several sources of a prefix, VPP shows the strongest.
	slices.SortStableFunc(entries, func(a, b tableEntry) int { return cmp.Compare(a.source, b.source) })
	seen := map[netip.Prefix]bool{}
	return slices.DeleteFunc(entries, func(e tableEntry) bool {
		again := seen[e.prefix.Masked()]
		seen[e.prefix.Masked()] = true
		return again || e.prefix.Addr().Is6() != t.IsIP6
	})
}

func alwaysThere() (entries []tableEntry) {
	for prefix, source := range map[string]uint8{
		"0.0.0.0/0": sourceDefault, "0.0.0.0/32": sourceDefault, "255.255.255.255/32": sourceDefault,
		"224.0.0.0/4": sourceSpecial, "240.0.0.0/4": sourceSpecial,
		"::/0": sourceDefault,
	} {
		entries = append(entries, dropped(netip.MustParsePrefix(prefix), source))
	}
	linkLocal := dropped(netip.MustParsePrefix("fe80::/10"), sourceSpecial)
	linkLocal.paths[0].Type = fib_types.FIB_API_PATH_TYPE_NORMAL
	return append(entries, linkLocal)
}

func dropped(p netip.Prefix, source uint8) tableEntry {
	drop := fib_types.FibPath{
		SwIfIndex: noIndex, Weight: 1, Type: fib_types.FIB_API_PATH_TYPE_DROP, Proto: proto(p.Addr()),
	}
	return tableEntry{p, source, []fib_types.FibPath{drop}}
}

func proto(a netip.Addr) fib_types.FibPathNhProto {
	if a.Is6() {
		return fib_types.FIB_API_PATH_NH_PROTO_IP6
	}
	return fib_types.FIB_API_PATH_NH_PROTO_IP4
}

// entries of an address: its subnet, which VPP masks for IPv6 alone, itself, and
// for IPv4 the subnet's first and last address, which are dropped.
func (i *iface) entries(p netip.Prefix) []tableEntry {
	subnet := p
	if p.Addr().Is6() {
		subnet = p.Masked()
	}
	path := fib_types.FibPath{SwIfIndex: i.index, Weight: 1, Proto: proto(p.Addr())}
	local := path
	local.Type, local.Nh.Address = fib_types.FIB_API_PATH_TYPE_LOCAL, apiAddress(p.Addr()).Un
	entries := []tableEntry{{netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), sourceInterface, []fib_types.FibPath{local}}}
	if !p.IsSingleIP() {
		entries = append(entries, tableEntry{subnet, sourceInterface, []fib_types.FibPath{path}})
	}
	if p.Addr().Is4() && p.Bits() < 31 {
		first, last := ends(p)
		entries = append(entries, dropped(first, sourceInterface), dropped(last, sourceInterface))
	}
	return entries
}

// ends are an IPv4 subnet's network and broadcast addresses.
func ends(p netip.Prefix) (first, last netip.Prefix) {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.PrefixFrom(p.Masked().Addr(), 32), netip.PrefixFrom(netip.AddrFrom4(b), 32)
}
