package usrspapp

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// loss is a route that a network doesn't get, because an earlier one has it.
type loss struct {
	slot    slot
	earlier string
	route   vpp.Route
}

// share settles who has which route: the first network that brings one. VPP
// would share the traffic between all of them.
func share(entries []contract.Entry) (shares [][]vpp.Route, lost []loss) {
	owner := map[netip.Prefix]string{}
	shares = make([][]vpp.Route, len(entries))
	for i, entry := range entries {
		for _, route := range routes(entry) {
			if first, taken := owner[route.Prefix]; taken {
				lost = append(lost, loss{slotOf(entry), first, route})
				continue
			}
			owner[route.Prefix] = entry.Name
			shares[i] = append(shares[i], route)
		}
	}
	return shares, lost
}

// routes are the entry's, each once and with its next hop. An endpoint alone has
// none, and keeps none from others.
func routes(entry contract.Entry) []vpp.Route {
	switch {
	case entry.Config.NetType == netconf.NetTypeNone:
		return nil
	case entry.Routed:
		return routedRoutes(entry)
	}
	return bridgedRoutes(entry.IPResult)
}

// bridgedRoutes have their own next hop, or the gateway of the first address of
// their family; without either they are attached. What an address brings with it
// is left out: VPP would take it, and not show it.
func bridgedRoutes(ips contract.IPResult) []vpp.Route {
	var all []vpp.Route
	for _, given := range ips.Routes {
		route := vpp.Route{
			Prefix:  given.Dst.Masked(),
			Gateway: cmp.Or(given.GW, gateway(ips, given.Dst.Addr().Is4())),
		}
		if !slices.Contains(all, route) && !isConnected(ips, route.Prefix) {
			all = append(all, route)
		}
	}
	return all
}

// routedRoutes lead everything to the gateway: the network's own prefix too, for
// its other pods are behind it. The gateway itself is attached: with a next hop
// the pod would drop its answer to ARP. In mode ip there is neither ARP nor ND,
// and everything is attached.
func routedRoutes(entry contract.Entry) []vpp.Route {
	var all []vpp.Route
	add := func(prefix netip.Prefix, hop netip.Addr) {
		if entry.Config.CarriesIP() {
			hop = netip.Addr{}
		}
		route := vpp.Route{Prefix: prefix.Masked(), Gateway: hop}
		if itself := prefix.IsSingleIP() && prefix.Addr() == hop; !itself && !slices.Contains(all, route) {
			all = append(all, route)
		}
	}
	ips := entry.IPResult
	for _, ip := range ips.IPs {
		if ip.Gateway.IsValid() {
			add(netip.PrefixFrom(ip.Gateway, ip.Gateway.BitLen()), netip.Addr{})
			add(ip.Address, ip.Gateway)
		}
	}
	for _, route := range ips.Routes {
		add(route.Dst, gateway(ips, route.Dst.Addr().Is4()))
	}
	return all
}

func isConnected(ips contract.IPResult, prefix netip.Prefix) bool {
	return slices.ContainsFunc(ips.IPs, func(ip contract.IP) bool { return ip.Address.Masked() == prefix })
}

func gateway(ips contract.IPResult, v4 bool) netip.Addr {
	for _, ip := range ips.IPs {
		if ip.Gateway.IsValid() && ip.Gateway.Is4() == v4 {
			return ip.Gateway
		}
	}
	return netip.Addr{}
}
