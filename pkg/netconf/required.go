package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

// require records what is missing. A field that is there and wrong isn't
// missing, nor is one whose block is wrong.
func (r *reader) require(c *NetConf) {
	fields.Need(r.Reader, "cniVersion", c.CNIVersion, "missing, which CNI takes for 0.1.0", fields.OneOf(cniVersions))
	fields.Need(r.Reader, "name", c.Name, "missing", networkName())
	fields.Need(r.Reader, "host.iftype", c.Host.IfType, "missing", fields.OneOf(ifTypes))
	fields.Need(r.Reader, "host.netType", c.Host.NetType, "missing", fields.OneOf(netTypes))
	if c.Host.NetType == NetTypeBridge && c.Host.IfType != IfTypeVCL { // which isn't bridged
		r.needDomain(c.Host.Bridge)
	}
}

func (r *reader) needDomain(b *Bridge) {
	const name, id = "host.bridge.bridgeName", "host.bridge.bridgeId"
	switch {
	case b != nil && b.Key() != "", r.Faulty(name), r.Faulty(id):
	case r.Given[id] != nil:
		r.Refuse(id, r.Given[id], domainRange)
	default:
		fields.Need(r.Reader, name, "", "missing, and netType is \"bridge\"", bridgeName())
	}
}
