package vppsim

import (
	"net/netip"
	"slices"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"
)

// Routes: src/vnet/fib/fib_api.c.

// maxRecursion bounds gateways that are reached through gateways.
const maxRecursion = 4

// noPaths is NO_PATHS_IN_ROUTE; govpp has the number under its former name.
const noPaths = api.PREFIX_MATCHES_NEXT_HOP

// route is what clients have put into the table. VPP shows the prefix as it was
// given, host bits and all, and forwards by its masked form.
type route struct {
	given netip.Prefix
	paths []path
}

// path of a route; it is dead once its interface has been deleted, even if the
// index is used again.
type path struct {
	fib_types.FibPath
	dead bool
}

func (s *Sim) routeAddDel(r *ip.IPRouteAddDel, reply *ip.IPRouteAddDelReply) error {
	reply.StatsIndex = noIndex
	prefix, err := s.checkRoute(r)
	if err != nil {
		return err
	}
	known := s.routes[prefix.Masked()]
	switch {
	case known == nil && !r.IsAdd:
		return nil
	case known == nil:
		known = &route{given: prefix}
	case !r.IsMultipath:
		known.paths = nil
	default:
		known.remove(r.Route.Paths)
	}
	if r.IsAdd {
		known.add(r.Route.Paths)
		reply.StatsIndex = 0
	}
	s.routes[prefix.Masked()] = known
	if len(known.paths) == 0 {
		delete(s.routes, prefix.Masked())
	}
	return nil
}

func (s *Sim) checkRoute(r *ip.IPRouteAddDel) (netip.Prefix, error) {
	addr := address(r.Route.Prefix.Address)
	if r.Route.TableID != 0 {
		return netip.Prefix{}, api.NO_SUCH_FIB
	}
	for _, p := range r.Route.Paths {
		if err := s.checkPath(p); err != nil {
			return netip.Prefix{}, err
		}
	}
	if int(r.Route.Prefix.Len) > addr.BitLen() {
		return netip.Prefix{}, api.INVALID_PREFIX_LENGTH
	}
	if len(r.Route.Paths) == 0 && (r.IsMultipath || r.IsAdd) {
		return netip.Prefix{}, noPaths
	}
	return netip.PrefixFrom(addr, int(r.Route.Prefix.Len)), nil
}

func (s *Sim) checkPath(p fib_types.FibPath) error {
	if p.Type != fib_types.FIB_API_PATH_TYPE_NORMAL {
		return nil
	}
	if p.SwIfIndex == noIndex {
		if p.TableID != 0 {
			return api.NO_SUCH_FIB
		}
		return nil
	}
	if _, err := s.byIndex(interface_types.InterfaceIndex(p.SwIfIndex)); err != nil {
		return api.NO_MATCHING_INTERFACE
	}
	return nil
}

func (r *route) add(paths []fib_types.FibPath) {
	for _, p := range paths {
		p.Weight = max(p.Weight, 1)
		r.paths = append(r.paths, path{FibPath: p})
	}
}

// remove drops the paths that lead the same way.
func (r *route) remove(paths []fib_types.FibPath) {
	r.paths = slices.DeleteFunc(r.paths, func(have path) bool {
		return slices.ContainsFunc(paths, func(p fib_types.FibPath) bool {
			return p.SwIfIndex == have.SwIfIndex && p.Type == have.Type && nextHop(p) == nextHop(have.FibPath)
		})
	})
}

// orphanRoutes kills the paths through an interface. The routes stay, and drop.
func (s *Sim) orphanRoutes(i *iface) {
	for _, r := range s.routes {
		for n := range r.paths {
			r.paths[n].dead = r.paths[n].dead || r.paths[n].SwIfIndex == i.index
		}
	}
}

// nextHop of a path; the zero address means that the destination is attached.
func nextHop(p fib_types.FibPath) netip.Addr {
	if p.Proto == fib_types.FIB_API_PATH_NH_PROTO_IP6 {
		return address(ip_types.Address{Af: ip_types.ADDRESS_IP6, Un: p.Nh.Address})
	}
	return address(ip_types.Address{Un: p.Nh.Address})
}

// hop is where a packet goes next.
type hop struct {
	iface *iface
	next  netip.Addr
}

// lookup finds the longest match among the subnets of interfaces that are up
// and the routes; a subnet wins over a route of the same length.
func (s *Sim) lookup(dst netip.Addr) (hop, bool) { return s.resolve(dst, maxRecursion) }

func (s *Sim) resolve(dst netip.Addr, depth int) (h hop, ok bool) {
	best := -1
	for i := range s.interfaces.all() {
		for _, p := range i.addresses {
			if i.adminUp && p.Contains(dst) && p.Bits() > best {
				best, h = p.Bits(), hop{i, dst}
			}
		}
	}
	var match *route
	for p, r := range s.routes {
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
			if h, ok := s.resolve(gateway, depth-1); ok {
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
	if slices.ContainsFunc(i.addresses, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return true
	}
	for prefix, r := range s.routes {
		for _, p := range r.paths {
			gateway := nextHop(p.FibPath)
			if prefix.Contains(a) && !p.dead && p.SwIfIndex == i.index && (gateway.IsUnspecified() || gateway == a) {
				return true
			}
		}
	}
	return false
}
