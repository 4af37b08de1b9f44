package vppsim

import (
	"fmt"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// VLAN sub-interfaces: src/vnet/interface_api.c, src/vnet/ethernet, and
// src/vnet/l2/l2_vtr.c. They carry frames in a bridge domain; IP on them is only
// remembered.

const maxVLAN = 4095

// Tag rewrites, of L2_VTR_... (src/vnet/l2/l2_vtr.h). Only popOne is done.
const (
	popOne      = 3 // the first that needs a tag
	popTwo      = 4
	translate21 = 7 // from here on, two tags are needed again
	maxRewrite  = 8
)

// subinterface is what makes an interface a part of another.
type subinterface struct {
	of    *iface
	id    uint32
	vlan  uint16
	flags interface_types.SubIfFlags
}

// hardware is the interface that a sub-interface is part of.
func (i *iface) hardware() *iface {
	if i.sub != nil {
		return i.sub.of
	}
	return i
}

func (s *Sim) subs(of *iface) (subs []*iface) {
	for i := range s.interfaces.all() {
		if i.sub != nil && i.sub.of == of {
			subs = append(subs, i)
		}
	}
	return subs
}

func (s *Sim) createVLAN(r *interfaces.CreateVlanSubif, reply *interfaces.CreateVlanSubifReply) (err error) {
	const flags = interface_types.SUB_IF_API_FLAG_ONE_TAG | interface_types.SUB_IF_API_FLAG_EXACT_MATCH
	reply.SwIfIndex = interface_types.InterfaceIndex(noIndex)
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case r.VlanID == 0 || r.VlanID > maxVLAN:
		return api.INVALID_VLAN
	}
	reply.SwIfIndex, err = s.addSub(subinterface{i.hardware(), r.VlanID, uint16(r.VlanID), flags}, api.INVALID_REGISTRATION)
	return err
}

func (s *Sim) createSubif(r *interfaces.CreateSubif, reply *interfaces.CreateSubifReply) (err error) {
	reply.SwIfIndex = interface_types.InterfaceIndex(noIndex)
	i, err := s.byIndex(r.SwIfIndex)
	if err == nil {
		reply.SwIfIndex, err = s.addSub(subinterface{i.hardware(), r.SubID, r.OuterVlanID, r.SubIfFlags}, api.UNSPECIFIED)
	}
	return err
}

// addSub: for a VLAN in use the reply has the next free index, and VPP breaks
// the sub-interface that uses it, which isn't done here.
func (s *Sim) addSub(sub subinterface, inUse error) (interface_types.InterfaceIndex, error) {
	taken := false
	for _, other := range s.subs(sub.of) {
		if other.sub.id == sub.id {
			return interface_types.InterfaceIndex(noIndex), api.VLAN_ALREADY_EXISTS
		}
		taken = taken || other.sub.vlan == sub.vlan
	}
	i := &iface{devType: sub.of.devType, ethernet: sub.of.ethernet, sub: &sub}
	i.nameSub()
	if taken {
		i.index = s.interfaces.add(i)
		s.interfaces.remove(i.index)
		return interface_types.InterfaceIndex(i.index), inUse
	}
	s.create(i)
	return interface_types.InterfaceIndex(i.index), nil
}

func (i *iface) nameSub() { i.name = fmt.Sprintf("%s.%d", i.sub.of.name, i.sub.id) }

func (s *Sim) deleteSubif(r *interfaces.DeleteSubif, _ *interfaces.DeleteSubifReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case i.sub == nil:
		return api.INVALID_SUB_SW_IF_INDEX
	}
	s.destroy(i)
	return nil
}

func (s *Sim) tagRewrite(r *l2.L2InterfaceVlanTagRewrite, _ *l2.L2InterfaceVlanTagRewriteReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case r.VtrOp > maxRewrite:
		return api.INVALID_VALUE
	case !i.ethernet:
		return api.INVALID_INTERFACE
	case r.VtrOp >= popOne && i.sub == nil, r.VtrOp == popTwo, r.VtrOp >= translate21:
		return api.INVALID_VLAN_TAG_COUNT
	}
	i.rewrite = r.VtrOp
	return nil
}

// untag finds the sub-interface that a frame is for, and pops its tag where that
// is asked for.
func (s *Sim) untag(i *iface, frame []byte) (*iface, []byte) {
	vlan, inner := packet.PopVLAN(frame)
	for _, i := range s.subs(i) {
		switch {
		case inner == nil || i.sub.vlan != vlan:
		case i.rewrite == popOne:
			return i, inner
		default:
			return i, frame
		}
	}
	return i, frame
}

// tagged gives a frame back the tag that is popped on the way in.
func (i *iface) tagged(frame []byte) []byte {
	if i.rewrite == popOne {
		return packet.PushVLAN(frame, i.sub.vlan)
	}
	return frame
}
