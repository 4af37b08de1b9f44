package vppsim

import (
	"maps"
	"net/netip"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/urpf"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// iface is one software interface. Which of memif, vhost and sub is set tells its kind;
// with neither it is a loopback, or local0 at index 0.
type iface struct {
	index    uint32
	name     string
	devType  string
	tag      string
	ethernet bool
	mac      packet.MAC
	adminUp  bool
	linkUp   bool
	linkMTU  uint16
	mtu      [4]uint32
	instance uint32 // of a loopback
	memif    *memifPort
	vhost    *vhostPort
	sub      *subinterface

	// rxModes are those of the receive queues; a memif's exist while a peer is connected.
	rxModes []interface_types.RxMode

	port      *port     // in a bridge domain
	rewrite   uint32    // of VLAN tags in the bridge domain: L2_VTR_...
	tables    [2]uint32 // IPv4's and IPv6's
	lender    *iface    // whose addresses are borrowed: this one is unnumbered
	addresses []netip.Prefix
	linkLocal netip.Addr // valid while IPv6 is enabled
	locks6    int        // who wants IPv6: each address, each enable
	neighbors map[netip.Addr]*neighbor
	urpf      [2][2]urpf.UrpfMode // that checks, by family and direction
}

// defaultMTU is that of a new Ethernet interface (src/vnet/ethernet/interface.c).
const defaultMTU = 9000

// defaultRxMode is that of a new queue (im->default_rx_mode in
// src/vnet/interface.c).
const defaultRxMode = interface_types.RX_MODE_API_POLLING

// noIndex is VPP's "none", ~0.
const noIndex = ^uint32(0)

// byIndex is VPP's VALIDATE_SW_IF_INDEX.
func (s *Sim) byIndex(index interface_types.InterfaceIndex) (*iface, error) {
	if i := s.interfaces.at(uint32(index)); i != nil {
		return i, nil
	}
	return nil, api.INVALID_SW_IF_INDEX
}

// create puts a new interface into service; VPP tells the world with an event
// that has no flags.
func (s *Sim) create(i *iface) {
	if i.ethernet && i.sub == nil {
		i.linkMTU, i.mtu[0] = defaultMTU, defaultMTU
	}
	i.neighbors = map[netip.Addr]*neighbor{}
	i.index = s.interfaces.add(i)
	s.emit(i, 0, false)
}

// destroy takes an interface out of everything but the routes, which VPP keeps
// as drop entries.
func (s *Sim) destroy(i *iface) {
	for _, sub := range s.subs(i) {
		s.destroy(sub)
	}
	s.leaveBridge(i)
	s.orphanRoutes(i)
	i.addresses = nil // for those who borrow them
	for _, v6 := range []bool{false, true} {
		if i.fib(v6).id != 0 { // fib_table_bind in ip4_sw_interface_add_del
			s.rebound(i, v6, 0)
		}
	}
	s.interfaces.remove(i.index)
	s.dropUnused(i.fib(false))
	s.dropUnused(i.fib(true))
	s.emit(i, 0, true)
}

// setAdmin changes the administrative state and what hangs on it.
func (s *Sim) setAdmin(i *iface, up bool) {
	if i.adminUp == up {
		return
	}
	i.adminUp = up
	if !up {
		maps.DeleteFunc(i.neighbors, func(_ netip.Addr, n *neighbor) bool { return !n.static })
		s.forgetMACs(i)
	}
	flags := flag(up, interface_types.IF_STATUS_API_FLAG_ADMIN_UP)
	switch {
	case i.memif != nil:
		i.memif.endpoint.SetUp(up)
	case i.vhost != nil: // its link is its driver's
	case i.ethernet && i.sub == nil: // a loopback's link follows
		i.linkUp = up
		flags |= flag(up, interface_types.IF_STATUS_API_FLAG_LINK_UP)
	}
	s.emit(i, flags, false)
}

func flag(set bool, f interface_types.IfStatusFlags) interface_types.IfStatusFlags {
	if set {
		return f
	}
	return 0
}

func (i *iface) flags() interface_types.IfStatusFlags {
	return flag(i.adminUp, interface_types.IF_STATUS_API_FLAG_ADMIN_UP) |
		flag(i.hardware().linkUp, interface_types.IF_STATUS_API_FLAG_LINK_UP)
}
