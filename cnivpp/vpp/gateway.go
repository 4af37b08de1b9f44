package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
)

// Gateway is the loopback that all endpoints of a routed network are unnumbered
// to: it holds the network's gateway addresses, alone (/32 and /128), in the
// network's table. It is made with the first endpoint and goes with the last.
type Gateway struct {
	// Instance is the loopback's, 0 to MaxLoopback; it is called loop<Instance>.
	Instance uint32 `json:"instance"`
	// Tag marks the loopback as the network's gateway. It is set when the loopback
	// has its table and addresses: one with the tag lacks at most being up.
	Tag string `json:"tag"`
	// Table is the network's, in both families; table 0 is always there.
	Table uint32 `json:"table,omitempty"`
	// TablePrefix begins the tags of all gateways of ours in this table.
	TablePrefix string `json:"tablePrefix,omitempty"`
	// Addresses are the gateway's.
	Addresses []netip.Addr `json:"addresses"`
}

var (
	_ Part   = Gateway{}
	_ Shared = Gateway{}
)

// TableName marks tables that we made: VPP keeps the name that the first
// creator gave.
const TableName = "userspace-cni"

// Interface is the name that VPP gives the loopback.
func (g Gateway) Interface() string { return fmt.Sprintf("loop%d", g.Instance) }

// GatewayState is an observed Gateway.
type GatewayState struct {
	Gateway
	Loopback *Interface     `json:"loopback,omitempty"`
	Seen     []netip.Prefix `json:"seen,omitempty"`
	// InTable tells whether the loopback is in the table, in both families.
	InTable bool `json:"inTable,omitempty"`
	// Users are the other interfaces that are unnumbered to the loopback.
	Users []Index `json:"users,omitempty"`
	// Neighbours are the other gateways of ours in the same table.
	Neighbours []string `json:"neighbours,omitempty"`
	// Tables are the names of the table, by family ("v4", "v6").
	Tables map[string]string `json:"tables,omitempty"`
}

// Look implements Shared: a complete gateway is known by its tag alone.
func (g Gateway) Look(ctx context.Context, s *Session) (Observation, error) {
	loopback, err := s.Interface(ctx, g.Interface())
	if err != nil {
		return nil, err
	}
	if loopback != nil && loopback.Tag == g.Tag {
		return GatewayState{
			Gateway: g, Loopback: loopback, InTable: true,
			Seen: g.prefixes(), Tables: map[string]string{"v4": "", "v6": ""},
		}, nil
	}
	return g.Observe(ctx, s, nil, Existence)
}

// foreign refuses a loopback that somebody else made under our instance. One
// without a tag may be ours, made by a call that was killed, or it has lost its
// tag: then it has no address but the gateway's, and without any it is down.
func (o *GatewayState) foreign() error {
	switch loopback := o.Loopback; {
	case loopback == nil || loopback.Tag == o.Tag:
		return nil
	case loopback.Tag != "" || loopback.Up && len(o.Seen) == 0 || slices.ContainsFunc(o.Seen, o.isForeign):
		return fmt.Errorf("%w: interface %s has the tag %q and the addresses %v", ErrLoopbackTaken, loopback.Name, loopback.Tag, o.Seen)
	}
	return nil
}

func (o *GatewayState) isForeign(p netip.Prefix) bool { return !slices.Contains(o.prefixes(), p) }

// Observe implements Part.
func (g Gateway) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	state := GatewayState{Gateway: g}
	var err error
	if state.Loopback, err = s.Interface(ctx, g.Interface()); err != nil {
		return nil, err
	}
	if err := state.observeLoopback(ctx, s); err != nil {
		return nil, err
	}
	if err := state.foreign(); err != nil {
		if goal == Existence {
			return nil, err
		}
		state.Loopback = nil
	}
	if state.Tables, err = s.tables(ctx, g.Table); err != nil {
		return nil, err
	}
	if goal == Absence {
		err = state.observeUse(ctx, s, iface)
	}
	return state, err
}

// observeLoopback looks at what the loopback has.
func (o *GatewayState) observeLoopback(ctx context.Context, s *Session) (err error) {
	if o.Loopback == nil {
		return nil
	}
	if o.Seen, err = s.Addresses(ctx, o.Loopback.Index); err != nil {
		return err
	}
	o.InTable = true
	for _, v6 := range []bool{false, true} {
		reply, err := s.interfaces().SwInterfaceGetTable(ctx, &interfaces.SwInterfaceGetTable{SwIfIndex: o.Loopback.Index, IsIPv6: v6})
		if err != nil {
			return fmt.Errorf("table of %s: %w", o.Loopback.Name, err)
		}
		o.InTable = o.InTable && reply.VrfID == o.Table
	}
	return nil
}

// observeUse looks at who else needs the gateway and its table.
func (o *GatewayState) observeUse(ctx context.Context, s *Session, iface *Interface) error {
	if o.Loopback != nil {
		lenders, err := s.lenders(ctx)
		if err != nil {
			return err
		}
		for user, lender := range lenders {
			if lender == o.Loopback.Index && (iface == nil || user != iface.Index) {
				o.Users = append(o.Users, user)
			}
		}
		slices.Sort(o.Users)
	}
	if o.Table == 0 || len(o.Users) > 0 {
		return nil
	}
	all, err := s.Interfaces(ctx)
	for _, other := range all {
		if strings.HasPrefix(other.Tag, o.TablePrefix) && other.Tag != o.Tag {
			o.Neighbours = append(o.Neighbours, other.Name)
		}
	}
	return err
}

// Nothing implements Part.
func (g Gateway) Nothing() Observation { return GatewayState{Gateway: g} }

func (g Gateway) prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, address := range g.Addresses {
		all = append(all, netip.PrefixFrom(address, address.BitLen()))
	}
	return all
}

// Plan implements Observation.
func (o GatewayState) Plan(goal Goal) Plan {
	if goal == Absence {
		return o.planAbsence()
	}
	var plan Plan
	if o.Table != 0 {
		for _, family := range families {
			if _, exists := o.Tables[family]; !exists {
				plan = append(plan, changeTable{o.Table, family, true})
			}
		}
	}
	name := o.Interface()
	if o.Loopback == nil {
		plan = append(plan, createLoopback{instance: o.Instance})
	}
	if o.Table != 0 && !o.InTable {
		plan = append(plan, setTable{name, o.Table})
	}
	plan = append(plan, AddressesState{Addresses{name, o.prefixes()}, o.Seen}.Plan(Existence)...)
	if o.Loopback == nil || o.Loopback.Tag != o.Tag {
		plan = append(plan, setTag{name, o.Tag})
	}
	return append(plan, UpState{Up{name}, o.Loopback}.Plan(Existence)...)
}

func (o GatewayState) planAbsence() Plan {
	var plan Plan
	if len(o.Users) > 0 {
		return nil
	}
	if o.Loopback != nil {
		plan = append(plan, DeleteInterface(o.Interface(), "", deleteLoopback))
	}
	if o.Table == 0 || len(o.Neighbours) > 0 {
		return plan
	}
	for _, family := range families {
		if o.Tables[family] == TableName {
			plan = append(plan, changeTable{o.Table, family, false})
		}
	}
	return plan
}

// families are the keys of GatewayState.Tables.
var families = []string{"v4", "v6"}

// tables returns the names of a table, by family; a family without it is
// missing.
func (s *Session) tables(ctx context.Context, id uint32) (map[string]string, error) {
	all, err := Once(ctx, s, "tables", func(ctx context.Context, s *Session) (map[uint32]map[string]string, error) {
		return s.dumpTables(ctx)
	})
	return all[id], err
}

func (s *Session) dumpTables(ctx context.Context) (map[uint32]map[string]string, error) {
	dump, err := ip.NewServiceClient(s.conn).IPTableDump(ctx, &ip.IPTableDump{})
	if err != nil {
		return nil, fmt.Errorf("dump tables: %w", err)
	}
	names := map[uint32]map[string]string{}
	err = Drain(dump.Recv, func(d *ip.IPTableDetails) {
		if names[d.Table.TableID] == nil {
			names[d.Table.TableID] = map[string]string{}
		}
		names[d.Table.TableID][family(d.Table.IsIP6)] = d.Table.Name
	})
	if err != nil {
		return nil, fmt.Errorf("dump tables: %w", err)
	}
	return names, nil
}

func family(v6 bool) string {
	if v6 {
		return "v6"
	}
	return "v4"
}

type changeTable struct {
	id     uint32
	family string
	add    bool
}

func (s changeTable) String() string {
	if s.add {
		return fmt.Sprintf("create table %d %s", s.id, s.family)
	}
	return fmt.Sprintf("delete table %d %s", s.id, s.family)
}

// Apply may be repeated: adding a table that exists changes nothing, not even
// its name.
func (s changeTable) Apply(ctx context.Context, session *Session) error {
	_, err := ip.NewServiceClient(session.conn).IPTableAddDel(ctx, &ip.IPTableAddDel{
		IsAdd: s.add, Table: ip.IPTable{TableID: s.id, IsIP6: s.family == "v6", Name: TableName},
	})
	return err
}
