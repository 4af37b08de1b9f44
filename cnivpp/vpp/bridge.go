package vpp

import (
	"context"
	"fmt"
	"slices"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Domain is a bridge domain that the endpoint joins. We make it when it isn't
// there and remove it with its last port; one without our tag is somebody
// else's, joined and left as it is.
type Domain struct {
	// ID is the bd_id, 1 to 16777215.
	ID uint32 `json:"id"`
	// Tag marks a domain as ours (at most MaxTag bytes).
	Tag string `json:"tag"`
	// Named tells that the id stands for a name, and was chosen by us: only a
	// domain with exactly this tag will do.
	Named bool `json:"named,omitempty"`
	// Uplink is the interface that carries the domain to other nodes, as its
	// sub-interface VLAN where that isn't 0; empty: none.
	Uplink string `json:"uplink,omitempty"`
	VLAN   uint32 `json:"vlan,omitempty"`
	// OwnBVI tells that the domain's BVI is the endpoint's, and goes with it.
	OwnBVI bool `json:"-"`
}

var (
	_ Part   = Domain{}
	_ Shared = Domain{}
)

// DomainState is an observed Domain.
type DomainState struct {
	Domain
	Exists  bool   `json:"exists"`
	SeenTag string `json:"seenTag,omitempty"`
	// Others are the ports that are neither the endpoint's, nor its BVI, nor the
	// uplink's.
	Others []Index `json:"others,omitempty"`
	// Port is the uplink's interface in the domain; nil: there is none.
	Port *Interface `json:"port,omitempty"`
	// Joined tells whether the port is in the domain.
	Joined bool `json:"joined,omitempty"`
}

// Look implements Shared. A domain that the configuration gives by number needs
// no look: creating it tells whether it is there.
func (d Domain) Look(ctx context.Context, s *Session) (Observation, error) {
	if !d.Named && d.Uplink == "" {
		return d.Nothing(), nil
	}
	return d.Observe(ctx, s, nil, Existence)
}

// Observe implements Part.
func (d Domain) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	state := DomainState{Domain: d}
	seen, err := s.domain(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	if seen != nil {
		state.Exists, state.SeenTag = true, seen.BdTag
	}
	if d.Named && state.Exists && state.SeenTag != d.Tag && goal == Existence {
		return nil, fmt.Errorf("%w: bridge-domain %d has the tag %q", ErrDomainTaken, d.ID, state.SeenTag)
	}
	if d.Uplink != "" {
		if err := state.observeUplink(ctx, s, goal); err != nil {
			return nil, err
		}
	}
	if seen != nil {
		state.observePorts(seen, iface, goal)
	}
	return state, state.refuseForeign(goal)
}

func (o *DomainState) observePorts(seen *l2.BridgeDomainDetails, iface *Interface, goal Goal) {
	for _, port := range seen.SwIfDetails {
		switch {
		case o.Port != nil && port.SwIfIndex == o.Port.Index:
			o.Joined = true
		case goal == Existence: // whoever the others are
		case o.OwnBVI && port.SwIfIndex == seen.BviSwIfIndex:
		case iface == nil || port.SwIfIndex != iface.Index:
			o.Others = append(o.Others, port.SwIfIndex)
		}
	}
}

// refuseForeign: an uplink that we put into somebody else's domain would stay
// there, for nobody could tell that it was us.
func (o *DomainState) refuseForeign(goal Goal) error {
	if goal == Existence && o.Uplink != "" && o.Exists && o.SeenTag != o.Tag && !o.Joined {
		return fmt.Errorf("bridge-domain %d was made by somebody else, and the uplink %s is not in it: put it there, or leave out uplink", o.ID, o.Uplink)
	}
	return nil
}

// Nothing implements Part.
func (d Domain) Nothing() Observation { return DomainState{Domain: d} }

// Plan implements Observation.
func (o DomainState) Plan(goal Goal) Plan {
	var plan Plan
	switch {
	case goal == Existence && !o.Exists:
		plan = append(plan, createDomain{o.ID, o.Tag})
		fallthrough
	case goal == Existence:
		plan = append(plan, o.planUplink()...)
	case o.Exists && o.SeenTag == o.Tag && len(o.Others) == 0:
		plan = append(o.planNoUplink(), deleteDomain{o.ID})
	}
	return plan
}

// Port is an endpoint's membership in a bridge domain. It ends with the
// interface.
type Port struct {
	Interface string `json:"interface"`
	Domain    uint32 `json:"domain"`
}

var _ Part = Port{}

// PortState is an observed Port.
type PortState struct {
	Port
	Joined bool `json:"joined"`
}

// Observe implements Part.
func (p Port) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	if iface == nil || goal == Absence {
		return p.Nothing(), nil
	}
	domain, err := s.domainOfPort(ctx, p.Domain, iface.Index)
	return PortState{Port: p, Joined: domain == p.Domain}, err
}

// Nothing implements Part.
func (p Port) Nothing() Observation { return PortState{Port: p} }

// Plan implements Observation.
func (o PortState) Plan(goal Goal) Plan {
	if goal == Absence || o.Joined {
		return nil
	}
	return Plan{joinDomain{o.Interface, o.Domain}}
}

// allDomains makes a dump list every bridge domain.
const allDomains = ^uint32(0)

// domain returns one bridge domain with its ports, or nil.
func (s *Session) domain(ctx context.Context, id uint32) (*l2.BridgeDomainDetails, error) {
	which := id
	if s.snapshot != nil {
		which = allDomains
	}
	found, err := s.domains(ctx, which)
	for _, d := range found {
		if d.BdID == id {
			return d, err
		}
	}
	return nil, err
}

func (s *Session) domains(ctx context.Context, id uint32) ([]*l2.BridgeDomainDetails, error) {
	return Once(ctx, s, "bridge domains", func(ctx context.Context, s *Session) ([]*l2.BridgeDomainDetails, error) {
		return s.dumpDomains(ctx, id)
	})
}

func (s *Session) dumpDomains(ctx context.Context, id uint32) ([]*l2.BridgeDomainDetails, error) {
	dump, err := l2.NewServiceClient(s.conn).BridgeDomainDump(ctx, &l2.BridgeDomainDump{BdID: id, SwIfIndex: NoIndex})
	if err != nil {
		return nil, fmt.Errorf("dump bridge domains: %w", err)
	}
	var all []*l2.BridgeDomainDetails
	err = Drain(dump.Recv, func(d *l2.BridgeDomainDetails) { all = append(all, d) })
	if err != nil {
		return nil, fmt.Errorf("dump bridge domains: %w", err)
	}
	return all, nil
}

// domainOfPort returns the id of the domain that the interface is a port of; 0
// where it is none, or, outside of a snapshot, one of another domain.
func (s *Session) domainOfPort(ctx context.Context, id uint32, index Index) (uint32, error) {
	if s.snapshot == nil {
		seen, err := s.domain(ctx, id)
		if err != nil || seen == nil || !isPort(seen, index) {
			return 0, err
		}
		return id, nil
	}
	ports, err := Once(ctx, s, "ports", func(ctx context.Context, s *Session) (map[Index]uint32, error) {
		all, err := s.domains(ctx, allDomains)
		ports := map[Index]uint32{}
		for _, domain := range all {
			for _, port := range domain.SwIfDetails {
				ports[port.SwIfIndex] = domain.BdID
			}
		}
		return ports, err
	})
	return ports[index], err
}

func isPort(d *l2.BridgeDomainDetails, index Index) bool {
	return slices.ContainsFunc(d.SwIfDetails, func(port l2.BridgeDomainSwIf) bool { return port.SwIfIndex == index })
}

type createDomain struct {
	id  uint32
	tag string
}

func (s createDomain) String() string { return fmt.Sprintf("create bridge-domain %d", s.id) }

func (s createDomain) Apply(ctx context.Context, session *Session) error {
	_, err := l2.NewServiceClient(session.conn).BridgeDomainAddDelV2(ctx, &l2.BridgeDomainAddDelV2{
		IsAdd: true, BdID: s.id, BdTag: s.tag,
		Flood: true, UuFlood: true, Forward: true, Learn: true,
	})
	if vppapi.IsRetval(err, api.BD_ALREADY_EXISTS) {
		return nil
	}
	return err
}

type deleteDomain struct{ id uint32 }

func (s deleteDomain) String() string { return fmt.Sprintf("delete bridge-domain %d", s.id) }

func (s deleteDomain) Apply(ctx context.Context, session *Session) error {
	_, err := l2.NewServiceClient(session.conn).BridgeDomainAddDelV2(ctx, &l2.BridgeDomainAddDelV2{BdID: s.id})
	// In use: somebody who doesn't take our locks has joined meanwhile.
	if vppapi.IsRetval(err, api.NO_SUCH_ENTRY, api.BD_IN_USE) {
		return nil
	}
	return err
}

type joinDomain struct {
	name   string
	domain uint32
}

func (s joinDomain) String() string {
	return fmt.Sprintf("add %s to bridge-domain %d", s.name, s.domain)
}

func (s joinDomain) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = l2.NewServiceClient(session.conn).SwInterfaceSetL2Bridge(ctx, &l2.SwInterfaceSetL2Bridge{
		RxSwIfIndex: index, BdID: s.domain, PortType: l2.L2_API_PORT_TYPE_NORMAL, Enable: true,
	})
	return err
}
