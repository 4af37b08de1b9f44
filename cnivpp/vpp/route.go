package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
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

// Routes are paths over an endpoint's interface. They don't end with the
// interface: VPP would keep them as drop entries that nothing finds.
type Routes struct {
	Interface string `json:"interface"`
	// Table is the one that they are in.
	Table  uint32  `json:"table,omitempty"`
	Routes []Route `json:"routes"`
	// Alone tells that the table is the endpoint's own: each prefix has no path but
	// these.
	Alone bool `json:"alone,omitempty"`
}

var _ Part = Routes{}

// RoutesState is an observed Routes.
type RoutesState struct {
	Routes
	// Seen are the paths to the described prefixes over the endpoint's
	// interface. All of them are ours, whatever their next hop.
	Seen []Route `json:"seen,omitempty"`
}

// Observe implements Part: each prefix is looked up, no table is dumped.
func (r Routes) Observe(ctx context.Context, s *Session, iface *Interface, _ Goal) (Observation, error) {
	state := RoutesState{Routes: r}
	iface, err := s.named(ctx, iface, r.Interface)
	if err != nil || iface == nil {
		return state, err
	}
	for _, route := range r.Routes {
		seen, err := s.paths(ctx, r.Table, route.Prefix, iface.Index)
		if err != nil {
			return nil, err
		}
		for _, path := range seen {
			if !slices.Contains(state.Seen, path) {
				state.Seen = append(state.Seen, path)
			}
		}
	}
	return state, nil
}

// Nothing implements Part.
func (r Routes) Nothing() Observation { return RoutesState{Routes: r} }

// Plan implements Observation.
func (o RoutesState) Plan(goal Goal) Plan {
	var plan Plan
	if o.Alone && goal == Absence {
		for _, route := range o.Routes.Routes {
			plan = append(plan, deletePrefix{o.Table, route.Prefix})
		}
		return plan
	}
	for _, seen := range o.Seen {
		if goal == Absence || !slices.Contains(o.Routes.Routes, seen) {
			plan = append(plan, changeRoute{o.Interface, o.Table, seen, false, o.Alone})
		}
	}
	if goal == Absence {
		return plan
	}
	for _, route := range o.Routes.Routes {
		if !slices.Contains(o.Seen, route) {
			plan = append(plan, changeRoute{o.Interface, o.Table, route, true, o.Alone})
		}
	}
	return plan
}

// paths returns the paths to exactly this prefix that leave through the
// interface.
func (s *Session) paths(ctx context.Context, table uint32, prefix netip.Prefix, index Index) ([]Route, error) {
	route, err := s.lookUp(ctx, table, prefix)
	return pathsOver(route, index), err
}

// lookUp returns the route to exactly this prefix; one without paths where there is none.
func (s *Session) lookUp(ctx context.Context, table uint32, prefix netip.Prefix) (ip.IPRoute, error) {
	reply, err := ip.NewServiceClient(s.conn).IPRouteLookup(ctx, &ip.IPRouteLookup{
		TableID: table, Exact: 1, Prefix: ip_types.Prefix(toPrefix(prefix)),
	})
	if vppapi.IsRetval(err, api.NO_SUCH_ENTRY, api.NO_SUCH_FIB) {
		return ip.IPRoute{}, nil
	}
	if err != nil {
		return ip.IPRoute{}, fmt.Errorf("look up route %s in table %d: %w", prefix, table, err)
	}
	return reply.Route, nil
}

func (s *Session) eachRoute(ctx context.Context, table uint32, v6 bool, each func(ip.IPRoute)) error {
	dump, err := ip.NewServiceClient(s.conn).IPRouteDump(ctx, &ip.IPRouteDump{Table: ip.IPTable{TableID: table, IsIP6: v6}})
	if err != nil {
		return fmt.Errorf("dump routes: %w", err)
	}
	if err := Drain(dump.Recv, func(d *ip.IPRouteDetails) { each(d.Route) }); err != nil {
		return fmt.Errorf("dump routes: %w", err)
	}
	return nil
}

func pathsOver(route ip.IPRoute, index Index) []Route {
	var paths []Route
	for _, path := range route.Paths {
		if path.SwIfIndex != uint32(index) || path.Type != fib_types.FIB_API_PATH_TYPE_NORMAL {
			continue
		}
		found := Route{Prefix: netip.PrefixFrom(fromAddress(route.Prefix.Address), int(route.Prefix.Len))}
		hop := fromAddress(ip_types.Address{Af: route.Prefix.Address.Af, Un: path.Nh.Address})
		// VPP shows an attached host as its own next hop.
		if itself := found.Prefix.IsSingleIP() && hop == found.Prefix.Addr(); !hop.IsUnspecified() && !itself {
			found.Gateway = hop
		}
		paths = append(paths, found)
	}
	return paths
}

type changeRoute struct {
	name  string
	table uint32
	route Route
	add   bool
	alone bool
}

func (s changeRoute) String() string {
	if s.add {
		return fmt.Sprintf("add route %s over %s", s.route, s.name)
	}
	return fmt.Sprintf("delete route %s over %s", s.route, s.name)
}

// prerequisite: a route is found through its interface, and stays without it.
func (changeRoute) Prerequisite() {}

// Apply names the one path (is_multipath), unless the table has no others: without it
// VPP replaces or deletes the whole prefix, whoever it belongs to. With it VPP 26.06
// crashes where the prefix has a path over an interface that was deleted
// (fib_path_list_copy_and_path_add in src/vnet/fib/fib_path_list.c resolves that, too).
func (s changeRoute) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	return session.changePath(ctx, s.add, !s.alone, s.table, s.route.Prefix, s.route.path(index))
}

// changePath adds or removes one path to a prefix; without multipath it is the only one,
// or all are removed.
func (s *Session) changePath(ctx context.Context, add, multipath bool, table uint32, prefix netip.Prefix, path fib_types.FibPath) error {
	_, err := ip.NewServiceClient(s.conn).IPRouteAddDel(ctx, &ip.IPRouteAddDel{
		IsAdd: add, IsMultipath: multipath,
		Route: ip.IPRoute{
			TableID: table,
			Prefix:  ip_types.Prefix(toPrefix(prefix)),
			Paths:   []fib_types.FibPath{path},
			NPaths:  1,
		},
	})
	return err
}

// deletePrefix takes a prefix out of a table that has it from nobody else, over whatever
// interface, there or gone: VPP doesn't let go of a table that has one.
type deletePrefix struct {
	table  uint32
	prefix netip.Prefix
}

func (s deletePrefix) String() string {
	return fmt.Sprintf("delete route %s in table %d", s.prefix, s.table)
}

// Apply finds nothing to do where the table, or the prefix, is gone.
func (s deletePrefix) Apply(ctx context.Context, session *Session) error {
	_, err := ip.NewServiceClient(session.conn).IPRouteAddDel(ctx, &ip.IPRouteAddDel{
		Route: ip.IPRoute{TableID: s.table, Prefix: ip_types.Prefix(toPrefix(s.prefix))},
	})
	if vppapi.IsRetval(err, api.NO_SUCH_FIB, api.NO_SUCH_ENTRY) {
		return nil
	}
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
