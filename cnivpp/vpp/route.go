package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"
)

// Route is a path to a prefix over the endpoint's interface.
type Route struct {
	// Prefix is masked: its host bits are zero.
	Prefix netip.Prefix `json:"prefix"`
	// Gateway is the next hop; the zero Addr means that the prefix is attached,
	// its hosts being asked for by ARP or ND on the interface.
	Gateway netip.Addr `json:"gateway,omitzero"`
}

func (r Route) String() string {
	if !r.Gateway.IsValid() {
		return r.Prefix.String() + " attached"
	}
	return r.Prefix.String() + " via " + r.Gateway.String()
}

// Routes are the paths over an endpoint's interface, in table 0. They don't end
// with the interface: VPP would keep them as drop entries that nothing finds.
type Routes struct {
	Interface string  `json:"interface"`
	Routes    []Route `json:"routes"`
}

var _ Part = Routes{}

// RoutesState is an observed Routes.
type RoutesState struct {
	Routes
	// Seen are the paths over the endpoint's interface.
	Seen []Route `json:"seen,omitempty"`
}

// Observe implements Part.
func (r Routes) Observe(ctx context.Context, s *Session, iface *Interface, _ Goal) (Observation, error) {
	if iface == nil {
		return r.Nothing(), nil
	}
	seen, err := s.routes(ctx, iface.Index)
	return RoutesState{Routes: r, Seen: seen}, err
}

// Nothing implements Part.
func (r Routes) Nothing() Observation { return RoutesState{Routes: r} }

// Plan implements Observation.
func (o RoutesState) Plan(goal Goal) Plan {
	var plan Plan
	for _, seen := range o.Seen {
		if o.describes(seen.Prefix) && (goal == Absence || !slices.Contains(o.Routes.Routes, seen)) {
			plan = append(plan, changeRoute{o.Interface, seen, false})
		}
	}
	if goal == Absence {
		return plan
	}
	for _, route := range o.Routes.Routes {
		if !slices.Contains(o.Seen, route) {
			plan = append(plan, changeRoute{o.Interface, route, true})
		}
	}
	return plan
}

// describes tells whether a prefix is one of the described routes': a path to
// it over the endpoint's interface is ours, whatever its next hop.
func (o RoutesState) describes(prefix netip.Prefix) bool {
	return slices.ContainsFunc(o.Routes.Routes, func(r Route) bool { return r.Prefix == prefix })
}

// routes returns the paths of table 0 that leave through the interface.
func (s *Session) routes(ctx context.Context, index Index) ([]Route, error) {
	var all []Route
	for _, v6 := range []bool{false, true} {
		dump, err := ip.NewServiceClient(s.conn).IPRouteDump(ctx, &ip.IPRouteDump{Table: ip.IPTable{IsIP6: v6}})
		if err != nil {
			return nil, fmt.Errorf("dump routes: %w", err)
		}
		err = Drain(dump.Recv, func(d *ip.IPRouteDetails) {
			all = append(all, pathsOver(d.Route, index)...)
		})
		if err != nil {
			return nil, fmt.Errorf("dump routes: %w", err)
		}
	}
	return all, nil
}

func pathsOver(route ip.IPRoute, index Index) []Route {
	var paths []Route
	for _, path := range route.Paths {
		if path.SwIfIndex != uint32(index) || path.Type != fib_types.FIB_API_PATH_TYPE_NORMAL {
			continue
		}
		found := Route{Prefix: netip.PrefixFrom(fromAddress(route.Prefix.Address), int(route.Prefix.Len))}
		if hop := fromAddress(ip_types.Address{Af: route.Prefix.Address.Af, Un: path.Nh.Address}); !hop.IsUnspecified() {
			found.Gateway = hop
		}
		paths = append(paths, found)
	}
	return paths
}

type changeRoute struct {
	name  string
	route Route
	add   bool
}

func (s changeRoute) String() string {
	if s.add {
		return fmt.Sprintf("add route %s over %s", s.route, s.name)
	}
	return fmt.Sprintf("delete route %s over %s", s.route, s.name)
}

// Apply always names the one path (is_multipath): without it VPP replaces or
// deletes the whole prefix, whoever it belongs to.
func (s changeRoute) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = ip.NewServiceClient(session.conn).IPRouteAddDel(ctx, &ip.IPRouteAddDel{
		IsAdd: s.add, IsMultipath: true,
		Route: ip.IPRoute{
			Prefix: ip_types.Prefix(toPrefix(s.route.Prefix)),
			Paths:  []fib_types.FibPath{s.route.path(index)},
			NPaths: 1,
		},
	})
	return err
}

func (r Route) path(index Index) fib_types.FibPath {
	path := fib_types.FibPath{SwIfIndex: uint32(index), Weight: 1, Proto: fib_types.FIB_API_PATH_NH_PROTO_IP4}
	if r.Prefix.Addr().Is6() {
		path.Proto = fib_types.FIB_API_PATH_NH_PROTO_IP6
	}
	if r.Gateway.IsValid() {
		path.Nh.Address = ToAddress(r.Gateway).Un
	}
	return path
}
