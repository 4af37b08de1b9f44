package vppsim

import (
	"net/netip"
	"strings"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/ethernet_types"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// Handlers of src/vnet/interface_api.c.

// maxTag is the longest tag, without its terminating NUL.
const maxTag = 63

func (s *Sim) swInterfaceDump(r *interfaces.SwInterfaceDump, send func(*interfaces.SwInterfaceDetails)) {
	if !r.NameFilterValid && r.SwIfIndex != interface_types.InterfaceIndex(noIndex) && r.SwIfIndex != 0 {
		if i, err := s.byIndex(r.SwIfIndex); err == nil {
			send(i.details())
		}
		return
	}
	filter := ""
	if r.NameFilterValid {
		filter = strings.ToLower(r.NameFilter)
	}
	for i := range s.interfaces.all() {
		if strings.Contains(strings.ToLower(i.name), filter) {
			send(i.details())
		}
	}
}

func (i *iface) details() *interfaces.SwInterfaceDetails {
	d := &interfaces.SwInterfaceDetails{
		SwIfIndex: interface_types.InterfaceIndex(i.index), SupSwIfIndex: i.hardware().index,
		L2Address: ethernet_types.MacAddress(i.mac), Flags: i.flags(),
		LinkMtu: i.hardware().linkMTU, Mtu: i.mtu[:], VtrOp: i.rewrite,
		InterfaceName: i.name, InterfaceDevType: i.devType, Tag: i.tag,
	}
	if i.sub != nil {
		d.Type, d.SubNumberOfTags = interface_types.IF_API_TYPE_SUB, 1
		d.SubID, d.SubOuterVlanID, d.SubIfFlags = i.sub.id, i.sub.vlan, i.sub.flags
	}
	return d
}

func (s *Sim) swInterfaceSetFlags(r *interfaces.SwInterfaceSetFlags, _ *interfaces.SwInterfaceSetFlagsReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	up := r.Flags&interface_types.IF_STATUS_API_FLAG_ADMIN_UP != 0
	switch {
	case err != nil:
		return err
	case up && i.sub != nil && !i.sub.of.adminUp:
		return api.UNSPECIFIED
	}
	s.setAdmin(i, up)
	return nil
}

func (s *Sim) swInterfaceTag(r *interfaces.SwInterfaceTagAddDel, _ *interfaces.SwInterfaceTagAddDelReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case !r.IsAdd:
		i.tag = ""
	case r.Tag == "":
		return api.INVALID_VALUE
	default:
		i.tag = r.Tag[:min(len(r.Tag), maxTag)]
	}
	return nil
}

// setInterfaceName: sub-interfaces have their names from the interface that they are
// part of. A sub-interface has no hardware, so VPP takes the first for it: local0
// (src/vnet/interface_api.c). An interface that is absent kills VPP 23.06.
func (s *Sim) setInterfaceName(r *interfaces.SwInterfaceSetInterfaceName, _ *interfaces.SwInterfaceSetInterfaceNameReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case r.Name == "":
		return api.INVALID_VALUE
	}
	if i.sub != nil {
		i, err = s.byIndex(0)
	}
	i.name = r.Name
	for _, sub := range s.subs(i) {
		sub.nameSub()
	}
	return err
}

func (s *Sim) swInterfaceSetMTU(r *interfaces.SwInterfaceSetMtu, _ *interfaces.SwInterfaceSetMtuReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	if err == nil {
		copy(i.mtu[:], r.Mtu)
	}
	return err
}

func (s *Sim) hwInterfaceSetMTU(r *interfaces.HwInterfaceSetMtu, _ *interfaces.HwInterfaceSetMtuReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case !i.ethernet:
		return api.FEATURE_DISABLED
	}
	i.linkMTU, i.mtu[0] = r.Mtu, uint32(r.Mtu)
	return nil
}

func (s *Sim) setMACAddress(r *interfaces.SwInterfaceSetMacAddress, _ *interfaces.SwInterfaceSetMacAddressReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case !i.ethernet:
		return api.UNIMPLEMENTED
	}
	i.mac = packet.MAC(r.MacAddress)
	return nil
}

// setRxMode changes what a dump shows and nothing else: the simulator always sleeps
// until it is interrupted. VPP, too, has queues only while a peer is connected, and
// without any says that it is done (set_hw_interface_change_rx_mode in
// src/vnet/interface_cli.c).
func (s *Sim) setRxMode(r *interfaces.SwInterfaceSetRxMode, _ *interfaces.SwInterfaceSetRxModeReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case i.sub != nil:
		return api.INVALID_VALUE
	case r.QueueIDValid && r.QueueID >= uint32(len(i.rxModes)):
		return api.UNIMPLEMENTED
	}
	mode := r.Mode
	if mode == interface_types.RX_MODE_API_DEFAULT {
		mode = defaultRxMode
	}
	for queue := range i.rxModes {
		if !r.QueueIDValid || r.QueueID == uint32(queue) {
			i.rxModes[queue] = mode
		}
	}
	return nil
}

// rxPlacementDump: all queues are the main thread's, worker 0.
func (s *Sim) rxPlacementDump(r *interfaces.SwInterfaceRxPlacementDump, send func(*interfaces.SwInterfaceRxPlacementDetails)) {
	for i := range s.interfaces.all() {
		if r.SwIfIndex != interface_types.InterfaceIndex(noIndex) && r.SwIfIndex != interface_types.InterfaceIndex(i.index) {
			continue
		}
		for queue, mode := range i.rxModes {
			send(&interfaces.SwInterfaceRxPlacementDetails{
				SwIfIndex: interface_types.InterfaceIndex(i.index), QueueID: uint32(queue), Mode: mode,
			})
		}
	}
}

func (s *Sim) ip6EnableDisable(r *ip.SwInterfaceIP6EnableDisable, _ *ip.SwInterfaceIP6EnableDisableReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	enabled := err == nil && i.linkLocal.IsValid()
	switch {
	case err != nil:
		return err
	case r.Enable:
		i.lock6(netip.IPv6Unspecified())
	case !enabled:
		return api.IP6_NOT_ENABLED
	default:
		i.unlock6(netip.IPv6Unspecified())
	}
	if r.Enable && enabled {
		return api.VALUE_EXIST // and yet counted
	}
	return nil
}
