package netconf

// require records what is missing. A field that is there and wrong isn't
// missing, nor is one whose block is wrong.
func (r *reader) require(c *NetConf) {
	r.need("cniVersion", c.CNIVersion, "missing, which CNI takes for 0.1.0", oneOf(cniVersions))
	r.need("name", c.Name, "missing", networkName())
	r.need("host.iftype", c.Host.IfType, "missing", oneOf(ifTypes))
	r.need("host.netType", c.Host.NetType, "missing", oneOf(netTypes))
	if c.Host.NetType == NetTypeBridge {
		r.needDomain(c.Host.Bridge)
	}
}

func (r *reader) need(path, value, problem string, ru rule[string]) {
	if value == "" && !r.faulty(path) {
		r.fault(&Error{Field: path, Problem: problem, Allowed: ru.text(path)})
	}
}

func (r *reader) needDomain(b *Bridge) {
	const name, id = "host.bridge.bridgeName", "host.bridge.bridgeId"
	switch {
	case b != nil && b.Domain() != 0, r.faulty(name), r.faulty(id):
	case r.given[id] != nil:
		r.refuse(id, r.given[id], domainRange)
	default:
		r.need(name, "", "missing, and netType is \"bridge\"", bridgeName())
	}
}
