package vpp

import (
	"context"
	"fmt"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// portName is the name of the uplink's interface in the domain: the interface
// itself, or VPP's name for its sub-interface.
func (d Domain) portName() string {
	if d.VLAN == 0 {
		return d.Uplink
	}
	return fmt.Sprintf("%s.%d", d.Uplink, d.VLAN)
}

// observeUplink finds the uplink's port. The interface itself is the
// administrator's and must be there.
func (o *DomainState) observeUplink(ctx context.Context, s *Session, goal Goal) error {
	uplink, err := s.Interface(ctx, o.Uplink)
	if err != nil {
		return err
	}
	if uplink == nil {
		if goal == Absence {
			return nil
		}
		return fmt.Errorf("the uplink %s is no interface of this VPP", o.Uplink)
	}
	o.Port, err = s.named(ctx, uplink, o.portName())
	return err
}

// isOurs tells whether the port is a sub-interface that we made. One without a
// tag that is still down was left so by a call that was killed before it could
// tag it: nobody else can be using it.
func (o DomainState) isOurs() bool {
	if o.VLAN == 0 || o.Port == nil {
		return false
	}
	return o.Port.Tag == o.Tag || o.Port.Tag == "" && !o.Port.Up && !o.Joined
}

// planUplink puts the uplink into the domain. Its sub-interface carries the
// VLAN's frames tagged, and the domain has them untagged. It joins last, so one
// of ours that has not joined may lack any of what comes before.
func (o DomainState) planUplink() Plan {
	if o.Uplink == "" || o.Joined {
		return nil
	}
	var plan Plan
	if o.Port == nil {
		plan = append(plan, createSubInterface{o.Uplink, o.VLAN})
	}
	if o.Port == nil || o.isOurs() {
		plan = append(plan, setTag{o.portName(), o.Tag}, popTag{o.portName()}, setUp{o.portName()})
	}
	return append(plan, joinDomain{o.portName(), o.ID})
}

// planNoUplink takes the uplink out again: a sub-interface of ours goes, an
// interface that was there before only leaves.
func (o DomainState) planNoUplink() Plan {
	switch {
	case o.isOurs():
		return Plan{deleteSubInterface{o.portName()}}
	case o.Joined:
		return Plan{leaveDomain{o.portName()}}
	}
	return nil
}

type createSubInterface struct {
	parent string
	vlan   uint32
}

func (s createSubInterface) String() string { return fmt.Sprintf("create %s.%d", s.parent, s.vlan) }

func (s createSubInterface) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.parent)
	if err != nil {
		return err
	}
	reply, err := session.interfaces().CreateVlanSubif(ctx, &interfaces.CreateVlanSubif{SwIfIndex: index, VlanID: s.vlan})
	if err != nil {
		return err
	}
	session.Learn(fmt.Sprintf("%s.%d", s.parent, s.vlan), reply.SwIfIndex)
	return nil
}

type deleteSubInterface struct{ name string }

func (s deleteSubInterface) String() string { return "delete " + s.name }

func (s deleteSubInterface) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	session.Forget(s.name)
	_, err = session.interfaces().DeleteSubif(ctx, &interfaces.DeleteSubif{SwIfIndex: index})
	if vppapi.IsRetval(err, api.INVALID_SW_IF_INDEX) {
		return nil
	}
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
