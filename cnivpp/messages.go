package cnivpp

import (
	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_neighbor"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/urpf"
)

// messages are those that VPP must have for the spec.
func (s Spec) messages() []api.Message { return append(s.Endpoint.Messages(), s.common()...) }

// common are those that don't depend on the endpoint's kind.
func (s Spec) common() []api.Message {
	needed := []api.Message{&interfaces.SwInterfaceDump{}, &interfaces.SwInterfaceTagAddDel{}, &interfaces.SwInterfaceSetFlags{}}
	if s.MTU != 0 {
		needed = append(needed, &interfaces.SwInterfaceSetMtu{})
	}
	if s.RxMode != "" {
		needed = append(needed, &interfaces.SwInterfaceRxPlacementDump{}, &interfaces.SwInterfaceSetRxMode{})
	}
	if s.Domain != nil {
		needed = append(needed, &l2.BridgeDomainAddDelV2{}, &l2.BridgeDomainDump{}, &l2.SwInterfaceSetL2Bridge{})
		if s.Domain.Uplink != "" && s.Domain.VLAN != 0 {
			needed = append(needed, &interfaces.CreateSubif{}, &interfaces.DeleteSubif{}, &l2.L2InterfaceVlanTagRewrite{})
		}
	}
	if s.BVI != nil || s.Gateway != nil {
		needed = append(needed, &interfaces.CreateLoopbackInstance{}, &interfaces.DeleteLoopback{})
	}
	if _, ok := s.Endpoint.(Host); ok || s.Gateway != nil {
		needed = append(needed, &interfaces.SwInterfaceSetTable{}, &interfaces.SwInterfaceGetTable{})
	}
	if s.Table != nil || s.Gateway != nil {
		needed = append(needed, &ip.IPTableAddDel{}, &ip.IPTableDump{})
	}
	if s.Gateway != nil {
		needed = append(needed, &ip.IPUnnumberedDump{}, &ip.SwInterfaceIP6EnableDisable{},
			&interfaces.SwInterfaceSetUnnumbered{})
	}
	if len(s.Addresses) > 0 || s.Gateway != nil {
		needed = append(needed, &interfaces.SwInterfaceAddDelAddress{}, &ip.IPAddressDump{})
	}
	if s.Own != nil {
		needed = append(needed, &ip_neighbor.IPNeighborAddDel{}, &ip_neighbor.IPNeighborDump{})
	}
	if s.SourceCheck {
		needed = append(needed, &urpf.UrpfUpdateV2{})
	}
	if len(s.Routes) > 0 || s.Own != nil {
		needed = append(needed, &ip.IPRouteAddDel{}, &ip.IPRouteLookup{})
	}
	return needed
}
