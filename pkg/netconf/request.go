package netconf

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// request is what one caller asks for on behalf of a pod.
type request struct {
	mac string
	ips []netip.Prefix
	// deviceInfoFile is only the runtime's to name: root writes to it.
	deviceInfoFile string
}

// requests is what stdin holds of them: the runtime's, through capabilities,
// and the pod's own, through the annotation cni-args (CONVENTIONS.md of
// containernetworking/cni).
type requests struct{ runtime, args request }

var requestsFields = fields.Object[requests]{Unknown: fields.IgnoreUnknown, Fields: []fields.Field[requests]{
	fields.Nested("runtimeConfig", func(q *requests) *request { return &q.runtime }, runtimeFields),
	fields.Nested("args", func(q *requests) *request { return &q.args }, argsFields),
}}

var runtimeFields = fields.Object[request]{Unknown: fields.IgnoreUnknown, Fields: append(slices.Clone(requestFields.Fields),
	fields.Text("CNIDeviceInfoFile", func(q *request) *string { return &q.deviceInfoFile }, deviceInfoFile()),
)}

var argsFields = fields.Object[request]{Unknown: fields.IgnoreUnknown, Fields: []fields.Field[request]{
	fields.Nested("cni", func(q *request) *request { return q }, requestFields),
}}

var requestFields = fields.Object[request]{Unknown: fields.IgnoreUnknown, Fields: []fields.Field[request]{
	fields.Parsed("mac", func(q *request) *string { return &q.mac }, macAddress(), canonicalMAC),
	fields.List("ips", "a list of strings", func(q *request) *[]netip.Prefix { return &q.ips },
		fields.Parsed("", fields.At[netip.Prefix], address(), parseAddress)),
}}

// request settles what the pod is to get: the runtime's word comes before the
// pod's cni-args, and both before CNI_ARGS, which Multus fills from the same
// annotation where the network doesn't declare the capability.
func (c *NetConf) request(stdin requests, args Args) {
	c.RequestedMAC = cmp.Or(stdin.runtime.mac, stdin.args.mac, args.RequestedMAC)
	for _, ips := range [][]netip.Prefix{stdin.runtime.ips, stdin.args.ips, args.RequestedIPs} {
		ips = slices.DeleteFunc(ips, func(ip netip.Prefix) bool { return !ip.Addr().IsValid() })
		if len(ips) > 0 {
			c.RequestedIPs = ips
			break
		}
	}
	c.DeviceInfoFile = stdin.runtime.deviceInfoFile
	c.Container.MAC = cmp.Or(c.RequestedMAC, c.Container.MAC)
}

// StaticAddresses are those that the pod gets without an IPAM plugin: the ones
// that were asked for with a prefix length. With one it alone decides.
func (c *NetConf) StaticAddresses() []netip.Prefix {
	if c.IPAM.Type != "" {
		return nil
	}
	var all []netip.Prefix
	for _, ip := range c.RequestedIPs {
		if ip.IsValid() {
			all = append(all, ip)
		}
	}
	return all
}

// address is a unicast address, with or without the length of its prefix.
func address() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "a unicast IPv4 or IPv6 address with or without a prefix length, such as 10.0.0.5/24",
		OK: func(v string) bool {
			a := parseAddress(v).Addr()
			return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.Is4In6() && !strings.Contains(v, "%")
		},
	}
}

// parseAddress gives an address without a prefix length as a prefix that keeps
// it and isn't valid.
func parseAddress(v string) netip.Prefix {
	if p, err := netip.ParsePrefix(v); err == nil {
		return p
	}
	a, _ := netip.ParseAddr(v)
	return netip.PrefixFrom(a, -1)
}
