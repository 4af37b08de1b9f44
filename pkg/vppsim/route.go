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

// noPaths is NO_PATHS_IN_ROUTE; govpp has the number under its former name.
const noPaths = api.PREFIX_MATCHES_NEXT_HOP

// route is what clients have put into the table. VPP shows the prefix as it was
// given, host bits and all, and forwards by its masked form.
type route struct {
	given netip.Prefix
	paths []path
}

// path of a route; it is dead once its interface has been deleted, even if the
// index is used again. One without a next hop is attached: its prefix is on the
// link.
type path struct {
	fib_types.FibPath
	attached, dead bool
	mixed          bool // added both as attached and via itself
}

// newPath makes an attached host its own next hop (fib_table_route_path_fixup).
func newPath(to netip.Prefix, p fib_types.FibPath) path {
	p.Weight = max(p.Weight, 1)
	attached := p.Type == fib_types.FIB_API_PATH_TYPE_NORMAL && p.SwIfIndex != noIndex && nextHop(p).IsUnspecified()
	if attached && to.IsSingleIP() {
		p.Nh.Address = apiAddress(to.Addr()).Un
	}
	return path{FibPath: p, attached: attached}
}

func (s *Sim) routeAddDel(r *ip.IPRouteAddDel, reply *ip.IPRouteAddDelReply) error {
	reply.StatsIndex = noIndex
	f, prefix, err := s.checkRoute(r)
	if err != nil {
		return err
	}
	var paths []path
	for _, p := range r.Route.Paths {
		paths = append(paths, newPath(prefix, p))
	}
	known := f.routes[prefix.Masked()]
	switch {
	case known == nil && !r.IsAdd:
		return nil
	case known == nil:
		known = &route{given: prefix}
	case !r.IsAdd && r.IsMultipath && known.mixed(): // VPP 23.06 to 26.06 crash some calls later
		s.die("a host route that was both attached and via itself")
		return nil
	case !r.IsMultipath:
		known.paths = nil
	default:
		known.remove(paths)
	}
	if r.IsAdd {
		known.paths = append(known.paths, paths...)
		reply.StatsIndex = 0
	}
	f.routes[prefix.Masked()] = known
	if len(known.paths) == 0 {
		delete(f.routes, prefix.Masked())
	}
	return nil
}

func (s *Sim) checkRoute(r *ip.IPRouteAddDel) (*fib, netip.Prefix, error) {
	addr := address(r.Route.Prefix.Address)
	f := s.fibs[fibKey{r.Route.TableID, addr.Is6()}]
	if f == nil {
		return nil, netip.Prefix{}, api.NO_SUCH_FIB
	}
	for _, p := range r.Route.Paths {
		if err := s.checkPath(p); err != nil {
			return nil, netip.Prefix{}, err
		}
	}
	if int(r.Route.Prefix.Len) > addr.BitLen() {
		return nil, netip.Prefix{}, api.INVALID_PREFIX_LENGTH
	}
	if len(r.Route.Paths) == 0 && (r.IsMultipath || r.IsAdd) {
		return nil, netip.Prefix{}, noPaths
	}
	return f, netip.PrefixFrom(addr, int(r.Route.Prefix.Len)), nil
}

func (s *Sim) checkPath(p fib_types.FibPath) error {
	if p.Type != fib_types.FIB_API_PATH_TYPE_NORMAL {
		return nil
	}
	if p.SwIfIndex == noIndex {
		if s.fibs[tableOf(p)] == nil {
			return api.NO_SUCH_FIB
		}
		return nil
	}
	if _, err := s.byIndex(interface_types.InterfaceIndex(p.SwIfIndex)); err != nil {
		return api.NO_MATCHING_INTERFACE
	}
	return nil
}

// remove drops the paths that lead the same way.
func (r *route) remove(paths []path) {
	r.paths = slices.DeleteFunc(r.paths, func(have path) bool {
		n := slices.IndexFunc(paths, func(p path) bool {
			return p.SwIfIndex == have.SwIfIndex && p.Type == have.Type && nextHop(p.FibPath) == nextHop(have.FibPath)
		})
		if n >= 0 {
			paths[n].mixed = have.mixed || have.attached != paths[n].attached
		}
		return n >= 0
	})
}

func (r *route) mixed() bool {
	return slices.ContainsFunc(r.paths, func(p path) bool { return p.mixed })
}

// orphanRoutes kills the paths through an interface. The routes stay, and drop.
func (s *Sim) orphanRoutes(i *iface) {
	for _, f := range s.fibs {
		for _, r := range f.routes {
			for n := range r.paths {
				r.paths[n].dead = r.paths[n].dead || r.paths[n].SwIfIndex == i.index
			}
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

// tableOf is the table in which the next hop of a path is looked up.
func tableOf(p fib_types.FibPath) fibKey {
	return fibKey{p.TableID, p.Proto == fib_types.FIB_API_PATH_NH_PROTO_IP6}
}
