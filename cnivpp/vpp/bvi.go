package vpp

import (
	"context"
	"fmt"

	"go.fd.io/govpp/binapi/l2"
)

// BVI is the loopback through which a bridge domain is a host in itself: it has
// the addresses of the network.
type BVI struct {
	// Instance is the loopback's, 0 to MaxLoopback.
	Instance uint32 `json:"instance"`
	Domain   uint32 `json:"domain"`
	// MAC is the address of the host, empty: VPP's choice.
	MAC string `json:"mac,omitempty"`
	// Tag marks the loopback as the attachment's.
	Tag string `json:"tag"`
}

var _ Part = BVI{}

// Interface is the name that VPP gives the loopback.
func (b BVI) Interface() string { return fmt.Sprintf("loop%d", b.Instance) }

// BVIState is an observed BVI.
type BVIState struct {
	BVI
	Loopback *Interface `json:"loopback,omitempty"`
	Joined   bool       `json:"joined"`
}

// Observe implements Part.
func (b BVI) Observe(ctx context.Context, s *Session, _ *Interface, goal Goal) (Observation, error) {
	state := BVIState{BVI: b}
	found, err := s.Interface(ctx, b.Interface())
	if err != nil || found == nil {
		return state, err
	}
	if found.Tag != b.Tag && found.Tag != "" {
		if goal == Absence {
			return state, nil
		}
		return nil, fmt.Errorf("%w: interface %s has the tag %q", ErrLoopbackTaken, found.Name, found.Tag)
	}
	state.Loopback = found
	domain, err := s.domain(ctx, b.Domain)
	state.Joined = domain != nil && domain.BviSwIfIndex == found.Index
	return state, err
}

// Nothing implements Part.
func (b BVI) Nothing() Observation { return BVIState{BVI: b} }

// Plan implements Observation.
func (o BVIState) Plan(goal Goal) Plan {
	name := o.Interface()
	if goal == Absence {
		if o.Loopback == nil {
			return nil
		}
		return Plan{DeleteInterface(name, "", DeleteLoopback)}
	}
	var plan Plan
	if o.Loopback == nil {
		plan = append(plan, CreateLoopback(o.Instance, o.MAC))
	}
	plan = append(plan, LinkState{Link{Interface: name, Tag: o.Tag}, o.Loopback}.Plan(Existence)...)
	if !o.Joined {
		plan = append(plan, joinAsBVI{name, o.Domain})
	}
	return append(plan, UpState{Up{name}, o.Loopback}.Plan(Existence)...)
}

type joinAsBVI struct {
	name   string
	domain uint32
}

func (s joinAsBVI) String() string {
	return fmt.Sprintf("add %s to bridge-domain %d as its BVI", s.name, s.domain)
}

func (s joinAsBVI) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = l2.NewServiceClient(session.conn).SwInterfaceSetL2Bridge(ctx, &l2.SwInterfaceSetL2Bridge{
		RxSwIfIndex: index, BdID: s.domain, PortType: l2.L2_API_PORT_TYPE_BVI, Enable: true,
	})
	return err
}
