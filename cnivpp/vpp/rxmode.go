package vpp

import (
	"context"
	"fmt"
	"slices"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
)

// rxModes are the ways in which VPP waits for packets, by the names that its CLI
// has for them.
var rxModes = map[string]interface_types.RxMode{
	"polling":   interface_types.RX_MODE_API_POLLING,
	"interrupt": interface_types.RX_MODE_API_INTERRUPT,
	"adaptive":  interface_types.RX_MODE_API_ADAPTIVE,
}

// IsRxMode tells whether there is a mode of that name.
func IsRxMode(name string) bool {
	_, ok := rxModes[name]
	return ok
}

// RxMode is how VPP waits for packets of an interface. It belongs to the receive
// queues, which VPP makes when a peer connects and removes when it goes: before,
// it takes a mode and forgets it. So there is something to do only while the link
// is up, and again at each reconnect.
type RxMode struct {
	Interface string `json:"interface"`
	Mode      string `json:"mode"`
}

var _ Part = RxMode{}

// RxModeState is an observed RxMode.
type RxModeState struct {
	RxMode
	// Seen are the modes of the queues; none where there is no peer.
	Seen []interface_types.RxMode `json:"seen,omitempty"`
}

// Observe implements Part.
func (r RxMode) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	if iface == nil || !iface.Link || goal == Absence {
		return r.Nothing(), nil
	}
	all, err := Once(ctx, s, "rx-modes", dumpRxModes)
	return RxModeState{RxMode: r, Seen: all[iface.Index]}, err
}

// Nothing implements Part.
func (r RxMode) Nothing() Observation { return RxModeState{RxMode: r} }

// Plan implements Observation. The mode goes with the peer.
func (o RxModeState) Plan(goal Goal) Plan {
	want := rxModes[o.Mode]
	differs := slices.ContainsFunc(o.Seen, func(mode interface_types.RxMode) bool { return mode != want })
	if goal == Absence || !differs {
		return nil
	}
	return Plan{setRxMode{o.Interface, o.Mode}}
}

// dumpRxModes returns the modes of all queues that there are.
func dumpRxModes(ctx context.Context, s *Session) (map[Index][]interface_types.RxMode, error) {
	dump, err := s.interfaces().SwInterfaceRxPlacementDump(ctx, &interfaces.SwInterfaceRxPlacementDump{SwIfIndex: NoIndex})
	if err != nil {
		return nil, fmt.Errorf("dump rx-modes: %w", err)
	}
	all := map[Index][]interface_types.RxMode{}
	err = Drain(dump.Recv, func(d *interfaces.SwInterfaceRxPlacementDetails) {
		all[d.SwIfIndex] = append(all[d.SwIfIndex], d.Mode)
	})
	if err != nil {
		return nil, fmt.Errorf("dump rx-modes: %w", err)
	}
	return all, nil
}

type setRxMode struct{ name, mode string }

func (s setRxMode) String() string { return fmt.Sprintf("set rx-mode of %s to %s", s.name, s.mode) }

func (s setRxMode) adjusts() {}

func (s setRxMode) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = session.interfaces().SwInterfaceSetRxMode(ctx, &interfaces.SwInterfaceSetRxMode{SwIfIndex: index, Mode: rxModes[s.mode]})
	return err
}
