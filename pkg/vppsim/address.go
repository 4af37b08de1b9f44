package vppsim

import (
	"net/netip"
	"slices"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"
)

// Interface addresses: ip4_add_del_interface_address_internal in
// src/vnet/ip/ip4_forward.c and its twin in ip6_forward.c.

func (s *Sim) addDelAddress(r *interfaces.SwInterfaceAddDelAddress, _ *interfaces.SwInterfaceAddDelAddressReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	if err != nil {
		return err
	}
	if r.DelAll {
		for _, p := range slices.Clone(i.addresses) {
			_ = s.delAddress(i, p.Addr()) // it is there
		}
		return nil
	}
	if i.index == 0 {
		return api.UNSUPPORTED // local0
	}
	addr, bits := address(r.Prefix.Address), int(r.Prefix.Len)
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		return s.setLinkLocal(i, addr, bits, r.IsAdd)
	}
	if !r.IsAdd {
		return s.delAddress(i, addr)
	}
	return s.addAddress(i, addr, bits)
}

// addAddress refuses what overlaps with another address of the table, except
// another one of the same length in the interface's own subnet.
func (s *Sim) addAddress(i *iface, addr netip.Addr, bits int) error {
	if bits > addr.BitLen() {
		return api.ADDRESS_LENGTH_MISMATCH
	}
	p := netip.PrefixFrom(addr, bits)
	for other := range s.interfaces.all() {
		for _, q := range other.addresses {
			sibling := other == i && q.Bits() == bits && q.Addr() != addr
			if q.Overlaps(p) && !sibling && other.fib(addr.Is6()) == i.fib(addr.Is6()) {
				return conflict(addr)
			}
		}
	}
	if bits == 0 {
		return api.ADDRESS_LENGTH_MISMATCH
	}
	i.addresses = append(i.addresses, p)
	i.lock6(addr)
	return nil
}

// conflict: the two families answer differently to the same mistake.
func conflict(addr netip.Addr) error {
	if addr.Is4() {
		return api.ADDRESS_IN_USE
	}
	return api.DUPLICATE_IF_ADDRESS
}

// delAddress doesn't compare the length, just as VPP doesn't
// (ip_interface_address_find).
func (s *Sim) delAddress(i *iface, addr netip.Addr) error {
	n := slices.IndexFunc(i.addresses, func(p netip.Prefix) bool { return p.Addr() == addr })
	if n < 0 {
		return api.ADDRESS_NOT_FOUND_FOR_INTERFACE
	}
	i.addresses = slices.Delete(i.addresses, n, n+1)
	i.unlock6(addr)
	return nil
}

func (s *Sim) setLinkLocal(i *iface, addr netip.Addr, bits int, add bool) error {
	switch {
	case bits != addr.BitLen():
		return api.ADDRESS_LENGTH_MISMATCH
	case !add && i.linkLocal == addr:
		return api.ADDRESS_NOT_DELETABLE
	case !add:
		return api.ADDRESS_NOT_FOUND_FOR_INTERFACE
	}
	if i.linkLocal.IsValid() {
		i.linkLocal = addr
		return nil
	}
	i.lock6(addr)
	i.linkLocal = addr
	return nil
}

// lock6 enables IPv6 for an address; VPP counts who wants it (ip6_link.c).
func (i *iface) lock6(addr netip.Addr) {
	if addr.Is4() {
		return
	}
	i.locks6++
	if !i.linkLocal.IsValid() {
		i.linkLocal = i.mac.LinkLocal()
	}
}

func (i *iface) unlock6(addr netip.Addr) {
	if addr.Is4() || i.locks6 == 0 {
		return
	}
	if i.locks6--; i.locks6 == 0 {
		i.linkLocal = netip.Addr{}
	}
}

func (s *Sim) addressDump(r *ip.IPAddressDump, send func(*ip.IPAddressDetails)) {
	i, err := s.byIndex(r.SwIfIndex)
	if err != nil || i.lender != nil {
		return
	}
	for _, p := range i.addresses {
		if p.Addr().Is6() == r.IsIPv6 {
			send(&ip.IPAddressDetails{SwIfIndex: r.SwIfIndex, Prefix: ip_types.AddressWithPrefix(apiPrefix(p))})
		}
	}
}

// enabled says whether an interface takes packets of the address's family.
func (i *iface) enabled(a netip.Addr) bool {
	if a.Is6() {
		return i.linkLocal.IsValid()
	}
	return i.numbered(false)
}

// numbered says whether an interface has addresses of a family, its own or not.
func (i *iface) numbered(v6 bool) bool {
	return slices.ContainsFunc(i.inet(), func(p netip.Prefix) bool { return p.Addr().Is6() == v6 })
}

// inet are the addresses that an interface has or borrows.
func (i *iface) inet() []netip.Prefix {
	if i.lender != nil {
		return i.lender.addresses
	}
	return i.addresses
}

// has says whether an address is one that the interface answers for.
func (i *iface) has(a netip.Addr) bool {
	return a == i.linkLocal || slices.ContainsFunc(i.inet(), func(p netip.Prefix) bool { return p.Addr() == a })
}

// local says whether an address of a table is one of ours.
func (s *Sim) local(k fibKey, a netip.Addr) bool {
	for i := range s.interfaces.all() {
		if i.adminUp && i.fib(k.v6) == k && (a == i.linkLocal || i.lender == nil && i.has(a)) {
			return true
		}
	}
	return false
}

// source selects the address to send from: the one whose subnet the next hop is
// in, else the first of the family.
func (i *iface) source(next netip.Addr) (a netip.Addr, ok bool) {
	if next.IsLinkLocalUnicast() && next.Is6() {
		return i.linkLocal, i.linkLocal.IsValid()
	}
	for _, p := range i.inet() {
		if p.Contains(next) {
			return p.Addr(), true
		}
		if !ok && p.Addr().Is4() == next.Is4() {
			a, ok = p.Addr(), true
		}
	}
	return a, ok
}

// setUnnumbered: the message's field names are swapped, as VPP itself says.
func (s *Sim) setUnnumbered(r *interfaces.SwInterfaceSetUnnumbered, _ *interfaces.SwInterfaceSetUnnumberedReply) error {
	i, err := s.byIndex(r.UnnumberedSwIfIndex)
	lender, lenderErr := s.byIndex(r.SwIfIndex)
	switch {
	case err != nil:
		return err
	case !r.IsAdd:
		i.lender = nil
	case lenderErr != nil:
		return api.INVALID_SW_IF_INDEX_2
	case i.tables != lender.tables:
		return api.UNEXPECTED_INTF_STATE
	default:
		i.lender = lender
	}
	return nil
}

func (s *Sim) unnumberedDump(r *ip.IPUnnumberedDump, send func(*ip.IPUnnumberedDetails)) {
	for i := range s.interfaces.all() {
		index := interface_types.InterfaceIndex(i.index)
		if i.lender != nil && (r.SwIfIndex == index || r.SwIfIndex == interface_types.InterfaceIndex(noIndex)) {
			send(&ip.IPUnnumberedDetails{SwIfIndex: index, IPSwIfIndex: interface_types.InterfaceIndex(i.lender.index)})
		}
	}
}

func address(a ip_types.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.ToIP())
	if a.Af == ip_types.ADDRESS_IP4 {
		return addr.Unmap()
	}
	return addr
}

func apiAddress(a netip.Addr) ip_types.Address { return ip_types.NewAddress(a.AsSlice()) }

func apiPrefix(p netip.Prefix) ip_types.Prefix {
	return ip_types.Prefix{Address: apiAddress(p.Addr()), Len: uint8(p.Bits())}
}
