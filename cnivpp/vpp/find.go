package vpp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/l2"
)

// DomainOf describes the bridge domain that the interface is a port of, as far
// as removing it needs it, or returns nil.
func (s *Session) DomainOf(ctx context.Context, index Index) (*Domain, error) {
	all, err := s.domains(ctx, allDomains)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if isPort(d, index) {
			domain := &Domain{ID: d.BdID, Tag: d.BdTag}
			return domain, s.findUplink(ctx, domain, d)
		}
	}
	return nil, nil
}

// findUplink recognises the sub-interface that we put into a domain: it has the
// domain's tag.
func (s *Session) findUplink(ctx context.Context, domain *Domain, seen *l2.BridgeDomainDetails) error {
	all, err := s.Interfaces(ctx)
	for _, iface := range all {
		if iface.Tag == domain.Tag && iface.VLAN != 0 && isPort(seen, iface.Index) {
			domain.VLAN = iface.VLAN
			domain.Uplink, _, _ = strings.Cut(iface.Name, ".")
		}
	}
	return err
}

// TableOf describes the table that the interface is in, or returns nil for table 0.
func (s *Session) TableOf(ctx context.Context, index Index) (*Table, error) {
	id, err := s.tableOf(ctx, index, false)
	if err != nil {
		return nil, fmt.Errorf("table of interface %d: %w", index, err)
	}
	if id == 0 {
		return nil, nil
	}
	return &Table{id}, nil
}

// GatewayOf describes the gateway that the interface borrows its addresses from
// as far as removing it needs it, or returns nil.
func (s *Session) GatewayOf(ctx context.Context, index Index) (*Gateway, error) {
	lender, err := s.lenderTo(ctx, index)
	if err != nil || lender == nil {
		return nil, err
	}
	return s.describeGateway(ctx, *lender)
}

func (s *Session) lenderTo(ctx context.Context, index Index) (*Interface, error) {
	dump, err := ip.NewServiceClient(s.conn).IPUnnumberedDump(ctx, &ip.IPUnnumberedDump{SwIfIndex: index})
	if err != nil {
		return nil, fmt.Errorf("dump unnumbered interfaces: %w", err)
	}
	lender := NoIndex
	if err := Drain(dump.Recv, func(d *ip.IPUnnumberedDetails) { lender = d.IPSwIfIndex }); err != nil {
		return nil, fmt.Errorf("dump unnumbered interfaces: %w", err)
	}
	if lender == NoIndex {
		return nil, nil
	}
	all, err := s.Interfaces(ctx)
	for _, iface := range all {
		if iface.Index == lender {
			return &iface, err
		}
	}
	return nil, err
}

// RoutesOver lists the attached hosts in a table that are behind the interface:
// the host routes of an endpoint, and its neighbours, which go with it.
func (s *Session) RoutesOver(ctx context.Context, table uint32, index Index) ([]Route, error) {
	all, err := s.routesOver(ctx, table, index)
	return slices.DeleteFunc(all, func(r Route) bool { return !r.Prefix.IsSingleIP() || r.Gateway.IsValid() }), err
}

// RoutesBeyond lists the routes of table 0 that leave through the interface,
// without those that its own addresses bring, and the neighbours there.
func (s *Session) RoutesBeyond(ctx context.Context, index Index) ([]Route, error) {
	addresses, err := s.Addresses(ctx, index)
	if err != nil {
		return nil, err
	}
	all, err := s.routesOver(ctx, 0, index)
	return slices.DeleteFunc(all, func(r Route) bool {
		return !r.Gateway.IsValid() && slices.ContainsFunc(addresses, func(own netip.Prefix) bool {
			return r.Prefix == own.Masked() || r.Prefix.IsSingleIP() && own.Contains(r.Prefix.Addr())
		})
	}), err
}

func (s *Session) routesOver(ctx context.Context, table uint32, index Index) ([]Route, error) {
	var all []Route
	for _, v6 := range []bool{false, true} {
		err := s.eachRoute(ctx, table, v6, func(r ip.IPRoute) { all = append(all, pathsOver(r, index)...) })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
