package vpp

import (
	"context"
	"fmt"
	"strconv"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
)

// Routed makes an endpoint's interface a leg of a routed network: in the
// network's table, borrowing the gateway's addresses. It ends with the
// interface.
type Routed struct {
	Interface string `json:"interface"`
	// Gateway is the name of the loopback.
	Gateway string `json:"gateway"`
	Table   uint32 `json:"table,omitempty"`
	// V6 turns on IPv6: without it VPP answers no neighbour solicitation.
	V6 bool `json:"v6,omitempty"`
}

var _ Part = Routed{}

// RoutedState is an observed Routed.
type RoutedState struct {
	Routed
	SeenTable  uint32 `json:"seenTable,omitempty"`
	Unnumbered bool   `json:"unnumbered"`
	SeenV6     bool   `json:"seenV6,omitempty"`
}

// Observe implements Part.
func (r Routed) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	if iface == nil || goal == Absence {
		return r.Nothing(), nil
	}
	state := RoutedState{Routed: r, SeenV6: r.V6}
	var err error
	if state.SeenTable, err = s.tableOf(ctx, iface.Index, false); err != nil {
		return nil, fmt.Errorf("table of %s: %w", r.Interface, err)
	}
	gateway, err := s.Interface(ctx, r.Gateway)
	if err != nil {
		return nil, err
	}
	if gateway == nil {
		return state, nil
	}
	lenders, err := s.lenders(ctx)
	lender, borrows := lenders[iface.Index]
	state.Unnumbered = borrows && lender == gateway.Index
	return state, err
}

// Nothing implements Part.
func (r Routed) Nothing() Observation { return RoutedState{Routed: r} }

// Plan implements Observation. The table comes first: VPP refuses to move an
// unnumbered interface.
func (o RoutedState) Plan(goal Goal) Plan {
	if goal == Absence {
		return nil
	}
	var plan Plan
	moves := o.Table != o.SeenTable
	if o.Unnumbered && moves {
		plan = append(plan, setUnnumbered{o.Interface, o.Gateway, false})
	}
	if moves {
		plan = append(plan, setTable{o.Interface, o.Table})
	}
	if !o.Unnumbered || moves {
		plan = append(plan, setUnnumbered{o.Interface, o.Gateway, true})
	}
	if o.V6 && !o.SeenV6 {
		plan = append(plan, enableIP6{o.Interface})
	}
	return plan
}

// lenders are the interfaces whose addresses others borrow, by who borrows.
func (s *Session) lenders(ctx context.Context) (map[Index]Index, error) {
	return Once(ctx, s, "lenders", func(ctx context.Context, s *Session) (map[Index]Index, error) {
		return s.dumpUnnumbered(ctx)
	})
}

func (s *Session) dumpUnnumbered(ctx context.Context) (map[Index]Index, error) {
	dump, err := ip.NewServiceClient(s.conn).IPUnnumberedDump(ctx, &ip.IPUnnumberedDump{SwIfIndex: NoIndex})
	if err != nil {
		return nil, fmt.Errorf("dump unnumbered interfaces: %w", err)
	}
	all := map[Index]Index{}
	err = Drain(dump.Recv, func(d *ip.IPUnnumberedDetails) { all[d.SwIfIndex] = d.IPSwIfIndex })
	if err != nil {
		return nil, fmt.Errorf("dump unnumbered interfaces: %w", err)
	}
	return all, nil
}

type setTable struct {
	name  string
	table uint32
}

func (s setTable) String() string {
	return "set " + s.name + " table " + strconv.FormatUint(uint64(s.table), 10)
}

func (s setTable) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	for _, v6 := range []bool{false, true} {
		_, err := session.interfaces().SwInterfaceSetTable(ctx, &interfaces.SwInterfaceSetTable{
			SwIfIndex: index, IsIPv6: v6, VrfID: s.table,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type setUnnumbered struct {
	name, lender string
	add          bool
}

func (s setUnnumbered) String() string {
	if s.add {
		return fmt.Sprintf("unnumber %s to %s", s.name, s.lender)
	}
	return fmt.Sprintf("number %s again", s.name)
}

func (s setUnnumbered) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	lender, err := session.Index(ctx, s.lender)
	if err != nil {
		return err
	}
	_, err = session.interfaces().SwInterfaceSetUnnumbered(ctx, &interfaces.SwInterfaceSetUnnumbered{
		SwIfIndex: lender, UnnumberedSwIfIndex: index, IsAdd: s.add,
	})
	return err
}

type enableIP6 struct{ name string }

func (s enableIP6) String() string { return "enable IPv6 on " + s.name }

func (s enableIP6) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = ip.NewServiceClient(session.conn).SwInterfaceIP6EnableDisable(ctx, &ip.SwInterfaceIP6EnableDisable{
		SwIfIndex: index, Enable: true,
	})
	return err
}
