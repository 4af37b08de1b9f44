package vpp

import (
	"context"
	"fmt"
	"strings"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/l2"
)

// subIDs is where the numbers of our sub-interfaces begin: that of a VLAN is so
// many more than the VLAN's. So one of ours is known by its name, even when a
// call was killed before it could tag it.
const subIDs = 1_000_000

// subID is the number of our sub-interface.
func (d Domain) subID() uint32 { return subIDs + d.VLAN }

// portName is the name of the uplink's interface in the domain: the interface
// itself, or VPP's name for our sub-interface.
func (d Domain) portName() string {
	if d.VLAN == 0 {
		return d.Uplink
	}
	return fmt.Sprintf("%s.%d", d.Uplink, d.subID())
}

// observeUplink finds the uplink's port. The interface itself is the
// administrator's and must be there; he may have made a sub-interface too.
func (o *DomainState) observeUplink(ctx context.Context, s *Session, goal Goal) error {
	all, err := s.interfacesLike(ctx, o.Uplink)
	if err != nil {
		return err
	}
	there := false
	for _, iface := range all {
		s.Learn(iface.Name, iface.Index)
		there = there || iface.Name == o.Uplink
		isSub := strings.HasPrefix(iface.Name, o.Uplink+".") && iface.VLAN == o.VLAN
		if o.VLAN == 0 && iface.Name == o.Uplink || o.VLAN != 0 && isSub {
			o.Port = &iface
		}
	}
	switch {
	case goal == Absence:
		return nil
	case !there:
		return fmt.Errorf("the uplink %s is no interface of this VPP", o.Uplink)
	case o.isOurs() && o.Port.Tag != "" && o.Port.Tag != o.Tag:
		return fmt.Errorf("the uplink %s already carries VLAN %d to another bridge-domain of ours (tag %q)", o.Uplink, o.VLAN, o.Port.Tag)
	case o.VLAN == 0:
		return o.refuseTaken(ctx, s)
	}
	return nil
}

// refuseTaken: an interface is in one domain only, and VPP would take it out of
// the one that it is in without a word.
func (o *DomainState) refuseTaken(ctx context.Context, s *Session) error {
	all, err := s.domains(ctx, allDomains)
	for _, d := range all {
		if d.BdID != o.ID && isPort(d, o.Port.Index) {
			return fmt.Errorf("the uplink %s is in bridge-domain %d (tag %q) already: use that, or a vlanId", o.Uplink, d.BdID, d.BdTag)
		}
	}
	return err
}

// isOurs tells whether the port is a sub-interface that we have made, for
// whichever domain.
func (o DomainState) isOurs() bool {
	return o.VLAN != 0 && o.Port != nil && o.Port.Name == o.portName()
}

// planUplink puts the uplink into the domain. Our sub-interface carries the
// VLAN's frames tagged, and the domain has them untagged: VPP forgets that when
// the sub-interface leaves a domain.
func (o DomainState) planUplink() Plan {
	var plan Plan
	switch {
	case o.Uplink == "":
		return nil
	case o.VLAN != 0 && o.Port == nil:
		plan = Plan{createSubInterface{o.Domain}, setTag{o.portName(), o.Tag}, popTag{o.portName()}, setUp{o.portName()}}
	case o.isOurs():
		plan = o.planOurs()
	}
	if !o.Joined {
		plan = append(plan, joinDomain{o.seenName(), o.ID})
	}
	return plan
}

// planOurs mends our sub-interface, which may be as a call left it that was
// killed.
func (o DomainState) planOurs() Plan {
	var plan Plan
	if o.Port.Tag != o.Tag {
		plan = append(plan, setTag{o.Port.Name, o.Tag})
	}
	if o.Port.Rewrite != vtrPop1 {
		plan = append(plan, popTag{o.Port.Name})
	}
	if !o.Port.Up {
		plan = append(plan, setUp{o.Port.Name})
	}
	return plan
}

// seenName is the port's name: the administrator calls his as he likes.
func (o DomainState) seenName() string {
	if o.Port != nil {
		return o.Port.Name
	}
	return o.portName()
}

// planNoUplink takes the uplink out again: a sub-interface of ours goes, an
// interface that was there before only leaves.
func (o DomainState) planNoUplink() Plan {
	switch {
	case o.isOurs() && (o.Port.Tag == o.Tag || o.Port.Tag == ""):
		return Plan{DeleteInterface(o.Port.Name, "", deleteSubInterface)}
	case o.Joined:
		return Plan{leaveDomain{o.Port.Name}}
	}
	return nil
}

type createSubInterface struct{ domain Domain }

func (s createSubInterface) String() string {
	return fmt.Sprintf("create %s for VLAN %d", s.domain.portName(), s.domain.VLAN)
}

func (s createSubInterface) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.domain.Uplink)
	if err != nil {
		return err
	}
	reply, err := session.interfaces().CreateSubif(ctx, &interfaces.CreateSubif{
		SwIfIndex: index, SubID: s.domain.subID(), OuterVlanID: uint16(s.domain.VLAN),
		SubIfFlags: interface_types.SUB_IF_API_FLAG_ONE_TAG | interface_types.SUB_IF_API_FLAG_EXACT_MATCH,
	})
	if err != nil {
		return err
	}
	session.Learn(s.domain.portName(), reply.SwIfIndex)
	return nil
}

func deleteSubInterface(ctx context.Context, s *Session, index Index) error {
	_, err := s.interfaces().DeleteSubif(ctx, &interfaces.DeleteSubif{SwIfIndex: index})
	return err
}

// vtrPop1 is L2_VTR_POP_1 (src/vnet/l2/l2_vtr.h).
const vtrPop1 = 3

type popTag struct{ name string }

func (s popTag) String() string { return "pop the VLAN tag on " + s.name }

func (s popTag) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = l2.NewServiceClient(session.conn).L2InterfaceVlanTagRewrite(ctx, &l2.L2InterfaceVlanTagRewrite{
		SwIfIndex: index, VtrOp: vtrPop1,
	})
	return err
}

type leaveDomain struct{ name string }

func (s leaveDomain) String() string { return "take " + s.name + " out of its bridge-domain" }

func (s leaveDomain) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = l2.NewServiceClient(session.conn).SwInterfaceSetL2Bridge(ctx, &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: index})
	return err
}
