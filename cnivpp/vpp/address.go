package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Addresses are the IP addresses of an endpoint's interface. They end with the
// interface.
type Addresses struct {
	Interface string         `json:"interface"`
	Prefixes  []netip.Prefix `json:"prefixes"`
}

var _ Part = Addresses{}

// AddressesState is an observed Addresses.
type AddressesState struct {
	Addresses
	Seen []netip.Prefix `json:"seen,omitempty"`
}

// Observe implements Part.
func (a Addresses) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	if goal == Absence {
		return a.Nothing(), nil
	}
	holder, err := s.named(ctx, iface, a.Interface)
	if err != nil || holder == nil {
		return a.Nothing(), err
	}
	seen, err := s.Addresses(ctx, holder.Index)
	return AddressesState{Addresses: a, Seen: seen}, err
}

// Nothing implements Part.
func (a Addresses) Nothing() Observation { return AddressesState{Addresses: a} }

// Plan implements Observation.
func (o AddressesState) Plan(goal Goal) Plan {
	var plan Plan
	if goal == Absence {
		return plan
	}
	for _, prefix := range o.Prefixes {
		if !slices.Contains(o.Seen, prefix) {
			plan = append(plan, addAddress{o.Interface, prefix})
		}
	}
	return plan
}

// Addresses returns the addresses of an interface, v4 and v6, without the
// link-local one that VPP makes itself.
func (s *Session) Addresses(ctx context.Context, index Index) ([]netip.Prefix, error) {
	all := []netip.Prefix{}
	for _, v6 := range []bool{false, true} {
		dump, err := ip.NewServiceClient(s.conn).IPAddressDump(ctx, &ip.IPAddressDump{SwIfIndex: index, IsIPv6: v6})
		if err != nil {
			return nil, fmt.Errorf("dump addresses: %w", err)
		}
		err = Drain(dump.Recv, func(d *ip.IPAddressDetails) {
			all = append(all, fromPrefix(d.Prefix))
		})
		if err != nil {
			return nil, fmt.Errorf("dump addresses: %w", err)
		}
	}
	return all, nil
}

type addAddress struct {
	name   string
	prefix netip.Prefix
}

func (s addAddress) String() string { return fmt.Sprintf("add address %s to %s", s.prefix, s.name) }

func (s addAddress) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	_, err = session.interfaces().SwInterfaceAddDelAddress(ctx, &interfaces.SwInterfaceAddDelAddress{
		SwIfIndex: index, IsAdd: true, Prefix: toPrefix(s.prefix),
	})
	if vppapi.IsRetval(err, api.IF_ALREADY_EXISTS) {
		return nil
	}
	return err
}

// ToAddress is an address as the binary API takes it.
func ToAddress(a netip.Addr) ip_types.Address {
	if a.Is4() {
		return ip_types.Address{Af: ip_types.ADDRESS_IP4, Un: ip_types.AddressUnionIP4(a.As4())}
	}
	return ip_types.Address{Af: ip_types.ADDRESS_IP6, Un: ip_types.AddressUnionIP6(a.As16())}
}

func fromAddress(a ip_types.Address) netip.Addr {
	if a.Af == ip_types.ADDRESS_IP4 {
		return netip.AddrFrom4(a.Un.GetIP4())
	}
	return netip.AddrFrom16(a.Un.GetIP6())
}

func toPrefix(p netip.Prefix) ip_types.AddressWithPrefix {
	return ip_types.AddressWithPrefix{Address: ToAddress(p.Addr()), Len: uint8(p.Bits())}
}

func fromPrefix(p ip_types.AddressWithPrefix) netip.Prefix {
	return netip.PrefixFrom(fromAddress(p.Address), int(p.Len))
}
