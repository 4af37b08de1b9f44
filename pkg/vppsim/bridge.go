package vppsim

import (
	"maps"
	"math/rand/v2"
	"slices"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// Bridge domains: bd_add_del in src/vnet/l2/l2_bd.c, set_int_l2_mode in
// l2_input.c, the handlers in l2_api.c.

const maxBridgeID = 1<<24 - 1

// bridge is a bridge domain with the MAC addresses that it has learned.
type bridge struct {
	l2.BridgeDomainAddDelV2 // as created

	bvi     *iface
	members []*port // the BVI first, as VPP keeps and dumps them
	macs    map[packet.MAC]*port
}

// port is an interface's place in a bridge domain. Ports of the same group but 0
// don't talk to each other (split horizon).
type port struct {
	iface  *iface
	bridge *bridge
	group  uint8
}

func newBridge(r l2.BridgeDomainAddDelV2) *bridge {
	r.BdTag = r.BdTag[:min(len(r.BdTag), maxTag)]
	return &bridge{BridgeDomainAddDelV2: r, macs: map[packet.MAC]*port{}}
}

func (s *Sim) bridgeAddDel(r *l2.BridgeDomainAddDelV2, reply *l2.BridgeDomainAddDelV2Reply) error {
	for r.IsAdd && r.BdID == noIndex {
		if id := rand.Uint32N(maxBridgeID) + 1; s.bridges[id] == nil {
			r.BdID = id
		}
	}
	reply.BdID = r.BdID
	if r.IsAdd {
		return s.addBridge(*r)
	}
	b := s.bridges[r.BdID]
	switch {
	case r.BdID == 0:
		return api.BD_NOT_MODIFIABLE
	case b == nil:
		return api.NO_SUCH_ENTRY
	case len(b.members) > 0:
		return api.BD_IN_USE
	}
	delete(s.bridges, r.BdID)
	return nil
}

// addBridge: domain 0 always exists, and drops.
func (s *Sim) addBridge(r l2.BridgeDomainAddDelV2) error {
	switch {
	case r.BdID == 0 || s.bridges[r.BdID] != nil:
		return api.BD_ALREADY_EXISTS
	case r.BdID > maxBridgeID:
		return api.BD_ID_EXCEED_MAX
	}
	s.bridges[r.BdID] = newBridge(r)
	return nil
}

func (s *Sim) bridgeDump(r *l2.BridgeDomainDump, send func(*l2.BridgeDomainDetails)) {
	if r.SwIfIndex != interface_types.InterfaceIndex(noIndex) {
		return // VPP doesn't implement this filter
	}
	for _, id := range slices.Sorted(maps.Keys(s.bridges)) {
		if id != 0 && (r.BdID == noIndex || r.BdID == id) {
			send(s.bridges[id].details())
		}
	}
}

func (b *bridge) details() *l2.BridgeDomainDetails {
	d := &l2.BridgeDomainDetails{
		BdID: b.BdID, Flood: b.Flood, UuFlood: b.UuFlood, Forward: b.Forward, Learn: b.Learn,
		ArpTerm: b.ArpTerm, ArpUfwd: b.ArpUfwd, MacAge: b.MacAge, BdTag: b.BdTag,
		BviSwIfIndex:   interface_types.InterfaceIndex(noIndex),
		UuFwdSwIfIndex: interface_types.InterfaceIndex(noIndex),
		NSwIfs:         uint32(len(b.members)),
	}
	if b.bvi != nil {
		d.BviSwIfIndex = interface_types.InterfaceIndex(b.bvi.index)
	}
	for _, p := range b.members {
		d.SwIfDetails = append(d.SwIfDetails, l2.BridgeDomainSwIf{
			SwIfIndex: interface_types.InterfaceIndex(p.iface.index), Shg: p.group,
		})
	}
	return d
}

func (s *Sim) setL2Bridge(r *l2.SwInterfaceSetL2Bridge, _ *l2.SwInterfaceSetL2BridgeReply) error {
	i, err := s.byIndex(r.RxSwIfIndex)
	switch {
	case err != nil:
		return err
	case r.PortType > l2.L2_API_PORT_TYPE_UU_FWD:
		return api.INVALID_VALUE
	case r.Enable && r.BdID > maxBridgeID:
		return api.BD_ID_EXCEED_MAX
	}
	s.leaveBridge(i)
	if !r.Enable {
		i.rewrite = 0
		return nil
	}
	return s.bridgeFor(r.BdID).join(i, r.PortType, r.Shg)
}

// bridgeFor finds a domain. VPP makes it when it is absent, with these features
// (bd_find_or_add_bd_index, bd_validate).
func (s *Sim) bridgeFor(id uint32) *bridge {
	if s.bridges[id] == nil {
		s.bridges[id] = newBridge(l2.BridgeDomainAddDelV2{
			BdID: id, Flood: id != 0, UuFlood: id != 0, Forward: id != 0, Learn: id != 0,
		})
	}
	return s.bridges[id]
}

func (b *bridge) join(i *iface, kind l2.L2PortType, group uint8) error {
	p := &port{iface: i, bridge: b, group: group}
	if kind == l2.L2_API_PORT_TYPE_BVI {
		if b.bvi != nil {
			return api.BD_ALREADY_HAS_BVI
		}
		b.bvi = i
		b.members = slices.Insert(b.members, 0, p)
	} else {
		b.members = append(b.members, p)
	}
	i.port = p
	return nil
}

func (s *Sim) leaveBridge(i *iface) {
	p := i.port
	if p == nil {
		return
	}
	s.forgetMACs(i)
	i.port = nil
	b := p.bridge
	b.members = slices.DeleteFunc(b.members, func(m *port) bool { return m == p })
	if b.bvi == i {
		b.bvi = nil
	}
}

// forgetMACs drops what was learned from an interface that leaves or goes down.
func (s *Sim) forgetMACs(i *iface) {
	if i.port != nil {
		maps.DeleteFunc(i.port.bridge.macs, func(_ packet.MAC, p *port) bool { return p == i.port })
	}
}
