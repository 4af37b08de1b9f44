package cnivpp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// maxMTU is the largest that an IP packet can be, in bytes.
const maxMTU = 65535

const (
	// maxInterface is the longest name of an interface, in bytes: VPP's field has
	// 64 (interface_name in vnet/interface.api).
	maxInterface = 63
	maxVLAN      = 4094
)

// Spec is a validated description of one side of one attachment.
type Spec struct {
	// Kind is the endpoint's iftype.
	Kind     string
	Endpoint Endpoint
	// Tag marks the interface as the attachment's.
	Tag string
	// MTU is that of layer 3, in bytes; 0 leaves VPP's.
	MTU uint32
	// RxMode is how VPP waits for packets, see [vpp.RxMode]; empty: VPP's default.
	RxMode string
	// Domain is the bridge domain to join; nil: none.
	Domain *vpp.Domain
	// BVI makes the domain itself a host with the addresses; nil: they are the
	// endpoint's.
	BVI *vpp.BVI
	// Own is the table that an endpoint that holds the pod's addresses itself has to
	// itself, behind the gateway; nil: it is in the network's, which is Table, or table
	// 0 where that is nil as well.
	Own   *vpp.OwnTable
	Table *vpp.Table
	// Gateway is that of the routed network to join; nil: none.
	Gateway *vpp.Gateway
	// SourceCheck drops what the pod sends from other addresses than its own.
	SourceCheck bool
	Addresses   []netip.Prefix
	// Routes are in the gateway's table, or in table 0.
	Routes []vpp.Route
}

// NewSpec describes the endpoint of a validated side of a configuration, on its
// own. The network that it joins, addresses and routes are the caller's to add.
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
	return Spec{Kind: side.IfType, Endpoint: endpoint, Tag: id.Tag, MTU: uint32(side.MTU)}, nil
}

// parts are what the spec consists of, in the order in which they are made.
// What is shared with other attachments is first, so that it is last when the
// order is reversed: it can only go when the endpoint has gone.
func (s Spec) parts() []vpp.Part {
	name, holder := s.Endpoint.Interface(), s.holder()
	var parts []vpp.Part
	host, isHost := s.Endpoint.(Host)
	if isHost {
		parts = append(parts, host.Needs()...)
	}
	if s.Table != nil {
		parts = append(parts, *s.Table)
	}
	if s.Gateway != nil {
		gateway := *s.Gateway
		if s.Own != nil {
			gateway.Own = s.Own.ID
		}
		parts = append(parts, gateway)
	}
	if s.Own != nil && s.Gateway != nil {
		parts = append(parts, s.hairpin())
	}
	if s.Own != nil {
		parts = append(parts, *s.Own)
	}
	if s.Domain != nil {
		domain := *s.Domain
		domain.OwnBVI = s.BVI != nil
		parts = append(parts, domain)
	}
	parts = append(parts, s.Endpoint, vpp.Link{Interface: name, Tag: s.Tag, MTU: s.MTU})
	if isHost {
		parts = append(parts, vpp.InTable{Interface: name, Table: s.holderTable()})
	}
	if s.Gateway != nil && !isHost {
		parts = append(parts, vpp.Routed{Interface: name, Gateway: s.Gateway.Interface(), Table: s.Gateway.Table, V6: s.hasV6()})
	}
	if s.SourceCheck {
		parts = append(parts, vpp.SourceCheck{Interface: name})
	}
	if s.Domain != nil {
		parts = append(parts, vpp.Port{Interface: name, Domain: s.Domain.ID})
	}
	if s.BVI != nil {
		parts = append(parts, *s.BVI)
	}
	if len(s.Addresses) > 0 {
		parts = append(parts, vpp.Addresses{Interface: holder, Prefixes: s.Addresses})
	}
	parts = append(parts, vpp.Up{Interface: name})
	if s.RxMode != "" {
		parts = append(parts, vpp.RxMode{Interface: name, Mode: s.RxMode})
	}
	if len(s.Routes) > 0 {
		parts = append(parts, vpp.Routes{Interface: holder, Table: s.table(), Routes: s.Routes})
	}
	if s.Own != nil {
		parts = append(parts,
			s.hairpin().WayOut(s.Own.ID),
			vpp.Lookups{Table: s.table(), In: s.Own.ID, Prefixes: s.Addresses})
	}
	if isHost {
		parts = append(parts, host.Serves()...)
	}
	return parts
}

// hairpin is what the own table's packets leave by; without a gateway, when all is to be
// removed, what they would have left by.
func (s Spec) hairpin() vpp.Hairpin {
	var h vpp.Hairpin
	if s.Gateway != nil {
		h.Interface, h.Gateway = s.Gateway.Interface(), s.Gateway.Tag
	}
	for _, address := range s.Addresses {
		h.V4, h.V6 = h.V4 || address.Addr().Is4(), h.V6 || address.Addr().Is6()
	}
	return h
}

// holderTable is the table that the holder of the addresses is in.
func (s Spec) holderTable() uint32 {
	if s.Own != nil {
		return s.Own.ID
	}
	return s.table()
}

// holder is the interface that has the addresses and routes.
func (s Spec) holder() string {
	if s.BVI != nil {
		return s.BVI.Interface()
	}
	return s.Endpoint.Interface()
}

func (s Spec) table() uint32 {
	switch {
	case s.Gateway != nil:
		return s.Gateway.Table
	case s.Table != nil:
		return s.Table.ID
	}
	return 0
}

func (s Spec) hasV6() bool {
	return slices.ContainsFunc(s.Gateway.Addresses, netip.Addr.Is6)
}

// shared names what the spec uses together with other attachments, in an order
// that is the same for all: locks are taken in it.
func (s Spec) shared() []string {
	var names []string
	if s.Domain != nil {
		names = append(names, fmt.Sprintf("bridge-domain/%d", s.Domain.ID))
		if s.Domain.Uplink != "" {
			names = append(names, "uplink/"+s.Domain.Uplink)
		}
	}
	if s.Gateway != nil {
		names = append(names, fmt.Sprintf("table/%d", s.Gateway.Table))
	}
	if s.Table != nil {
		names = append(names, fmt.Sprintf("table/%d", s.Table.ID))
	}
	return names
}

// wireSpec is a Spec as it stands in a record.
type wireSpec struct {
	Kind        string          `json:"kind"`
	Endpoint    json.RawMessage `json:"endpoint"`
	Tag         string          `json:"tag"`
	MTU         uint32          `json:"mtu,omitempty"`
	RxMode      string          `json:"rxMode,omitempty"`
	Domain      *vpp.Domain     `json:"bridgeDomain,omitempty"`
	BVI         *vpp.BVI        `json:"bvi,omitempty"`
	Own         *vpp.OwnTable   `json:"ownTable,omitempty"`
	Table       *vpp.Table      `json:"table,omitempty"`
	Gateway     *vpp.Gateway    `json:"gateway,omitempty"`
	SourceCheck bool            `json:"sourceCheck,omitempty"`
	Addresses   []netip.Prefix  `json:"addresses,omitempty"`
	Routes      []vpp.Route     `json:"routes,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (s Spec) MarshalJSON() ([]byte, error) {
	endpoint, err := json.Marshal(s.Endpoint)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireSpec{s.Kind, endpoint, s.Tag, s.MTU, s.RxMode, s.Domain, s.BVI, s.Own, s.Table, s.Gateway, s.SourceCheck, s.Addresses, s.Routes})
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
	*s = Spec{w.Kind, endpoint, w.Tag, w.MTU, w.RxMode, w.Domain, w.BVI, w.Own, w.Table, w.Gateway, w.SourceCheck, w.Addresses, w.Routes}
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
	case s.RxMode != "" && !vpp.IsRxMode(s.RxMode):
		return fmt.Errorf("rx-mode %q is not allowed; allowed: polling, interrupt, adaptive, or empty", s.RxMode)
	case s.Domain != nil && (s.Domain.ID == 0 || s.Domain.ID > netconf.MaxBridgeDomain):
		return fmt.Errorf("bridge domain %d is not allowed; allowed: 1 to %d", s.Domain.ID, netconf.MaxBridgeDomain)
	case s.BVI != nil && (s.Domain == nil || s.BVI.Instance > vpp.MaxLoopback):
		return fmt.Errorf("BVI loop%d is not allowed; allowed: loop0 to loop%d, with a bridge domain", s.BVI.Instance, vpp.MaxLoopback)
	case s.Gateway != nil && s.Gateway.Instance > vpp.MaxLoopback:
		return fmt.Errorf("gateway loop%d is not allowed; allowed: loop0 to loop%d", s.Gateway.Instance, vpp.MaxLoopback)
	case s.Gateway != nil && s.Gateway.Table > netconf.MaxVRF:
		return fmt.Errorf("table %d is not allowed; allowed: 0 to %d", s.Gateway.Table, uint32(netconf.MaxVRF))
	case s.Own != nil && (s.Gateway == nil || s.Own.ID == 0 || s.Own.ID > netconf.MaxVRF || s.Own.Name != s.Gateway.Tag):
		return fmt.Errorf("table %d of its own, called %q, is not allowed; allowed: 1 to %d, called by the tag of a gateway", s.Own.ID, s.Own.Name, uint32(netconf.MaxVRF))
	case s.Table != nil && (s.Table.ID == 0 || s.Table.ID > netconf.MaxVRF):
		return fmt.Errorf("table %d is not allowed; allowed: 1 to %d", s.Table.ID, uint32(netconf.MaxVRF))
	case s.Domain != nil && (len(s.Domain.Tag) > vpp.MaxTag || len(s.Domain.Uplink) > maxInterface || s.Domain.VLAN > maxVLAN):
		return fmt.Errorf("bridge domain %d has a tag, an uplink or a VLAN out of bounds; allowed: %d bytes, %d bytes, %d",
			s.Domain.ID, vpp.MaxTag, maxInterface, maxVLAN)
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
	case r.Gateway.Zone() != "" || r.Gateway.IsValid() && r.Gateway.BitLen() != r.Prefix.Addr().BitLen():
		return fmt.Errorf("route to %s via %q is not allowed; allowed: a gateway of the same family, without a zone", r.Prefix, r.Gateway)
	}
	return nil
}
