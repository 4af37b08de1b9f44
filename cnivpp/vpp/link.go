package vpp

import (
	"context"
	"fmt"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
)

// MaxTag is the longest tag that VPP keeps, in bytes; a longer one is cut
// without an error (tag[64] in src/vnet/interface.api).
const MaxTag = 63

// Link is what an interface of any kind is given right after it was made: the
// tag by which we know it again, and its MTU.
type Link struct {
	Interface string `json:"interface"`
	Tag       string `json:"tag"`
	// MTU is that of layer 3, in bytes; 0 leaves VPP's.
	MTU uint32 `json:"mtu,omitempty"`
}

var _ Part = Link{}

// LinkState is an observed Link.
type LinkState struct {
	Link
	Seen *Interface `json:"seen,omitempty"`
}

// Observe implements Part.
func (l Link) Observe(_ context.Context, _ *Session, iface *Interface, _ Goal) (Observation, error) {
	return LinkState{Link: l, Seen: iface}, nil
}

// Nothing implements Part.
func (l Link) Nothing() Observation { return LinkState{Link: l} }

// Plan implements Observation. Tag and MTU go with the interface.
func (o LinkState) Plan(goal Goal) Plan {
	if goal == Absence {
		return nil
	}
	var plan Plan
	if o.Seen == nil || o.Seen.Tag != o.Tag {
		plan = append(plan, setTag{o.Interface, o.Tag})
	}
	if o.MTU != 0 && (o.Seen == nil || o.Seen.MTU != o.MTU) {
		plan = append(plan, setMTU{o.Interface, o.MTU})
	}
	return plan
}

// Up is an interface's administrative state, which comes after everything that
// decides where its packets go.
type Up struct {
	Interface string `json:"interface"`
}

var _ Part = Up{}

// UpState is an observed Up.
type UpState struct {
	Up
	Seen *Interface `json:"seen,omitempty"`
}

// Observe implements Part.
func (u Up) Observe(_ context.Context, _ *Session, iface *Interface, _ Goal) (Observation, error) {
	return UpState{Up: u, Seen: iface}, nil
}

// Nothing implements Part.
func (u Up) Nothing() Observation { return UpState{Up: u} }

// Plan implements Observation.
func (o UpState) Plan(goal Goal) Plan {
	if goal == Absence || o.Seen != nil && o.Seen.Up {
		return nil
	}
	return Plan{setUp{o.Interface}}
}

type setTag struct{ name, tag string }

func (s setTag) String() string { return fmt.Sprintf("tag %s %q", s.name, s.tag) }

func (s setTag) Apply(ctx context.Context, session *Session) error {
	if len(s.tag) > MaxTag {
		return fmt.Errorf("the tag has %d bytes, allowed: at most %d", len(s.tag), MaxTag)
	}
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = session.interfaces().SwInterfaceTagAddDel(ctx, &interfaces.SwInterfaceTagAddDel{
		IsAdd: true, SwIfIndex: index, Tag: s.tag,
	})
	return err
}

type setMTU struct {
	name string
	mtu  uint32
}

func (s setMTU) String() string { return fmt.Sprintf("set %s mtu %d", s.name, s.mtu) }

func (s setMTU) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = session.interfaces().SwInterfaceSetMtu(ctx, &interfaces.SwInterfaceSetMtu{
		SwIfIndex: index, Mtu: []uint32{s.mtu, 0, 0, 0},
	})
	return err
}

type setUp struct{ name string }

func (s setUp) String() string { return fmt.Sprintf("set %s up", s.name) }

func (s setUp) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = session.interfaces().SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{
		SwIfIndex: index, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP,
	})
	return err
}
