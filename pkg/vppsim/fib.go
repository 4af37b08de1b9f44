package vppsim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/fib_types"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
)

// IP tables: src/vnet/ip/ip_api.c, src/vnet/fib/fib_table.c.

// fib is the table of one family. Whoever deletes it deletes it for all who have
// added it, but while an interface is bound to it, it stays as it is.
type fib struct {
	name   string
	held   bool // by ip_table_add_del
	routes map[netip.Prefix]*route
}

type fibKey struct {
	id uint32
	v6 bool
}

func (i *iface) fib(v6 bool) fibKey { return fibKey{i.tables[family(v6)], v6} }

func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

func (s *Sim) addFIB(k fibKey, name string) {
	if name == "" {
		name = fmt.Sprintf("ipv%d-VRF:%d", 4+2*family(k.v6), k.id)
	}
	s.fibs[k] = &fib{name: name, routes: map[netip.Prefix]*route{}}
}

func (s *Sim) tableAddDel(r *ip.IPTableAddDel, _ *ip.IPTableAddDelReply) error {
	k := fibKey{r.Table.TableID, r.Table.IsIP6}
	if r.IsAdd && s.fibs[k] == nil {
		s.addFIB(k, r.Table.Name)
	}
	if f := s.fibs[k]; f != nil {
		f.held = r.IsAdd
		s.dropUnused(k)
	}
	return nil
}

// dropUnused drops a table, with its routes, that nobody holds.
func (s *Sim) dropUnused(k fibKey) {
	for i := range s.interfaces.all() {
		if i.fib(k.v6) == k {
			return
		}
	}
	if f := s.fibs[k]; f != nil && !f.held && !s.holds(k) {
		delete(s.fibs, k)
	}
}

func (s *Sim) tableDump(_ *ip.IPTableDump, send func(*ip.IPTableDetails)) {
	for k, f := range s.fibs {
		send(&ip.IPTableDetails{Table: ip.IPTable{TableID: k.id, IsIP6: k.v6, Name: f.name}})
	}
}

func (s *Sim) setTable(r *interfaces.SwInterfaceSetTable, _ *interfaces.SwInterfaceSetTableReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case s.fibs[fibKey{r.VrfID, r.IsIPv6}] == nil:
		return api.NO_SUCH_FIB
	case i.numbered(r.IsIPv6):
		return api.ADDRESS_FOUND_FOR_INTERFACE
	}
	before := i.fib(r.IsIPv6)
	i.tables[family(r.IsIPv6)] = r.VrfID
	s.rebound(i, r.IsIPv6, r.VrfID)
	s.dropUnused(before)
	return nil
}

// rebound tells those who want to know of an interface's table (table_bind_callbacks
// in fib_table_bind): they hear of one that stays the same, too.
func (s *Sim) rebound(i *iface, v6 bool, table uint32) {
	s.rebindURPF(i, v6, table)
	s.rebindNamespaces(i, v6, table)
}

func (s *Sim) getTable(r *interfaces.SwInterfaceGetTable, reply *interfaces.SwInterfaceGetTableReply) error {
	reply.VrfID = noIndex
	i, err := s.byIndex(r.SwIfIndex)
	if err == nil {
		reply.VrfID = i.fib(r.IsIPv6).id
	}
	return err
}

func (s *Sim) routeDump(r *ip.IPRouteDump, send func(*ip.IPRouteDetails)) {
	for _, e := range s.entries(fibKey{r.Table.TableID, r.Table.IsIP6}) {
		send(&ip.IPRouteDetails{Route: e})
	}
}

func (s *Sim) routeLookup(r *ip.IPRouteLookup, reply *ip.IPRouteLookupReply) error {
	addr := address(r.Prefix.Address)
	k, best := fibKey{r.TableID, addr.Is6()}, -1
	if s.fibs[k] == nil {
		return api.NO_SUCH_FIB
	}
	for _, e := range s.entries(k) {
		p := netip.PrefixFrom(address(e.Prefix.Address), int(e.Prefix.Len))
		if p.Contains(addr) && p.Bits() > best && (e.Prefix.Len == r.Prefix.Len || r.Exact == 0 && e.Prefix.Len < r.Prefix.Len) {
			best, reply.Route = p.Bits(), e
		}
	}
	if best < 0 {
		return api.NO_SUCH_ENTRY
	}
	return nil
}

// entries of a table: for each prefix the one whose source has the highest
// priority.
func (s *Sim) entries(k fibKey) []ip.IPRoute {
	if s.fibs[k] == nil {
		return nil
	}
	seen := map[netip.Prefix]bool{} // two addresses may share a subnet, too
	entries := slices.DeleteFunc(s.allEntries(k), func(e ip.IPRoute) bool {
		p := netip.PrefixFrom(address(e.Prefix.Address), int(e.Prefix.Len)).Masked()
		again := seen[p]
		seen[p] = true
		return again
	})
	for n := range entries {
		entries[n].TableID, entries[n].NPaths = k.id, uint8(len(entries[n].Paths))
	}
	return entries
}

// allEntries are, by priority: what addresses bring along, what clients have
// set, neighbours, and what is always there.
func (s *Sim) allEntries(k fibKey) (entries []ip.IPRoute) {
	bound := slices.DeleteFunc(slices.Collect(s.interfaces.all()), func(i *iface) bool { return i.fib(k.v6) != k })
	for _, i := range bound {
		for _, p := range i.addresses {
			if i.adminUp && p.Addr().Is6() == k.v6 {
				entries = append(entries, i.entries(p)...)
			}
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(s.fibs[k].routes), netip.Prefix.Compare) {
		r := s.fibs[k].routes[p]
		e := entry(r.given)
		for _, p := range r.paths {
			e.Paths = append(e.Paths, p.FibPath)
		}
		entries = append(entries, e)
	}
	for _, i := range bound {
		for a, n := range i.neighbors {
			if n.known && a.Is6() == k.v6 && (!k.v6 || !a.IsLinkLocalUnicast()) {
				entries = append(entries, i.entry(netip.PrefixFrom(a, a.BitLen()), fib_types.FIB_API_PATH_TYPE_NORMAL, a))
			}
		}
	}
	return append(entries, alwaysThere(k.v6)...)
}

func alwaysThere(v6 bool) (entries []ip.IPRoute) {
	if v6 {
		linkLocal := dropped(netip.MustParsePrefix("fe80::/10"))
		linkLocal.Paths[0].Type = fib_types.FIB_API_PATH_TYPE_NORMAL
		return []ip.IPRoute{dropped(netip.MustParsePrefix("::/0")), linkLocal}
	}
	for _, p := range []string{"0.0.0.0/0", "0.0.0.0/32", "255.255.255.255/32", "224.0.0.0/4", "240.0.0.0/4"} {
		entries = append(entries, dropped(netip.MustParsePrefix(p)))
	}
	return entries
}

func entry(p netip.Prefix, paths ...fib_types.FibPath) ip.IPRoute {
	return ip.IPRoute{Prefix: apiPrefix(p), Paths: paths}
}

// entry over an interface.
func (i *iface) entry(p netip.Prefix, kind fib_types.FibPathType, via netip.Addr) ip.IPRoute {
	path := fib_types.FibPath{SwIfIndex: i.index, Weight: 1, Type: kind, Proto: proto(p.Addr())}
	path.Nh.Address = apiAddress(via).Un
	return entry(p, path)
}

func dropped(p netip.Prefix) ip.IPRoute {
	return entry(p, fib_types.FibPath{
		SwIfIndex: noIndex, Weight: 1, Type: fib_types.FIB_API_PATH_TYPE_DROP, Proto: proto(p.Addr()),
	})
}

func proto(a netip.Addr) fib_types.FibPathNhProto {
	return fib_types.FibPathNhProto(family(a.Is6()))
}

// entries of an address: its subnet, which VPP masks for IPv6 alone, itself, and
// for IPv4 the subnet's first and last address, which are dropped.
func (i *iface) entries(p netip.Prefix) []ip.IPRoute {
	subnet, attached := p, netip.IPv4Unspecified()
	if p.Addr().Is6() {
		subnet, attached = p.Masked(), netip.IPv6Unspecified()
	}
	entries := []ip.IPRoute{i.entry(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), fib_types.FIB_API_PATH_TYPE_LOCAL, p.Addr())}
	if !p.IsSingleIP() {
		entries = append(entries, i.entry(subnet, fib_types.FIB_API_PATH_TYPE_NORMAL, attached))
	}
	if p.Addr().Is4() && p.Bits() < 31 {
		first, last := ends(p)
		entries = append(entries, dropped(first), dropped(last))
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
