package cnivpp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// ownTag marks the bridge domains that we made under a number that the
// configuration gives; one that stands for a name has the name behind it.
const ownTag = "userspace-cni"

// TagPrefix begins the tag of every interface that is an attachment's, on the
// host and in the container; the attachment's key follows.
const TagPrefix = vpp.TagPrefix

// Numbers are those of what the attachments of a network share. Each is chosen
// by us and kept for the network's name.
type Numbers struct {
	// Domain is the id of a bridge domain that has a name.
	Domain uint32
	// Loopback is the instance of a routed network's gateway.
	Loopback uint32
}

// Name says under which name a number is kept.
type Name struct {
	// Name is the network's, for people and for the tag.
	Name string
	// Start is where the search for a free number starts; Last is the highest.
	Start, Last uint32
}

// lowestNamed keeps the ids that we choose away from those that people do.
const lowestNamed = 1 << 16

// DomainName is the name of the host's bridge domain, where the configuration
// doesn't give its number.
func DomainName(side netconf.Side) (Name, bool) {
	if side.NetType != netconf.NetTypeBridge || side.Bridge.Domain() != 0 && side.Bridge.VlanID == 0 {
		return Name{}, false
	}
	name := TagPrefix + side.Bridge.Key()
	return Name{fit(name), vpp.Spread(name, lowestNamed, netconf.MaxBridgeDomain), netconf.MaxBridgeDomain}, true
}

// LoopbackName is the name of the gateway of the routed network with the given
// gateway addresses, where the host's side is one.
func LoopbackName(side netconf.Side, gateways []netip.Addr) (Name, bool) {
	if side.NetType != netconf.NetTypeInterface || len(gateways) == 0 || isHost(side.IfType) && side.CutsThrough() {
		return Name{}, false
	}
	name := gatewayTag(side.VRF, gateways)
	return Name{name, vpp.Spread(name, 1024, vpp.MaxGateway/2), vpp.MaxGateway}, true
}

func gatewayTag(vrf uint32, gateways []netip.Addr) string {
	hash := sha256.Sum256(fmt.Append(nil, gateways))
	return vpp.GatewayPrefix(vrf) + hex.EncodeToString(hash[:])[:20]
}

// fit shortens a name to a tag, without making two names the same.
func fit(name string) string {
	if len(name) <= vpp.MaxTag {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	return name[:vpp.MaxTag-21] + "-" + hex.EncodeToString(hash[:])[:20]
}

// HostSpec describes the host's side in its network. Before IPAM has answered
// there are no addresses, and a routed network can't be described yet: then it
// is the endpoint alone.
func HostSpec(side netconf.Side, id vpp.Identity, numbers Numbers, addresses, gateways []netip.Addr) (Spec, error) {
	spec, err := NewSpec(side, id)
	if err != nil {
		return spec, err
	}
	spec.RxMode = side.RxMode
	switch side.NetType {
	case netconf.NetTypeBridge:
		spec.Domain = hostDomain(side, numbers)
	case netconf.NetTypeInterface:
		spec.join(side, numbers, addresses, gateways)
	}
	return spec, spec.validate()
}

func hostDomain(side netconf.Side, numbers Numbers) *vpp.Domain {
	domain := &vpp.Domain{ID: side.Bridge.Domain(), Tag: ownTag, Uplink: side.Bridge.Uplink, VLAN: uint32(side.Bridge.VlanID)}
	if name, named := DomainName(side); named {
		domain.ID, domain.Tag, domain.Named = numbers.Domain, name.Name, true
	}
	return domain
}

// join makes the endpoint a leg of the routed network.
func (s *Spec) join(side netconf.Side, numbers Numbers, addresses, gateways []netip.Addr) {
	host, isHost := s.Endpoint.(Host)
	if isHost {
		s.Addresses = alone(addresses)
	}
	if isHost && (side.CutsThrough() || !haveAll(gateways, addresses)) {
		if side.VRF != 0 {
			s.Table = &vpp.Table{ID: side.VRF}
		}
		return
	}
	if len(addresses) == 0 || len(gateways) == 0 {
		return
	}
	s.Gateway = &vpp.Gateway{
		Instance: numbers.Loopback, Tag: gatewayTag(side.VRF, gateways),
		Table: side.VRF, Addresses: gateways,
	}
	if isHost {
		s.Own = &vpp.OwnTable{ID: host.Table(), Name: s.Gateway.Tag}
		return
	}
	s.SourceCheck = side.AntiSpoof
	for _, prefix := range alone(addresses) {
		// Attached, not by way of itself: that way VPP 23.06 drops the pod's ARP.
		s.Routes = append(s.Routes, vpp.Route{Prefix: prefix})
	}
}

// haveAll tells whether there is a gateway for each family of the addresses: a gateway's
// loopback takes no packets of a family in which it has no address.
func haveAll(gateways, addresses []netip.Addr) bool {
	for _, address := range addresses {
		if !slices.ContainsFunc(gateways, func(g netip.Addr) bool { return g.Is4() == address.Is4() }) {
			return false
		}
	}
	return len(gateways) > 0
}

// alone are the addresses as prefixes of nobody else.
func alone(addresses []netip.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, address := range addresses {
		all = append(all, netip.PrefixFrom(address, address.BitLen()))
	}
	return all
}

// Gateways returns the gateways in a canonical order, without repetitions.
func Gateways(all []netip.Addr) []netip.Addr {
	all = slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return !a.IsValid() })
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}
