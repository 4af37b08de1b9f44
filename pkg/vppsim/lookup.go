package vppsim

import (
	"net/netip"
	"slices"

	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/interface_types"
)

// maxRecursion bounds gateways that are reached through gateways.
const maxRecursion = 4

// hop is where a packet goes next.
type hop struct {
	iface *iface
	next  netip.Addr
}

// lookup finds the longest match among the subnets of interfaces that are up
// and the routes; a subnet wins over a route of the same length.
func (s *Sim) lookup(k fibKey, dst netip.Addr) (hop, bool) { return s.resolve(k, dst, maxRecursion) }

func (s *Sim) resolve(k fibKey, dst netip.Addr, depth int) (h hop, ok bool) {
	best := -1
	for i := range s.interfaces.all() {
		for _, p := range i.addresses {
			if i.adminUp && i.fib(k.v6) == k && p.Contains(dst) && p.Bits() > best {
				best, h = p.Bits(), hop{i, dst}
			}
		}
	}
	var match *route
	for p, r := range s.fibs[k].routes {
		if p.Contains(dst) && p.Bits() > best {
			best, match = p.Bits(), r
		}
	}
	if match == nil || depth == 0 {
		return h, best >= 0 && match == nil
	}
	return s.follow(match, dst, depth)
}

// follow takes the first path that leads anywhere.
func (s *Sim) follow(r *route, dst netip.Addr, depth int) (hop, bool) {
	for _, p := range r.paths {
		gateway := nextHop(p.FibPath)
		i, err := s.byIndex(interface_types.InterfaceIndex(p.SwIfIndex))
		switch {
		case p.dead || p.Type != fib_types.FIB_API_PATH_TYPE_NORMAL:
		case err == nil && i.adminUp && gateway.IsUnspecified():
			return hop{i, dst}, true
		case err == nil && i.adminUp:
			return hop{i, gateway}, true
		case p.SwIfIndex == noIndex && !gateway.IsUnspecified():
			if h, ok := s.resolve(tableOf(p.FibPath), gateway, depth-1); ok {
				return h, true
			}
		}
	}
	return hop{}, false
}

// attached says whether a neighbour with that address belongs on an interface:
// some subnet or attached route of the interface covers it. VPP drops ARP from
// anybody else (arp_reply in src/vnet/arp/arp.c).
func (s *Sim) attached(i *iface, a netip.Addr) bool {
	if slices.ContainsFunc(i.inet(), func(p netip.Prefix) bool { return p.Contains(a) }) {
		return true
	}
	for prefix, r := range s.fibs[i.fib(a.Is6())].routes {
		for _, p := range r.paths {
			if prefix.Contains(a) && !p.dead && p.SwIfIndex == i.index && p.attached {
				return true
			}
		}
	}
	return false
}
