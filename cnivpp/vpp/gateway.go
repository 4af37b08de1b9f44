package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
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
	// Addresses are the gateway's.
	Addresses []netip.Addr `json:"addresses"`
	// Own is the table of the endpoint that this is the gateway of, if it has one to
	// itself (see OwnTable): as a user of the gateway it doesn't count.
	Own uint32 `json:"-"`
}

var (
	_ Part   = Gateway{}
	_ Shared = Gateway{}
)

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
	// Tables are those of other endpoints that have one to themselves, and leave it by
	// the loopback.
	Tables []uint32 `json:"tables,omitempty"`
	// Hairpins are the neighbours of Hairpin that the loopback has.
	Hairpins []netip.Addr `json:"hairpins,omitempty"`
	// Network is the table, whose users are those beside the loopback's.
	Network TableState `json:"network"`
}

// Look implements Shared: a complete gateway is known by its tag alone.
func (g Gateway) Look(ctx context.Context, s *Session) (Observation, error) {
	loopback, err := s.Interface(ctx, g.Interface())
	if err != nil {
		return nil, err
	}
	if loopback != nil && loopback.Tag == g.Tag {
		return GatewayState{
			Gateway: g, Loopback: loopback, InTable: true, Seen: g.prefixes(),
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
	if goal == Absence {
		if err := state.observeUse(ctx, s, iface); err != nil || state.inUse() {
			return state, err
		}
	}
	state.Network, err = Table{g.Table}.observe(ctx, s, goal, func(other Interface) bool {
		return other.Tag != g.Tag && (iface == nil || other.Index != iface.Index)
	})
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
	o.InTable, err = s.isInTable(ctx, *o.Loopback, o.Table)
	return err
}

// observeUse looks at who else needs the gateway.
func (o *GatewayState) observeUse(ctx context.Context, s *Session, iface *Interface) error {
	if o.Loopback == nil {
		return nil
	}
	lenders, err := s.lenders(ctx)
	for user, lender := range lenders {
		if lender == o.Loopback.Index && (iface == nil || user != iface.Index) {
			o.Users = append(o.Users, user)
		}
	}
	slices.Sort(o.Users)
	if err == nil {
		o.Tables, err = s.tablesCalled(ctx, o.Tag, o.Own)
	}
	if err == nil && !o.inUse() {
		o.Hairpins, err = s.hairpins(ctx, *o.Loopback)
	}
	return err
}

func (o GatewayState) inUse() bool { return len(o.Users) > 0 || len(o.Tables) > 0 }

// Nothing implements Part.
func (g Gateway) Nothing() Observation {
	return GatewayState{Gateway: g, Network: TableState{Table: Table{g.Table}}}
}

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
	plan := o.Network.Plan(Existence)
	name := o.Interface()
	if o.Loopback == nil {
		plan = append(plan, CreateLoopback(o.Instance, ""))
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
	if o.inUse() {
		return nil
	}
	for _, address := range o.Hairpins {
		plan = append(plan, changeHairpin{o.Interface(), o.Tag, address, false})
	}
	if o.Loopback != nil {
		plan = append(plan, DeleteInterface(o.Interface(), "", DeleteLoopback))
	}
	return append(plan, o.Network.Plan(Absence)...)
}
