package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/ethernet_types"
	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip_neighbor"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// OwnTable is a table, in both families, that one endpoint has for itself. VPP takes a
// packet between two addresses of its own for a spoofed one, unless they are in two
// tables (ip4_local_check_src in src/vnet/ip/ip4_forward.c): so two pods whose
// addresses VPP has can only talk where each has its own.
type OwnTable struct {
	ID uint32 `json:"id"`
	// Name is the tag of the gateway by which the table's packets leave: it marks the
	// table as ours, and the gateway as in use.
	Name string `json:"name"`
}

var _ Numbered = OwnTable{}

// OwnTableState is an observed OwnTable.
type OwnTableState struct {
	OwnTable
	// Names are those of the table, by family.
	Names map[string]string `json:"names,omitempty"`
}

func (OwnTable) numbered() {}

// Observe implements Part. A table of that number that isn't ours is ErrIDTaken.
func (t OwnTable) Observe(ctx context.Context, s *Session, _ *Interface, goal Goal) (Observation, error) {
	names, err := s.tables(ctx, t.ID)
	for _, name := range names {
		if name != t.Name && goal == Existence {
			return nil, fmt.Errorf("%w: table %d is called %q", ErrIDTaken, t.ID, name)
		}
	}
	return OwnTableState{t, names}, err
}

// Nothing implements Part.
func (t OwnTable) Nothing() Observation { return OwnTableState{OwnTable: t} }

// Plan implements Observation.
func (o OwnTableState) Plan(goal Goal) Plan {
	var plan Plan
	for _, family := range families {
		name, exists := o.Names[family]
		switch {
		case goal == Existence && !exists:
			plan = append(plan, changeTable{o.ID, family, o.Name, true})
		case goal == Absence && name == o.Name:
			plan = append(plan, changeTable{o.ID, family, o.Name, false})
		}
	}
	return plan
}

// HairpinV4 and HairpinV6 are addresses on a gateway's loopback that nobody has: what
// is sent to them goes out of the loopback and comes in by it again, into the
// network's table.
var (
	HairpinV4 = netip.MustParseAddr("169.254.85.83")
	HairpinV6 = netip.MustParseAddr("fe80::5553:5250")
)

// Hairpin makes a gateway's loopback return what is sent to HairpinV4 and HairpinV6:
// they are static neighbours with its own MAC address. It ends with the gateway, which
// takes them away first: VPP 23.06 would keep their routes.
type Hairpin struct {
	// Interface is the loopback's name, Gateway its tag.
	Interface string `json:"interface"`
	Gateway   string `json:"gateway"`
	V4        bool   `json:"v4,omitempty"`
	V6        bool   `json:"v6,omitempty"`
}

var (
	_ Part   = Hairpin{}
	_ Shared = Hairpin{}
)

// HairpinState is an observed Hairpin.
type HairpinState struct {
	Hairpin
	// Seen are those of the two addresses that lead back.
	Seen []netip.Addr `json:"seen,omitempty"`
}

// Look implements Shared.
func (h Hairpin) Look(ctx context.Context, s *Session) (Observation, error) {
	return h.Observe(ctx, s, nil, Existence)
}

// Observe implements Part.
func (h Hairpin) Observe(ctx context.Context, s *Session, _ *Interface, goal Goal) (Observation, error) {
	state := HairpinState{Hairpin: h}
	if goal == Absence {
		return state, nil
	}
	loopback, err := s.Interface(ctx, h.Interface)
	if err != nil || loopback == nil {
		return state, err
	}
	state.Seen, err = s.hairpins(ctx, *loopback)
	return state, err
}

// hairpins are those of the two addresses that lead back to a loopback.
func (s *Session) hairpins(ctx context.Context, loopback Interface) ([]netip.Addr, error) {
	var seen []netip.Addr
	for _, family := range []ip_types.AddressFamily{ip_types.ADDRESS_IP4, ip_types.ADDRESS_IP6} {
		dump, err := ip_neighbor.NewServiceClient(s.conn).IPNeighborDump(ctx, &ip_neighbor.IPNeighborDump{SwIfIndex: loopback.Index, Af: family})
		if err != nil {
			return nil, fmt.Errorf("dump neighbours: %w", err)
		}
		err = Drain(dump.Recv, func(d *ip_neighbor.IPNeighborDetails) {
			address := fromAddress(d.Neighbor.IPAddress)
			if (address == HairpinV4 || address == HairpinV6) && d.Neighbor.MacAddress.String() == loopback.MAC {
				seen = append(seen, address)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("dump neighbours: %w", err)
		}
	}
	return seen, nil
}

// Nothing implements Part.
func (h Hairpin) Nothing() Observation { return HairpinState{Hairpin: h} }

// Plan implements Observation.
func (o HairpinState) Plan(goal Goal) Plan {
	var plan Plan
	if goal == Absence {
		return nil
	}
	if o.V4 && !slices.Contains(o.Seen, HairpinV4) {
		plan = append(plan, changeHairpin{o.Interface, o.Gateway, HairpinV4, true})
	}
	if o.V6 && !slices.Contains(o.Seen, HairpinV6) {
		plan = append(plan, changeHairpin{o.Interface, o.Gateway, HairpinV6, true})
	}
	return plan
}

type changeHairpin struct {
	name, gateway string
	address       netip.Addr
	add           bool
}

func (s changeHairpin) String() string {
	if s.add {
		return fmt.Sprintf("return packets to %s by %s", s.address, s.name)
	}
	return fmt.Sprintf("stop returning packets to %s by %s", s.address, s.name)
}

func (s changeHairpin) Apply(ctx context.Context, session *Session) error {
	loopback, err := session.Anew().Interface(ctx, s.name) // it may have been made since the snapshot
	if err != nil {
		return err
	}
	if loopback == nil {
		return fmt.Errorf("VPP has no interface %s", s.name)
	}
	mac, err := ethernet_types.ParseMacAddress(loopback.MAC)
	if err != nil {
		return err
	}
	_, err = ip_neighbor.NewServiceClient(session.conn).IPNeighborAddDel(ctx, &ip_neighbor.IPNeighborAddDel{
		IsAdd: s.add,
		Neighbor: ip_neighbor.IPNeighbor{
			SwIfIndex: loopback.Index, Flags: ip_neighbor.IP_API_NEIGHBOR_FLAG_STATIC,
			MacAddress: mac, IPAddress: ToAddress(s.address),
		},
	})
	if !s.add && vppapi.IsRetval(err, api.NO_SUCH_ENTRY) {
		return nil
	}
	if err != nil || !s.add {
		return err
	}
	return s.lead(ctx, session)
}

// lead has the own tables that are there use the neighbour: where the loopback was
// made again, their paths over the former one are dead, and look alive when the index
// is the same.
func (s changeHairpin) lead(ctx context.Context, session *Session) error {
	tables, err := session.Anew().tablesCalled(ctx, s.gateway, 0)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := (changeRoute{s.name, table, wayOut(s.address), true, true}).Apply(ctx, session); err != nil {
			return fmt.Errorf("table %d: %w", table, err)
		}
	}
	return nil
}

// WayOut are the routes by which an own table's packets leave. They don't end with the
// gateway's loopback, and are of the table alone.
type WayOut struct{ Routes }

var _ Numbered = WayOut{}

func (WayOut) numbered() {}

// WayOut are the routes of a table by the hairpin.
func (h Hairpin) WayOut(table uint32) WayOut {
	return WayOut{Routes{Interface: h.Interface, Table: table, Routes: h.routes(), Alone: true}}
}

func (h Hairpin) routes() []Route {
	var routes []Route
	if h.V4 {
		routes = append(routes, wayOut(HairpinV4))
	}
	if h.V6 {
		routes = append(routes, wayOut(HairpinV6))
	}
	return routes
}

func wayOut(hairpin netip.Addr) Route {
	if hairpin.Is4() {
		return Route{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Gateway: hairpin}
	}
	return Route{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0), Gateway: hairpin}
}

// Lookups are host routes in a network's table that lead into an endpoint's own.
type Lookups struct {
	Table    uint32         `json:"table,omitempty"`
	In       uint32         `json:"in"`
	Prefixes []netip.Prefix `json:"prefixes"`
}

var _ Numbered = Lookups{}

func (Lookups) numbered() {}

// LookupsState is an observed Lookups.
type LookupsState struct {
	Lookups
	Seen []netip.Prefix `json:"seen,omitempty"`
}

// Observe implements Part.
func (l Lookups) Observe(ctx context.Context, s *Session, _ *Interface, _ Goal) (Observation, error) {
	state := LookupsState{Lookups: l}
	for _, prefix := range l.Prefixes {
		leads, err := s.leadsInto(ctx, l.Table, prefix, l.In)
		if err != nil {
			return nil, err
		}
		if leads {
			state.Seen = append(state.Seen, prefix)
		}
	}
	return state, nil
}

// Nothing implements Part.
func (l Lookups) Nothing() Observation { return LookupsState{Lookups: l} }

// Plan implements Observation.
func (o LookupsState) Plan(goal Goal) Plan {
	var plan Plan
	for _, prefix := range o.Prefixes {
		if seen := slices.Contains(o.Seen, prefix); seen == (goal == Absence) {
			plan = append(plan, changeLookup{o.Table, prefix, o.In, goal == Existence})
		}
	}
	return plan
}

// leadsInto tells whether a path to exactly this prefix leads into another table.
func (s *Session) leadsInto(ctx context.Context, table uint32, prefix netip.Prefix, in uint32) (bool, error) {
	route, err := s.lookUp(ctx, table, prefix)
	return slices.ContainsFunc(route.Paths, func(p fib_types.FibPath) bool {
		return p.SwIfIndex == uint32(NoIndex) && p.TableID == in && p.Type == fib_types.FIB_API_PATH_TYPE_NORMAL
	}), err
}

type changeLookup struct {
	table  uint32
	prefix netip.Prefix
	in     uint32
	add    bool
}

func (s changeLookup) String() string {
	if s.add {
		return fmt.Sprintf("add route %s in table %d into table %d", s.prefix, s.table, s.in)
	}
	return fmt.Sprintf("delete route %s in table %d into table %d", s.prefix, s.table, s.in)
}

// Prerequisite: the route would keep the table that it leads into, after that was
// deleted, for whoever asks for one of that number next.
func (changeLookup) Prerequisite() {}

// Apply names the one path, as other routes' steps do.
func (s changeLookup) Apply(ctx context.Context, session *Session) error {
	path := Route{Prefix: s.prefix}.path(NoIndex)
	path.TableID = s.in
	return session.changePath(ctx, s.add, true, s.table, s.prefix, path)
}

// OwnTableOf describes an endpoint's own table by its number, as far as removing it
// needs it, or returns nil where there is none of ours.
func (s *Session) OwnTableOf(ctx context.Context, id uint32) (*OwnTable, error) {
	names, err := s.tables(ctx, id)
	for _, name := range names {
		if strings.HasPrefix(name, gatewayPrefix) {
			return &OwnTable{id, name}, err
		}
	}
	return nil, err
}

// GatewayCalled describes the gateway with a tag as far as removing it needs it, or
// returns nil.
func (s *Session) GatewayCalled(ctx context.Context, tag string) (*Gateway, error) {
	all, err := s.Interfaces(ctx)
	i := slices.IndexFunc(all, func(iface Interface) bool { return iface.Tag == tag })
	if err != nil || i < 0 {
		return nil, err
	}
	return s.describeGateway(ctx, all[i])
}

// describeGateway returns nil for a loopback that nobody of ours has named.
func (s *Session) describeGateway(ctx context.Context, loopback Interface) (*Gateway, error) {
	gateway := &Gateway{Tag: loopback.Tag}
	if _, err := fmt.Sscanf(loopback.Name, "loop%d", &gateway.Instance); err != nil {
		return nil, nil // somebody else's
	}
	var err error
	if gateway.Table, err = s.tableOf(ctx, loopback.Index, false); err != nil {
		return nil, fmt.Errorf("table of %s: %w", loopback.Name, err)
	}
	return gateway, nil
}

// tablesCalled are the tables with a name, but for one.
func (s *Session) tablesCalled(ctx context.Context, name string, but uint32) ([]uint32, error) {
	all, err := s.allTables(ctx)
	var found []uint32
	for id, names := range all {
		if id != but && slices.Contains([]string{names["v4"], names["v6"]}, name) {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	return found, err
}
