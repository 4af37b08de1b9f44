package cnivpp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// maxMTU is the largest that an IP packet can be, in bytes.
const maxMTU = 65535

// domainTag marks the bridge domains that we made.
const domainTag = "userspace-cni"

// Spec is a validated description of one side of one attachment.
type Spec struct {
	// Kind is the endpoint's iftype.
	Kind     string
	Endpoint Endpoint
	// Tag marks the interface as the attachment's.
	Tag string
	// MTU is that of layer 3, in bytes; 0 leaves VPP's.
	MTU uint32
	// Domain is the id of the bridge domain to join; 0: none.
	Domain    uint32
	Addresses []netip.Prefix
	Routes    []vpp.Route
}

// NewSpec describes the endpoint of a validated side of a configuration, on its
// own or in the bridge domain that the side names. Addresses and routes are the
// caller's to add.
func NewSpec(side netconf.Side, id vpp.Identity) (Spec, error) {
	k, err := kindOf(side.IfType)
	if err != nil {
		return Spec{}, err
	}
	if side.MTU < 0 || side.MTU > maxMTU {
		return Spec{}, fmt.Errorf("mtu %d is not allowed; allowed: 0 to %d", side.MTU, maxMTU)
	}
	endpoint, err := k.configure(side, id)
	if err != nil {
		return Spec{}, err
	}
	spec := Spec{Kind: side.IfType, Endpoint: endpoint, Tag: id.Tag, MTU: uint32(side.MTU)}
	if side.NetType == netconf.NetTypeBridge && side.Bridge != nil {
		spec.Domain = side.Bridge.Domain()
	}
	return spec, nil
}

// parts are what the spec consists of, in the order in which they are made. The
// domain is first, so that it is last when the order is reversed: it can only
// go when its port has gone.
func (s Spec) parts() []vpp.Part {
	name := s.Endpoint.Interface()
	var parts []vpp.Part
	if s.Domain != 0 {
		parts = append(parts, vpp.Domain{ID: s.Domain, Tag: domainTag})
	}
	parts = append(parts, s.Endpoint, vpp.Link{Interface: name, Tag: s.Tag, MTU: s.MTU})
	if s.Domain != 0 {
		parts = append(parts, vpp.Port{Interface: name, Domain: s.Domain})
	}
	if len(s.Addresses) > 0 {
		parts = append(parts, vpp.Addresses{Interface: name, Prefixes: s.Addresses})
	}
	parts = append(parts, vpp.Up{Interface: name})
	if len(s.Routes) > 0 {
		parts = append(parts, vpp.Routes{Interface: name, Routes: s.Routes})
	}
	return parts
}

// messages are those that VPP must have for the spec.
func (s Spec) messages() []api.Message {
	needed := append(s.Endpoint.Messages(),
		&interfaces.SwInterfaceDump{}, &interfaces.SwInterfaceTagAddDel{}, &interfaces.SwInterfaceSetFlags{})
	if s.MTU != 0 {
		needed = append(needed, &interfaces.SwInterfaceSetMtu{})
	}
	if s.Domain != 0 {
		needed = append(needed, &l2.BridgeDomainAddDelV2{}, &l2.BridgeDomainDump{}, &l2.SwInterfaceSetL2Bridge{})
	}
	if len(s.Addresses) > 0 {
		needed = append(needed, &interfaces.SwInterfaceAddDelAddress{}, &ip.IPAddressDump{})
	}
	if len(s.Routes) > 0 {
		needed = append(needed, &ip.IPRouteAddDel{}, &ip.IPRouteDump{})
	}
	return needed
}

// shared names what the spec uses together with other attachments.
func (s Spec) shared() []string {
	if s.Domain == 0 {
		return nil
	}
	return []string{fmt.Sprintf("bridge-domain/%d", s.Domain)}
}

// wireSpec is a Spec as it stands in a record.
type wireSpec struct {
	Kind      string          `json:"kind"`
	Endpoint  json.RawMessage `json:"endpoint"`
	Tag       string          `json:"tag"`
	MTU       uint32          `json:"mtu,omitempty"`
	Domain    uint32          `json:"bridgeDomain,omitempty"`
	Addresses []netip.Prefix  `json:"addresses,omitempty"`
	Routes    []vpp.Route     `json:"routes,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (s Spec) MarshalJSON() ([]byte, error) {
	endpoint, err := json.Marshal(s.Endpoint)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireSpec{s.Kind, endpoint, s.Tag, s.MTU, s.Domain, s.Addresses, s.Routes})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Spec) UnmarshalJSON(data []byte) error {
	var w wireSpec
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	k, err := kindOf(w.Kind)
	if err != nil {
		return err
	}
	endpoint, err := k.decode(w.Endpoint)
	if err != nil {
		return err
	}
	*s = Spec{w.Kind, endpoint, w.Tag, w.MTU, w.Domain, w.Addresses, w.Routes}
	return s.validate()
}

// validate repeats what VPP takes without an error although it can't mean it,
// for a spec from a damaged record or a hostile contract.
func (s Spec) validate() error {
	switch {
	case s.Tag == "" || len(s.Tag) > vpp.MaxTag || strings.Contains(s.Tag, "\x00"):
		return fmt.Errorf("tag %q has %d bytes; allowed: 1 to %d without NUL", s.Tag, len(s.Tag), vpp.MaxTag)
	case s.MTU > maxMTU:
		return fmt.Errorf("mtu %d is not allowed; allowed: 0 to %d", s.MTU, maxMTU)
	case s.Domain > netconf.MaxBridgeDomain:
		return fmt.Errorf("bridge domain %d is not allowed; allowed: 0 to %d", s.Domain, netconf.MaxBridgeDomain)
	}
	for _, address := range s.Addresses {
		if !address.IsValid() || address.Addr().Is4In6() {
			return fmt.Errorf("address %s is not allowed; allowed: IPv4 or IPv6 with a prefix length", address)
		}
	}
	for _, route := range s.Routes {
		if err := validateRoute(route); err != nil {
			return err
		}
	}
	return nil
}

func validateRoute(r vpp.Route) error {
	switch {
	case !r.Prefix.IsValid() || r.Prefix != r.Prefix.Masked() || r.Prefix.Addr().Is4In6():
		return fmt.Errorf("route to %s is not allowed; allowed: a prefix without host bits", r.Prefix)
	case r.Gateway.IsValid() && r.Gateway.BitLen() != r.Prefix.Addr().BitLen():
		return fmt.Errorf("route to %s via %s is not allowed; allowed: a gateway of the same family", r.Prefix, r.Gateway)
	}
	return nil
}
