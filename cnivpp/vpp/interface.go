package vpp

import (
	"context"
	"fmt"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
)

// Interface is what VPP says of one of its interfaces (sw_interface_details in
// src/vnet/interface.api).
type Interface struct {
	Index Index  `json:"index"`
	Name  string `json:"name"`
	Tag   string `json:"tag"`
	MAC   string `json:"mac"`
	// MTU is that of layer 3, in bytes.
	MTU uint32 `json:"mtu"`
	// Up is the administrative state, Link whether the peer is connected.
	Up   bool `json:"up"`
	Link bool `json:"link"`
	// VLAN is what a sub-interface carries of its parent; 0: it is none.
	VLAN uint32 `json:"vlan,omitempty"`
	// Rewrite is what is done to VLAN tags, an L2_VTR_OP (src/vnet/l2/l2_vtr.h).
	Rewrite uint32 `json:"rewrite,omitempty"`
}

// Interface returns the interface with exactly this name, or nil when there is
// none. VPP's filter matches parts of names, whatever their case.
func (s *Session) Interface(ctx context.Context, name string) (*Interface, error) {
	if s.snapshot != nil {
		return s.seenInterface(ctx, name)
	}
	all, err := s.interfacesLike(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, found := range all {
		if found.Name == name {
			s.Learn(name, found.Index)
			return &found, nil
		}
	}
	s.Forget(name)
	return nil, nil
}

func (s *Session) seenInterface(ctx context.Context, name string) (*Interface, error) {
	byName, err := Once(ctx, s, "interfaces by name", func(ctx context.Context, s *Session) (map[string]Interface, error) {
		all, err := s.Interfaces(ctx)
		byName := make(map[string]Interface, len(all))
		for _, iface := range all {
			byName[iface.Name] = iface
		}
		return byName, err
	})
	found, ok := byName[name]
	if err != nil || !ok {
		return nil, err
	}
	s.Learn(name, found.Index)
	return &found, nil
}

// named returns the interface of that name, which often is the endpoint's own.
func (s *Session) named(ctx context.Context, iface *Interface, name string) (*Interface, error) {
	if iface != nil && iface.Name == name {
		return iface, nil
	}
	return s.Interface(ctx, name)
}

// Interfaces returns all interfaces.
func (s *Session) Interfaces(ctx context.Context) ([]Interface, error) {
	return Once(ctx, s, "interfaces", func(ctx context.Context, s *Session) ([]Interface, error) {
		return s.dumpInterfaces(ctx, &interfaces.SwInterfaceDump{SwIfIndex: NoIndex})
	})
}

// interfacesLike returns at least the interfaces that have this in their names.
func (s *Session) interfacesLike(ctx context.Context, part string) ([]Interface, error) {
	if s.snapshot != nil {
		return s.Interfaces(ctx)
	}
	return s.dumpInterfaces(ctx, &interfaces.SwInterfaceDump{SwIfIndex: NoIndex, NameFilterValid: true, NameFilter: part})
}

func (s *Session) dumpInterfaces(ctx context.Context, request *interfaces.SwInterfaceDump) ([]Interface, error) {
	dump, err := s.interfaces().SwInterfaceDump(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("dump interfaces: %w", err)
	}
	var all []Interface
	err = Drain(dump.Recv, func(d *interfaces.SwInterfaceDetails) {
		all = append(all, Interface{
			Index: d.SwIfIndex,
			Name:  d.InterfaceName,
			Tag:   d.Tag,
			MAC:   d.L2Address.String(),
			MTU:   d.Mtu[0],
			Up:    d.Flags&interface_types.IF_STATUS_API_FLAG_ADMIN_UP != 0,
			Link:  d.Flags&interface_types.IF_STATUS_API_FLAG_LINK_UP != 0,
			VLAN:  uint32(d.SubOuterVlanID),

			Rewrite: d.VtrOp,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("dump interfaces: %w", err)
	}
	return all, nil
}
